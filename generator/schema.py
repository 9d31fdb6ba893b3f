"""The JSON Schema of a definition, for editors: `skus/sku.schema.json`, which every definition names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from generator.model import Sku

NAME = "sku.schema.json"


def document() -> dict[str, Any]:
    """The schema, from the model."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Sku.model_json_schema(by_alias=True),
    }


def text() -> str:
    """The schema as the file has it."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def write(folder: Path) -> bool:
    """Bring the file in `folder` up to date; whether it was not."""
    path = folder / NAME
    if path.is_file() and path.read_text(encoding="utf-8") == text():
        return False
    path.write_text(text(), encoding="utf-8")
    return True
