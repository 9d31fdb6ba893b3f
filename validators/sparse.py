"""Sparse files: where they hold data, copies that leave zeros out, and holes where zeros were."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from generator.errors import Surroundings

CELL = 4096  # bytes; zeros are looked for in units of this, the block of most file systems
PIECE = 1 << 20  # bytes per read
ZEROS = bytes(PIECE)
FICLONE = 0x40049409  # ioctl of Linux: share all blocks of another file, copy on write
KEEP_SIZE, PUNCH_HOLE = 0x01, 0x02  # flags of fallocate(2)
UNABLE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENOTTY, errno.EXDEV, errno.EPERM)


def copy(source: Path, target: Path, size: int, advance: Callable[[int], None] = lambda _: None) -> None:
    """Make the existing file `target` the first `size` bytes of `source`; holes and zeros become holes.

    Where the file system can share blocks between files, they are shared and nothing is copied.
    `advance` is told how many bytes were done since its last call.

    Raises Surroundings when the source ends early or cannot be read, OSError when the target cannot be
    written.
    """
    with source.open("rb", buffering=0) as old, target.open("r+b", buffering=0) as new:
        if _share(old.fileno(), new.fileno()):
            new.truncate(size)
            advance(size)
            return
        new.truncate(0)
        new.truncate(size)
        _copy_data(source, old.fileno(), new.fileno(), size, 0, advance)


def copy_into(source: Path, target: Path, size: int, offset: int) -> None:
    """Write the first `size` bytes of `source` at `offset` of `target`, which has a hole there."""
    with source.open("rb", buffering=0) as old, target.open("r+b", buffering=0) as new:
        _copy_data(source, old.fileno(), new.fileno(), size, offset, lambda _: None)


def dig(path: Path, size: int) -> int:
    """Make holes of the zeros in the first `size` bytes of the file; returns how many bytes it lost on disk.

    Nothing that can be read changes. Where the file system has no holes, the file stays as it is.
    """
    before = path.stat().st_blocks
    with path.open("r+b", buffering=0) as file:
        for start, end in extents(file.fileno(), size):
            for at in range(start, end, PIECE):
                data = _read(file.fileno(), at, min(PIECE, end - at), path)
                cursor = 0
                for first, last in [*stretches(data), (len(data), len(data))]:
                    if first > cursor and not punch(file.fileno(), at + cursor, first - cursor):
                        return 0
                    cursor = last
    return max(0, before - path.stat().st_blocks) * 512


def extents(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Start and end of each stretch of data in the first `size` bytes; all where holes are unknown."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole follows
                return
            if error.errno in UNABLE:
                yield end, size
                return
            raise
        end = min(size, os.lseek(descriptor, start, os.SEEK_HOLE))
        if start < end:
            yield start, end


def stretches(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of what is not zero in `data`, in whole cells."""
    if data == ZEROS[: len(data)]:
        return
    start = -1
    for at in range(0, len(data), CELL):
        if data.startswith(ZEROS[: min(CELL, len(data) - at)], at):
            if start >= 0:
                yield start, at
            start = -1
        elif start < 0:
            start = at
    if start >= 0:
        yield start, len(data)


def punch(descriptor: int, start: int, length: int) -> bool:
    """Make a hole of `length` bytes; False, and nothing is changed, where the file system has none."""
    call = ctypes.CDLL(None, use_errno=True).fallocate
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    if call(descriptor, PUNCH_HOLE | KEEP_SIZE, start, length) == 0:
        return True
    if (number := ctypes.get_errno()) in UNABLE:
        return False
    raise OSError(number, os.strerror(number))


def _copy_data(
    source: Path, old: int, new: int, size: int, offset: int, advance: Callable[[int], None]
) -> None:
    done = 0
    for start, end in extents(old, size):
        for at in range(start, end, PIECE):
            data = _read(old, at, min(PIECE, end - at), source)
            for first, last in stretches(data):
                _write(new, memoryview(data)[first:last], offset + at + first)
            advance(at + len(data) - done)
            done = at + len(data)
    advance(size - done)


def _share(source: int, target: int) -> bool:
    """Whether `target` now shares the blocks of `source`."""
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError as error:
        if error.errno in UNABLE:
            return False
        raise
    return True


def _read(descriptor: int, offset: int, count: int, path: Path) -> bytes:
    try:
        data = os.pread(descriptor, count, offset)
    except OSError as error:
        raise Surroundings(f"cannot be read at {offset}: {error.strerror}", where=str(path)) from None
    if len(data) < count:
        hint = "stop what writes to it, then run this again"
        raise Surroundings("it became shorter while it was read", where=str(path), hint=hint)
    return data


def _write(descriptor: int, data: memoryview, offset: int) -> None:
    while data:
        done = os.pwrite(descriptor, data, offset)
        data, offset = data[done:], offset + done
