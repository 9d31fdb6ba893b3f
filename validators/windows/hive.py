"""A registry hive, read where it lies: only the cells on the way to a value, each one checked before use.

No library: they load the whole file (SOFTWARE has 100 MB and more) or do not say where it is broken.
Nothing here follows a chain of unknown length, so a hive that points at itself is as finite as any other.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from validators.guest import Undecidable
from validators.windows import hivelog

START = 4096  # bytes; offsets in a hive count from here
NOTHING = 0xFFFFFFFF
VALUE_LIMIT = 1 << 20  # bytes of one value
KEYS_LIMIT = 50_000  # subkeys of one key
VALUES_LIMIT = 20_000  # values of one key
SEGMENT = 16344  # bytes in one piece of a big value
PAGE, PAGES = 1 << 16, 32  # bytes per read, and how many reads are kept
SZ, EXPAND_SZ, BINARY, DWORD, DWORD_BIG, MULTI_SZ, QWORD = 1, 2, 3, 4, 5, 7, 11
TEXTS = (SZ, EXPAND_SZ)

Data: TypeAlias = int | str | bytes | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """`kind` is the number of the type; numbers are int, texts str, MULTI_SZ a tuple, all others bytes."""

    name: str
    kind: int
    data: Data


@dataclass(frozen=True, slots=True)
class Key:
    """Where a key's cell lies, and what it says of its lists."""

    name: str
    offset: int
    subkeys: int
    subkey_list: int
    values: int
    value_list: int


