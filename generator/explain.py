"""What pydantic found wrong with a definition, in words for the person who wrote it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from generator.schema import document

FieldPath = tuple[str | int, ...]

# JSON Schema's names of types → ours.
TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping of fields",
    "null": "nothing",
}
KINDS = {str: "text", bool: "true/false", int: "number", float: "number", list: "list", dict: "mapping"}


def explain(error: ValidationError, data: Any) -> list[tuple[FieldPath, str, str]]:
    """(field path, what was found, what is allowed) for every error, one per field."""
    seen: dict[FieldPath, tuple[FieldPath, str, str]] = {}
    for detail in error.errors(include_url=False):
        kind, missing = detail["type"], detail["type"] == "missing"
        path = _real_path(detail["loc"], data, keep_last=missing)
        if missing:
            found, allowed = "nothing", f"required: {_allowed(path)}"
        elif kind == "extra_forbidden":
            found, allowed = "an unknown key", _keys(path)
        elif kind == "withdrawn":  # a field that was there once; its value may be a secret
            found, allowed = detail["msg"], str(detail["ctx"]["allowed"])
        elif kind == "value_error":
            found, allowed = "a contradiction", str(detail["ctx"]["error"])
        else:
            found, allowed = _shown(detail["input"]), _allowed(path)
            if kind == "string_type" and isinstance(detail["input"], int | float):
                allowed += f', so put it in quotes: "{_shown(detail["input"])}"'
        seen.setdefault(path, (path, found, allowed))
    for path, _, allowed in list(seen.values()):  # a misspelt key is one mistake, not two
        if meant := re.search(r"did you mean (\w+)\?", allowed):
            seen.pop((*path[:-1], meant[1]), None)
    return list(seen.values())


def _real_path(loc: FieldPath, data: Any, *, keep_last: bool) -> FieldPath:
    """`loc` without the steps pydantic adds for unions and dictionary keys."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        inside = (isinstance(data, dict) and part in data) or (
            isinstance(data, list) and isinstance(part, int) and part < len(data)
        )
        if inside:
            path.append(part)
            data = data[part]
        elif keep_last and index == len(loc) - 1:
            path.append(part)
    return tuple(path)


def _shown(value: Any) -> str:
    for kind, name in KINDS.items():
        if isinstance(value, kind):
            if isinstance(value, list | dict):
                return f"a {name}"
            text = repr(value) if isinstance(value, str) else str(value).lower() if value is not None else ""
            return text if len(text) <= 60 else f"{text[:57]}…"
    return "nothing" if value is None else f"a {type(value).__name__}"


def _follow(node: dict[str, Any]) -> dict[str, Any]:
    """The definition a `$ref` points at, keeping the description of the place that refers."""
    if "$ref" in node:
        target: dict[str, Any] = document()["$defs"][node["$ref"].rsplit("/", 1)[-1]]
        return {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _options(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    node = _follow(node)
    if "anyOf" in node:
        for option in node["anyOf"]:
            yield from _options(option)
    else:
        yield node


def _node(path: FieldPath) -> dict[str, Any]:
    """The schema of the field at `path`; empty for a field nobody knows."""
    node = _follow(document())
    for part in path:
        for option in _options(node):
            inner = option.get("items") if isinstance(part, int) else option.get("properties", {}).get(part)
            inner = inner or option.get("additionalProperties")
            if isinstance(inner, dict):
                node = _follow(inner)
                break
        else:
            return {}
    return node


def _allowed(path: FieldPath) -> str:
    """What the schema allows at `path`, as text."""
    words: list[str] = []
    for option in _options(_node(path)):
        if "enum" in option:
            words.append(f"one of {', '.join(str(value) for value in option['enum'])}")
        elif "pattern" in option:
            words.append(f"text matching {option['pattern']}")
        elif option.get("type") == "array" and option.get("minItems"):
            words.append(f"a list of at least {option['minItems']}")
        elif option.get("type") == "integer" and "minimum" in option:
            words.append(f"a whole number from {option['minimum']}")
        elif option.get("type") != "null":
            words.append(TYPES.get(str(option.get("type")), "a value of another kind"))
    description = _node(path).get("description", "").split(". ")[0]
    return " or ".join(words) + (f" ({description})" if description else "")


def _keys(path: FieldPath) -> str:
    """The keys that the mapping around `path` knows."""
    known = [key for option in _options(_node(path[:-1])) for key in option.get("properties", {})]
    close = difflib.get_close_matches(str(path[-1]), known, n=1) if path else []
    guess = f" (did you mean {close[0]}?)" if close else ""
    return ", ".join(known) + guess
