"""A long command is shown and logged as it runs, and gets the time to clean up after Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import live

# Starts a child, says so, and cleans up when it is interrupted, with more output than a pipe holds.
COMMAND = """
child=$(sleep 300 >/dev/null 2>&1 & echo $!)
trap 'kill $child; head -c 300000 /dev/zero; echo cleaned > "$0.cleaned"; exit 1' INT
echo "child $child"
while :; do sleep 0.1; done
"""
RUNNER = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # as `vmoffer` does; CI may have it ignored
from pathlib import Path
from tools import live
script = Path(sys.argv[1])
log = script.with_suffix(".log")
live.run(["bash", script], env=os.environ, log=log, show=lambda line: print(line, flush=True))
"""


def test_output_is_shown_and_logged_and_the_status_returned(tmp_path: Path) -> None:
    shown: list[str] = []
    log = tmp_path / "log"
    status = live.run(
        ["sh", "-c", "echo one; echo two >&2; exit 5"], env=os.environ, log=log, show=shown.append
    )
    assert (status, shown, log.read_text()) == (5, ["one", "two"], "one\ntwo\n")


def test_output_that_is_no_text_is_shown_all_the_same(tmp_path: Path) -> None:
    shown: list[str] = []
    live.run(["printf", r"a\377b\n"], env=os.environ, log=tmp_path / "log", show=shown.append)
    assert shown == ["a\N{REPLACEMENT CHARACTER}b"]


def _start(script: Path) -> tuple[subprocess.Popen[str], int]:
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert runner.stdout is not None
    return runner, int(runner.stdout.readline().split()[1])


def test_ctrl_c_lets_the_command_clean_up_and_leaves_no_child(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(COMMAND)
    runner, child = _start(script)
    runner.send_signal(signal.SIGINT)
    runner.communicate(timeout=30)
    assert (tmp_path / "script.cleaned").exists()
    assert not alive(child)


def test_a_command_that_ignores_ctrl_c_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "GRACE_SECONDS", 0.5)
    script = tmp_path / "script"
    script.write_text("trap '' INT\nsleep 300 &\necho $!\nwait")

    def interrupt(line: str) -> None:
        children.append(int(line))
        raise KeyboardInterrupt

    children: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        live.run(["bash", script], env=os.environ, log=tmp_path / "log", show=interrupt)
    deadline = time.monotonic() + 5
    while alive(children[0]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(children[0])


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits for its parent to notice does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
