"""Bring the blocks of a file into a page blob, and be sure of what is there then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from generator.errors import Surroundings
from publisher import lease, pages, proof
from publisher.checksum import CRC64, MD5, NOTHING, UNKNOWN, Checksum
from publisher.extents import BLOCK, Block, Coverage, Piece, Range, merged
from publisher.journal import Journal
from publisher.patience import Patience
from publisher.store import is_local

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

SENDINGS = 3  # of one piece that is not there as it was sent, before it is given up


@dataclass(frozen=True)
class Brought:
    """One block of the blob that equals the file, and how many bytes were sent for that."""

    block: Block
    pieces: tuple[Range, ...]
    digest: bytes
    sent: int


@dataclass
class Transfer:
    """One file on its way into one blob.

    `known` are the digests of the blocks of which it is sure what they hold, `present` the pages that the
    blob held before. `trust`: a page write that the service does not confirm is not read back. `checksum`
    goes with each page; MD5 if the service turns out not to know it.
    """

    blob: BlobClient
    descriptor: int
    patience: Patience
    lease: lease.Lease | None
    journal: Journal
    known: Mapping[int, str]
    trust: bool
    checksum: Checksum = field(init=False)
    present: Coverage = field(default_factory=lambda: Coverage(()))
    sent: int = 0
    data: int = 0
    digests: dict[int, bytes] = field(default_factory=dict)
    sure: list[Range] = field(default_factory=list)
    modified: float = 0.0  # when the blob was last written to by this run, in seconds since 1970

    def __post_init__(self) -> None:
        self.checksum = NOTHING if is_local(self.blob.url) else CRC64

    def tasks(self, blocks: Iterable[Block], size: int) -> Iterator[Callable[[], Brought | None]]:
        """What is to be done, in order: stale pages emptied, and each of the ascending `blocks` brought."""
        end = 0
        for block in blocks:
            yield from self._emptying(Range(end, block.whole.start))
            yield lambda block=block: self._bring(block)  # type: ignore[misc]
            end = block.whole.end
        yield from self._emptying(Range(end, size))

    def count(self, result: Brought) -> None:
        """Take note of a block that is done."""
        self.sent += result.sent
        if result.pieces:
            self.data += sum(piece.length for piece in result.pieces)
            self.digests[result.block.whole.start] = result.digest
            self.sure += result.pieces

    def prove(self) -> None:
        """The blob holds every page of the file, each compared on its way, and no other page.

        Raises Surroundings if one is missing or too many.
        """
        there = list(Coverage(pages.listed(self.blob, self.patience)).ranges)
        wanted = list(merged(sorted(self.sure)))
        if there != wanted:
            at = min(set(there) ^ set(wanted)).start
            raise Surroundings(
                "the blob's pages are not those of the file",
                where=f"{self.blob.url} at {at}",
                hint="run it again",
            )

    def write(self, request: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """A request that writes, under the lease; taken again if a long break has let it run out.

        A managed disk has no lease.
        """
        from azure.core.exceptions import HttpResponseError

        if self.lease is None:
            return self.patience.call(request, *args, **options)

        try:
            return self.patience.call(request, *args, lease=self.lease.name, **options)
        except HttpResponseError as error:
            if lease.code(error) not in lease.LOST:
                raise
        self.lease.again()
        return self.patience.call(request, *args, lease=self.lease.name, **options)

    def _emptying(self, part: Range) -> Iterator[Callable[[], None]]:
        if any(True for _ in self.present.within(part)):
            yield lambda: self._clear(part)

    def _bring(self, block: Block) -> Brought:
        """Make one block of the blob equal to the file."""
        found = proof.read(self.descriptor, block)
        digest = proof.digest(found)
        for zeros in Coverage(piece.range for piece in found).gaps(block.whole):
            self._clear(zeros)
        is_known = self.known.get(block.whole.start) == digest.hex()
        sent = sum(self._piece(piece, is_known) for piece in found)
        if found:
            self.journal.note(block.whole.start, digest.hex(), self.modified)
        return Brought(block, tuple(piece.range for piece in found), digest, sent)

    def _piece(self, piece: Piece, is_known: bool) -> int:
        """Send one piece unless the blob has it; the bytes sent."""
        if self.present.covers(piece.range) and (
            is_known or pages.read(self.blob, piece.range, self.patience) == piece.data
        ):
            return 0
        for sending in range(1, SENDINGS + 1):
            if self._send(piece) or self.trust:
                return sending * len(piece.data)
            if pages.read(self.blob, piece.range, self.patience) == piece.data:
                return sending * len(piece.data)
        where = f"{self.blob.url} at {piece.start}"
        raise Surroundings("the blob does not hold what was sent", where=where, hint="run it again")

    def _send(self, piece: Piece) -> bool:
        """Write one piece; whether the service confirms what it got."""
        from azure.core.exceptions import HttpResponseError

        kind = self.checksum
        value = kind.of(piece.data)
        request = (self.blob.upload_page, piece.data, piece.start, len(piece.data))
        try:
            answer = self.write(*request, headers=kind.headers(value))
        except HttpResponseError as error:
            if kind is not CRC64 or lease.code(error) != UNKNOWN:
                raise
            self.checksum = MD5
            return self._send(piece)
        self.modified = max(self.modified, answer["last_modified"].timestamp())
        return kind.confirmed(answer, value)

    def _clear(self, part: Range) -> None:
        """Empty pages where the file has zeros but an older upload left something."""
        for stale in self.present.within(part):
            answer = self.write(self.blob.clear_page, stale.start, stale.length)
            self.modified = max(self.modified, answer["last_modified"].timestamp())


def comparisons(
    blob: BlobClient, descriptor: int, blocks: Iterable[Block], size: int, patience: Patience
) -> Iterator[Callable[[], None]]:
    """What compares every byte of `blob` with the open file of `size` bytes: its data, and its zeros.

    `blocks` are those of the file that hold data. The tasks raise Surroundings where the two differ.
    """
    present = Coverage(pages.listed(blob, patience))

    def compare(block: Block) -> None:
        found = proof.read(descriptor, block)
        for piece in found:
            if pages.read(blob, piece.range, patience) != piece.data:
                raise _differs(blob, piece.start)
        for zeros in Coverage(piece.range for piece in found).gaps(block.whole):
            empty(zeros)

    def empty(part: Range) -> None:
        for held in present.within(part):
            for piece in _chunks(held):
                if any(pages.read(blob, piece, patience)):
                    raise _differs(blob, piece.start)

    end = 0
    for block in blocks:
        between = Range(end, block.whole.start)
        yield lambda between=between: empty(between)  # type: ignore[misc]
        yield lambda block=block: compare(block)  # type: ignore[misc]
        end = block.whole.end
    yield lambda: empty(Range(end, size))


def _chunks(part: Range) -> Iterator[Range]:
    for start in range(part.start, part.end, BLOCK):
        yield Range(start, min(part.end, start + BLOCK))


def _differs(blob: BlobClient, at: int) -> Surroundings:
    return Surroundings(
        "the blob does not hold what the file holds",
        where=f"{blob.url} at {at}",
        hint="something on the way changes what is sent; upload it again with --overwrite",
    )
