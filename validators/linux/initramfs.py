"""File names inside an initramfs: cpio archives, one after the other, each perhaps compressed."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from validators.guest import Undecidable

COMPRESSED_LIMIT = 192 << 20  # bytes of the file
UNPACKED_LIMIT = 1 << 30  # bytes after decompression; more is a bomb or a rescue system
CHUNK = 1 << 18  # bytes out of a decompressor at once
INPUT = 1 << 20  # bytes of the file at once
NEWC = (b"070701", b"070702")
HEADER_BYTES = 110
LZ4_LEGACY = b"\x02\x21\x4c\x18"
LZ4_BLOCK = 8 << 20  # bytes; every block unpacks to this, the last one to less
LZ4_MOST = LZ4_BLOCK + LZ4_BLOCK // 255 + 16  # bytes of a block that does not compress
NAME_LIMIT = 4096
TRAILER = "TRAILER!!!"


Read = Callable[[int, int], bytes]  # offset, bytes; fewer at the end


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """zlib's decompressor with the manners of the others."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max(max_length, 0))


def names(data: bytes) -> Iterator[str]:
    """Every file name in an initramfs that is in memory; see `walk`."""
    return walk(lambda offset, count: data[offset : offset + count], len(data))


def walk(read: Read, size: int) -> Iterator[str]:
    """Every file name in an initramfs of `size` bytes, read no further than names are asked for.

    Raises Undecidable for what cannot be unpacked, and for a bomb.
    """
    budget = [UNPACKED_LIMIT]
    at = 0
    while (at := _after_zeros(read, at, size)) < size:
        magic = read(at, 6)
        if magic in NEWC:
            reader = _Reader(_plain(read, at, size), budget)
            yield from reader.archive()
            at += reader.position
            continue
        ends: list[int] = []
        if magic.startswith(LZ4_LEGACY):
            pieces = _lz4_blocks(read, at, size, ends)
        else:
            pieces = _unpacked(_decompressor(magic), read, at, ends)
        reader = _Reader(pieces, budget)
        while reader.skip_zeros():
            yield from reader.archive()
        if not ends:
            return
        at = ends[0]


def _decompressor(magic: bytes) -> _Decompressor:
    if magic.startswith(b"\x1f\x8b"):
        return _Gzip()
    if magic.startswith((b"\xfd7zXZ", b"\x5d\0\0")):
        return lzma.LZMADecompressor()
    if magic.startswith(b"BZh"):
        return bz2.BZ2Decompressor()
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd()
    if magic.startswith(b"\x04\x22\x4d\x18"):
        from lz4.frame import LZ4FrameDecompressor

        frame: _Decompressor = LZ4FrameDecompressor()
        return frame
    raise Undecidable("the initramfs is compressed with an unknown method")


def _zstd() -> _Decompressor:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14
    except ImportError:
        from backports import zstd
    decompressor: _Decompressor = zstd.ZstdDecompressor()
    return decompressor


def _plain(read: Read, at: int, size: int) -> Iterator[bytes]:
    for start in range(at, size, INPUT):
        yield read(start, INPUT)


def _lz4_blocks(read: Read, at: int, size: int, ends: list[int]) -> Iterator[bytes]:
    """The pieces of lz4's first format, which the kernel uses: blocks after their lengths, without an end."""
    from lz4.block import LZ4BlockError, decompress

    at += len(LZ4_LEGACY)
    while at + 4 <= size:
        length = int.from_bytes(read(at, 4), "little")
        if not 0 < length <= LZ4_MOST:  # padding, or the next archive
            break
        block = read(at + 4, length)
        if len(block) < length:
            raise Undecidable("the initramfs ends in the middle of its compressed part")
        try:
            yield decompress(block, uncompressed_size=LZ4_BLOCK)
        except LZ4BlockError as error:
            raise Undecidable(f"the initramfs cannot be unpacked: {error}") from None
        at += 4 + length
    ends.append(at)


def _unpacked(decompressor: _Decompressor, read: Read, at: int, ends: list[int]) -> Iterator[bytes]:
    """Decompressed pieces; `ends` gets where the compressed stream that begins at `at` ends."""
    try:
        while not decompressor.eof:
            piece = b""
            if decompressor.needs_input:
                piece = read(at, INPUT)
                at += len(piece)
                if not piece:
                    raise Undecidable("the initramfs ends in the middle of its compressed part")
            yield decompressor.decompress(piece, CHUNK)
    except (OSError, EOFError, ValueError, RuntimeError, zlib.error, lzma.LZMAError) as error:
        raise Undecidable(f"the initramfs cannot be unpacked: {error}") from None
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise Undecidable(f"the initramfs cannot be unpacked: {error}") from None
    ends.append(at - len(decompressor.unused_data))


class _Reader:
    """Walks cpio archives in a stream of pieces, keeping no file's content."""

    def __init__(self, pieces: Iterator[bytes], budget: list[int]) -> None:
        self._pieces = pieces
        self._budget = budget  # shared: one bound for the whole initramfs
        self._buffer = b""
        self._start = 0
        self.position = 0

    def archive(self) -> Iterator[str]:
        """The names of one archive, up to its trailer."""
        begin = self.position
        while True:
            header = self._take(HEADER_BYTES)
            if header[:6] not in NEWC:
                raise Undecidable(f"the initramfs is no cpio archive at byte {self.position - HEADER_BYTES}")
            try:
                size, length = int(header[54:62], 16), int(header[94:102], 16)
            except ValueError:
                raise Undecidable("the initramfs has a damaged cpio header") from None
            if not 0 < length <= NAME_LIMIT:
                raise Undecidable(f"the initramfs has a file name of {length} bytes")
            name = self._take(length).rstrip(b"\0").decode("utf-8", "replace")
            self._skip(-(self.position - begin) % 4)
            if name == TRAILER:
                return
            self._skip(size + -size % 4)
            yield name

    def skip_zeros(self) -> bool:
        """Skip padding; False at the end of the stream."""
        while self._fill():
            rest = self._buffer[self._start :].lstrip(b"\0")
            self.position += len(self._buffer) - self._start - len(rest)
            self._buffer, self._start = rest, 0
            if rest:
                return True
        return False

    def _fill(self) -> bool:
        while self._start >= len(self._buffer):
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._budget[0] -= len(piece)
            if self._budget[0] < 0:
                raise Undecidable(f"the initramfs unpacks to more than {UNPACKED_LIMIT} bytes")
            self._buffer, self._start = piece, 0
        return True

    def _take(self, count: int) -> bytes:
        taken = []
        left = count
        while left:
            if not self._fill():
                raise Undecidable("the initramfs ends in the middle of an archive")
            piece = self._buffer[self._start : self._start + left]
            self._advance(len(piece))
            taken.append(piece)
            left -= len(piece)
        return b"".join(taken)

    def _skip(self, count: int) -> None:
        while count:
            if not self._fill():
                raise Undecidable("the initramfs ends in the middle of an archive")
            step = min(count, len(self._buffer) - self._start)
            self._advance(step)
            count -= step

    def _advance(self, count: int) -> None:
        self._start += count
        self.position += count


def _after_zeros(read: Read, at: int, size: int) -> int:
    while at < size and (piece := read(at, 4096)):
        bare = piece.lstrip(b"\0")
        if bare:
            return at + len(piece) - len(bare)
        at += len(piece)
    return size
