"""Which modules that are not the kernel's own carry no signature; whose one is, is not looked at."""

from __future__ import annotations

import gzip
import lzma
import re
import zlib
from io import BytesIO
from typing import IO, cast

from validators.guest import Guest, Kind, Undecidable, exists, walk

MODULE = re.compile(r"\.ko(?:\.(?:xz|gz|zst))?$")
PACKED_LIMIT = 128 << 20  # bytes of one compressed module; the largest for graphics have 60 MB
UNPACKED_LIMIT = 1 << 30  # bytes of all of them
CHUNK = 1 << 20
MODULE_END = b"~Module signature appended~\n"
# Modules that are not part of the kernel's own package.
FOREIGN = ("extra", "updates", "weak-updates", "kmod", "misc")


def unsigned_modules(guest: Guest, version: str) -> list[str]:
    """Foreign modules of a kernel without a signature at their end. Raises Undecidable for broken ones."""
    found, left = [], UNPACKED_LIMIT
    for folder in FOREIGN:
        top = f"/lib/modules/{version}/{folder}"
        for path, facts in walk(guest, top) if exists(guest, top) else ():
            if facts.kind is not Kind.FILE or not MODULE.search(path):
                continue
            if path.endswith(".ko"):
                end = guest.piece(path, max(0, facts.size - len(MODULE_END)), len(MODULE_END))
            else:
                end, size = _unpacked_end(path, guest.read(path, PACKED_LIMIT) or b"", left)
                left -= size
            if end != MODULE_END:
                found.append(path)
    return found


def _unpacked_end(path: str, data: bytes, limit: int) -> tuple[bytes, int]:
    """The last bytes of a compressed module, and how large it is."""
    end, size = b"", 0
    try:
        with _opened(path, data) as file:
            while piece := file.read(CHUNK):
                end = (end + piece)[-len(MODULE_END) :]
                size += len(piece)
                if size > limit:
                    raise Undecidable(f"{path}: the modules unpack to more than {UNPACKED_LIMIT} bytes")
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise Undecidable(f"{path} cannot be unpacked: {error}") from None
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise Undecidable(f"{path} cannot be unpacked: {error}") from None
    return end, size


def _opened(path: str, data: bytes) -> IO[bytes]:
    if path.endswith(".gz"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=BytesIO(data)))
    if path.endswith(".xz"):
        return cast(IO[bytes], lzma.LZMAFile(BytesIO(data)))
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14
    except ImportError:
        from backports import zstd
    return cast(IO[bytes], zstd.ZstdFile(BytesIO(data)))
