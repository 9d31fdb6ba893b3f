"""Whether a disk holds the value of a secret, in a file or in what a deleted file left behind."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

PIECE = 1 << 24  # bytes read at once
SHORTEST = 8  # characters of a line that can be told from other text


def forms(value: str) -> set[bytes]:
    """How `value` may stand on a disk: whole, line by line, as UTF-16, Base64 at any offset, hex."""
    found: set[bytes] = set()
    for text in {value, *value.splitlines()}:
        if len(text) < SHORTEST:
            continue
        raw = text.encode()
        found |= {raw, text.encode("utf-16-le"), raw.hex().encode(), raw.hex().upper().encode()}
        for offset in range(3):
            # Without the characters at both ends that depend on what stands beside the value.
            code = base64.b64encode(bytes(offset) + raw)
            found.add(code[(0, 2, 3)[offset] : len(code) - (0, 3, 2)[(offset + len(raw)) % 3]])
    return {form for form in found if len(form) >= SHORTEST}


def search(disk: Path, secrets: Mapping[str, str]) -> list[tuple[str, int]]:
    """The first place of each secret that is on a raw `disk`: name and offset in bytes. Raises OSError."""
    patterns = {name: forms(value) for name, value in secrets.items()}
    overlap = max((len(form) for found in patterns.values() for form in found), default=1) - 1
    places: dict[str, int] = {}
    with disk.open("rb") as source:
        for start, end in _data(source.fileno()):
            at, kept = start, b""
            while at < end and len(places) < len(patterns):
                piece = os.pread(source.fileno(), min(PIECE, end - at), at)
                if not piece:
                    break
                window = kept + piece
                for name, found in patterns.items():
                    hits = [window.find(form) for form in found] if name not in places else []
                    if (first := min((hit for hit in hits if hit >= 0), default=-1)) >= 0:
                        places[name] = at - len(kept) + first
                at += len(piece)
                kept = window[-overlap:] if overlap else b""
    return sorted(places.items())


def _data(descriptor: int) -> Iterator[tuple[int, int]]:
    """The ranges of a sparse file that were written; a value does not begin or end in a hole."""
    size, at = os.fstat(descriptor).st_size, 0
    while at < size:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end
        at = end
