"""docs/sku.md and the schema for editors say what the model holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from generator import schema
from generator.model import Sku

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "sku.md").read_text(encoding="utf-8")
SCHEMA = Sku.model_json_schema(by_alias=True)


def _fields(node: dict[str, Any], path: str = "") -> Iterator[str]:
    if "$ref" in node:
        node = SCHEMA["$defs"][node["$ref"].rsplit("/", 1)[-1]]
    for option in node.get("anyOf", []):
        yield from _fields(option, path)
    if node.get("type") == "array":
        yield from _fields(node["items"], f"{path}[]")
    for name, inner in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here
        yield from _fields(inner, here)


def test_the_table_lists_the_fields_of_the_model_in_order() -> None:
    assert re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE) == list(_fields(SCHEMA))


def test_the_example_is_a_definition() -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    assert Sku.model_validate(YAML(typ="safe").load(example[1])).id == "shop/basic"


def test_the_shipped_schema_is_current_and_every_shipped_definition_names_it() -> None:
    # Not current? `.venv/bin/vmoffer schema > skus/sku.schema.json`
    assert (ROOT / "skus" / schema.NAME).read_text(encoding="utf-8") == schema.text()
    for path in (ROOT / "skus").glob("*/*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first == f"# yaml-language-server: $schema=../{schema.NAME}", path
