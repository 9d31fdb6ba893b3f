"""How large a PNG is, from its header alone."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER = struct.Struct(">I4sII5sI")  # length, IHDR, width, height, how it is packed, CRC
IHDR_BYTES = 13


def size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels of the PNG at `path`; None if it is none, or its header is damaged."""
    with path.open("rb") as file:
        return measured(file.read(len(SIGNATURE) + HEADER.size))


def measured(head: bytes) -> tuple[int, int] | None:
    """The same, from the first bytes of a file."""
    if len(head) < len(SIGNATURE) + HEADER.size or not head.startswith(SIGNATURE):
        return None
    length, kind, width, height, _, checksum = HEADER.unpack_from(head, len(SIGNATURE))
    covered = head[len(SIGNATURE) + 4 : len(SIGNATURE) + HEADER.size - 4]
    if (length, kind) != (IHDR_BYTES, b"IHDR") or zlib.crc32(covered) != checksum or not (width and height):
        return None
    return width, height
