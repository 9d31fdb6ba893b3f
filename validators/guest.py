"""What a rule may ask of an image, whoever answers: an offline reader today, a live machine later."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from validators.windows.hive import Key, Value

READ_LIMIT = 1 << 20  # bytes; configuration files are far below, and a bomb is not worth reading
WALK_LIMIT = 20_000  # entries
MASK_LINKS = 8  # one behind the other, on the way to /dev/null


class Undecidable(Exception):
    """The guest cannot answer. The rule that asked is undecidable, with this text as the reason."""


class Kind(StrEnum):
    FILE = "file"
    DIRECTORY = "directory"
    LINK = "symbolic link"
    OTHER = "device, pipe or socket"


@dataclass(frozen=True, slots=True)
class Stat:
    """One entry; `mode` holds the permission bits, `size` is in bytes."""

    kind: Kind
    size: int = 0
    mode: int = 0o644
    uid: int = 0
    gid: int = 0


class Registry(Protocol):
    """One hive. Keys are paths in it with `\\` between the names; keys and names are found in any case."""

    def key(self, path: str) -> Key | None:
        """None if there is no such key."""
        ...

    def value(self, path: str, name: str) -> Value | None:
        """None if there is no such key or value."""
        ...

    def values(self, path: str) -> list[Value]:
        """Every value of one key."""
        ...

    def subkeys(self, path: str) -> list[str]:
        """The names of the keys below one key."""
        ...


class Guest(Protocol):
    """Paths are absolute in the guest. Links are resolved inside the guest and cannot leave it.

    Every method raises Undecidable where the answer exists but cannot be had: an unreadable file
    system, a loop of links, a file above the limit.
    """

    def read(self, path: str, limit: int = READ_LIMIT) -> bytes | None:
        """The whole file; None if there is none. A device is never read: Undecidable."""
        ...

    def head(self, path: str, count: int) -> bytes | None:
        """The first `count` bytes of a file of any size; None if there is none."""
        ...

    def piece(self, path: str, offset: int, count: int) -> bytes | None:
        """`count` bytes from `offset` of a file of any size, fewer at its end; None if there is none."""
        ...

    def stat(self, path: str, *, follow: bool = True) -> Stat | None:
        """None if there is nothing; a dangling link is nothing unless `follow` is False."""
        ...

    def readlink(self, path: str) -> str | None:
        """Where a symbolic link points, as it is written; None if `path` is no link."""
        ...

    def listdir(self, path: str) -> list[str]:
        """Sorted names; empty if `path` is no folder."""
        ...

    def glob(self, pattern: str) -> list[str]:
        """Sorted paths that exist; `*`, `?` and `[…]` match within one name."""
        ...

    def registry(self, hive: str) -> Registry:
        """The hive SYSTEM, SOFTWARE or BCD of a Windows system."""
        ...


def exists(guest: Guest, path: str) -> bool:
    """Whether `path` leads to something, links followed."""
    return guest.stat(path) is not None


def masked(guest: Guest, path: str) -> bool:
    """Whether `path` is a link that ends at /dev/null: how configuration and units are switched off."""
    for _ in range(MASK_LINKS):
        target = guest.readlink(path)
        if target is None:
            return False
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if path == "/dev/null":
            return True
    return False


def text(guest: Guest, path: str, limit: int = READ_LIMIT) -> str | None:
    """The file as text; bytes that are not UTF-8 are replaced, since configuration may hold any."""
    data = guest.read(path, limit)
    return None if data is None else data.decode("utf-8", "replace")


def lines(guest: Guest, path: str) -> list[str]:
    """Stripped lines that are neither empty nor a `#` comment; empty if there is no file."""
    stripped = (line.strip() for line in (text(guest, path) or "").splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def walk(guest: Guest, top: str, limit: int = WALK_LIMIT) -> Iterator[tuple[str, Stat]]:
    """Everything under `top`, links not followed. Raises Undecidable after `limit` entries."""
    waiting, seen = [top.rstrip("/")], 0
    while waiting:
        folder = waiting.pop()
        for name in guest.listdir(folder or "/"):
            seen += 1
            if seen > limit:
                raise Undecidable(f"{top} holds more than {limit} entries; the rest was not read")
            path = f"{folder}/{name}"
            facts = guest.stat(path, follow=False)
            if facts is None:
                continue
            yield path, facts
            if facts.kind is Kind.DIRECTORY:
                waiting.append(path)
