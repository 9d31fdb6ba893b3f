"""One file and its blob in an upload, from the first look to the proof."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from generator.errors import Surroundings, Unusable
from publisher import pages, proof
from publisher.extents import PAGE, Coverage, blocks, extents
from publisher.journal import Journal
from publisher.lease import Lease
from publisher.patience import Patience
from publisher.proof import PROVEN, STARTED
from publisher.store import is_local
from publisher.transfer import Brought, Transfer, comparisons

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, ContainerClient


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


class Job:
    """A context: inside, the blob is leased and marked as unfinished, unless it is proven already."""

    def __init__(
        self,
        path: Path,
        container: ContainerClient,
        patience: Patience,
        *,
        overwrite: bool,
        verify: str,
        project: str | None = None,
    ) -> None:
        self.path, self.patience, self.verify = path, patience, verify
        self.labels = {proof.PROJECT: project} if project else {}
        self.blob: BlobClient = container.get_blob_client(path.name)
        self.replace = overwrite or is_local(self.blob.url)
        self.began = time.monotonic()
        self.transfer: Transfer | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Job:
        try:
            self.file: IO[bytes] = self._stack.enter_context(self.path.open("rb"))
            self.before = os.fstat(self.file.fileno())
            self.size = whole_pages(self.path, self.before.st_size)
            found = look(self.blob, self.patience)
            # With full verification, a blob that may be replaced is not believed: what differs is sent again.
            again = self.verify == "full" and self.replace
            if again or not self._is_proven(found):
                self.transfer = self._begin(found)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def tasks(self) -> Iterator[Callable[[], tuple[Transfer, Brought | None]]]:
        """What is to be done, block by block; nothing for a blob that is proven already."""
        if self.transfer is None:
            return
        transfer, found = self.transfer, blocks(extents(self.file.fileno(), self.size), self.size)
        for task in transfer.tasks(found, self.size):
            yield lambda task=task: (transfer, task())  # type: ignore[misc]

    def comparisons(self) -> Iterator[Callable[[], None]]:
        """Every byte of the blob read and compared with the file, whatever is known of it."""
        found = blocks(extents(self.file.fileno(), self.size), self.size)
        return comparisons(self.blob, self.file.fileno(), found, self.size, self.patience)

    def finish(self) -> Uploaded:
        """Prove the blob, and say so in its metadata. Raises Surroundings if the file changed meanwhile."""
        if self.transfer:
            self.transfer.prove()
        require_unchanged(self.path, self.file, self.before)
        if self.transfer is None:
            return self.equal
        digest = proof.combined(self.size, self.transfer.digests)
        write = self.transfer.write
        known = {PROVEN: digest, **self.labels}
        proof.record(lambda metadata: write(self.blob.set_blob_metadata, metadata), known)
        self.transfer.journal.done()
        return self._uploaded(self.transfer.data, self.transfer.sent, digest)

    def _uploaded(self, data: int, sent: int, digest: str) -> Uploaded:
        seconds = time.monotonic() - self.began
        return Uploaded(self.path.name, self.blob.url, self.size, data, sent, seconds, digest)

    def _is_proven(self, found: BlobProperties | None) -> bool:
        """Whether the blob was proven equal to this very file, and not touched since."""
        if found is None or PROVEN not in found.metadata or not proof.untouched(found):
            return False
        survey = proof.of_file(self.file.fileno(), self.size)
        self.equal = self._uploaded(survey.data, 0, survey.digest)
        return bool(found.metadata[PROVEN] == survey.digest)

    def _begin(self, found: BlobProperties | None) -> Transfer:
        """Take the blob for this run, and look at what an earlier one left in it."""
        journal = self._stack.enter_context(Journal(self.blob.url))
        if found is None:
            self._create(journal.run)
        else:
            self._require_replaceable(found)
        lease = self._stack.enter_context(Lease(self.blob, journal.run, self.patience))
        found = self.patience.call(self.blob.get_blob_properties)
        self._require_replaceable(found)  # it may have become another one while the lease was waited for
        known = journal.believed(found.metadata.get(STARTED), found.last_modified)
        if not known:
            journal.begin()
        transfer = Transfer(
            self.blob, self.file.fileno(), self.patience, lease, journal, known, self.verify == "sent"
        )
        if found.blob_type != "PageBlob" or found.size != self.size:
            transfer.write(self.blob.delete_blob)
            self._create(journal.run)
            lease.again()
        elif found.metadata.get(STARTED) != journal.run:
            transfer.write(self.blob.set_blob_metadata, {STARTED: journal.run})
        transfer.present = Coverage(pages.listed(self.blob, self.patience))
        return transfer

    def _require_replaceable(self, found: BlobProperties) -> None:
        if STARTED not in found.metadata and not self.replace:
            hint = "a submitted image never changes: raise the version, or give --overwrite"
            raise Unusable("the blob is there already, with another content", where=self.blob.url, hint=hint)

    def _create(self, run: str) -> None:
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

        try:
            self.patience.call(
                self.blob.create_page_blob,
                self.size,
                metadata={STARTED: run},
                headers={"If-None-Match": "*"},
            )
        except (ResourceExistsError, ResourceModifiedError):
            # Somebody else was quicker, or a first try arrived whose answer was lost; the lease decides.
            return


def require_unchanged(path: Path, file: IO[bytes], before: os.stat_result) -> None:
    """Raise Surroundings if the open `file`, or what `path` names now, is not what it was `before`.

    The time of the last change (ctime) cannot be set back, as that of the last write can.
    """
    try:
        same = identity(os.fstat(file.fileno())) == identity(before) == identity(path.stat())
    except FileNotFoundError:
        same = False
    if not same:
        raise Surroundings("the file changed while it was uploaded", where=str(path), hint="run it again")


def identity(found: os.stat_result) -> tuple[int, ...]:
    """What tells one state of a file from every other."""
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def whole_pages(path: Path, size: int) -> int:
    """`size`, if a page blob can have it. Raises Unusable (DSK-FMT-004) if not."""
    if not size or size % PAGE:
        what = f"{size} bytes are no whole number of {PAGE}-byte pages"
        raise Unusable(what, where=str(path), rule="DSK-FMT-004")
    return size


def look(blob: BlobClient, patience: Patience) -> BlobProperties | None:
    """The properties of `blob`, or None if there is none."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return patience.call(blob.get_blob_properties)
    except ResourceNotFoundError:
        return None
