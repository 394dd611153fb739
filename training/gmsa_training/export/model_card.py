"""The model card: what is known from the model itself, and measured results from a JSON file, never from memory."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gmsa_training.export.builder import ExportError
from gmsa_training.model.gmsa_model import GmsaModel

_KEYS = ("training", "data", "results", "limits")
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True
)


def _read(path: Path | None) -> dict[str, Any]:
    content = dict.fromkeys(_KEYS, ())
    if path is None:
        return content
    content |= json.loads(path.read_text(encoding="utf-8"))
    if unknown := set(content) - set(_KEYS):
        raise ExportError(f"{path.name} has the key {sorted(unknown)[0]!r}; a model card knows {', '.join(_KEYS)}.")
    for result in content["results"]:
        result.setdefault("note", "")
        if any(len(row) != len(result["columns"]) for row in result["rows"]):
            raise ExportError(f"A row of the table {result['columns']} has another number of cells than the table has columns.")
    return content


def model_card(model: GmsaModel, name: str, base_name: str, licence: str, content_path: Path | None = None) -> str:
    """The text of README.md.

    content_path: a JSON file with any of `training` (text), `data` (list of {name, use, licence}), `results` (list of
    {title, columns, rows, note}) and `limits` (list of sentences). A section without content says so.
    """
    template = _TEMPLATES.get_template("model_card.md.jinja")
    known = {"name": name, "base_name": base_name, "licence": licence, "gmsa": model.config, "base": model.base_config}
    return template.render(known | _read(content_path)).rstrip() + "\n"
