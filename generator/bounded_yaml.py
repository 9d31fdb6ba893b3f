"""YAML from strangers: a document of sane depth and size, with plain tags and no key twice, by either parser.

The events of a document come one after the other, without recursion and before anything is built. What would
be deep, or large once its aliases are written out (merge keys copy what they name, pydantic walks into each
alias), is refused there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

FieldPath = tuple[str | int, ...]
MAX_DEPTH = 64  # brackets in each other; a definition has 6
MAX_NODES = 100_000  # values, each alias counted as what it stands for
PURE = 64 * 1024  # characters; the parser in Python explains better what is wrong, in up to a second
TAG = "tag:yaml.org,2002:"
PLAIN = {"!", *(TAG + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))}
# YAML 1.2 allows none of it, the C parser some.
UNPRINTABLE = re.compile(r"[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Refused(MarkedYAMLError):
    """A document that is YAML, and too much of it or too odd."""

    def __init__(self, what: str, mark: Any) -> None:
        super().__init__(problem=what, problem_mark=mark)


@dataclass(frozen=True)
class Repeated:
    """A key that a mapping has already: the field's path, its 1-based line, and the line of the first."""

    path: FieldPath
    line: int
    first: int


@dataclass(frozen=True)
class Composed:
    """The root of a document with its marks (None where it is empty), its data, and repeated keys."""

    node: Any
    data: Any
    repeated: list[Repeated]


def compose(text: str, *, strict: bool = True) -> Composed:
    """The document in `text`; of a key that is there twice, the first counts.

    By the C parser, which takes a fifth of the time; what it refuses is for the other one to explain. Unless
    `strict`, tags and keys may be any that YAML knows.
    Raises YAMLError, ValueError or RecursionError; `Refused` among them for what is over the limits.
    """
    for pure in (bool(UNPRINTABLE.search(text)), True):
        try:
            return _composed(text, pure, strict)
        except Refused:
            raise
        except (YAMLError, ValueError, RecursionError):
            if pure or len(text) > PURE:
                raise
    raise AssertionError("the pure parser has answered")


def _composed(text: str, pure: bool, strict: bool) -> Composed:
    check = _Size(strict)
    for event in YAML(typ="safe", pure=pure).parse(text):
        check.take(event)
    yaml = YAML(typ="safe", pure=pure)
    yaml.allow_duplicate_keys = True  # they are all reported, with their lines
    node = yaml.compose(text)
    if node is None:
        return Composed(None, None, [])
    repeated = _repeated(node, strict)  # before merge keys are written out: to override one is no repetition
    return Composed(node, yaml.constructor.construct_document(node), repeated)


class _Size:
    """Counts the events of a document."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._nodes = 0
        self._anchors: dict[str, int | None] = {}  # size of each, None while it is open
        self._open: list[tuple[str | None, int]] = []

    def take(self, event: Event) -> None:
        """Note one event; raises Refused where a limit is passed."""
        if isinstance(event, AliasEvent):
            size = self._anchors.get(event.anchor, 1)
            if size is None:
                raise Refused("an alias of itself", event.start_mark)
            self._add(size, event)
        elif isinstance(event, NodeEvent):
            tag = getattr(event, "tag", None)
            if self._strict and tag is not None and str(tag) not in PLAIN:
                raise Refused(f"the tag {str(tag).replace(TAG, '!!')}", event.start_mark)
            before = self._nodes
            self._add(1, event)
            if isinstance(event, MappingStartEvent | SequenceStartEvent):
                self._open.append((event.anchor, before))
                if event.anchor:
                    self._anchors[event.anchor] = None
                if len(self._open) > MAX_DEPTH:
                    raise Refused(f"more than {MAX_DEPTH} levels in each other", event.start_mark)
            elif isinstance(event, ScalarEvent) and event.anchor:
                self._anchors[event.anchor] = 1
        elif type(event).__name__ in ("MappingEndEvent", "SequenceEndEvent"):
            anchor, before = self._open.pop()
            if anchor:
                self._anchors[anchor] = self._nodes - before

    def _add(self, count: int, event: Event) -> None:
        self._nodes += count
        if self._nodes > MAX_NODES:
            raise Refused(f"more than {MAX_NODES} values, aliases written out", event.start_mark)


def _repeated(root: Node, strict: bool) -> list[Repeated]:
    """The keys of each mapping that it has twice; raises Refused for one that is no text where `strict`."""
    found: list[Repeated] = []
    waiting: list[tuple[FieldPath, Node]] = [((), root)]
    seen: set[int] = set()
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, SequenceNode):
            waiting += [((*path, index), inner) for index, inner in enumerate(node.value)]
        elif isinstance(node, MappingNode):
            first: dict[str, int] = {}
            for key, value in node.value:
                if strict and not isinstance(key, ScalarNode):
                    raise Refused("a key that is no text", key.start_mark)
                name, line = str(key.value), key.start_mark.line + 1
                if name in first:
                    found.append(Repeated((*path, name), line, first[name]))
                first.setdefault(name, line)
                waiting.append(((*path, name), value))
    return found
