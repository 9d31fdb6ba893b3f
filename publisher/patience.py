"""How many requests go out at a time, and how long a storage account that answers 503 is waited for."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from publisher.retries import retriable, throttled

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError

T = TypeVar("T")
FIRST, LONGEST = 0.5, 30.0  # seconds between two tries of one request: the first time, at most
LIMIT = 300.0  # seconds that one request may fail for; a storage account that throttles needs less
AT_RISK = 0.04  # of the blocks of an upload, but two of them at least
START, MOST = 4, 16  # requests at a time: at first, at most


class Stopped(Exception):
    """The upload was given up elsewhere, so this request is not wanted any more."""


class Patience:
    """Sends the requests of all threads, and repeats those that fail in passing.

    The number under way grows by one with each round that goes well, up to `most`, and is halved when
    the storage is busy or does not answer in time. A 503 also makes every thread pause, not only the one
    that got it: otherwise the others keep up the load that the storage complains of. `first`, `longest`
    and `limit` are seconds.
    """

    def __init__(
        self, first: float = FIRST, longest: float = LONGEST, limit: float = LIMIT, most: int = MOST
    ) -> None:
        self.first, self.longest, self.limit, self.most = first, longest, limit, most
        self.width = float(min(START, most))
        self.repeated = 0
        self._stop = threading.Event()
        self._quiet_until = self._halved = 0.0
        self._under_way = 0
        self._room = threading.Condition()

    def risk(self, blocks: int) -> None:
        """Let only a part of `blocks` be on their way at a time: a run that is killed sends them again."""
        self.most = min(self.most, max(2, int(blocks * AT_RISK)))
        self.width = min(self.width, float(self.most))

    def stop(self) -> None:
        """Let no request begin any more, and end all waiting."""
        self._stop.set()
        with self._room:
            self._room.notify_all()

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
                with self._place():
                    result = request(*args, retry_total=0, **options)
                self._grow()
                return result
            except AzureError as error:
                if not retriable(error) or time.monotonic() - began > self.limit:
                    raise
                self.repeated += 1
                self._wait(self._pause(error, tries))
                tries += 1

    @contextmanager
    def _place(self) -> Iterator[None]:
        with self._room:
            while self._under_way >= int(self.width) and not self.stopped:
                self._room.wait()
            if self.stopped:
                raise Stopped
            self._under_way += 1
        try:
            yield
        finally:
            with self._room:
                self._under_way -= 1
                self._room.notify()

    def _grow(self) -> None:
        with self._room:
            self.width = min(float(self.most), self.width + 1 / self.width)

    def _pause(self, error: AzureError, tries: int) -> float:
        # Jitter, so that the threads do not come back all at once.
        pause: float = min(self.longest, self.first * 2**tries) * random.uniform(0.5, 1.0)  # noqa: S311
        busy = throttled(error)
        if busy is None:
            return pause
        pause = max(pause, min(busy, self.longest))
        now = time.monotonic()
        with self._room:
            # What was under way fails together; that is one sign of trouble, not many.
            if now >= self._halved:
                self.width, self._halved = max(1.0, self.width / 2), now + pause
            self._quiet_until = max(self._quiet_until, now + pause)
        return pause

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(max(0.0, seconds)):
            raise Stopped
