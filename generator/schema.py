"""The JSON Schema of a definition, for editors: `skus/sku.schema.json`, which every definition names."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from generator.atomic_file import atomic_write
from generator.model import Sku

NAME = "sku.schema.json"
# How a word of a field's name is written in its title.
WORDS = {
    "aad": "Entra ID",
    "arm": "ARM",
    "azure-arm": "Azure (azure-arm)",
    "cpus": "CPUs",
    "env": "Environment",
    "gib": "(GiB)",
    "id": "id",
    "ip": "IP address",
    "lun": "LUN",
    "mib": "(MiB)",
    "nvme": "NVMe",
    "os": "OS",
    "qemu": "QEMU",
    "sha256": "SHA-256",
    "sku": "SKU",
    "url": "URL",
    "vm": "VM",
}


class _AsWritten(GenerateJsonSchema):
    """Keys in the order of the model, not of the alphabet: examples are read by people."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        return value


@cache
def document() -> dict[str, Any]:
    """The schema, from the model; every field has title, description and examples, and its default."""
    schema = Sku.model_json_schema(by_alias=True, schema_generator=_AsWritten)
    for mapping in (schema, *schema["$defs"].values()):
        for name, field in mapping.get("properties", {}).items():
            field["title"] = title(name)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "SKU definition"}


def title(field: str) -> str:
    """A field's name for people: `size_gib` is `Size (GiB)`."""
    text = " ".join(WORDS.get(word, word) for word in field.split("_"))
    return text[0].upper() + text[1:]


def text() -> str:
    """The schema as the file has it."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def write(folder: Path) -> bool:
    """Bring the file in `folder` up to date; whether it was not."""
    path = folder / NAME
    if path.is_file() and path.read_text(encoding="utf-8") == text():
        return False
    atomic_write(path, text(), inside=folder)
    return True
