"""Upload VHDs as page blobs: holes skipped, in parallel, continued where it was, proven equal.

What is already in a blob is read back and compared before it is trusted, unless this machine's journal is
sure of it; so a cut connection, a killed process or an older disk of the same name all end in the same
place: a blob of whose every byte it is known that it equals the file. Only then its metadata says so
(`publisher.proof`), and only then `publisher.handout` signs for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import NotMet, Unusable
from publisher import proof
from publisher.extents import blocks, extents
from publisher.job import Job, Uploaded, look, whole_pages
from publisher.patience import Patience
from publisher.store import failures
from publisher.workers import in_parallel

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

VERIFY = ("auto", "sent", "full")


def upload_all(
    paths: Sequence[Path],
    container: ContainerClient,
    *,
    overwrite: bool = False,
    verify: str = "auto",
    advance: Callable[[int], None] = lambda count: None,
    patience: Patience | None = None,
    project: str | None = None,
) -> list[Uploaded]:
    """Make the blob named like each of `paths` in `container` equal to the file, all under one limit.

    `advance` gets the bytes of each block that is done, at most `data_bytes` of all paths. A finished blob
    with another content is replaced only with `overwrite`, or in a store on this machine. `verify` is auto
    (read back what the service does not confirm), sent (nothing) or full (everything, at the end).
    `patience` says how many requests go out at a time and how long one may fail (default: 16, five minutes);
    a small upload gets fewer, so that little of it is lost when it is killed. `project` is the digest of the
    Packer project that made the disks; it is kept with the proof.

    Raises NotMet for a name that Partner Center refuses (DSK-BLOB-002), Unusable for a file that is no
    whole number of pages, two of one name, or a blob that must not be replaced, Surroundings if the
    storage fails for longer than that, a file changes meanwhile, or another upload has the blob.
    """
    for path in paths:
        check_name(path.name)
        if sum(path.name == other.name for other in paths) > 1:
            raise Unusable("two disks have the same name, which is the blob's", where=str(path))
    patience = patience or Patience()
    patience.risk(sum(map(_blocks, paths)))
    where = f"{container.url}/{paths[0].name}" if len(paths) == 1 else container.url
    with failures(where), ExitStack() as stack:
        jobs = [
            stack.enter_context(
                Job(path, container, patience, overwrite=overwrite, verify=verify, project=project)
            )
            for path in paths
        ]
        todo = (task for job in jobs for task in job.tasks())
        for transfer, brought in in_parallel(todo, patience):
            if brought:
                transfer.count(brought)
                advance(brought.block.held)
        if verify == "full":
            for _ in in_parallel((task for job in jobs for task in job.comparisons()), patience):
                pass
        return [job.finish() for job in jobs]


def upload(
    path: Path,
    container: ContainerClient,
    *,
    overwrite: bool = False,
    verify: str = "auto",
    advance: Callable[[int], None] = lambda count: None,
    patience: Patience | None = None,
) -> Uploaded:
    """`upload_all` of one disk."""
    return upload_all(
        [path], container, overwrite=overwrite, verify=verify, advance=advance, patience=patience
    )[0]


@dataclass(frozen=True)
class Plan:
    """What an upload of one disk would do. Sizes in bytes; `blob` says what is there now."""

    name: str
    url: str
    size: int
    data: int
    requests: int
    blob: str


def plan(path: Path, container: ContainerClient) -> Plan:
    """What `upload` would do; nothing is written. Raises what it would raise at its beginning."""
    check_name(path.name)
    blob = container.get_blob_client(path.name)
    with failures(blob.url):
        found = look(blob, Patience())
    with path.open("rb") as file:
        size = whole_pages(path, os.fstat(file.fileno()).st_size)
        survey = proof.of_file(file.fileno(), size)
    if found is None:
        state = "new"
    elif proof.STARTED in found.metadata:
        state = "unfinished, would be continued"
    elif proof.untouched(found) and found.metadata.get(proof.PROVEN) == survey.digest:
        state = "proven equal, nothing to do"
    else:
        state = "has another content"
    return Plan(path.name, blob.url, size, survey.data, survey.requests, state)


def data_bytes(path: Path) -> int:
    """The bytes of `path` that are not holes."""
    with path.open("rb") as file:
        return sum(part.length for part in extents(file.fileno(), os.fstat(file.fileno()).st_size))


def _blocks(path: Path) -> int:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return sum(1 for _ in blocks(extents(file.fileno(), size), size))


def check_name(name: str) -> None:
    """Raise NotMet for a blob name that certification cannot download (DSK-BLOB-002)."""
    good = name.endswith(".vhd") and name.isprintable()  # bytes that are no UTF-8 are not printable
    if not good or any(char in "%\"'" or char.isspace() for char in name):
        raise NotMet(
            f"{name!r} is no blob name for a VHD",
            rule="DSK-BLOB-002",
            hint="no %, quotes, white space or control characters; ending .vhd",
        )
