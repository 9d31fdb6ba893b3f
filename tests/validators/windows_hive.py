"""Write registry hives (regf 1.5), for tests: a dict of keys in, the bytes of the file out.

    hive({r"Setup\\State": {"ImageState": "IMAGE_STATE_COMPLETE"}})

Keys are paths without the hive's name; values are int (DWORD), str (SZ), Expand (EXPAND_SZ), a list of str
(MULTI_SZ), bytes (BINARY), or Raw for everything else.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PAGE = 4096
NOTHING = 0xFFFFFFFF
SEGMENT = 16344  # bytes of one piece of big data
LARGEST_LIST = 500  # subkeys, before the list is split


class Expand(str):
    """A text with %variables%."""


@dataclass(frozen=True)
class Raw:
    """Any type with any bytes."""

    type: int
    data: bytes


Data = int | str | bytes | list[str] | Raw
Lists = Literal["lf", "lh", "li"]


@dataclass
class _Key:
    name: str
    values: dict[str, Data] = field(default_factory=dict)
    subkeys: dict[str, _Key] = field(default_factory=dict)


def hive(
    keys: Mapping[str, Mapping[str, Data]], *, lists: Lists = "lh", sequences: tuple[int, int] = (1, 1)
) -> bytes:
    """A hive with these keys; `lists`: the form of its subkey lists; unequal `sequences`: a dirty hive."""
    root = _Key("ROOT")
    for path, values in keys.items():
        key = root
        for name in filter(None, path.split("\\")):
            key = key.subkeys.setdefault(name.upper(), _Key(name))
        key.values.update(values)
    writer = _Writer(lists)
    top = writer.key(root, NOTHING, 0x2C)
    cells = bytes(writer.cells)
    room = -(32 + len(cells) + 8) % PAGE + 8
    cells += struct.pack("<i", room) + bytes(room - 4)  # a positive size: a free cell
    body = struct.pack("<4sIIQQI", b"hbin", 0, 32 + len(cells), 0, 0, 0) + cells
    head = struct.pack("<4sIIQIIIIIII", b"regf", *sequences, 0, 1, 5, 0, 1, top, len(body), 1)
    return checked(head.ljust(PAGE, b"\0")) + body


def checked(head: bytes) -> bytes:
    """The base block with its right checksum."""
    total = 0
    for (number,) in struct.iter_unpack("<I", head[:508]):
        total ^= number
    total = {0: 1, NOTHING: NOTHING - 1}.get(total, total)
    return head[:508] + struct.pack("<I", total) + head[512:]


class _Writer:
    def __init__(self, lists: Lists) -> None:
        self.cells = bytearray()
        self._lists = lists
        security = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)
        at = 32  # its list of one points to itself
        self._security = self._cell(struct.pack("<2sHIIII", b"sk", 0, at, at, 1, len(security)) + security)

    def key(self, key: _Key, parent: int, flags: int = 0x20) -> int:
        """Write a key and all below it; the key itself comes first, since its children point to it."""
        place = self._cell(bytes(76 + len(_name(key.name)[0])))
        below = [self.key(key.subkeys[name], place) for name in sorted(key.subkeys)]
        names = [key.subkeys[name].name for name in sorted(key.subkeys)]
        values = [self._value(name, data) for name, data in key.values.items()]
        name, plain = _name(key.name)
        longest = max((len(one) * 2 for one in names), default=0)
        record = struct.pack("<2sHQIIIIIIIIIIIIIIIHH", b"nk", flags if plain else flags & ~0x20, 0, 0, parent,
            len(below), 0, self._list(below, names), NOTHING, len(values),
            self._cell(struct.pack(f"<{len(values)}I", *values)) if values else NOTHING,
            self._security, NOTHING, longest, 0, 0, 0, 0, len(name), 0)  # fmt: skip
        self.cells[place - 32 + 4 : place - 32 + 4 + len(record) + len(name)] = record + name
        return place

    def _list(self, below: list[int], names: list[str]) -> int:
        if not below:
            return NOTHING
        if len(below) > LARGEST_LIST:
            starts = range(0, len(below), LARGEST_LIST)
            parts = [self._list(below[n : n + LARGEST_LIST], names[n : n + LARGEST_LIST]) for n in starts]
            return self._cell(struct.pack(f"<2sH{len(parts)}I", b"ri", len(parts), *parts))
        head = struct.pack("<2sH", self._lists.encode(), len(below))
        if self._lists == "li":
            return self._cell(head + struct.pack(f"<{len(below)}I", *below))
        hints = [_hash(n) if self._lists == "lh" else n.encode("latin-1", "replace")[:4] for n in names]
        pairs = zip(below, hints, strict=True)
        return self._cell(head + b"".join(struct.pack("<I4s", place, hint) for place, hint in pairs))

    def _value(self, name: str, data: Data) -> int:
        kind, raw = encoded(data)
        short, plain = _name(name)
        if len(raw) <= 4:
            size, place = len(raw) | 0x80000000, int.from_bytes(raw, "little")
        else:
            size, place = len(raw), self._big(raw) if len(raw) > SEGMENT else self._cell(raw)
        return self._cell(struct.pack("<2sHIIIHH", b"vk", len(short), size, place, kind, plain, 0) + short)

    def _big(self, raw: bytes) -> int:
        parts = [self._cell(raw[at : at + SEGMENT] + bytes(4)) for at in range(0, len(raw), SEGMENT)]
        table = self._cell(struct.pack(f"<{len(parts)}I", *parts))
        return self._cell(struct.pack("<2sHI", b"db", len(parts), table))

    def _cell(self, content: bytes) -> int:
        place = 32 + len(self.cells)
        size = -(-(len(content) + 4) // 8) * 8
        self.cells += struct.pack("<i", -size) + content.ljust(size - 4, b"\0")
        return place


def encoded(data: Data) -> tuple[int, bytes]:
    """The type's number and the bytes of a value."""
    if isinstance(data, Raw):
        return data.type, data.data
    if isinstance(data, int):
        return 4, struct.pack("<I", data)
    if isinstance(data, bytes):
        return 3, data
    if isinstance(data, list):
        return 7, "".join(f"{one}\0" for one in [*data, ""]).encode("utf-16-le")
    return 2 if isinstance(data, Expand) else 1, f"{data}\0".encode("utf-16-le")


def _hash(name: str) -> bytes:
    total = 0
    for character in name.upper():
        total = (total * 37 + ord(character)) & NOTHING
    return struct.pack("<I", total)


def _name(name: str) -> tuple[bytes, int]:
    """A name in Latin-1 and 1 if it fits, else in UTF-16 and 0."""
    try:
        return name.encode("latin-1"), 1
    except UnicodeEncodeError:
        return name.encode("utf-16-le"), 0
