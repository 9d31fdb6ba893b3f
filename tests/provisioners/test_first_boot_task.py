"""The first-boot task of Linux: installed, run as at a customer's first start, and gone after success."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from generator import steps

RUNNER = "usr/local/lib/vmoffer/first-boot"
UNIT = "etc/systemd/system/vmoffer-first-boot.service"
WANTED = "etc/systemd/system/multi-user.target.wants/vmoffer-first-boot.service"
SCRIPT = "/opt/contoso/it's the first.sh"


def install(root: Path, script: str = SCRIPT, deadline: int = 60) -> subprocess.CompletedProcess[str]:
    """Run the rendered step on a scratch tree."""
    rendered = root.parent / "first-boot.sh"
    rendered.write_text(steps.script("first-boot", "linux"))
    env = {**os.environ, "ROOT": str(root), "SCRIPT": script, "DEADLINE": str(deadline)}
    return subprocess.run(["sh", rendered], env=env, capture_output=True, text=True, check=False)


def start(root: Path) -> subprocess.CompletedProcess[str]:
    """What the unit does, where cloud-init says at once that the machine is set up."""
    tools = root.parent / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "cloud-init").write_text(f'#!/bin/sh\necho "$@" >>{root.parent}/asked\n')
    (tools / "cloud-init").chmod(0o755)
    env = {"ROOT": str(root), "PATH": f"{tools}:/usr/bin:/bin"}
    return subprocess.run(["/bin/sh", root / RUNNER], env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for folder in ("etc/systemd/system", "opt/contoso", "var/log"):
        (root / folder).mkdir(parents=True)
    write(root, "echo done >>$ROOT/opt/contoso/out")
    return root


def write(root: Path, lines: str) -> None:
    (root / SCRIPT.lstrip("/")).write_text(f"#!/bin/sh\n{lines}\n")


def test_without_a_script_there_is_no_task(root: Path) -> None:
    done = install(root, "")
    assert (done.returncode, done.stdout) == (0, "vmoffer: first-boot: nothing to change\n")
    assert not (root / UNIT).exists()


def test_task_runs_once_and_is_gone_after_success(root: Path) -> None:
    assert install(root).returncode == 0
    assert (root / WANTED).readlink() == Path(f"/{UNIT}")
    assert (root / RUNNER).stat().st_mode & 0o777 == 0o700
    assert install(root).stdout == "vmoffer: first-boot: nothing to change\n"
    assert start(root).returncode == 0
    assert (root / "opt/contoso/out").read_text() == "done\n"
    assert (root.parent / "asked").read_text() == "status --wait\n"
    left = [path for path in (RUNNER, UNIT, WANTED, "usr/local/lib/vmoffer") if os.path.lexists(root / path)]
    assert not left


def test_task_stays_when_the_script_fails_and_says_what_it_said(root: Path) -> None:
    write(root, "echo no licence >&2\nexit 7")
    install(root)
    for _ in range(2):
        assert start(root).returncode == 7
    log = (root / "var/log/vmoffer-first-boot.log").read_text()
    assert log.count("no licence\n") == 2
    assert f"{SCRIPT} ended with 7" in log
    assert (root / WANTED).is_symlink()
    write(root, "exit 0")
    assert start(root).returncode == 0
    assert not os.path.lexists(root / WANTED)


def test_script_that_hangs_is_ended(root: Path) -> None:
    write(root, "exec sleep 600")
    install(root, deadline=1)
    assert start(root).returncode == 124
    assert (root / RUNNER).exists()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("first.sh", "needs its whole path: first.sh"),
        ("/opt/missing", "there is no /opt/missing; upload it with a file step before"),
    ],
)
def test_script_that_is_not_there_ends_the_step(root: Path, script: str, reason: str) -> None:
    done = install(root, script)
    assert done.returncode == 1
    assert f"vmoffer: first-boot: failed: {'the script ' if 'whole' in reason else ''}{reason}" in done.stderr
    assert not (root / UNIT).exists()


def test_systemd_finds_nothing_wrong_with_the_unit(root: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing")
    install(root)
    (root / "bin").mkdir()
    shutil.copy("/bin/sh", root / "bin/sh")
    command = ["systemd-analyze", "verify", f"--root={root}", "--recursive-errors=no", f"/{UNIT}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "vmoffer-first-boot" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr
