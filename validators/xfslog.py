"""Whether the log of an XFS file system is empty: whoever does not replay it reads what was there before.

As fs/xfs/xfs_log_recover.c of Linux 6.18 finds it: the log's head is where its blocks begin to be of an older
cycle, and the last record before it says that the file system was unmounted.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from validators.blocks import Blocks

BLOCK = 512  # bytes; the log counts in them whatever the sector is
MAGIC = 0xFEEDBABE
RECORD_BLOCKS = 512  # looked through for the last record; the largest has 256 KiB
HEADER_BYTES = 32768  # of a record that one header speaks of
UNMOUNT = 0x20


def is_clean(disk: Blocks, start: int, head: bytes) -> bool:
    """Whether the file system at `start` of `disk` has an empty log; `head` is its superblock.

    True for a log on another device, of which nothing is known here.
    """
    if len(head) < 125:
        return True
    block, agblocks = struct.unpack_from(">I", head, 4)[0], struct.unpack_from(">I", head, 84)[0]
    (place,) = struct.unpack_from(">Q", head, 48)
    (length,) = struct.unpack_from(">I", head, 96)
    shift = head[124]
    if not place or not block or not length or shift > 31:
        return True
    group, inner = place >> shift, place & ((1 << shift) - 1)
    first = start + (group * agblocks + inner) * block
    count = length * block // BLOCK

    def read(at: int) -> bytes:
        return disk.read(first + at * BLOCK, BLOCK).ljust(BLOCK, b"\0")

    def cycle(at: int) -> int:
        word, second = struct.unpack_from(">II", read(at))
        return int(second if word == MAGIC else word)

    oldest, newest = cycle(count - 1), cycle(0)
    if not newest:
        return True  # never written
    low, high = 0, count  # the first block that is not of the newest cycle
    while oldest != newest and low < high:
        middle = (low + high) // 2
        if cycle(middle) == newest:
            low = middle + 1
        else:
            high = middle
    end = low if oldest != newest else count
    return _was_unmounted(read, end, count)


def _was_unmounted(read: Callable[[int], bytes], end: int, count: int) -> bool:
    """Whether the last record before block `end` is that of unmounting, and ends there."""
    for at in range(end - 1, max(-1, end - 1 - RECORD_BLOCKS), -1):
        header = read(at)
        if struct.unpack_from(">I", header)[0] != MAGIC:
            continue
        version, length = struct.unpack_from(">II", header, 8)
        (operations,) = struct.unpack_from(">I", header, 40)
        (size,) = struct.unpack_from(">I", header, 320)
        headers = max(1, -(-size // HEADER_BYTES)) if version & 2 else 1
        data = read(at + headers) if at + headers < count else bytes(BLOCK)
        after = at + headers + -(-length // BLOCK)
        return operations == 1 and bool(data[9] & UNMOUNT) and after == end
    return False
