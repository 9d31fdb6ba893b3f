"""docs/definition.md, written from the model: `python -m generator.definition_page > docs/definition.md`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from generator.schema import document

HEAD = """\
# Definition reference

<!-- Written by `python -m generator.definition_page > docs/definition.md` from generator/model.py. -->

Every field of a SKU definition. [The SKU definition](sku.md) says how they work together;
[the editor](sku.md#the-editor) shows the same texts while you write. Unknown fields are errors. A field that
is not required may be left out; a default in its second column is what counts then. The rules that judge a
value are linked.

## A plan
"""
# JSON Schema's names of types → ours.
KINDS = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "yes/no",
    "array": "list",
    "object": "mapping",
}
RULE = re.compile(r"\b[A-Z]{3}-[A-Z]+-\d{3}\b")
Node = dict[str, Any]


def page() -> str:
    """The whole page as Markdown: a section per mapping, an anchor per field (`#base-qemu-file`)."""
    return "".join([HEAD, *_table(document(), ""), *_sections(document(), "")])


def _sections(mapping: Node, path: str) -> Iterator[str]:
    """The mappings inside `mapping`, each with its own table, depth first."""
    for name, field in mapping["properties"].items():
        here = f"{path}.{name}" if path else name
        inner, items = _inner(field)
        if inner is not None:
            here += "[]" if items else ""
            yield f'\n## <a id="{anchor(here)}"></a>{here}\n\n{inner["description"]}\n'
            yield from _table(inner, here)
            yield from _sections(inner, here)


def _table(mapping: Node, path: str) -> Iterator[str]:
    yield "\n| field | holds | what it means | example |\n| --- | --- | --- | --- |\n"
    for name, field in mapping["properties"].items():
        here = f"{path}.{name}" if path else name
        holds = f"{_kind(field)}; {_default(field, name in mapping.get('required', []))}".removesuffix("; ")
        what = RULE.sub(lambda rule: f"[{rule[0]}](rules.md#{rule[0].lower()})", field["description"])
        inner, _ = _inner(field)
        link = f"[`{name}`](#{anchor(here)})" if inner else f'<a id="{anchor(here)}"></a>`{name}`'
        yield f"| {link} | {holds} | {what} | `{_yaml(field['examples'][0])}` |\n"


def anchor(path: str) -> str:
    """The id of a field on the page: `steps[].file` is `steps-file`."""
    return path.replace(".", "-").replace("[]", "")


def _inner(field: Node) -> tuple[Node | None, bool]:
    """The mapping that a field holds, if it is one of ours, and whether the field is a list of them."""
    items = field.get("type") == "array"
    held = field["items"] if items else field
    options = [held, *held.get("anyOf", [])]
    for option in options:
        target: Node = document()["$defs"].get(option.get("$ref", "").rsplit("/", 1)[-1], {})
        if target.get("properties"):
            return target, items
    return None, items


def _kind(field: Node) -> str:
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "type" in field:
        return KINDS[field["type"]]
    kinds = [_kind(option) for option in field.get("anyOf", []) if option.get("type") != "null"]
    return " or ".join(kinds) or "mapping"


def _default(field: Node, required: bool) -> str:
    if required:
        return "required"
    default = field["default"]
    return "" if default in (None, "", [], {}) or isinstance(default, dict) else f"default `{_yaml(default)}`"


def _yaml(value: Any) -> str:
    """`value` in YAML's flow style, as short as people write it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z/][\w ./@()-]*", value):
        return value
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    print(page(), end="")
