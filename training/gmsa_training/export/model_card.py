"""The model card: what is known from the model itself, and measured results from a JSON file, never from memory."""

import json
from pathlib import Path
from typing import Any

from gmsa_training.export.builder import ExportError
from gmsa_training.model.gmsa_model import GmsaModel

_KEYS = ("training", "data", "results", "limits")
_HEAD = """---
license: {licence}
base_model: {base}
library_name: gmsa-web
tags: [context-compression, soft-prompt, onnx, webgpu]
---
# {name}

Compresses a long text into a short sequence of soft tokens and answers questions from them, in the browser.
The method is GMSA (group merging and layer semantic alignment, arXiv 2505.12215).

{parameters}

```ts
import {{ Gmsa }} from 'gmsa-web';
const gmsa = await Gmsa.load('/models/{name}/');
const context = await gmsa.compress(text, {{ rate: {rate} }});
for await (const piece of gmsa.ask(context, 'Who built it?')) output.append(piece);
```

docs/formats/model-folder.md in gmsa-web describes the files and graphs.

## Results
"""


def _table(columns: list[str], rows: list[list[Any]]) -> list[str]:
    cells = [columns, ["---"] * len(columns), *rows]
    if any(len(row) != len(columns) for row in cells):
        raise ExportError(f"A row of the table {columns} has another number of cells than the table has columns.")
    return ["| " + " | ".join(str(cell) for cell in row) + " |" for row in cells]


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    if unknown := set(content) - set(_KEYS):
        raise ExportError(f"{path.name} has the key {sorted(unknown)[0]!r}; a model card knows {', '.join(_KEYS)}.")
    return content


def model_card(model: GmsaModel, name: str, base_name: str, licence: str, content_path: Path | None = None) -> str:
    """The text of README.md.

    content_path: a JSON file with any of `training` (text), `data` (list of {name, use, licence}), `results` (list of
    {title, columns, rows, note}) and `limits` (list of sentences). A section without content says so.
    """
    content, gmsa, base = _read(content_path), model.config, model.base_config
    parameters = {
        "Base model": base_name,
        "Encoder": f"the first {gmsa.encoder_layers} layers of the base, trained",
        "Layer semantic alignment": f"{gmsa.lsa_layers} layer{'s' if gmsa.lsa_layers > 1 else ''}",
        "Decoder": f"{base.num_hidden_layers} layers, hidden size {base.hidden_size}",
        "Compression rates": ", ".join(f"{rate}x" for rate in gmsa.rates),
        "Segment length": f"{gmsa.segment_length} tokens",
        "Window of the decoder": f"{gmsa.window} tokens",
        "Weights": (
            "int4 (symmetric, blocks of 32), embedding and lm_head int8; trained on these grids"
            if gmsa.quantization.linear
            else "f32"
        ),
        "Licence": licence,
    }
    lines = [
        _HEAD.format(name=name, base=base_name, licence=licence.lower(), rate=gmsa.default_rate, parameters="\n".join(_table(["", ""], [list(item) for item in parameters.items()])))
    ]
    for result in content.get("results", []):
        lines += [f"### {result['title']}", "", *_table(result["columns"], result["rows"]), ""]
        lines += [result["note"], ""] if result.get("note") else []
    if not content.get("results"):
        lines += ["Not measured yet.", ""]
    lines += ["## Training", "", content.get("training", "Not described."), ""]
    if data := content.get("data"):
        rows = [[entry["name"], entry["use"], entry["licence"]] for entry in data]
        lines += ["### Data and its licences", "", *_table(["data set", "used for", "licence"], rows), ""]
    if limits := content.get("limits"):
        lines += ["## Limits", "", *(f"- {limit}" for limit in limits), ""]
    return "\n".join(lines)
