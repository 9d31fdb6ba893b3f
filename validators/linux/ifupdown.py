"""ifupdown: /etc/network/interfaces with what it reads, as interfaces(5) of version 0.8 has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from posixpath import dirname, join

from validators.guest import Guest, Kind, text

MAIN = "/etc/network/interfaces"
FOLDER = "/etc/network/interfaces.d"
STANZAS = (
    "iface",
    "template",
    "mapping",
    "source",
    "source-directory",
    "rename",
    "no-auto-down",
    "no-scripts",
)
LIMIT = 20  # files that read one another
_PATTERN = re.compile(r"/(?:(\w+)/)?([^/=]+)(?:/\d+)?(?:=(\S+))?")
_NAME = re.compile(r"^[a-zA-Z0-9_-]+$")  # of the files of source-directory


@dataclass
class Interface:
    """One `iface` stanza of IPv4."""

    name: str
    method: str
    where: str
    options: dict[str, str] = field(default_factory=dict)


@dataclass
class Interfaces:
    """`up`: what `auto` and `allow-hotplug` name; `read`: the files."""

    found: list[Interface] = field(default_factory=list)
    up: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def of(self, name: str) -> list[Interface]:
        """The stanzas that the card `name` gets at boot."""
        chosen = {logical for logical in (_logical(word, name) for word in self.up) if logical}
        return [each for each in self.found if each.name in chosen]


def _logical(word: str, name: str) -> str:
    """The stanza that a word after `auto` chooses for the card `name`; empty if none."""
    pattern = _PATTERN.fullmatch(word)
    if pattern:
        variable, wanted, logical = pattern.groups()
        return (logical or name) if not variable and fnmatchcase(name, wanted) else ""
    physical, equals, logical = word.partition("=")
    return (logical if equals else physical) if physical == name else ""


def read(guest: Guest, later: Set[str] = frozenset()) -> Interfaces:
    """All stanzas that ifup reads; `later`: files that will be there besides."""
    found = Interfaces()
    _read(guest, MAIN, found, later)
    return found


def _read(guest: Guest, path: str, found: Interfaces, later: Set[str]) -> None:
    if path in found.read or len(found.read) >= LIMIT:
        return
    found.read.append(path)
    current: Interface | None = None
    for line in _lines(text(guest, path) or ""):
        word, *rest = line.split()
        if word == "auto" or word.startswith("allow-"):
            current = None
            if word in ("auto", "allow-auto", "allow-hotplug"):
                found.up += rest
        elif word == "iface":
            family, method = [*rest, "", "", ""][1:3]
            current = Interface(rest[0] if rest else "", method, path)
            if family == "inet":
                found.found.append(current)
        elif word in STANZAS:
            current = None
            for pattern in rest if word == "source" else ():
                whole = join(dirname(path), pattern)
                for each in sorted({*guest.glob(whole), *(p for p in later if fnmatchcase(p, whole))}):
                    _read(guest, each, found, later)
            for folder in rest if word == "source-directory" else ():
                whole = join(dirname(path), folder)
                for each in sorted({*_files(guest, whole), *(p for p in later if dirname(p) == whole)}):
                    _read(guest, each, found, later)
        elif current is not None and rest:
            current.options[word] = " ".join(rest)


def _files(guest: Guest, folder: str) -> Iterator[str]:
    for name in guest.listdir(folder):
        facts = guest.stat(f"{folder}/{name}")
        if _NAME.match(name) and facts is not None and facts.kind is Kind.FILE:
            yield f"{folder}/{name}"


def _lines(content: str) -> Iterator[str]:
    """Lines joined at backslashes, without comments, which are whole lines."""
    open_line = ""
    for raw in content.split("\n"):
        bare = raw.strip() if not open_line else raw.rstrip()
        if not open_line and (not bare or bare.startswith("#")):
            continue
        if bare.endswith("\\"):
            open_line += bare[:-1]
            continue
        if (open_line + bare).strip():
            yield (open_line + bare).strip()
        open_line = ""
    if open_line.strip():
        yield open_line.strip()
