"""The pages of a blob: which ones there are, and what they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from publisher.extents import Range
from publisher.patience import Patience

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient


def listed(blob: BlobClient, patience: Patience) -> list[Range]:
    """The pages that were written and not cleared."""

    def pages(**options: Any) -> list[Range]:
        found: Any = blob.list_page_ranges(**options)
        return [Range(page.start, page.end + 1) for page in found if not page.cleared]

    return patience.call(pages)


def read(blob: BlobClient, part: Range, patience: Patience, **options: Any) -> bytes:
    """The bytes of `part`, as the service's own MD5 of them confirms; `options` go to the SDK."""

    def stored(**more: Any) -> bytes:
        from azure.core.exceptions import ServiceResponseError
        from requests import RequestException

        try:
            found = blob.download_blob(part.start, part.length, validate_content=True, **options, **more)
            return bytes(found.readall())
        except RequestException as error:  # cut off while the SDK reads it for the MD5; it lets this through
            raise ServiceResponseError("the answer was cut off", error=error) from error

    return patience.call(stored, max_concurrency=1, raw_response_hook=_forget_type)


def _forget_type(response: Any) -> None:
    """The SDK lists all pages of a page blob with every read of a part of it; of other blobs it does not.

    On a disk of a thousand pieces that is a thousand lists of a thousand pages.
    """
    response.http_response.headers.pop("x-ms-blob-type", None)
