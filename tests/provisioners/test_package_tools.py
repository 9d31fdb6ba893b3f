"""What is asked of the package tools, by stubs that record it: locks, failing mirrors, and which words."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[2] / "provisioners/linux/lib.sh"
TOOLS = ("sh", "awk", "sed", "env", "timeout", "sleep", "cat", "tr", "id", "rm", "sort", "grep", "expr")
INSTALL = {
    "apt-get": "install some-package",
    "dnf": "-q -y install some-package",
    "tdnf": "-q -y install some-package",
    "zypper": "--non-interactive --quiet install some-package",
}


def shell(folder: Path, tool: str, stub: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run `code` after the library as a live guest would, with nothing on the PATH but `tool`, a stub."""
    path = folder / "bin"
    path.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found
        (path / name).symlink_to(found)
    for name, text in {tool: f'echo "$@" >>{folder}/calls\n{stub}', "rpm": "exit 1", "id": "echo 0"}.items():
        (path / name).unlink(missing_ok=True)
        (path / name).write_text(f"#!/bin/sh\n{text}\n")
        (path / name).chmod(0o755)
    script = folder / "script.sh"
    script.write_text(f"set -eu\nSTEP=test\n{LIBRARY.read_text()}\n{code}\n")
    environment = {"PATH": str(path), "RETRY_WAIT": "0", "PACKAGE_WAIT": "1"}
    return subprocess.run(
        [path / "sh", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize("tool", INSTALL)
def test_missing_package_is_installed_in_the_words_of_the_tool(tmp_path: Path, tool: str) -> None:
    done = shell(tmp_path, tool, "exit 0", "install_packages some-package; finish")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "vmoffer: test: installed some-package\n"
    assert len(calls(tmp_path)) == 1
    assert calls(tmp_path)[0].endswith(INSTALL[tool])


@pytest.mark.parametrize(
    ("tool", "word"),
    [("apt-get", "update"), ("dnf", "makecache"), ("tdnf", "makecache"), ("zypper", "refresh")],
)
def test_mirror_that_fails_twice_is_asked_a_third_time(tmp_path: Path, tool: str, word: str) -> None:
    stub = f'[ "$(awk "END {{ print NR }}" {tmp_path}/calls)" -ge 3 ]'
    done = shell(tmp_path, tool, stub, "refresh_packages")
    assert done.returncode == 0, done.stderr
    assert [call.split()[-1] for call in calls(tmp_path)] == [word] * 3


@pytest.mark.parametrize("tool", INSTALL)
def test_mirror_that_always_fails_is_a_named_failure(tmp_path: Path, tool: str) -> None:
    done = shell(tmp_path, tool, "exit 7", "refresh_packages")
    assert done.returncode == 1
    assert "vmoffer: test: failed: the package lists could not be fetched, 3 tries" in done.stderr


@pytest.mark.parametrize("tool", INSTALL)
def test_lock_that_is_never_given_back_ends_at_the_deadline(tmp_path: Path, tool: str) -> None:
    begin = time.monotonic()
    done = shell(tmp_path, tool, "exec sleep 100", "package_manager upgrade || fail 'no updates'")
    assert done.returncode == 1
    assert "was stopped after 1 s" in done.stderr
    assert "vmoffer: test: failed: no updates" in done.stderr
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize(("status", "result"), [(0, 0), (102, 0), (103, 0), (7, 1), (104, 1)])
def test_zypper_that_advises_a_reboot_has_succeeded(tmp_path: Path, status: int, result: int) -> None:
    done = shell(tmp_path, "zypper", f"exit {status}", "package_manager update")
    assert done.returncode == result


def test_system_without_a_package_manager_is_a_named_failure(tmp_path: Path) -> None:
    done = shell(tmp_path, "pacman", "exit 0", "install_packages some-package")
    assert done.returncode == 1
    assert "no package manager is here" in done.stderr
    assert not (tmp_path / "calls").exists()
