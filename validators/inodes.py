"""Files of ext4 that lie in their inode: 60 bytes in place of the map of blocks, the rest in an attribute.

libfsext reads no more than 60 bytes of such an attribute, and says nothing.
"""

from __future__ import annotations

import struct

from validators.blocks import Blocks
from validators.guest import Undecidable

SUPERBLOCK = 1024
INCOMPAT_META_BG, INCOMPAT_64BIT = 0x10, 0x80
RO_SPARSE_SUPER = 0x1
IN_PLACE = 60  # bytes in the inode proper
MAP_AT, FLAGS_AT, SIZE_AT, EXTRA_AT = 0x28, 0x20, 0x4, 0x80
INLINE_FLAG = 0x10000000
OLD_INODE = 128  # bytes; attributes come after it and what is counted as extra
MAGIC = 0xEA020000
SYSTEM, DATA = 7, b"data"  # index of the prefix, and the name


class Inodes:
    """The inodes of the ext4 file system at `start` of `disk`."""

    def __init__(self, disk: Blocks, start: int) -> None:
        self._disk, self._start = disk, start
        head = disk.read(start + SUPERBLOCK, 1024).ljust(1024, b"\0")
        self._first, shift = struct.unpack_from("<II", head, 0x14)
        self._per_group, _, self._inodes_per_group = struct.unpack_from("<III", head, 0x20)
        (self._size,) = struct.unpack_from("<H", head, 0x58)
        _, self._incompat, self._read_only = struct.unpack_from("<III", head, 0x5C)
        self._descriptor = struct.unpack_from("<H", head, 0xFE)[0] if self._incompat & INCOMPAT_64BIT else 32
        (self._first_meta,) = struct.unpack_from("<I", head, 0x104)
        self._block = 1024 << min(shift, 6)

    def inline(self, number: int) -> bytes | None:
        """What the file of inode `number` holds, if it lies there; None if it lies in blocks.

        Raises Undecidable for an inode that is broken.
        """
        inode = self._inode(number)
        if not struct.unpack_from("<I", inode, FLAGS_AT)[0] & INLINE_FLAG:
            return None
        (size,) = struct.unpack_from("<I", inode, SIZE_AT)
        held = inode[MAP_AT : MAP_AT + IN_PLACE]
        if size > IN_PLACE:
            held += self._attribute(inode, number)
        if len(held) < size:
            raise Undecidable(f"inode {number} holds less than its file")
        return held[:size]

    def _inode(self, number: int) -> bytes:
        sound = 32 <= self._descriptor <= self._block and self._size >= OLD_INODE
        if number < 1 or not self._inodes_per_group or not sound:
            raise Undecidable(f"inode {number} was not found")
        group, index = divmod(number - 1, self._inodes_per_group)
        entry = self._read(self._table_at(group), self._descriptor)
        (block,) = struct.unpack_from("<I", entry, 0x8)
        if self._descriptor > 32:
            block |= struct.unpack_from("<I", entry, 0x28)[0] << 32
        return self._read(block * self._block + index * self._size, self._size)

    def _table_at(self, group: int) -> int:
        """Where the descriptor of `group` is, in bytes."""
        each = self._block // self._descriptor
        block, index = divmod(group, each)
        place = self._first + 1 + block
        if self._incompat & INCOMPAT_META_BG and block >= self._first_meta:
            leader = block * each
            place = self._first + leader * self._per_group + self._has_superblock(leader)
        return int(place * self._block + index * self._descriptor)

    def _has_superblock(self, group: int) -> bool:
        if group < 2 or not self._read_only & RO_SPARSE_SUPER:
            return True
        for base in (3, 5, 7):
            power = base
            while power < group:
                power *= base
            if power == group:
                return True
        return False

    def _attribute(self, inode: bytes, number: int) -> bytes:
        start = OLD_INODE + struct.unpack_from("<H", inode, EXTRA_AT)[0]
        if start + 4 <= len(inode) and struct.unpack_from("<I", inode, start)[0] == MAGIC:
            first = at = start + 4
            while at + 16 <= len(inode) and inode[at : at + 4] != b"\0\0\0\0":
                length, prefix, offset, _, size, _ = struct.unpack_from("<BBHIII", inode, at)
                if prefix == SYSTEM and inode[at + 16 : at + 16 + length] == DATA:
                    return inode[first + offset : first + offset + size]
                at += 16 + (length + 3) // 4 * 4
        raise Undecidable(f"inode {number} does not hold the rest of its file")

    def _read(self, offset: int, count: int) -> bytes:
        data = self._disk.read(self._start + offset, count)
        if len(data) < count:
            raise Undecidable(f"the file system ends before {offset + count}")
        return data
