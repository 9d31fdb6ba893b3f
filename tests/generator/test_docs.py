"""docs/sku.md, docs/definition.md and the schema for editors say what the model holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, TypeAdapter
from ruamel.yaml import YAML

from generator import (
    base_image,
    build_machine,
    definition_page,
    image,
    listing,
    model,
    offer,
    own_step,
    places,
    schema,
    waive,
)
from generator.model import Sku

ROOT = Path(__file__).parent.parent.parent
SCHEMA = schema.document()
MAPPINGS = {"Sku": SCHEMA, **{n: d for n, d in SCHEMA["$defs"].items() if "properties" in d}}
FIELDS = [
    pytest.param(name, key, id=f"{name}.{key}")
    for name, mapping in MAPPINGS.items()
    for key in mapping["properties"]
]


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


def _class(name: str) -> type[BaseModel]:
    for module in (model, base_image, build_machine, image, listing, offer, own_step, places, waive):
        if found := vars(module).get(name):
            assert issubclass(found, BaseModel)
            return found
    raise AssertionError(f"no class {name}")


@pytest.mark.parametrize(("name", "key"), FIELDS)
def test_a_field_says_what_it_is_with_examples_that_are_right(name: str, key: str) -> None:
    field = MAPPINGS[name]["properties"][key]
    assert field["title"] and field["description"]
    assert ("default" in field) != (key in MAPPINGS[name].get("required", []))
    assert 0 < len(field["examples"]) <= 3
    (info,) = (one for key_, one in _class(name).model_fields.items() if key in (key_, one.alias))
    for example in field["examples"]:
        Draft202012Validator({**field, "$defs": SCHEMA["$defs"]}).validate(example)
        TypeAdapter(info.annotation).validate_python(example)  # what a schema cannot say, too


def test_a_text_of_a_field_is_short_and_does_not_repeat_its_name() -> None:
    for name, mapping in MAPPINGS.items():
        assert mapping["description"], name
        for key, field in mapping["properties"].items():
            assert len(field["description"]) <= 150, f"{name}.{key}"
            assert not field["description"].endswith("."), f"{name}.{key}"
            assert field["description"] != field["title"], f"{name}.{key}"


def test_the_rules_that_texts_of_fields_name_exist() -> None:
    from validators import catalogue

    named = {rule for mapping in MAPPINGS.values() for rule in definition_page.RULE.findall(str(mapping))}
    assert named and named <= set(catalogue.rules())


def test_the_reference_is_current() -> None:
    # Not current? `.venv/bin/python -m generator.definition_page > docs/definition.md`
    assert (ROOT / "docs" / "definition.md").read_text(encoding="utf-8") == definition_page.page()


def test_the_reference_has_an_anchor_for_every_field() -> None:
    anchors = re.findall(r'<a id="([^"]+)"', definition_page.page())
    assert sorted(anchors) == sorted({definition_page.anchor(path) for path in _fields(SCHEMA)})


def test_an_example_of_the_reference_is_what_yaml_reads() -> None:
    shown = re.findall(r"^\|.*\| `(.*)` \|$", definition_page.page(), re.MULTILINE)
    given = [
        field["examples"][0] for mapping in MAPPINGS.values() for field in mapping["properties"].values()
    ]
    assert len(shown) >= len(given)  # a mapping that is used in two places has two tables
    read = [YAML(typ="safe").load(text) for text in shown]
    assert all(one in given for one in read)


def test_the_example_is_a_definition() -> None:
    page = (ROOT / "docs" / "sku.md").read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert example
    assert Sku.model_validate(YAML(typ="safe").load(example[1])).id == "shop/basic"


def test_the_shipped_schema_is_current_and_every_shipped_definition_names_it() -> None:
    # Not current? `.venv/bin/vmoffer schema > skus/sku.schema.json`
    assert (ROOT / "skus" / schema.NAME).read_text(encoding="utf-8") == schema.text()
    for path in (ROOT / "skus").glob("*/*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert first == f"# yaml-language-server: $schema=../{schema.NAME}", path
