"""Download a blob into a sparse file: only the pages that exist, continued where it was, never half a file.

The file grows beside its place, under a name of its own, with a journal of the blocks that are in it. It
gets its name when it is complete. Every read names the ETag of the blob, so that two versions cannot mix.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from generator.atomic_file import open_in_place
from generator.errors import Surroundings, Unusable
from publisher import pages
from publisher.extents import Block, Piece, Range, blocks, pieces
from publisher.patience import Patience
from publisher.store import failures
from publisher.workers import in_parallel

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

SYNC = 16  # blocks between two times that the journal is made sure of


@dataclass(frozen=True)
class Downloaded:
    """A file that equals its blob. `size`, `data` (what is not zeros) and `got` (over the wire) in bytes."""

    path: Path
    size: int
    data: int
    got: int
    seconds: float


def download(
    blob: BlobClient,
    out: Path,
    *,
    patience: Patience | None = None,
    begin: Callable[[int], Callable[[int], None]] = lambda total: lambda count: None,
) -> Downloaded:
    """Make `out` equal to `blob`, as a sparse file.

    `begin` gets the bytes to come, and returns what is told of each block that has come. Raises Unusable if
    `out` is there already or there is no such blob, Surroundings if the storage fails for too long, the
    blob changes meanwhile, or another download writes the same file.
    """
    if out.exists():
        raise Unusable("it is there already", where=str(out), hint="remove it, or choose another name")
    began, patience = time.monotonic(), patience or Patience()
    with failures(blob.url), ExitStack() as stack:
        found = patience.call(blob.get_blob_properties)
        part = stack.enter_context(_Part(out, {"url": blob.url, "etag": found.etag, "size": found.size}))
        known = pages.listed(blob, patience) if found.blob_type == "PageBlob" else [Range(0, found.size)]
        todo = [block for block in blocks(known, found.size) if block.whole.start not in part.done]
        advance = begin(sum(block.held for block in todo))
        data = got = 0
        for block, written in in_parallel(_tasks(blob, todo, found.etag, part, patience), patience):
            part.note(block.whole.start)
            data += written
            got += block.held
            advance(block.held)
        part.finish()
    return Downloaded(out, found.size, data, got, time.monotonic() - began)


def open_blob(text: str, env_blob: Callable[[str, str], BlobClient]) -> BlobClient:
    """The blob that a URI names; without a SAS in it, `env_blob` opens it by container URL and name."""
    from azure.core.credentials import AzureSasCredential
    from azure.storage.blob import BlobClient

    from publisher.sasuri import parse
    from publisher.store import TIMEOUTS, is_local

    uri = parse(text)
    if uri.parts.scheme not in ("http", "https") or not uri.parts.hostname or not uri.name:
        raise Unusable("this is no URI of a blob", where=uri.shown)
    plain = text.split("?")[0]
    if not uri.query:
        container, _, name = plain.rpartition("/")
        return env_blob(container, uri.name if name else "")
    # As a credential: in the URL, the SDK and its errors would show it.
    options: dict[str, Any] = {**TIMEOUTS, **({"use_env_settings": False} if is_local(text) else {})}
    try:
        return BlobClient.from_blob_url(plain, credential=AzureSasCredential(uri.parts.query), **options)
    except ValueError:
        raise Unusable("this is no URI of a blob", where=uri.shown) from None


def _tasks(
    blob: BlobClient, todo: Sequence[Block], etag: str, part: _Part, patience: Patience
) -> Iterator[Callable[[], tuple[Block, int]]]:
    from azure.core import MatchConditions

    options = {"etag": etag, "match_condition": MatchConditions.IfNotModified}

    def bring(block: Block) -> tuple[Block, int]:
        stored = [Piece(each.start, pages.read(blob, each, patience, **options)) for each in block.extents]
        found = pieces(stored)
        for piece in found:
            part.put(piece)
        return block, sum(len(piece.data) for piece in found)

    for block in todo:
        yield lambda block=block: bring(block)  # type: ignore[misc]


class _Part:
    """The file on its way, and its journal; `done` are the starts of the blocks in it."""

    def __init__(self, out: Path, of: dict[str, object]) -> None:
        self.out, self.of = out, of
        self.path, self.log = (out.with_name(f".{out.name}.{kind}") for kind in ("part", "journal"))
        self.done: set[int] = set()
        self._pending: list[int] = []

    def __enter__(self) -> _Part:
        self._journal: IO[str] = os.fdopen(
            open_in_place(self.log, os.O_RDWR | os.O_CREAT | os.O_APPEND), "a+"
        )
        try:
            fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._journal.close()
            raise Surroundings("another download writes this file", where=str(self.out)) from None
        self._file = open_in_place(self.path, os.O_RDWR | os.O_CREAT)
        self.done = self._read()
        if not self.done:
            os.ftruncate(self._file, 0)
            self._journal.truncate(0)
            self._journal.write(json.dumps(self.of) + "\n")
        os.ftruncate(self._file, int(str(self.of["size"])))
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
        self._journal.close()

    def put(self, piece: Piece) -> None:
        """Write one piece to its place."""
        view, at = memoryview(piece.data), piece.start
        while view:
            count = os.pwrite(self._file, view, at)
            view, at = view[count:], at + count

    def note(self, start: int) -> None:
        """A block is in the file; written down when it is sure to survive."""
        self._pending.append(start)
        if len(self._pending) >= SYNC:
            os.fdatasync(self._file)
            self._journal.writelines(f"{each}\n" for each in self._pending)
            self._journal.flush()
            self._pending.clear()

    def finish(self) -> None:
        """Give the file its name."""
        os.fsync(self._file)
        os.link(self.path, self.out)  # never over a file that came meanwhile
        self.path.unlink()
        self.log.unlink()

    def _read(self) -> set[int]:
        """What an earlier run brought of the same blob; nothing if its ETag or size is another one."""
        self._journal.seek(0)
        head, *lines = self._journal.read().split("\n")[:-1] or [""]
        try:
            known = json.loads(head) == self.of
        except ValueError:
            known = False
        return {int(line) for line in lines if line.isdecimal()} if known else set()
