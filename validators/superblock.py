"""What a file system says of its own size, from its head; the first bytes of it, already read.

A reader takes the head and one number that the signature told, and gives the version, and the size and the
free room in bytes: None where only the whole file system could tell. None of them raises, whatever the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

Facts = tuple[str, int | None, int | None]

HAS_JOURNAL, EXT_64BIT = 0x4, 0x80
EXT4_INCOMPAT = 0x40 | 0x80 | 0x200  # extents, 64bit, flex_bg
# huge_file, group checksums, dir_nlink, extra_isize, metadata_csum
EXT4_RO = 0x8 | 0x10 | 0x20 | 0x40 | 0x400
FAT32_MARK = 82  # where FAT32 writes its name
FSINFO_UNKNOWN = 0xFFFFFFFF


def _ext(head: bytes, _: int) -> Facts:
    base = 0x400
    blocks, free, shift = (struct.unpack_from("<I", head, base + at)[0] for at in (0x4, 0xC, 0x18))
    compat, incompat, read_only = struct.unpack_from("<III", head, base + 0x5C)
    if incompat & EXT_64BIT:
        blocks |= struct.unpack_from("<I", head, base + 0x150)[0] << 32
        free |= struct.unpack_from("<I", head, base + 0x158)[0] << 32
    new = incompat & EXT4_INCOMPAT or read_only & EXT4_RO
    version = "ext4" if new else "ext3" if compat & HAS_JOURNAL else "ext2"
    if shift > 6:  # blocks of 64 KiB are the largest there are
        return version, None, None
    return _room(version, blocks << 10 + shift, free << 10 + shift)


def _xfs(head: bytes, _: int) -> Facts:
    (unit,) = struct.unpack_from(">I", head, 4)
    (blocks,) = struct.unpack_from(">Q", head, 8)
    (free,) = struct.unpack_from(">Q", head, 144)
    return _room(f"xfs v{head[101] & 0xF}", blocks * unit, free * unit)


def _fat(head: bytes, mark: int) -> Facts:
    sector, cluster, few = struct.unpack_from("<HB5xH", head, 11)
    size = (few or struct.unpack_from("<I", head, 32)[0]) * sector
    if mark != FAT32_MARK:
        return _room(head[mark : mark + 5].decode("ascii", "replace").strip(), size)
    at = struct.unpack_from("<H", head, 48)[0] * sector
    info = head[at : at + 512]
    count = FSINFO_UNKNOWN
    if len(info) == 512 and info.startswith(b"RRaA") and info[484:488] == b"rrAa":
        (count,) = struct.unpack_from("<I", info, 488)
    return _room("FAT32", size, None if count == FSINFO_UNKNOWN else count * cluster * sector)


def _ntfs(head: bytes, _: int) -> Facts:
    (sector,) = struct.unpack_from("<H", head, 11)
    (sectors,) = struct.unpack_from("<Q", head, 40)
    return _room("NTFS", sectors * sector)


def _btrfs(block: bytes, _: int) -> Facts:
    size, used = struct.unpack_from("<QQ", block, 0x70)
    return _room("btrfs", size, size - used)


def _swap(head: bytes, page: int) -> Facts:
    version, last = struct.unpack_from("<II", head, 1024)
    return _room(f"swap v{version}", (last + 1) * page)


def _room(version: str, size: int, free: int | None = None) -> Facts:
    """What contradicts itself is left out."""
    if not 0 < size < 1 << 63:
        return version, None, None
    return version, size, free if free is not None and 0 <= free <= size else None


READERS: dict[str, Callable[[bytes, int], Facts]] = {
    "ext": _ext,
    "xfs": _xfs,
    "fat": _fat,
    "ntfs": _ntfs,
    "btrfs": _btrfs,
    "swap": _swap,
}
