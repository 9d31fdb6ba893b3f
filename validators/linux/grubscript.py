"""GRUB's script language: what a grub.cfg says, as words, commands and conditions.

As the manual of GRUB 2.06 has it ("Writing full configuration files directly"), as far as menus use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from validators.guest import Undecidable

NESTING = 40  # of blocks; the deepest that a generator writes is 5
_VARIABLE = re.compile(r"\$(?:\{([^}\n]*)\}|([A-Za-z_]\w*|\d+|[?@*#]))")
_PLAIN = re.compile(r"[^\s\\'\"$;{}|&<>]+")
_END = {"fi", "done", "}", "else", "elif", "then", "do"}

Part = tuple[Literal["text", "variable", "quoted"], str]  # a variable in quotes stays one word


@dataclass(frozen=True, slots=True)
class Word:
    """One word before its variables are put in; `line` counts from 1."""

    parts: tuple[Part, ...]
    line: int

    @property
    def bare(self) -> str:
        """The word, if there is no variable in it."""
        return self.parts[0][1] if len(self.parts) == 1 and self.parts[0][0] == "text" else ""


@dataclass(frozen=True, slots=True)
class Command:
    """`words`, and the block in braces that follows a menu entry or a function."""

    words: tuple[Word, ...]
    body: tuple[Node, ...] | None = None


@dataclass(frozen=True, slots=True)
class If:
    """Conditions with what they lead to, in order; `orelse` when none of them holds."""

    branches: tuple[tuple[tuple[Node, ...], tuple[Node, ...]], ...]
    orelse: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """What runs any number of times, with `variable` set anew each time by `for`."""

    body: tuple[Node, ...]
    variable: str = ""


Node = Command | If | Loop


def parse(content: str) -> tuple[Node, ...]:
    """The commands of a script; what is not well-formed ends a block early, and never raises.

    Raises Undecidable for blocks that are nested beyond any use.
    """
    parser = _Parser(list(_tokens(content)))
    found: list[Node] = []
    while parser.more:
        found += parser.block(0)
        parser.skip()  # a word that ends a block where there is none
    return tuple(found)


def _tokens(content: str) -> Iterator[Word | str]:
    """Words, and `;`, `{` and `}`; a newline is a `;`."""
    at, line = 0, 1
    parts: list[Part] = []
    start = 1
    while at < len(content):
        char = content[at]
        if char in " \t\r\n;{}|&<>" or (char == "#" and not parts):
            if parts:
                yield Word(_joined(parts), start)
                parts = []
            if char == "#":
                at = content.find("\n", at) if "\n" in content[at:] else len(content)
                continue
            if char in "{};\n":
                yield char if char in "{}" else ";"
            line += char == "\n"
            at += 1
            continue
        if not parts:
            start = line
        taken, length = _piece(content, at)
        parts += taken
        line += content.count("\n", at, at + length)
        at += length
    if parts:
        yield Word(_joined(parts), start)


def _piece(content: str, at: int) -> tuple[list[Part], int]:
    """The next part of a word and how long it is."""
    char = content[at]
    if char == "\\":
        following = content[at + 1 : at + 2]
        return ([] if following == "\n" else [("text", following)]), 2
    if char == "'":
        end = content.find("'", at + 1)
        end = len(content) if end < 0 else end
        return [("text", content[at + 1 : end])], end + 1 - at
    if char == '"':
        return _quoted(content, at)
    if char == "$":
        found = _VARIABLE.match(content, at)
        if found is None:
            return [("text", "$")], 1
        return [("variable", found[1] if found[1] is not None else found[2])], len(found[0])
    plain = _PLAIN.match(content, at)
    return [("text", plain[0] if plain else char)], len(plain[0]) if plain else 1


def _quoted(content: str, at: int) -> tuple[list[Part], int]:
    parts: list[Part] = [("text", "")]
    here = at + 1
    while here < len(content) and content[here] != '"':
        found = _VARIABLE.match(content, here)
        if found:
            parts.append(("quoted", found[1] if found[1] is not None else found[2]))
            here += len(found[0])
        elif content[here] == "\\" and content[here + 1 : here + 2] in ('"', "$", "\\", "\n"):
            parts.append(("text", content[here + 1].strip("\n")))
            here += 2
        else:
            parts.append(("text", content[here]))
            here += 1
    return parts, here + 1 - at


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    """Neighbouring pieces of text as one."""
    found: list[Part] = []
    for kind, value in parts:
        if kind == "text" and found and found[-1][0] == "text":
            found[-1] = ("text", found[-1][1] + value)
        elif value or kind != "text" or len(parts) == 1:
            found.append((kind, value))
    return tuple(found)


class _Parser:
    def __init__(self, tokens: list[Word | str]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def more(self) -> bool:
        return self._at < len(self._tokens)

    def skip(self) -> None:
        self._at += 1

    def block(self, depth: int) -> tuple[Node, ...]:
        """Commands up to a word that ends a block, which is left for the caller."""
        if depth > NESTING:
            raise Undecidable(f"a GRUB configuration is nested more than {NESTING} blocks deep")
        found: list[Node] = []
        while self.more:
            word = self._word()
            if word == ";":
                self.skip()
            elif word == "{":  # a block of its own
                self.skip()
                found += self.block(depth + 1)
                self._take("}")
            elif word in _END:
                break
            else:
                found.append(self._command(depth))
        return tuple(found)

    def _command(self, depth: int) -> Node:
        if self._word() == "if":
            return self._if(depth)
        if self._word() in ("while", "until", "for"):
            variable = self._word(1) if self._word() == "for" else ""
            while self.more and self._word() != "do":
                self.skip()
            self._take("do")
            body = self.block(depth + 1)
            self._take("done")
            return Loop(body, variable)
        words: list[Word] = []
        while self.more:
            token = self._tokens[self._at]
            if isinstance(token, str):
                break
            words.append(token)
            self.skip()
        if self.more and self._tokens[self._at] == "{" and words:
            self.skip()
            inner = self.block(depth + 1)
            self._take("}")
            return Command(tuple(words), inner)
        return Command(tuple(words))

    def _if(self, depth: int) -> If:
        branches = []
        while self._word() in ("if", "elif"):
            self.skip()
            condition = self.block(depth + 1)
            self._take("then")
            branches.append((condition, self.block(depth + 1)))
        orelse: tuple[Node, ...] = ()
        if self._take("else"):
            orelse = self.block(depth + 1)
        self._take("fi")
        return If(tuple(branches), orelse)

    def _word(self, ahead: int = 0) -> str:
        token = self._tokens[self._at + ahead] if self._at + ahead < len(self._tokens) else ""
        return token if isinstance(token, str) else token.bare

    def _take(self, word: str) -> bool:
        found = self.more and self._word() == word
        self._at += found
        return found
