"""What a blob's metadata says of it: unfinished, or proven equal to a file, and when.

A later write to the blob changes its Last-Modified and leaves the metadata alone. So the metadata names the
very second of its own writing, while the upload still holds the blob: a blob whose Last-Modified is another
one was changed since, and is not proven any more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from generator.errors import NotMet, Surroundings
from publisher.extents import BLOCK, Block, Piece, Range, blocks, extents, pieces

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties

PROVEN = "vmoffer_proven"  # the digest of the file that the blob was compared with
PROVEN_AT = "vmoffer_proven_at"  # the blob's Last-Modified then, in seconds since 1970
VALIDATED = (
    "vmoffer_validated"  # the verdict on a blob that a builder in Azure wrote, so that there is no file
)
PROJECT = "vmoffer_project"  # the digest of the Packer project that made it
STARTED = "vmoffer_started"  # ours and not finished; which run works on it
TRIES = 10


def require(properties: BlobProperties, where: str) -> None:
    """Raises NotMet for a blob that is not proven, or was changed after it was."""
    if not (PROVEN in properties.metadata or VALIDATED in properties.metadata):
        unfinished = STARTED in properties.metadata
        raise NotMet(
            "its upload is not finished" if unfinished else "the blob was not compared with its file",
            where=where,
            hint="vmoffer upload goes on with it"
            if unfinished
            else "vmoffer upload compares it, vmoffer validate --blob --record validates it; or --unproven",
        )
    if not untouched(properties):
        raise NotMet(
            f"the blob was changed after it was proven, at {properties.last_modified:%Y-%m-%dT%H:%M:%SZ}",
            where=where,
            hint="vmoffer upload compares it again and mends it",
        )


def is_proven(properties: BlobProperties) -> bool:
    """Whether the blob is finished, and what is known of it still holds."""
    known = PROVEN in properties.metadata or VALIDATED in properties.metadata
    return known and untouched(properties)


def untouched(properties: BlobProperties) -> bool:
    """Whether nothing was written to a proven blob since."""
    return properties.metadata.get(PROVEN_AT) == str(int(properties.last_modified.timestamp()))


def record(write: Callable[[dict[str, str]], Mapping[str, Any]], known: Mapping[str, str]) -> None:
    """Have `write` put what is `known` into the metadata; again until it names its own second."""
    at = int(time.time())
    for _ in range(TRIES):
        began = time.monotonic()
        got = int(write({**known, PROVEN_AT: str(at)})["last_modified"].timestamp())
        if got == at:
            return
        at = got + int(time.monotonic() - began)
    raise Surroundings("the storage answers too slowly to record the proof", hint="run it again")


def digest(found: Iterable[Piece]) -> bytes:
    """The BLAKE3 hash of the pieces of one block, with their places: a tenth of the work of SHA-256."""
    whole = blake3()
    for piece in found:
        whole.update(piece.start.to_bytes(8, "big") + len(piece.data).to_bytes(8, "big"))
        whole.update(piece.data)
    return whole.digest()


def combined(size: int, digests: Mapping[int, bytes]) -> str:
    """One digest of the size and of each block that is not all zeros, by its start."""
    whole = blake3(size.to_bytes(8, "big") + BLOCK.to_bytes(8, "big"))
    for start, each in sorted(digests.items()):
        whole.update(start.to_bytes(8, "big") + each)
    return whole.hexdigest()


@dataclass(frozen=True)
class Survey:
    """How many bytes of a file would be sent, in how many requests, and the digest of it."""

    data: int
    requests: int
    digest: str


def of_file(descriptor: int, size: int) -> Survey:
    """Read an open file for that. Raises Surroundings if it becomes shorter meanwhile."""
    count, requests, digests = 0, 0, {}
    for block in blocks(extents(descriptor, size), size):
        if found := read(descriptor, block):
            requests += len(found)
            count += sum(len(piece.data) for piece in found)
            digests[block.whole.start] = digest(found)
    return Survey(count, requests, combined(size, digests))


def read(descriptor: int, block: Block) -> list[Piece]:
    """The pieces of one block. Raises Surroundings if the file ends before."""
    return pieces(Piece(part.start, _part(descriptor, part)) for part in block.extents)


def _part(descriptor: int, part: Range) -> bytes:
    data = os.pread(descriptor, part.length, part.start)
    if len(data) != part.length:
        raise Surroundings("the file became shorter while it was read", hint="run it again")
    return data
