"""Keep a blob for one upload: a lease that is short, and renewed for as long as the upload lives."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from generator.errors import Surroundings
from publisher.patience import Patience, Stopped

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

SECONDS = 30  # so long nobody else can write after the upload has died
RENEW = 10  # seconds between two renewals
PATIENCE = SECONDS + 2.0  # seconds to wait for the lease of an upload that may have died
HELD = ("LeaseAlreadyPresent", "LeaseIdMismatchWithLeaseOperation")
LOST = ("LeaseLost", "LeaseIdMismatchWithBlobOperation", "LeaseNotPresentWithBlobOperation")


def code(error: Exception) -> str:
    """The service's own word for what went wrong; empty if it said none."""
    found = getattr(error, "error_code", None) or ""
    return str(getattr(found, "value", found))


class Lease:
    """The lease `name` (a UUID) on `blob`; the same name may take it again, which a resumed upload does."""

    def __init__(self, blob: BlobClient, name: str, patience: Patience) -> None:
        self.blob, self.name, self.patience = blob, name, patience
        self._end = threading.Event()

    def __enter__(self) -> Lease:
        """Take the lease, and keep it. Raises Surroundings if somebody else has it for too long."""
        self._acquire(PATIENCE)
        threading.Thread(target=self._keep, daemon=True).start()
        return self

    def again(self) -> None:
        """Take it again after it ran out. Raises Surroundings if somebody else has it now."""
        if self._end.is_set():  # given back, and a thread that is still at work must not undo that
            raise Stopped
        self._acquire(0)

    def __exit__(self, *_: object) -> None:
        """Give it back; a storage that does not answer is not waited for, the lease ends by itself."""
        self._end.set()
        releasing = threading.Thread(target=self._release, daemon=True)
        releasing.start()
        releasing.join(2)

    def _acquire(self, patience: float) -> None:
        from azure.core.exceptions import HttpResponseError

        began = time.monotonic()
        while True:
            try:
                self.patience.call(self.blob.acquire_lease, SECONDS, lease_id=self.name)
                return
            except HttpResponseError as error:
                if code(error) not in HELD:
                    raise
            if time.monotonic() - began > patience:
                raise Surroundings(
                    "another upload to the same blob is under way, or its lease is held by somebody else",
                    where=self.blob.url,
                    hint="wait for it, or break the lease",
                ) from None
            time.sleep(1)

    def _keep(self) -> None:
        from azure.core.exceptions import AzureError

        while not self._end.wait(RENEW):
            with suppress(AzureError, Surroundings, Stopped):  # if it was lost, the next write says so
                self._acquire(0)

    def _release(self) -> None:
        from azure.core.exceptions import AzureError
        from azure.storage.blob import BlobLeaseClient

        options: dict[str, Any] = {"retry_total": 0}
        with suppress(AzureError):
            BlobLeaseClient(self.blob, lease_id=self.name).release(**options)
