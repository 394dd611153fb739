"""Starting from the weights of an earlier run or of a shipped model."""

from pathlib import Path

from torch import nn

from gmsa_training.config import ConfigError
from gmsa_training.export.reload import load_exported
from gmsa_training.model.checkpoint import apply_packed_state, load_packed_state
from gmsa_training.model.gmsa_model import GmsaModel


def load_initial_weights(model: GmsaModel, folder: Path) -> dict[str, list[str]]:
    """Fills the model with the weights of a packed checkpoint or a shipped model folder. A model of another method has
    other parts, so gives the parts that were `taken`, those of the model that stay `fresh`, and those of the folder that
    are `left`. A part that both have is taken as a whole; raises ConfigError if it does not fit."""
    state = load_exported(folder) if (folder / "manifest.json").is_file() else load_packed_state(folder)
    parts = dict(model.named_children())
    stored = {name.split(".")[0] for name in state}
    taken = stored & set(parts)
    chosen = {name: value for name, value in state.items() if name.split(".")[0] in taken}
    try:
        apply_packed_state(nn.ModuleDict({name: parts[name] for name in taken}), chosen)
    except (KeyError, RuntimeError) as error:
        raise ConfigError(f"The weights in {folder} do not fit the configuration's model: {error}") from error
    return {"taken": sorted(taken), "fresh": sorted(set(parts) - stored), "left": sorted(stored - set(parts))}
