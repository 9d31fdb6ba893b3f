"""Blobs that a builder in Azure wrote: read like disks, and marked once they are known to meet the rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from publisher import proof, sas
from publisher.store import account_key, failures
from validators.remote import RemoteDisk

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties, ContainerClient

HOURS = 12  # of the SAS that a disk is read by; nobody but this process sees it
NAMED = re.compile(r"^(?:(?P<lun>\d+)=)?(?P<blob>.+)$", re.DOTALL)


@dataclass(frozen=True)
class Inspected:
    """A blob as a disk to validate, and as it was before that."""

    disk: RemoteDisk
    client: BlobClient
    before: BlobProperties

    def record(self, verdict: str, project: str | None) -> None:
        """Note `verdict` and `project` (a digest) in the blob. Raises Surroundings if it was changed."""
        from azure.core import MatchConditions

        etag = self.before.etag

        def write(metadata: dict[str, str]) -> Mapping[str, Any]:
            nonlocal etag
            said: Mapping[str, Any] = self.client.set_blob_metadata(
                {**self.before.metadata, **metadata}, etag=etag, match_condition=MatchConditions.IfNotModified
            )
            etag = said["etag"]
            return said

        known = {proof.VALIDATED: verdict, **({proof.PROJECT: project} if project else {})}
        with failures(self.client.url):
            proof.record(write, known)


def opened(
    container: ContainerClient, blobs: Sequence[str], planned: Mapping[int | None, str]
) -> list[Inspected]:
    """Each of `blobs` ([LUN=]NAME) as a disk; `planned` is what the plan calls the disk of each LUN.

    Without the account's key, an identity signs what they are read by. Raises Unusable for a blob that is not
    there, Surroundings if the storage does not answer.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    period = sas.Term(now - timedelta(minutes=15), now + timedelta(hours=HOURS))
    kind = "blob" if account_key(container) else "delegation"
    found = []
    for text in blobs:
        match = NAMED.fullmatch(text)
        assert match is not None
        client = container.get_blob_client(match["blob"])
        with failures(client.url):
            before = client.get_blob_properties()
        name = planned.get(int(match["lun"])) if match["lun"] else None
        uri = sas.sign(container, match["blob"], period, kind)
        found.append(Inspected(RemoteDisk(client.url.split("?")[0], uri, name), client, before))
    return found
