"""Run a native tool that takes minutes: output into a log, a line now and then, nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from generator.errors import Surroundings
from tools.cache import Say

EVERY = 15  # seconds between two lines of progress
TAIL = 12  # lines of the log shown when the tool fails


def run(
    title: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    say: Say,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    hint: str | None = None,
) -> None:
    """Run `command` to its end with `env` added to the environment.

    Says how long it has been running every 15 s, and how long it took. A failure raises Surroundings
    with the end of `log`. Whatever interrupts the wait stops the tool and all of its children first.
    """
    began = time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while (status := _wait(process)) is None:
                say(f"  {title}: {time.monotonic() - began:.0f} s")
        except BaseException:
            _stop(process)
            raise
    if status:
        lines = log.read_text(errors="replace").splitlines()[-TAIL:]
        end = "".join(f"\n  | {line}" for line in lines)
        raise Surroundings(f"{title} failed with status {status}{end}", hint=hint)
    say(f"  {title}: done in {time.monotonic() - began:.0f} s")


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    try:
        return process.wait(EVERY)
    except subprocess.TimeoutExpired:
        return None


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the whole process group, and insist after 20 s."""
    for number, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
            process.wait(patience)
            return
        except ProcessLookupError:
            process.wait()
            return
        except subprocess.TimeoutExpired:
            continue
