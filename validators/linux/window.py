"""Reading here and there in a large file of the guest: in blocks, the last ones kept."""

from __future__ import annotations

from validators.guest import Guest, Undecidable

BLOCK = 1 << 18  # bytes of one read; to open a file of the image takes longer than to read this much
KEPT = 96  # blocks: a database of a server image as a whole, 24 MiB


class Window:
    """A file of any size, of which at most `KEPT` blocks are in memory."""

    def __init__(self, guest: Guest, path: str) -> None:
        """Raises Undecidable if there is no such file."""
        facts = guest.stat(path)
        if facts is None:
            raise Undecidable(f"{path} is not there")
        self.path = path
        self.size = facts.size
        self._guest = guest
        self._blocks: dict[int, bytes] = {}

    def read(self, offset: int, count: int) -> bytes:
        """Exactly `count` bytes. Raises Undecidable if the file ends before."""
        found = self.upto(offset, count)
        if len(found) != count:
            raise Undecidable(f"{self.path} ends at {self.size}, in the middle of what is at {offset:#x}")
        return found

    def upto(self, offset: int, count: int) -> bytes:
        """`count` bytes, fewer at the end of the file."""
        end = min(offset + count, self.size)
        pieces = []
        while offset < end:
            number, start = divmod(offset, BLOCK)
            piece = self._block(number)[start : start + end - offset]
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)

    def _block(self, number: int) -> bytes:
        found = self._blocks.pop(number, None)
        if found is None:
            found = self._guest.piece(self.path, number * BLOCK, BLOCK) or b""
            if len(self._blocks) >= KEPT:
                del self._blocks[next(iter(self._blocks))]
        self._blocks[number] = found  # the newest is last
        return found
