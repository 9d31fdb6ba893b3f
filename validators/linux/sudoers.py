"""The Defaults of sudoers as sudo reads them: continued lines, includes, bindings, lists, quotes, negation.

After sudoers(5) of 1.9; tests/validators/test_sudoers.py compares it with the real cvtsudoers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from validators.guest import Guest, Undecidable, text

MAIN_FILES = ("/etc/sudoers", "/usr/etc/sudoers")
MAX_DEPTH = 128  # sudo's own bound on nested includes
MAX_FILES = 2000
KINDS = {":": "user", "@": "host", ">": "runas", "!": "command", "": ""}
_DEFAULTS = re.compile(r"[ \t]*Defaults([:@>!]?)(.*)", re.DOTALL)
_INCLUDE = re.compile(r"[ \t]*[@#]include(dir)?[ \t]+(.+?)[ \t]*")
_ITEM = re.compile(r'[ \t]*(!*(?:"(?:[^"\\]|\\.)*"|(?:[^,\s"\\]|\\.)+))[ \t]*(,?)', re.DOTALL)
_OPTION = re.compile(
    r'[ \t]*(!*)[ \t]*([a-z_]+)[ \t]*(?:[+-]?=[ \t]*("(?:[^"\\]|\\.)*"|(?:[^#=,\s"\\]|\\.)*))?[ \t]*',
    re.DOTALL,
)
_OFF = ("false", "no", "off", "0")  # values that turn a flag off


@dataclass(frozen=True, slots=True)
class Default:
    """One option of a Defaults line. `kind` says what it is bound to, `names` to which; none is for all."""

    option: str
    on: bool
    kind: str
    names: tuple[str, ...]
    file: str
    line: int

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"


def defaults(guest: Guest) -> list[Default]:
    """All options in the order in which sudo reads them; empty if there is no sudoers file."""
    for main in MAIN_FILES:
        if text(guest, main) is not None:
            return list(_file(guest, main, 0, []))
    return []


def parse(content: str, file: str = "") -> Iterator[Default]:
    """The options of one file, includes not followed."""
    for number, line in _logical(content):
        yield from _options(line, file, number)


def _file(guest: Guest, path: str, depth: int, seen: list[str]) -> Iterator[Default]:
    seen.append(path)
    if depth > MAX_DEPTH or len(seen) > MAX_FILES:
        raise Undecidable(f"{path}: includes of sudoers are nested deeper than {MAX_DEPTH}, or too many")
    for number, line in _logical(text(guest, path) or ""):
        include = _INCLUDE.fullmatch(line.partition(" #")[0] if line.lstrip().startswith("@") else line)
        if include is None:
            yield from _options(line, path, number)
            continue
        name = re.sub(r"\\(.)", r"\1", include[2].strip('"'))
        target = name if name.startswith("/") else f"{path.rpartition('/')[0]}/{name}"
        inner = [target] if not include[1] else _folder(guest, target)
        for one in inner:
            yield from _file(guest, one, depth + 1, seen)


def _folder(guest: Guest, path: str) -> list[str]:
    """The files that sudo reads in a folder: none with a dot in its name or a tilde at its end."""
    names = guest.listdir(path)
    return [
        f"{path.rstrip('/')}/{name}" for name in sorted(names) if "." not in name and not name.endswith("~")
    ]


def _logical(content: str) -> Iterator[tuple[int, str]]:
    """Lines with what continues them, and the number of the first; a comment is not continued."""
    waiting, start = "", 0
    for number, line in enumerate(content.split("\n"), 1):
        start = start or number
        stripped = line.removesuffix("\r")
        if stripped.endswith("\\") and not (waiting or stripped).lstrip().startswith("#"):
            waiting += stripped[:-1] + " "
            continue
        yield start, waiting + stripped
        waiting, start = "", 0
    if waiting:
        yield start, waiting


def _options(line: str, file: str, number: int) -> Iterator[Default]:
    found = _DEFAULTS.fullmatch(line)
    if found is None:
        return
    kind, rest, names = KINDS[found[1]], found[2], []
    if kind:
        while item := _ITEM.match(rest):
            names.append(item[1].strip('"'))
            rest = rest[item.end() :]
            if not item[2]:
                break
    elif rest and rest[0] not in " \t":
        return
    while option := _OPTION.match(rest):
        value = (option[3] or "").strip('"')
        on = len(option[1]) % 2 == 0 and not (option[3] is not None and value in _OFF)
        yield Default(option[2], on, kind, tuple(names), file, number)
        rest = rest[option.end() :]
        if not rest.startswith(","):
            return
        rest = rest[1:]
