"""Upload a VHD as a page blob: holes skipped, in parallel, continued where it was, proven equal.

There is no state beside the blob itself. What is already there is read back and compared before it is
trusted, so a cut connection, a killed process or an older disk of the same name all end in the same
place: a blob whose every byte has been compared with the file. Only then its metadata says so, and only
then `publisher.handout` signs for it.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import NotMet, Surroundings, Unusable
from publisher.extents import BLOCK, PAGE, Coverage, blocks, extents, pieces
from publisher.patience import Patience
from publisher.store import failures, is_local
from publisher.transfer import Transfer, stored_pages

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

PROVEN = "vmoffer_proven"  # blob metadata: the digest of the file that the blob was compared with
STARTED = "vmoffer_started"  # blob metadata: ours and not finished; which run works on it


@dataclass(frozen=True)
class Uploaded:
    """A blob that is proven equal to its file. Sizes in bytes; `data` is what is not zeros."""

    name: str
    url: str
    size: int
    data: int
    sent: int
    seconds: float
    digest: str


def upload(
    path: Path,
    container: ContainerClient,
    *,
    overwrite: bool = False,
    parallel: int = 4,
    advance: Callable[[int], None] = lambda count: None,
    patience: Patience | None = None,
) -> Uploaded:
    """Make the blob named like `path` in `container` equal to the file.

    `advance` gets the bytes of each block that is done, in sum `data_bytes(path)`. A finished blob with
    another content is replaced only with `overwrite`, or in a store on this machine. `patience` says how
    long one request may fail (default: five minutes).

    Raises NotMet for a name that Partner Center refuses (DSK-BLOB-002), Unusable for a file that is no
    whole number of pages or a blob that must not be replaced, Surroundings if the storage fails for
    longer than that or the file changes meanwhile.
    """
    began = time.monotonic()
    check_name(path.name)
    patience = patience or Patience()
    blob = container.get_blob_client(path.name)
    with path.open("rb") as file, failures(blob.url):
        before = os.fstat(file.fileno())
        size = before.st_size
        if not size or size % PAGE:
            raise Unusable(
                f"{size} bytes are no whole number of {PAGE}-byte pages", where=str(path), rule="DSK-FMT-004"
            )
        run = uuid.uuid4().hex
        found = _found(blob, patience)
        if found and PROVEN in found.metadata:
            data, digest = _digest(file.fileno(), size)
            if found.metadata[PROVEN] == digest:
                advance(data_bytes(path))
                return Uploaded(path.name, blob.url, size, data, 0, time.monotonic() - began, digest)
        present = _begin(blob, found, size, run, patience, replace=overwrite or is_local(blob.url))
        transfer = Transfer(blob, file.fileno(), present, patience)
        transfer.run(list(blocks(extents(file.fileno(), size), size)), size, parallel, advance)
        transfer.prove()
        after = os.fstat(file.fileno())
        if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise Surroundings("the file changed while it was uploaded", where=str(path), hint="run it again")
        if patience.call(blob.get_blob_properties).metadata.get(STARTED) != run:
            raise Surroundings(
                "another upload to the same blob began meanwhile", where=blob.url, hint="run one at a time"
            )
        digest = _combined(size, transfer.digests)
        patience.call(blob.set_blob_metadata, {PROVEN: digest})
    return Uploaded(path.name, blob.url, size, transfer.data, transfer.sent, time.monotonic() - began, digest)


def data_bytes(path: Path) -> int:
    """The bytes of `path` that are not holes."""
    with path.open("rb") as file:
        return sum(part.length for part in extents(file.fileno(), os.fstat(file.fileno()).st_size))


def check_name(name: str) -> None:
    """Raise NotMet for a blob name that certification cannot download (DSK-BLOB-002)."""
    good = name.endswith(".vhd") and name.isprintable()  # bytes that are no UTF-8 are not printable
    if not good or any(char in "%\"'" or char.isspace() for char in name):
        raise NotMet(
            f"{name!r} is no blob name for a VHD",
            rule="DSK-BLOB-002",
            hint="no %, quotes, white space or control characters; ending .vhd",
        )


def _found(blob: BlobClient, patience: Patience) -> BlobProperties | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return patience.call(blob.get_blob_properties)
    except ResourceNotFoundError:
        return None


def _begin(
    blob: BlobClient,
    found: BlobProperties | None,
    size: int,
    run: str,
    patience: Patience,
    *,
    replace: bool,
) -> Coverage:
    """Mark the blob as unfinished; what an earlier run left in it, or a new one where nothing is usable."""
    if found is not None:
        if STARTED not in found.metadata and not replace:
            hint = "a submitted image never changes: raise the version, or give --overwrite"
            raise Unusable("the blob is there already, with another content", where=blob.url, hint=hint)
        if found.blob_type == "PageBlob" and found.size == size:
            patience.call(blob.set_blob_metadata, {STARTED: run})
            return Coverage(stored_pages(blob, patience))
        patience.call(blob.delete_blob)
    patience.call(blob.create_page_blob, size, metadata={STARTED: run})
    return Coverage(())


def _digest(descriptor: int, size: int) -> tuple[int, str]:
    """The bytes of a file that are not zeros, and what PROVEN holds for it."""
    count, digests = 0, {}
    for block, _ in blocks(extents(descriptor, size), size):
        data = os.pread(descriptor, block.length, block.start)
        if pieces(data, block.start):
            count += sum(piece.length for piece in pieces(data, block.start))
            digests[block.start] = hashlib.sha256(data).digest()
    return count, _combined(size, digests)


def _combined(size: int, digests: Mapping[int, bytes]) -> str:
    """One digest of the size, and of the SHA-256 of each BLOCK that is not all zeros, by its start."""
    whole = hashlib.sha256(size.to_bytes(8, "big") + BLOCK.to_bytes(8, "big"))
    for start, digest in sorted(digests.items()):
        whole.update(start.to_bytes(8, "big") + digest)
    return whole.hexdigest()
