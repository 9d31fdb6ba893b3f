"""HCL2 written as JSON (`*.pkr.json`) as blocks and attributes with their lines.

JSON does not say what is a block and what an object: the names of Packer's blocks do, by
https://developer.hashicorp.com/packer/docs/templates/hcl_templates/syntax-json. Text is a template there, as
in HCL's quotes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, SequenceNode

from generator.bounded_yaml import compose
from generator.errors import Unusable
from generator.hcl_blocks import Attribute, Block, decoded, parse

# Kind of block → how many labels it has, by the kind of block that it is in.
LABELS: dict[str, dict[str, int]] = {
    "": {"source": 2, "data": 2, "variable": 1, "local": 1, "locals": 0, "packer": 0, "build": 0},
    "build": {
        "provisioner": 1, "error-cleanup-provisioner": 1, "post-processor": 1, "post-processors": 0,
        "source": 1, "hcp_packer_registry": 0, "dynamic": 1,
    },
    "post-processors": {"post-processor": 1},
    "packer": {"required_plugins": 0},
    "source": {
        "shared_image_gallery": 0, "shared_image_gallery_destination": 0, "plan_info": 0, "spot": 0,
        "azure_tag": 0, "dynamic": 1,
    },
    "shared_image_gallery_destination": {"target_region": 0},
}  # fmt: skip


def read(path: Path) -> Block:
    """The blocks of a file. Raises Unusable, with the line, for what is no such JSON."""
    text = decoded(path)
    try:
        json.loads(text)  # YAML would take more than JSON
        root = compose(text).node
    except json.JSONDecodeError as error:
        raise Unusable(f"this is no JSON: {error.msg}", where=f"{path}:{error.lineno}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise Unusable(f"this is no template: {type(error).__name__}", where=str(path)) from None
    if not isinstance(root, MappingNode):
        raise Unusable("this is no template: not an object", where=str(path))
    return _body("", (), path, 1, root)


def _body(kind: str, labels: tuple[str, ...], path: Path, line: int, node: Any) -> Block:
    found = Block(kind, labels, path, line)
    for key, value in node.value:
        name, at = str(key.value), key.start_mark.line + 1
        if name == "//":  # a comment
            continue
        count = LABELS.get(kind, {}).get(name)
        if count is None or not isinstance(value, MappingNode | SequenceNode):
            found.attributes[name] = _attribute(name, at, value, path)
        else:
            for words, body in _blocks(value, count, ()):
                found.blocks.append(_body(name, words, path, _line(body), body))
    return found


def _blocks(node: Any, labels: int, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], MappingNode]]:
    """Every block below `node`: its labels are keys, several of one kind are a list."""
    if isinstance(node, SequenceNode):
        for inner in node.value:
            yield from _blocks(inner, labels, words)
    elif isinstance(node, MappingNode) and labels == 0:
        yield words, node
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            yield from _blocks(value, labels - 1, (*words, str(key.value)))


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _attribute(name: str, line: int, node: Any, path: Path) -> Attribute:
    """The attribute as HCL's parser would have it."""
    block = parse(f"a = {_expression(node)}\n", path)
    return replace(block.attributes["a"], name=name, line=line)


def _expression(node: Any) -> str:
    if isinstance(node, MappingNode):
        return "{ " + ", ".join(f"{_text(key)} = {_expression(value)}" for key, value in node.value) + " }"
    if isinstance(node, SequenceNode):
        return "[" + ", ".join(map(_expression, node.value)) + "]"
    return _text(node) if node.tag.endswith(":str") else str(node.value)


def _text(node: Any) -> str:
    """A quoted template. What stands in `${ }` is an expression, and keeps its quotes."""
    result, deep, text = [], 0, str(node.value)
    for index, char in enumerate(text):
        if deep == 0 and char in '\\"\n\r\t':
            result.append({"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char, f"\\{char}"))
            continue
        opens = (
            char == "{"
            and text[index - 1 : index] in ("$", "%")
            and text[index - 2 : index - 1] not in ("$", "%")
        )
        deep += 1 if (deep and char == "{") or opens else -1 if deep and char == "}" else 0
        result.append(char)
    return '"' + "".join(result) + '"'
