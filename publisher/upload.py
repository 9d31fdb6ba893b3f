"""Upload a VHD as a page blob: holes skipped, in parallel, continued where it was, proven equal.

There is no state beside the blob itself. What is already there is read back and compared before it is
trusted, so a cut connection, a killed process or an older disk of the same name all end in the same
place: a blob whose every byte has been compared with the file. Only then its metadata says so, and only
then `publisher.sas` signs for it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import NotMet, Surroundings, Unusable
from publisher.extents import PAGE, Coverage, Range, chunks, extents
from publisher.store import failures, is_local

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

PROVEN = "vmoffer_proven"  # blob metadata: the digest of the file that the blob was compared with
STARTED = "vmoffer_started"  # blob metadata: ours, and not finished


@dataclass(frozen=True)
class Uploaded:
    """A blob that is proven equal to its file. Sizes in bytes."""

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
) -> Uploaded:
    """Make the blob named like `path` in `container` equal to the file.

    `advance` gets the bytes of each piece that is done, in sum `data_bytes(path)`. A finished blob with
    another content is replaced only with `overwrite`, or in a store on this machine.

    Raises NotMet for a name that Partner Center refuses (DSK-BLOB-002), Unusable for a file that is no
    whole number of pages or a blob that must not be replaced, Surroundings if the storage fails for
    longer than the retries or the file changes meanwhile.
    """
    started = time.monotonic()
    check_name(path.name)
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        size = before.st_size
        if not size or size % PAGE:
            raise Unusable(
                f"{size} bytes are no whole number of {PAGE}-byte pages", where=str(path), rule="DSK-FMT-004"
            )
        blob = container.get_blob_client(path.name)
        with failures(blob.url):
            found = _found(blob)
            if found and PROVEN in found.metadata and found.metadata[PROVEN] == _digest(file.fileno(), size):
                data = data_bytes(path)
                advance(data)
                return Uploaded(
                    path.name, blob.url, size, data, 0, time.monotonic() - started, found.metadata[PROVEN]
                )
            present = _begin(blob, found, size, overwrite or is_local(blob.url))
            work = _Work(blob, file.fileno(), size, present)
            work.run(parallel, advance)
            work.prove()
            after = os.fstat(file.fileno())
            if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                raise Surroundings(
                    "the file changed while it was uploaded", where=str(path), hint="run it again"
                )
            digest = _combined(size, work.digests)
            blob.set_blob_metadata({PROVEN: digest})
    data = sum(part.length for part in work.digests)
    return Uploaded(path.name, blob.url, size, data, work.sent, time.monotonic() - started, digest)


def data_bytes(path: Path) -> int:
    """The bytes of `path` that are not holes."""
    with path.open("rb") as file:
        return sum(part.length for part in extents(file.fileno(), os.fstat(file.fileno()).st_size))


def check_name(name: str) -> None:
    """Raise NotMet for a blob name that certification cannot download (DSK-BLOB-002)."""
    if not name.endswith(".vhd") or any(char in "%\"'" or char.isspace() for char in name):
        raise NotMet(
            f"{name!r} is no blob name for a VHD",
            rule="DSK-BLOB-002",
            hint="no %, quotes or white space; ending .vhd",
        )


def _found(blob: BlobClient) -> BlobProperties | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return blob.get_blob_properties()
    except ResourceNotFoundError:
        return None


def _begin(blob: BlobClient, found: BlobProperties | None, size: int, replace: bool) -> Coverage:
    """Mark the blob as unfinished; what an earlier run left in it, or a new one where nothing is usable."""
    if found is not None:
        if STARTED not in found.metadata and not replace:
            hint = "a submitted image never changes: raise the version, or give --overwrite"
            raise Unusable("the blob is there already, with another content", where=blob.url, hint=hint)
        if found.blob_type == "PageBlob" and found.size == size:
            blob.set_blob_metadata({STARTED: "yes"})
            return Coverage(_pages(blob))
        blob.delete_blob(delete_snapshots="include")
    blob.create_page_blob(size, metadata={STARTED: "yes"})
    return Coverage(iter(()))


def _pages(blob: BlobClient) -> Iterator[Range]:
    for page in blob.list_page_ranges():
        if not page.cleared and page.start is not None and page.end is not None:
            yield Range(page.start, page.end + 1)


def _digest(descriptor: int, size: int) -> str:
    """What PROVEN holds for a file: its size and the SHA-256 of each piece that is not all zeros."""
    found = {}
    for part in chunks(extents(descriptor, size)):
        data = os.pread(descriptor, part.length, part.start)
        if data.count(0) != len(data):
            found[part] = hashlib.sha256(data).digest()
    return _combined(size, found)


def _combined(size: int, digests: dict[Range, bytes]) -> str:
    whole = hashlib.sha256(size.to_bytes(8, "big"))
    for part, digest in sorted(digests.items()):
        whole.update(part.start.to_bytes(8, "big") + digest)
    return whole.hexdigest()


class _Work:
    """One upload: which pieces there are, and what became of them."""

    def __init__(self, blob: BlobClient, descriptor: int, size: int, present: Coverage) -> None:
        self.blob, self.descriptor, self.size, self.present = blob, descriptor, size, present
        self.sent = 0
        self.digests: dict[Range, bytes] = {}

    def run(self, parallel: int, advance: Callable[[int], None]) -> None:
        """Bring every piece over; the first failure, or Ctrl-C, cancels what has not begun."""
        parts = list(chunks(extents(self.descriptor, self.size)))
        for stale in Coverage(iter(parts)).gaps(Range(0, self.size)):
            self._clear(stale)
        with ThreadPoolExecutor(parallel) as pool:
            pending = {pool.submit(self._bring, part) for part in parts}
            try:
                while pending:
                    done, pending = wait(pending, timeout=1, return_when=FIRST_COMPLETED)
                    for piece in done:
                        part, digest, sent = piece.result()
                        self.sent += sent
                        if digest:
                            self.digests[part] = digest
                        advance(part.length)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def prove(self) -> None:
        """Every piece was compared on its way; what is left is that no page exists outside of them.

        Raises Surroundings if one does.
        """
        compared = Coverage(iter(self.digests))
        for page in _pages(self.blob):
            for gap in compared.gaps(page):
                where = f"{self.blob.url} at {gap.start}"
                raise Surroundings("the blob holds pages that the file does not", where=where)

    def _bring(self, part: Range) -> tuple[Range, bytes | None, int]:
        """Make one piece of the blob equal to the file; its digest (None for zeros) and the bytes sent."""
        data = os.pread(self.descriptor, part.length, part.start)
        if len(data) != part.length:
            raise Surroundings("the file became shorter while it was uploaded", hint="run it again")
        if data.count(0) == len(data):
            self._clear(part)
            return part, None, 0
        digest = hashlib.sha256(data).digest()
        if self.present.covers(part) and self._stored(part) == data:
            return part, digest, 0
        # The service checks the MD5 of what arrives; what it keeps is compared in the same breath.
        self.blob.upload_page(data, part.start, part.length, validate_content=True)
        if self._stored(part) != data:
            raise Surroundings(
                "the blob does not hold what was sent", where=f"{self.blob.url} at {part.start}"
            )
        return part, digest, part.length

    def _stored(self, part: Range) -> bytes:
        return bytes(self.blob.download_blob(part.start, part.length, max_concurrency=1).readall())

    def _clear(self, part: Range) -> None:
        """Empty pages where the file has none but an older upload left some."""
        for known in self.present.ranges:
            start, end = max(part.start, known.start), min(part.end, known.end)
            if start < end:
                self.blob.clear_page(start, end - start)
