"""A file on its way: written beside its place, continued by a second run, named only when it is whole.

The journal beside it has a line for each block that is on the disk, with the digest of it. A second run
believes neither the journal nor the file alone: a block counts as there if the file holds what the journal
says.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from generator.atomic_file import open_in_place
from generator.errors import Surroundings
from publisher import proof
from publisher.extents import Block, Piece, Range, blocks, extents, merged, pieces
from validators.sparse import CELL

SYNC = 16  # blocks between two times that the journal is made sure of


class PartialFile:
    """A context; `digests` are those of the blocks that are in it, by where they start.

    `of` says what the file is made from: an earlier run counts only if it was made from the same.
    """

    def __init__(self, out: Path, of: Mapping[str, object], size: int) -> None:
        """`size` in bytes is that of the whole file."""
        self.out, self.of, self.size = out, dict(of), size
        self.path, self.log = (out.with_name(f".{out.name}.{kind}") for kind in ("part", "journal"))
        self.digests: dict[int, str] = {}
        self._pending: list[tuple[int, str]] = []

    def __enter__(self) -> PartialFile:
        """Raises Surroundings if another process writes it, Unusable if a link has its name."""
        self._journal = os.fdopen(open_in_place(self.log, os.O_RDWR | os.O_CREAT | os.O_APPEND), "r+")
        try:
            fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._journal.close()
            raise Surroundings("another download writes this file", where=str(self.out)) from None
        try:
            self._file = open_in_place(self.path, os.O_RDWR | os.O_CREAT)
        except BaseException:
            self._journal.close()
            raise
        self.digests = self._verified(self._read())
        if not self.digests:
            os.ftruncate(self._file, 0)
        self._journal.truncate(0)
        self._journal.write(json.dumps(self.of) + "\n")
        self._write(self.digests.items())
        os.ftruncate(self._file, self.size)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)
        self._journal.close()

    def put(self, block: Block, data: Sequence[bytes]) -> tuple[str, int]:
        """Write the bytes of each extent of `block`; the digest of it, and its bytes that are not zeros."""
        parts = [Piece(extent.start, each) for extent, each in zip(block.extents, data, strict=True)]
        for piece in pieces(parts):
            view, at = memoryview(piece.data), piece.start
            while view:
                count = os.pwrite(self._file, view, at)
                view, at = view[count:], at + count
        found = proof.read(self._file, _in_cells(block))
        return proof.digest(found).hex(), sum(len(piece.data) for piece in found)

    def note(self, start: int, digest: str) -> None:
        """A block is in the file; written down when it is sure to survive."""
        self.digests[start] = digest
        self._pending.append((start, digest))
        if len(self._pending) >= SYNC:
            os.fdatasync(self._file)
            self._write(self._pending)
            self._pending.clear()

    def digest(self) -> str:
        """The digest of the whole file (`proof.combined`), from those of the blocks that were written."""
        held = {start: bytes.fromhex(each) for start, each in self.digests.items() if each != EMPTY}
        return proof.combined(self.size, held)

    def finish(self) -> None:
        """Give the file its name. Raises Surroundings if it does not hold what was written to it."""
        os.fsync(self._file)
        same = self.path.exists() and os.path.samestat(os.fstat(self._file), os.lstat(self.path))
        if not same or proof.of_file(self._file, self.size).digest != self.digest():
            self.discard()
            raise Surroundings(
                "somebody else wrote to the unfinished file", where=str(self.path), hint="run it again"
            )
        os.link(self.path, self.out, follow_symlinks=False)  # never over a file that came meanwhile
        self.discard()

    def discard(self) -> None:
        """Remove the unfinished file and its journal."""
        self.path.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)

    def _write(self, digests: Iterable[tuple[int, str]]) -> None:
        self._journal.writelines(f"{start} {digest}\n" for start, digest in digests)
        self._journal.flush()

    def _read(self) -> dict[int, str]:
        """What the journal says of an earlier run for the same; nothing of another one."""
        self._journal.seek(0)
        head, *lines = self._journal.read().split("\n")[:-1] or [""]
        try:
            if json.loads(head) != self.of:
                return {}
            split = [line.split(" ") for line in lines]
            return {int(start): digest for start, digest in split}
        except ValueError:
            return {}

    def _verified(self, journal: Mapping[int, str]) -> dict[int, str]:
        """The blocks of `journal` that the file holds as it says."""
        if os.fstat(self._file).st_size != self.size:
            return {}
        there = {block.whole.start: block for block in blocks(extents(self._file, self.size), self.size)}
        found = {}
        for start, digest in journal.items():
            held = proof.read(self._file, there[start]) if start in there else []
            if proof.digest(held).hex() == digest:
                found[start] = digest
        return found


EMPTY = proof.digest([]).hex()  # of a block of zeros


def _in_cells(block: Block) -> Block:
    """`block` with its extents widened to whole cells, as a file system holds them."""
    end = block.whole.end
    wide = [Range(part.start // CELL * CELL, min(end, -(-part.end // CELL) * CELL)) for part in block.extents]
    return Block(block.whole, tuple(merged(wide)))
