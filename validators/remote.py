"""A disk behind a URL: what of the URL may be seen, and how it is read, range by range."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from validators import urls

if TYPE_CHECKING:
    from validators.ranges import Reader

COUNTER = struct.Struct("=QQ")  # bytes, requests


class RemoteDisk:
    """Stands where the path of a disk file stands. Printed, pickled or compared, it is its URL without a SAS.

    Reading it is counted across the processes that were forked from the one that made it.
    """

    def __init__(self, shown: str, url: str = "", plans: str | None = None) -> None:
        self.shown = shown
        self._plans = plans
        self._url = url
        self._counter = mmap.mmap(-1, mmap.PAGESIZE) if url else None
        self._reader: Reader | None = None
        self._whole: RemoteBlocks | None = None

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"RemoteDisk({self.shown!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteDisk) and self.shown == other.shown

    def __hash__(self) -> int:
        return hash(self.shown)

    def __reduce__(self) -> tuple[type[RemoteDisk], tuple[str, str, str | None]]:
        return RemoteDisk, (self.shown, "", self._plans)  # the SAS leaves this process by HTTP only

    @property
    def name(self) -> str:
        """What the plan calls the disk, if that was given; else the blob's name without its folders."""
        return self._plans or unquote(self.shown.rpartition("/")[2])

    @property
    def is_local(self) -> bool:
        """Whether it is on a server of this machine, which no proxy reaches."""
        return urlsplit(self.shown).hostname in urls.LOCAL

    @property
    def reader(self) -> Reader:
        """What reads it; connects at the first call. Raises what `validators.ranges.Reader` raises."""
        if self._reader is None:
            from validators.ranges import Reader

            self._reader = Reader(self, self._url)
        return self._reader

    @property
    def whole(self) -> RemoteBlocks:
        """All of the file, footer included; the same object every time, so that readers share it."""
        if self._whole is None:
            self._whole = RemoteBlocks(self, self.reader.size)
        return self._whole

    def count(self, received: int) -> None:
        """Note one request that brought `received` bytes."""
        assert self._counter is not None
        total, requests = COUNTER.unpack_from(self._counter)
        COUNTER.pack_into(self._counter, 0, total + received, requests + 1)

    @property
    def received(self) -> int:
        """Bytes that all answers together brought so far."""
        return int(COUNTER.unpack_from(self._counter)[0]) if self._counter else 0

    @property
    def requests(self) -> int:
        return int(COUNTER.unpack_from(self._counter)[1]) if self._counter else 0


Place = Path | RemoteDisk


class RemoteBlocks:
    """The first `size` bytes of a remote disk, as `blocks.Blocks` wants them."""

    def __init__(self, disk: RemoteDisk, size: int) -> None:
        self.size = size
        self._reader = disk.reader

    def read(self, offset: int, count: int) -> bytes:
        if not 0 <= offset < self.size:
            return b""
        return self._reader.read(offset, min(count, self.size - offset))


def place(text: str) -> Place:
    """The disk that `text` names: a URL, or a path.

    Raises what `validators.urls.checked` raises for a URL that must not be used.
    """
    if not urls.SCHEME.match(text):
        return Path(text)
    found = urls.checked(text)
    return RemoteDisk(found.shown, found.text)
