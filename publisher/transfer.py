"""Bring the blocks of a file into a page blob with several threads, and read each back."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from generator.errors import Surroundings
from publisher.extents import Coverage, Range, pieces
from publisher.patience import Patience

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient


@dataclass(frozen=True)
class Brought:
    """One block of the blob that equals the file: its stretches without zeros, and what was sent of them.

    `held` is how much of the block is no hole in the file; `digest` the SHA-256 of the whole block.
    """

    block: Range
    held: int
    pieces: tuple[Range, ...]
    digest: bytes
    sent: int


class Transfer:
    """One upload: the file, the blob with the pages that were `present` before, and how far it is."""

    def __init__(self, blob: BlobClient, descriptor: int, present: Coverage, patience: Patience) -> None:
        self.blob, self.descriptor, self.present, self.patience = blob, descriptor, present, patience
        self.sent = 0
        self.data = 0
        self.digests: dict[int, bytes] = {}
        self.compared: list[Range] = []

    def run(
        self, blocks: Sequence[tuple[Range, int]], size: int, parallel: int, advance: Callable[[int], None]
    ) -> None:
        """Bring every block over. Raises the first failure; it, or Ctrl-C, stops the other threads.

        They are daemons, so that a request that hangs cannot hold up the end of the process.
        """
        for gap in Coverage(block for block, _ in blocks).gaps(Range(0, size)):
            self._clear(gap)
        todo: SimpleQueue[tuple[Range, int]] = SimpleQueue()
        done: SimpleQueue[Brought | BaseException] = SimpleQueue()
        for each in blocks:
            todo.put(each)
        for _ in range(min(parallel, len(blocks))):
            threading.Thread(target=self._work, args=(todo, done), daemon=True).start()
        try:
            for _ in blocks:
                result = done.get()
                if isinstance(result, BaseException):
                    raise result
                self._count(result)
                advance(result.held)
        except BaseException:
            self.patience.stop()
            raise

    def prove(self) -> None:
        """Every piece was compared on its way; what is left is that no page exists outside of them.

        Raises Surroundings if one does.
        """
        compared = Coverage(self.compared)
        for page in stored_pages(self.blob, self.patience):
            for gap in compared.gaps(page):
                where = f"{self.blob.url} at {gap.start}"
                raise Surroundings("the blob holds pages that the file does not", where=where)

    def _work(self, todo: SimpleQueue[tuple[Range, int]], done: SimpleQueue[Brought | BaseException]) -> None:
        try:
            while not self.patience.stopped:
                done.put(self._bring(*todo.get_nowait()))
        except Empty:
            return
        except BaseException as error:  # whatever it is, the main thread waits for it
            done.put(error)

    def _bring(self, block: Range, held: int) -> Brought:
        """Make one block of the blob equal to the file."""
        data = os.pread(self.descriptor, block.length, block.start)
        if len(data) != block.length:
            raise Surroundings("the file became shorter while it was uploaded", hint="run it again")
        wanted = pieces(data, block.start)
        for zeros in Coverage(wanted).gaps(block):
            self._clear(zeros)
        sent = 0
        for piece in wanted:
            part = data[piece.start - block.start : piece.end - block.start]
            if self.present.covers(piece) and self._stored(piece) == part:
                continue
            # The service checks the MD5 of what arrives; what it keeps is compared in the same breath.
            self.patience.call(self.blob.upload_page, part, piece.start, piece.length, validate_content=True)
            sent += piece.length
            if self._stored(piece) != part:
                where = f"{self.blob.url} at {piece.start}"
                raise Surroundings("the blob does not hold what was sent", where=where, hint="run it again")
        return Brought(block, held, tuple(wanted), hashlib.sha256(data).digest(), sent)

    def _stored(self, part: Range) -> bytes:
        def read(**options: Any) -> bytes:
            return bytes(self.blob.download_blob(part.start, part.length, **options).readall())

        return self.patience.call(read, max_concurrency=1, raw_response_hook=_forget_type)

    def _clear(self, part: Range) -> None:
        """Empty pages where the file has zeros but an older upload left something."""
        for stale in self.present.within(part):
            self.patience.call(self.blob.clear_page, stale.start, stale.length)

    def _count(self, result: Brought) -> None:
        self.sent += result.sent
        if result.pieces:
            self.data += sum(piece.length for piece in result.pieces)
            self.digests[result.block.start] = result.digest
            self.compared += result.pieces


def stored_pages(blob: BlobClient, patience: Patience) -> list[Range]:
    """The pages of a blob that were written and not cleared."""

    def pages(**options: Any) -> list[Range]:
        listed: Any = blob.list_page_ranges(**options)
        return [Range(page.start, page.end + 1) for page in listed if not page.cleared]

    return patience.call(pages)


def _forget_type(response: Any) -> None:
    """The SDK lists all pages of a page blob with every read of a part of it; of other blobs it does not.

    On a disk of a thousand pieces that is a thousand lists of a thousand pages.
    """
    response.http_response.headers.pop("x-ms-blob-type", None)