class Hive:
    """One hive file of `size` bytes; `read(offset, count)` may return less at the end.

    `logs` are the transaction logs beside it, asked for only if the hive was not written to its end; they are
    applied in memory. Raises Undecidable where the file is no hive or its logs do not apply; every method
    raises it where a structure is broken, with the offset in the file.
    """

    def __init__(
        self,
        read: Callable[[int, int], bytes],
        size: int,
        title: str,
        logs: Callable[[], Sequence[hivelog.Log]] = tuple,
    ) -> None:
        self._source, self._size, self._title = read, size, title
        self._recovered: hivelog.Recovered | None = None
        self._pages: OrderedDict[int, bytes] = OrderedDict()
        self._children: dict[int, dict[str, int]] = {}
        head = self._bytes(0, START)
        if head[:4] != b"regf":
            raise self._broken(0, "there is no hive")
        first, second = struct.unpack_from("<II", head, 4)
        whole = hivelog.intact(head)
        if not whole or first != second:
            head = self._recover(head, logs(), (first, second), whole)
        self._root = struct.unpack_from("<I", head, 36)[0]

    def _recover(
        self, head: bytes, logs: Sequence[hivelog.Log], numbers: tuple[int, int], whole: bool
    ) -> bytes:
        """The base block after the logs are applied to a hive that was not written to its end, in memory."""
        first_bin = self._source(START, 32).ljust(32, b"\0")
        try:
            self._recovered = hivelog.recover(head, first_bin, self._size, logs)
        except hivelog.NotRecovered as reason:
            if not whole:
                raise self._broken(508, f"the checksum of the header is wrong; {reason}") from None
            raise Undecidable(
                f"{self._title} was not written to its end (sequence numbers {numbers[0]} and {numbers[1]}): "
                f"Windows was not shut down in order, and {reason}"
            ) from None
        self._size = self._recovered.size
        self._pages.clear()
        return self._recovered.head

    def key(self, path: str) -> Key | None:
        """The key at `path`, in any case, `\\` between the names; None if there is none."""
        found = self._key(self._root)
        for name in filter(None, path.split("\\")):
            place = self._names(found).get(name.upper())
            if place is None:
                return None
            found = self._key(place)
        return found

    def subkeys(self, path: str) -> list[str]:
        """The names below the key at `path`; empty if there is no such key."""
        found = self.key(path)
        return [self._key(place).name for place in self._names(found).values()] if found else []

    def value(self, path: str, name: str) -> Value | None:
        """One value of the key at `path`, in any case; None if there is none."""
        wanted = name.upper()
        for place in self._value_places(path):
            if self._value_name(place).upper() == wanted:
                return self._value(place)
        return None

    def values(self, path: str) -> list[Value]:
        """All values of the key at `path`; empty if there is no such key."""
        return [self._value(place) for place in self._value_places(path)]

    def _key(self, offset: int) -> Key:
        cell = self._cell(offset, b"nk", 76)
        flags = struct.unpack_from("<H", cell, 2)[0]
        subkeys, _, subkey_list, _, values, value_list = struct.unpack_from("<6I", cell, 20)
        length = struct.unpack_from("<H", cell, 72)[0]
        if 76 + length > len(cell):
            raise self._broken(START + offset, "the name of a key does not fit")
        name = _text(cell[76 : 76 + length], bool(flags & 0x20))
        return Key(name, offset, subkeys, subkey_list, values, value_list)

    def _names(self, key: Key) -> dict[str, int]:
        """The cells of the keys below, by name in capitals; made once."""
        if key.offset not in self._children:
            places = self._places(key.subkey_list, key.subkeys, below=True) if key.subkeys else []
            self._children[key.offset] = {self._key(place).name.upper(): place for place in places}
        return self._children[key.offset]

    def _places(self, offset: int, count: int, *, below: bool) -> list[int]:
        """What a list of subkeys lists. A list of lists (`ri`) is allowed `below` a key, and only there."""
        if count > KEYS_LIMIT:
            raise self._broken(START + offset, f"a key with {count} keys below it; {KEYS_LIMIT} are read")
        cell = self._cell(offset, b"", 4)
        form, entries = cell[:2], struct.unpack_from("<H", cell, 2)[0]
        width = {b"lf": 8, b"lh": 8, b"li": 4, b"ri": 4 if below else 0}.get(form, 0)
        if not width or 4 + entries * width > len(cell):
            raise self._broken(START + offset, "there is no list of keys")
        places = [struct.unpack_from("<I", cell, 4 + at * width)[0] for at in range(entries)]
        if form == b"ri":
            lists, places = places, []
            for one in lists:
                places += self._places(one, count - len(places), below=False)
        if len(places) > count:
            raise self._broken(START + offset, f"a list of {len(places)} keys where {count} are counted")
        return places

    def _value_places(self, path: str) -> list[int]:
        key = self.key(path)
        if key is None or key.values == 0:
            return []
        if key.values > VALUES_LIMIT:
            raise self._broken(START + key.offset, f"a key with {key.values} values; {VALUES_LIMIT} are read")
        cell = self._cell(key.value_list, b"", key.values * 4)
        return list(struct.unpack_from(f"<{key.values}I", cell))

    def _value_name(self, offset: int) -> str:
        cell = self._cell(offset, b"vk", 20)
        length, flags = struct.unpack_from("<H", cell, 2)[0], struct.unpack_from("<H", cell, 16)[0]
        if 20 + length > len(cell):
            raise self._broken(START + offset, "the name of a value does not fit")
        return _text(cell[20 : 20 + length], bool(flags & 1))

    def _value(self, offset: int) -> Value:
        name = self._value_name(offset)
        size, place, kind = struct.unpack_from("<III", self._cell(offset, b"vk", 20), 4)
        if size & 0x80000000:  # up to four bytes lie where the offset would be
            raw = struct.pack("<I", place)[: min(4, size & 0x7FFFFFFF)]
        elif size > VALUE_LIMIT:
            raise self._broken(START + offset, f"a value of {size} bytes; {VALUE_LIMIT} are read")
        else:
            raw = self._data(place, size) if size else b""
        return Value(name, kind, _decoded(kind, raw))

    def _data(self, offset: int, size: int) -> bytes:
        if size <= SEGMENT:
            return self._cell(offset, b"", size)[:size]
        cell = self._cell(offset, b"", 8)
        if cell[:2] != b"db":  # hives of old versions have no big data
            return self._cell(offset, b"", size)[:size]
        count, table = struct.unpack_from("<HI", cell, 2)
        if count * SEGMENT < size:
            raise self._broken(START + offset, f"{count} pieces for a value of {size} bytes")
        places = struct.unpack_from(f"<{count}I", self._cell(table, b"", count * 4))
        pieces, left = [], size
        for place in places:
            if left <= 0:
                break
            part = min(left, SEGMENT)
            pieces.append(self._cell(place, b"", part)[:part])
            left -= part
        return b"".join(pieces)

    def _cell(self, offset: int, mark: bytes, least: int) -> bytes:
        """The content of the cell at `offset`, which starts with `mark` and has `least` bytes."""
        at = START + offset
        head = self._bytes(at, 4)
        size = -struct.unpack("<i", head)[0]  # negative: in use
        if offset == NOTHING or offset % 8 or size < 8 or at + size > self._size:
            raise self._broken(at, "there is no cell in use")
        if size - 4 < least:
            raise self._broken(at, f"a cell of {size - 4} bytes where {least} are needed")
        content = self._bytes(at + 4, min(size - 4, VALUE_LIMIT + 8))
        if content[: len(mark)] != mark:
            raise self._broken(at + 4, f"there is no {mark.decode()} cell")
        return content

    def _bytes(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes, through the pages that are kept."""
        if offset < 0 or offset + count > self._size:
            raise self._broken(offset, f"it ends at {self._size:#x}")
        pieces = [self._page(number) for number in range(offset // PAGE, (offset + count - 1) // PAGE + 1)]
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        found = data[offset % PAGE : offset % PAGE + count]
        if len(found) != count:
            raise self._broken(offset, "it ends here")
        return found

    def _page(self, number: int) -> bytes:
        if number not in self._pages:
            page = self._source(number * PAGE, PAGE)
            if self._recovered:
                page = self._recovered.patch(number * PAGE, page, PAGE)
            self._pages[number] = page
            if len(self._pages) > PAGES:
                self._pages.popitem(last=False)
        self._pages.move_to_end(number)
        return self._pages[number]

    def _broken(self, offset: int, what: str) -> Undecidable:
        return Undecidable(f"{self._title} is broken at {offset:#x}: {what}")


def _text(raw: bytes, plain: bool) -> str:
    return raw.decode("latin-1") if plain else raw.decode("utf-16-le", "replace")


def _decoded(kind: int, raw: bytes) -> Data:
    if kind in TEXTS:
        return raw.decode("utf-16-le", "replace").split("\0", 1)[0]
    if kind == MULTI_SZ:
        return tuple(filter(None, raw.decode("utf-16-le", "replace").split("\0")))
    if kind in (DWORD, QWORD):
        return int.from_bytes(raw, "little")
    return int.from_bytes(raw, "big") if kind == DWORD_BIG else raw
