"""How long a storage account that answers 503, or not at all, is waited for."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from publisher.store import retriable

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError

T = TypeVar("T")
FIRST, LONGEST = 0.5, 30.0  # seconds between two tries of one request: the first time, at most
LIMIT = 300.0  # seconds that one request may fail for; a storage account that throttles needs less


class Stopped(Exception):
    """The upload was given up elsewhere, so this request is not wanted any more."""


class Patience:
    """Repeats requests that fail in passing, for all threads of one upload.

    A 503 slows down every thread, not only the one that got it: otherwise the others keep up the load
    that the storage complains of. `first`, `longest` and `limit` are seconds.
    """

    def __init__(self, first: float = FIRST, longest: float = LONGEST, limit: float = LIMIT) -> None:
        self.first, self.longest, self.limit = first, longest, limit
        self._stop = threading.Event()
        self._quiet_until = 0.0

    def stop(self) -> None:
        """Let no request begin any more, and end all waiting."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def call(self, request: Callable[..., T], *args: Any, **options: Any) -> T:
        """What `request` (a method of the SDK) returns; its own retries are turned off.

        Every request that is repeated here may be: a page holds what it got, however often it gets it.
        Raises what `request` raised last, or Stopped.
        """
        from azure.core.exceptions import AzureError

        began, tries = time.monotonic(), 0
        while True:
            self._wait(self._quiet_until - time.monotonic())
            try:
                return request(*args, retry_total=0, **options)
            except AzureError as error:
                if not retriable(error) or time.monotonic() - began > self.limit:
                    raise
                self._wait(self._pause(error, tries))
                tries += 1

    def _pause(self, error: AzureError, tries: int) -> float:
        # Jitter, so that the threads do not come back all at once.
        pause: float = min(self.longest, self.first * 2**tries) * random.uniform(0.5, 1.0)  # noqa: S311
        if getattr(error, "status_code", None) in (429, 503):
            self._quiet_until = max(self._quiet_until, time.monotonic() + pause)
        return pause

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(max(0.0, seconds)):
            raise Stopped
