"""Write a VHD into a managed disk: a page blob that is there already, behind a SAS of its own.

`az disk create --upload-type Upload --upload-size-bytes N` makes the disk, `az disk grant-access --access-
level Write` signs for it. Such a blob takes pages and nothing else: no lease, no metadata, no other size.
So nothing in the cloud says afterwards that it is proven; what was proven is what this returns.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import Unusable
from publisher import pages, proof
from publisher.extents import Coverage, blocks, extents
from publisher.job import Uploaded, require_unchanged, whole_pages
from publisher.journal import Journal
from publisher.patience import Patience
from publisher.store import failures
from publisher.transfer import Transfer, comparisons
from publisher.workers import in_parallel

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient


def upload_into(
    path: Path,
    blob: BlobClient,
    *,
    verify: str = "auto",
    advance: Callable[[int], None] = lambda count: None,
    patience: Patience | None = None,
) -> Uploaded:
    """Make the pages of `blob` equal to those of the VHD at `path`; a second run continues.

    `verify`, `advance` (bytes) and `patience` are those of `publisher.upload.upload_all`. Raises Unusable if
    the disk was made for another size (the footer counts, DSK-FMT-004) or `blob` is no page blob,
    Surroundings if the storage fails for too long or the file changes meanwhile.
    """
    began, patience = time.monotonic(), patience or Patience()
    with failures(blob.url), path.open("rb") as file, Journal(blob.url) as journal:
        before = os.fstat(file.fileno())
        size = whole_pages(path, before.st_size)
        found = patience.call(blob.get_blob_properties)
        if found.blob_type != "PageBlob" or found.size != size:
            raise Unusable(
                f"the managed disk was made for {found.size} bytes, the VHD has {size}",
                where=str(path),
                hint=f"az disk create --upload-type Upload --upload-size-bytes {size}",
            )
        known = journal.believed(journal.run, found.last_modified)
        if not known:
            journal.begin()
        transfer = Transfer(blob, file.fileno(), patience, None, journal, known, trust=verify == "sent")
        transfer.present = Coverage(pages.listed(blob, patience))
        held = list(blocks(extents(file.fileno(), size), size))
        patience.risk(len(held))
        for brought in in_parallel(transfer.tasks(held, size), patience):
            if brought:
                transfer.count(brought)
                advance(brought.block.held)
        if verify == "full":
            for _ in in_parallel(comparisons(blob, file.fileno(), held, size, patience), patience):
                pass
        transfer.prove()
        require_unchanged(path, file, before)
        journal.done()
        digest = proof.combined(size, transfer.digests)
        seconds = time.monotonic() - began
        return Uploaded(path.name, blob.url, size, transfer.data, transfer.sent, seconds, digest)
