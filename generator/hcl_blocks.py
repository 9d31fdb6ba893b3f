"""HCL2 text as blocks and attributes with their lines; what expressions mean is for hcl_values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.errors import Unusable

if TYPE_CHECKING:
    from lark import Token, Tree

HEREDOC = re.compile(r"<<-?([^\s\"'<>]+)\s*$")
MAX_BYTES = 1 << 20  # a template is some pages of text


@dataclass(frozen=True)
class Attribute:
    """`name = expression`, the expression as a syntax tree and as it is written."""

    name: str
    line: int
    tree: Tree[Token]
    text: str


@dataclass(frozen=True)
class Block:
    """`kind "label" "label" { … }`; a file is a block without a kind."""

    kind: str
    labels: tuple[str, ...]
    file: Path
    line: int
    attributes: dict[str, Attribute] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    def of(self, kind: str) -> Iterator[Block]:
        """The blocks in it of one kind."""
        return (block for block in self.blocks if block.kind == kind)

    def with_blocks(self, kinds: Collection[str]) -> Block:
        """The same, but objects of these names are blocks, too: `packer hcl2_upgrade` mixes them up."""
        inner = {name: _object(self, one) for name, one in self.attributes.items() if name in kinds}
        blocks = {name: block for name, block in inner.items() if block}
        rest = {name: one for name, one in self.attributes.items() if name not in blocks}
        return replace(self, attributes=rest, blocks=[*self.blocks, *blocks.values()])


def read(path: Path) -> Block:
    """The blocks of a file. Raises Unusable, with the line, for what is no HCL2."""
    return parse(decoded(path), path)


def decoded(path: Path) -> str:
    """The text of a template. Raises Unusable for a file that is none."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise Unusable("there is no such file", where=str(path)) from None
    if len(raw) > MAX_BYTES:
        raise Unusable(f"{len(raw)} bytes are no template; at most {MAX_BYTES}", where=str(path))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unusable("no UTF-8 text", where=f"{path}:{line}") from None
    return text.replace("\r\n", "\n")


def parse(text: str, path: Path) -> Block:
    """The blocks of `text`; `path` is what problems name. Raises Unusable for what is no HCL2."""
    from hcl2.api import parses_to_tree
    from lark.exceptions import LarkError, UnexpectedInput

    try:
        try:
            tree = parses_to_tree(text)
        except UnexpectedInput:  # python-hcl2 loses its way in "${f("$${x")}"
            text = _plainer(text)
            tree = parses_to_tree(text)
        return _block("", (), path, 1, tree.children[0], text)
    except UnexpectedInput as error:
        lines = text.count("\n") + 1
        line = error.line if error.line > 0 else lines
        what = (
            "this is no HCL2" if line < lines else "this is no HCL2: something is not closed before the end"
        )
        hint = (
            "`packer validate` says what it makes of it; `packer hcl2_upgrade` turns JSON templates into HCL2"
        )
        raise Unusable(what, where=f"{path}:{line}", hint=hint) from None
    except (LarkError, RecursionError) as error:
        raise Unusable(f"this is no HCL2 that can be read: {type(error).__name__}", where=str(path)) from None


def _plainer(text: str) -> str:
    """`$${` as another escape of the same text, but for heredocs, which have no other."""
    result, until = [], None
    for line in text.split("\n"):
        if until is None:
            line = line.replace("$${", "\\u0024{").replace("%%{", "\\u0025{")
            if found := HEREDOC.search(line):
                until = found[1]
        elif line.strip() == until:
            until = None
        result.append(line)
    return "\n".join(result)


def _block(kind: str, labels: tuple[str, ...], file: Path, line: int, body: Any, text: str) -> Block:
    found = Block(kind, labels, file, line)
    for node in body.children:
        data = getattr(node, "data", "")
        if data == "attribute":
            name, value = _word(node.children[0]), node.children[-1]
            source = text[value.meta.start_pos : value.meta.end_pos]
            found.attributes[name] = Attribute(name, node.meta.line, value, source)
        elif data == "block":
            *names, inner = (one for one in node.children if getattr(one, "data", "") in _PARTS)
            words = [_word(one) for one in names]
            found.blocks.append(_block(words[0], tuple(words[1:]), file, node.meta.line, inner, text))
    return found


def _object(owner: Block, attribute: Attribute) -> Block | None:
    """`name = { key = expression }` as a block; None if it is no object with plain keys."""
    inner: Any = attribute.tree.children[0]
    if getattr(inner, "data", "") != "object":
        return None
    found = Block(attribute.name, (), owner.file, attribute.line)
    start = attribute.tree.meta.start_pos
    for element in (one for one in inner.children if getattr(one, "data", "") == "object_elem"):
        key, *_, value = (one for one in element.children if hasattr(one, "data"))
        name = _word(key)
        text = attribute.text[value.meta.start_pos - start : value.meta.end_pos - start]
        found.attributes[name] = Attribute(name, value.meta.line, value, text)
    return found


_PARTS = {"identifier", "keyword", "literal_value", "string", "body"}


def _word(node: Any) -> str:
    """The text of a name or of a quoted label."""
    return "".join(str(token) for token in node.scan_values(lambda _: True)).strip('"')
