"""Which failures of the storage another try may not meet, and how long it asks to be left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from publisher.checksum import UNKNOWN
from validators.neterrors import permanent

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError


def retriable(error: AzureError) -> bool:
    """Whether the same request may succeed in a while: throttled, busy, cut off, damaged on its way."""
    from azure.core.exceptions import ClientAuthenticationError, DecodeError, HttpResponseError

    if permanent(error) or isinstance(error, ClientAuthenticationError):  # no way to sign in comes by itself
        return False
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if status is None or isinstance(error, DecodeError):
        return True
    code = getattr(error, "error_code", None)
    if code == UNKNOWN:
        return False
    return status in (408, 429) or status >= 500 or code in ("Md5Mismatch", "Crc64Mismatch")


def throttled(error: AzureError) -> float | None:
    """The seconds that a busy storage asks to be left alone for, 0 if it names none; None if not busy."""
    from azure.core import exceptions as azure

    slow = (azure.ServiceRequestTimeoutError, azure.ServiceResponseTimeoutError)
    if getattr(error, "status_code", None) not in (408, 429, 500, 503) and not isinstance(error, slow):
        return None
    asked = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 0.0
