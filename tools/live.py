"""Run one long command in the foreground: its output live and into a log, Ctrl-C passed on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from generator.atomic_file import open_in_place
from generator.printable import printable

GRACE_SECONDS = 60  # how long an interrupted command may take to clean up after itself


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    log: Path,
    show: Callable[[str], None],
    hide: Callable[[str], str] = str,
    lines: Callable[[str], Iterable[str]] = lambda line: (line,),
) -> int:
    """Run `command`, give each line of its output, as `hide` returns it, to `show` and append it to `log`.

    `lines` makes any number of lines for people out of one of the output; `hide` is called with those.

    The command gets a session of its own, so that Ctrl-C reaches it once, from here: it is
    interrupted, given `GRACE_SECONDS` to stop what it started, then killed with all its children.

    Returns the exit status. Raises KeyboardInterrupt after the command has ended.
    """
    with os.fdopen(
        open_in_place(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "a", encoding="utf-8"
    ) as record:
        process = subprocess.Popen(
            [os.fspath(part) for part in command],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        assert process.stdout is not None
        try:
            for raw in process.stdout:
                for line in map(hide, lines(raw)):
                    text = printable(line.rstrip("\n"))  # some of it comes from the guest
                    record.write(f"{text}\n")
                    record.flush()
                    show(text)
            return process.wait()
        except BaseException:
            _stop(process)
            raise


def _stop(process: subprocess.Popen[str]) -> None:
    """Interrupt, wait, and only then kill the whole session."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + GRACE_SECONDS
    with suppress(KeyboardInterrupt):  # a second Ctrl-C: no more patience
        while process.poll() is None and time.monotonic() < deadline:
            # Somebody has to read, or a full pipe keeps the command from ending.
            os.set_blocking(process.stdout.fileno(), False)  # type: ignore[union-attr]
            with suppress(BlockingIOError, OSError, ValueError):
                os.read(process.stdout.fileno(), 65536)  # type: ignore[union-attr]
            time.sleep(0.1)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
