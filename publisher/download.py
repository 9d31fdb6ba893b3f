"""Download a blob into a sparse file: only the pages that exist, continued where it was, never half a file.

The file grows beside its place (`publisher.partial_file`) and gets its name when it is proven: by the
service's checksum of every read, and by the digest that the upload left in the blob's metadata. Every read
names the ETag of the blob, so that two versions cannot mix.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.errors import Surroundings, Unusable
from publisher import pages, proof
from publisher.extents import Block, Range, blocks
from publisher.partial_file import PartialFile
from publisher.patience import Patience
from publisher.store import failures
from publisher.workers import in_parallel
from validators import urls

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties


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
    blob changes meanwhile, nothing vouches for what came, or another download writes the same file.
    """
    if out.exists():
        raise Unusable("it is there already", where=str(out), hint="remove it, or choose another name")
    began, patience = time.monotonic(), patience or Patience()
    with failures(blob.url), ExitStack() as stack:
        found = patience.call(blob.get_blob_properties)
        of = {"url": blob.url, "etag": found.etag, "size": found.size}
        part = stack.enter_context(PartialFile(out, of, found.size))
        known = pages.listed(blob, patience) if found.blob_type == "PageBlob" else [Range(0, found.size)]
        todo = [block for block in blocks(known, found.size) if block.whole.start not in part.digests]
        advance = begin(sum(block.held for block in todo))
        data = got = unconfirmed = 0
        for brought in in_parallel(_tasks(blob, todo, found.etag, part, patience), patience):
            if brought.confirmed:
                part.note(brought.block.whole.start, brought.digest)
            else:
                part.digests[brought.block.whole.start] = brought.digest
                unconfirmed += 1
            data += brought.data
            got += brought.block.held
            advance(brought.block.held)
        _require_proven(found, part, unconfirmed, blob.url)
        part.finish()
    return Downloaded(out, found.size, data, got, time.monotonic() - began)


def _require_proven(found: BlobProperties, part: PartialFile, unconfirmed: int, where: str) -> None:
    """Raise Surroundings unless something vouches for every byte of `part`.

    That is the digest in the metadata of a blob that was not written to since it was proven, or else the
    service's own checksum of every read.
    """
    if proof.PROVEN in found.metadata and proof.untouched(found):
        if part.digest() != found.metadata[proof.PROVEN]:
            part.discard()
            raise Surroundings(
                "what came is not what was uploaded: its digest differs from the blob's",
                where=where,
                hint="run it again; if it stays so, upload the disk again",
            )
    elif unconfirmed:
        raise Surroundings(
            f"the server sent {unconfirmed} blocks without a checksum, and the blob has no digest of its own",
            where=where,
            hint="nothing vouches for these bytes; fetch the disk where checksums are not removed, or upload "
            "it with vmoffer upload, which leaves its digest in the blob",
        )


def open_blob(text: str, env_blob: Callable[[str, str], BlobClient]) -> BlobClient:
    """The blob that a URI names; without a SAS in it, `env_blob` opens it by container URL and name.

    Raises Unusable for what is no URI of a blob, and for one that would show its signature.
    """
    from azure.core.credentials import AzureSasCredential
    from azure.storage.blob import BlobClient

    from publisher.store import TIMEOUTS, transport

    url = urls.checked(text)
    plain, _, query = url.text.partition("?")
    container, _, name = plain.rpartition("/")
    if not name or not url.parts.path.strip("/"):
        raise Unusable("this is not the URL of a disk", where=url.shown)
    if not query:
        return env_blob(container, name)
    # As a credential: in the URL, the SDK and its errors would show it.
    options: dict[str, Any] = {**TIMEOUTS, "transport": transport(local=url.is_local)}
    try:
        return BlobClient.from_blob_url(plain, credential=AzureSasCredential(query), **options)
    except ValueError:
        raise Unusable("this is not the URL of a disk", where=url.shown) from None


@dataclass(frozen=True)
class _Brought:
    """One block that is in the file; `data` counts its bytes that are not zeros.

    `confirmed`: all of it came with the service's checksum.
    """

    block: Block
    digest: str
    data: int
    confirmed: bool


def _tasks(
    blob: BlobClient, todo: Sequence[Block], etag: str, part: PartialFile, patience: Patience
) -> Iterator[Callable[[], _Brought]]:
    from azure.core import MatchConditions

    options = {"etag": etag, "match_condition": MatchConditions.IfNotModified}

    def bring(block: Block) -> _Brought:
        stored = [pages.fetch(blob, each, patience, **options) for each in block.extents]
        digest, data = part.put(block, [each.data for each in stored])
        return _Brought(block, digest, data, all(each.confirmed for each in stored))

    for block in todo:
        yield lambda block=block: bring(block)  # type: ignore[misc]
