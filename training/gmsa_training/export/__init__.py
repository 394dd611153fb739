"""Export of a GMSA model to ONNX, and the way back."""

from gmsa_training.export.builder import ExportError
from gmsa_training.export.exporter import export_model
from gmsa_training.export.model_card import model_card
from gmsa_training.export.reload import load_exported, load_model

__all__ = ["ExportError", "export_model", "load_exported", "load_model", "model_card"]
