"""The header of an rpm package as a database holds it: name and version out of an index of tags.

The layout: two big-endian numbers (entries of the index, bytes of data), the index (tag, type, offset, count:
16 bytes each, big-endian), the data. Long lists of files come after what is wanted here, so little is read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from validators.guest import Undecidable
from validators.linux.package import Package

Blob = Callable[[int, int], bytes]  # bytes of a header from an offset; fewer at its end

NAME, VERSION, RELEASE, EPOCH = 1000, 1001, 1002, 1003
TEXT, NUMBER = 6, 4  # types
ENTRIES_LIMIT = 1 << 16  # as rpm itself
REACH = 8 << 20  # bytes of data within which name and version lie; they are among the first
TEXT_LIMIT = 4096  # bytes
FIRST_READ = 256  # bytes; most texts are far shorter


def read(blob: Blob, where: str) -> Package:
    """The package that `blob` describes. Raises Undecidable naming `where` if it describes none."""
    start = blob(0, 8)
    if len(start) < 8:
        raise Undecidable(f"{where}: a header of {len(start)} bytes")
    entries, size = struct.unpack(">II", start)
    if not 0 < entries <= ENTRIES_LIMIT:
        raise Undecidable(f"{where}: a header with {entries} entries")
    index = blob(8, entries * 16)
    if len(index) < entries * 16:
        raise Undecidable(f"{where}: the header ends in its index")
    data = 8 + entries * 16
    found: dict[int, str] = {}
    for tag, kind, offset, _ in struct.iter_unpack(">IIII", index):
        if (tag, kind) in ((NAME, TEXT), (VERSION, TEXT), (RELEASE, TEXT), (EPOCH, NUMBER)):
            if offset >= min(size, REACH):
                raise Undecidable(f"{where}: tag {tag} lies outside of the header, at {offset:#x}")
            at = data + offset
            found[tag] = _number(blob, at, where) if tag == EPOCH else _text(blob, at, where)
    if not found.get(NAME):
        raise Undecidable(f"{where}: a header without a name")
    epoch = f"{found[EPOCH]}:" if found.get(EPOCH, "0") != "0" else ""
    version = f"{epoch}{found.get(VERSION, '')}-{found.get(RELEASE, '')}"
    return Package(found[NAME], version, "rpm")


def _text(blob: Blob, at: int, where: str) -> str:
    for count in (FIRST_READ, TEXT_LIMIT):
        text, end, _ = blob(at, count).partition(b"\0")
        if end:
            return text.decode("utf-8", "replace")
    raise Undecidable(f"{where}: the text at {at:#x} of the header does not end")


def _number(blob: Blob, at: int, where: str) -> str:
    raw = blob(at, 4)
    if len(raw) < 4:
        raise Undecidable(f"{where}: the header ends at {at:#x}")
    return str(int.from_bytes(raw, "big"))
