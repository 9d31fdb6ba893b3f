"""The pages of a blob: which ones there are, and what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from generator.errors import Surroundings
from publisher.extents import Range
from publisher.patience import Patience

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

AT_A_TIME = 10_000  # ranges in one answer; the most that the service sends
MOST = 1_000_000  # ranges of one blob that are read, some 130 MB; a disk of 1 TiB in 10,000 places has 10,000


def listed(blob: BlobClient, patience: Patience) -> list[Range]:
    """The pages that were written and not cleared, ascending.

    Raises Surroundings for a list that no blob has: not in order, or of more than MOST ranges.
    """

    def pages(**options: Any) -> list[Range]:
        found: Any = blob.list_page_ranges(results_per_page=AT_A_TIME, **options)
        return list(_plausible(found, blob.url))

    return patience.call(pages)


def _plausible(found: Iterable[Any], where: str) -> Iterator[Range]:
    """The ranges of `found`, as they come, for as long as they can be those of a blob."""
    last = 0
    for count, page in enumerate(found):
        if count >= MOST or not last <= page.start <= page.end:
            what = f"more than {MOST} page ranges" if count >= MOST else "page ranges that are not in order"
            raise Surroundings(f"the server lists {what}", where=where, hint="download the disk another way")
        last = page.end + 1
        if not page.cleared:
            yield Range(page.start, last)


@dataclass(frozen=True)
class Fetched:
    """Bytes of a blob, and whether the service's MD5 of them came along (and is right)."""

    data: bytes
    confirmed: bool


def read(blob: BlobClient, part: Range, patience: Patience, **options: Any) -> bytes:
    """The bytes of `part`, as the service's own MD5 of them confirms; `options` go to the SDK."""
    return fetch(blob, part, patience, **options).data


def fetch(blob: BlobClient, part: Range, patience: Patience, **options: Any) -> Fetched:
    """The bytes of `part`; a wrong MD5 is asked for again, a missing one is said. `options` go to the SDK."""
    confirmed = True

    def look(response: Any) -> None:
        nonlocal confirmed
        confirmed = "content-md5" in {name.lower() for name in response.http_response.headers}
        _forget_type(response)

    def stored(**more: Any) -> bytes:
        from azure.core.exceptions import ServiceResponseError
        from requests import RequestException

        try:
            found = blob.download_blob(part.start, part.length, validate_content=True, **options, **more)
            return bytes(found.readall())
        except RequestException as error:  # cut off while the SDK reads it for the MD5; it lets this through
            raise ServiceResponseError("the answer was cut off", error=error) from error

    return Fetched(patience.call(stored, max_concurrency=1, raw_response_hook=look), confirmed)


def _forget_type(response: Any) -> None:
    """The SDK lists all pages of a page blob with every read of a part of it; of other blobs it does not.

    On a disk of a thousand pieces that is a thousand lists of a thousand pages.
    """
    response.http_response.headers.pop("x-ms-blob-type", None)
