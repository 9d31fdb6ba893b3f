"""A terminal that is closed: what a build started ends, and its private key goes."""

from __future__ import annotations

import os
import pty
import signal
import sys
import time
from pathlib import Path

import pytest

DRIVER = """
import os, sys, tempfile
from pathlib import Path
import click
from tools import live
from vmoffer import cli
from vmoffer.commands import build

@click.command()
def command():
    with tempfile.TemporaryDirectory(prefix="vmoffer-build-", dir=sys.argv[1]) as scratch:
        build._build_key(Path(scratch))
        child = ["sh", "-c", "sleep 600 & echo $! >child; wait"]
        live.run(child, env=os.environ, log=Path("log"), show=print)

cli.Commands.get_command = lambda *_: command
cli.main(["build"])
"""


@pytest.mark.parametrize("how", ["the terminal is closed", "SIGHUP", "SIGHUP twice"])
def test_a_hang_up_ends_what_a_build_started_and_removes_its_key(how: str, tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(
            signal.SIGHUP, signal.SIG_DFL
        )  # these tests may run under nohup, which vmoffer respects
        os.chdir(tmp_path)
        os.execve(sys.executable, [sys.executable, str(script), str(tmp_path)], environment)
    child = tmp_path / "child"
    deadline = time.monotonic() + 60
    while not child.exists() or not child.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert list(tmp_path.glob("vmoffer-build-*/id_ed25519"))
    if how == "the terminal is closed":
        os.close(terminal)
    else:
        os.kill(pid, signal.SIGHUP)
        if how == "SIGHUP twice":
            os.kill(pid, signal.SIGHUP)
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    status = ended[1]
    assert os.waitstatus_to_exitcode(status) == 130
    assert not list(tmp_path.glob("vmoffer-build-*"))
    assert _ended(child.read_text().strip())


def _ended(pid: str) -> bool:
    """Whether the process is gone, or only waits for whoever counts the dead of this machine."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
