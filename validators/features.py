"""Whether the reader of ext and XFS understands all features that a file system has.

Unknown ones that change how files are stored make it undecidable: it would be read wrong without a word. Ones
that do not touch what files hold, and that the library refuses all the same, are kept from it.

Sources: fs/ext4/ext4.h and fs/xfs/libxfs/xfs_format.h of Linux 6.18, and libfsext's and libfsxfs's own lists.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from validators import fat
from validators.blocks import Blocks
from validators.guest import Undecidable

EXT_AT = 1024  # bytes; the superblock
EXT_COMPAT, EXT_INCOMPAT = EXT_AT + 0x5C, EXT_AT + 0x60
EXT_INLINE_DATA = 0x8000
# By definition none of these keeps anybody from reading; the library knows these alone.
EXT_COMPAT_KNOWN = 0x1 | 0x4 | 0x8 | 0x10 | 0x20 | 0x1000
# filetype, meta_bg, extents, 64bit, flex_bg, ea_inode, csum_seed, inline_data, casefold
EXT_READ = 0x2 | 0x10 | 0x40 | 0x80 | 0x200 | 0x400 | 0x2000 | EXT_INLINE_DATA | 0x20000
EXT_HARMLESS = {0x100: "mmp", 0x4000: "large_dir"}
EXT_NAMES = {
    0x1: "compression",
    0x4: "needs_recovery: it was not unmounted, and its journal holds changes",
    0x8: "journal_dev",
    0x1000: "dirdata",
    0x10000: "encrypt",
}
XFS_VERSION, XFS_INCOMPAT, XFS_LOG = 100, 216, 220
# ftype, sparse inodes, bigtime, nrext64, exchange-range, parent
XFS_READ = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x80
XFS_HARMLESS = {0x4: "meta_uuid"}  # the UUID was changed, and the old one stands in the metadata
XFS_NAMES = {0x10: "needs repair", 0x100: "metadir", 0x200: "zoned"}


Patch = tuple[int, bytes, bytes]  # offset, what is found there, and what to give instead
COPIES = 4096  # groups of blocks that may have a copy of the superblock


def unread(kind: str, head: bytes) -> tuple[list[Patch], bool]:
    """What to replace in the superblock that is in `head`, and whether files may lie in their inodes.

    Raises Undecidable, with the names of the features, for ones that are not read right.
    """
    if kind == "ext" and len(head) >= EXT_AT + 0x68:
        compat, incompat = struct.unpack_from("<II", head, EXT_COMPAT)
        _refuse(incompat & ~EXT_READ, EXT_HARMLESS, EXT_NAMES)
        known = struct.pack("<II", compat & EXT_COMPAT_KNOWN, incompat & EXT_READ)
        found = head[EXT_COMPAT : EXT_COMPAT + 8]
        places = [EXT_COMPAT, *_copies(head)] if known != found else []
        return [(at, found, known) for at in places], bool(incompat & EXT_INLINE_DATA)
    if kind == "xfs" and len(head) >= XFS_LOG + 4 and head[XFS_VERSION + 1] & 0xF == 5:
        incompat, _ = struct.unpack_from(">II", head, XFS_INCOMPAT)
        _refuse(incompat & ~XFS_READ, XFS_HARMLESS, XFS_NAMES)
        # What the log may hold is no matter to who does not replay it.
        known = struct.pack(">II", incompat & XFS_READ, 0)
        found = head[XFS_INCOMPAT : XFS_INCOMPAT + 8]
        return [(XFS_INCOMPAT, found, known)] if known != found else [], False
    return (fat.wider(head) if kind == "fat" else []), False


def _copies(head: bytes) -> list[int]:
    """Where the copies of the superblock name the features, in bytes; the library reads them, too."""
    blocks, first, shift = (struct.unpack_from("<I", head, EXT_AT + at)[0] for at in (0x4, 0x14, 0x18))
    (per_group,) = struct.unpack_from("<I", head, EXT_AT + 0x20)
    if not per_group or shift > 6:
        return []
    groups = min(-(-blocks // per_group), COPIES)
    return [(first + n * per_group << 10 + shift) + EXT_COMPAT - EXT_AT for n in range(1, groups)]


def _refuse(found: int, harmless: Mapping[int, str], names: Mapping[int, str]) -> None:
    bits = [1 << bit for bit in range(32) if found >> bit & 1]
    unknown = [names.get(bit, f"an unknown one, 0x{bit:x}") for bit in bits if bit not in harmless]
    if unknown:
        raise Undecidable(f"it has features that are not read offline: {', '.join(unknown)}")


class Patched:
    """`size` bytes of `disk` from `start`, with some replaced where they are as expected."""

    def __init__(self, disk: Blocks, start: int, size: int, patches: Sequence[Patch]) -> None:
        self.size = size
        self._disk, self._start, self._patches = disk, start, patches

    def read(self, offset: int, count: int) -> bytes:
        if not 0 <= offset < self.size:
            return b""
        data = self._disk.read(self._start + offset, min(count, self.size - offset))
        for at, found, known in self._patches:
            here = at - offset
            if here >= 0 and data[here : here + len(found)] == found:
                data = data[:here] + known + data[here + len(found) :]
        return data
