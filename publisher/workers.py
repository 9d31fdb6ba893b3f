"""Run tasks in several threads, and hand on what they return; the first failure stops all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import TypeVar

from publisher.patience import Patience

T = TypeVar("T")


class _End:
    """A worker found nothing more to do."""


def in_parallel(tasks: Iterable[Callable[[], T]], patience: Patience) -> Iterator[T]:
    """What each of `tasks` returns, as they finish; `patience.most` of them run at a time.

    `tasks` is read as it is worked off, so that it may be long. Raises the first failure; it, or Ctrl-C,
    stops the other threads. They are daemons, so that a request that hangs cannot hold up the end of the
    process.
    """
    todo, lock = iter(tasks), threading.Lock()
    done: SimpleQueue[T | _End | BaseException] = SimpleQueue()

    def work() -> None:
        try:
            while not patience.stopped:
                with lock:
                    task = next(todo, None)
                if task is None:
                    break
                done.put(task())
            done.put(_End())
        except BaseException as error:  # whatever it is, the main thread waits for it
            done.put(error)

    running = patience.most
    for _ in range(running):
        threading.Thread(target=work, daemon=True).start()
    try:
        while running:
            result = done.get()
            if isinstance(result, BaseException):
                raise result
            if isinstance(result, _End):
                running -= 1
            else:
                yield result
    except BaseException:
        patience.stop()
        raise
