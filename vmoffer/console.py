"""stdout carries the product, stderr the conversation; nothing of vmoffer writes to either but through here.

Text may hold names, titles and messages of others: it is no markup, and cannot steer a terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from generator.printable import printable

err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
QUIET = 15  # seconds between two lines of progress where there is no terminal


def say(text: str) -> None:
    """One line of conversation on stderr."""
    err.print(printable(text))


def show(*texts: object) -> None:
    """Lines of the product for people and scripts, on stdout: paths, URIs, tables."""
    for text in texts:
        print(printable(str(text)), flush=True)


def show_document(text: str) -> None:
    """JSON, XML, HTML or YAML on stdout: UTF-8, as these say of themselves, whatever the terminal speaks."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8"))
    sys.stdout.buffer.flush()


@contextmanager
def byte_progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, a line now and then elsewhere; yields `advance(n_bytes)`."""
    if not err.is_terminal:
        yield _lines(title, total)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(printable(title), total=total)
        yield lambda count: bar.advance(task, count)


def _lines(title: str, total: int) -> Callable[[int], None]:
    began = said = time.monotonic()
    done = 0

    def advance(count: int) -> None:
        nonlocal done, said
        done += count
        now = time.monotonic()
        if now - said >= QUIET:
            said = now
            rate = done / (now - began)
            left = f", {(total - done) / rate:.0f} s left" if rate else ""
            say(f"{title}: {done >> 20} of {total >> 20} MiB, {rate / 2**20:.0f} MiB/s{left}")

    return advance
