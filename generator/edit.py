"""Change single values of a definition and leave every other byte of the file, comments too, as it is."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from generator.atomic_file import atomic_write, here_only
from generator.errors import NotMet
from generator.lint import named_files
from generator.load import FieldPath
from generator.model import Sku
from generator.offer_rules import VERSION

LEVELS = ("major", "minor", "patch")
FIRST = "0.1.0"


def bumped(version: str, level: str) -> str:
    """The version after `version`: 1.2.3 becomes 1.2.4, 1.3.0 or 2.0.0. Raises NotMet if it is no X.Y.Z."""
    if not VERSION.fullmatch(version):
        raise NotMet(
            f"the version is {version!r}, not X.Y.Z", rule="OFR-VER-001", hint="write it as X.Y.Z first"
        )
    numbers = [int(part) for part in version.split(".")]
    at = LEVELS.index(level)
    return ".".join(str(number) for number in (*numbers[:at], numbers[at] + 1, *[0] * (2 - at)))


def copy(text: str, source: Sku, name: str, shift: str) -> str:
    """`text`, the definition of `source`, as the start of another plan `name`, a new one.

    The ids and the version are set, `published` is emptied, and files that are named relative to the
    definition are named from `shift`, the way from the new folder to the old one.
    """
    offer, _, plan = name.partition("/")
    text = text.replace(source.id, name)  # in the commands of comments
    changes: dict[FieldPath, str] = {
        ("offer", "id"): json.dumps(offer),
        ("plan", "id"): json.dumps(plan),
        ("version",): json.dumps(FIRST),
    }
    if source.published:
        changes["published",] = "[]"
    if shift != ".":
        for path, file, _ in named_files(source):
            changes[path] = json.dumps(os.path.normpath(PurePosixPath(shift) / file))
    for path, value in changes.items():
        text = replace(text, path, value)
    return text


def replace(text: str, path: FieldPath, value: str) -> str:
    """`text` with the value at `path` replaced by `value`, YAML on one line; KeyError where nothing is."""
    node = _find(_root(text), path)
    if node is None:
        raise KeyError(path)
    return text[: node.start_mark.index] + value + text[_end(node) :]


def save(path: Path, text: str) -> None:
    """Write `text` to `path`, a file of the repository. Raises what `atomic_write` raises."""
    atomic_write(path, text, inside=here_only(path))


def _root(text: str) -> Node:
    node: Node = YAML(typ="safe", pure=True).compose(text)
    return node


def _find(node: Node | None, path: FieldPath) -> Node | None:
    for part in path:
        if isinstance(node, MappingNode):
            node = next((value for key, value in node.value if key.value == part), None)
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            return None
    return node


def _end(node: Node) -> int:
    """Where the text of `node` ends; a block's own mark is only at the token after it."""
    if isinstance(node, MappingNode | SequenceNode) and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.index
    return end
