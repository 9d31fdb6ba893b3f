"""`vmoffer provision`: the tree is changed, the difference is shown, and nothing outside is touched."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from generator import steps
from vmoffer import scratch
from vmoffer.cli import run

Said = pytest.CaptureFixture[str]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "a tree"
    for name, text in {
        "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
        "etc/sudoers": "Defaults targetpw\nroot ALL=(ALL) ALL\n",
        "etc/ssh/sshd_config": "UsePAM yes\n",
        "root/.bash_history": "ls\n",
        "root/new\nline/.sh_history": "ls\n",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "etc/sudoers").chmod(0o440)
    return root


def test_difference_names_step_path_mode_and_lines(tree: Path, capsys: Said) -> None:
    arguments = ["provision", "--root", str(tree), "--family", "debian", "--step", "sudoers"]
    assert run([*arguments, "--step", "history"]) == 0
    out = capsys.readouterr().out
    assert "vmoffer: sudoers: wrote /etc/sudoers" in out
    assert "changed /etc/sudoers (file 0440 " in out
    assert "-Defaults targetpw" in out
    assert "+# Defaults targetpw" in out
    assert "removed /root/.bash_history" in out
    assert "removed /root/new\\nline/.sh_history" in out
    assert "NOT DECLARED" not in out
    assert run([*arguments]) == 0
    assert capsys.readouterr().out == "vmoffer: sudoers: nothing to change\n"


def test_path_that_the_step_does_not_declare_is_a_failure(
    tree: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = next(entry for entry in steps.entries("linux") if entry.id == "sudoers")
    narrow = entry.model_copy(update={"touches": ["/etc/sudoers.d/*"]})
    monkeypatch.setattr(steps, "entries", lambda family: (narrow,))
    assert run(["provision", "--root", str(tree), "--family", "debian"]) == 1
    said = capsys.readouterr()
    assert "NOT DECLARED" in said.out
    assert "sudoers changed /etc/sudoers" in said.err


@pytest.mark.parametrize("family", list(steps.distributions()))
def test_list_is_the_plan_of_the_family(family: str, capsys: Said) -> None:
    assert run(["provision", "--family", family, "--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [step.id for step in scratch.planned(family)]


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["--root", "/", "--family", "debian"], 2, "running system"),
        (["--root", "/nowhere", "--family", "debian"], 2, "not a folder"),
        (["--root", "/proc", "--family", "debian"], 3, "cannot write there"),
        (["--root", ".", "--family", "beos"], 2, "no family 'beos'"),
        (["--root", "."], 2, "--family"),
        (["--family", "debian"], 2, "--root is missing"),
        (["--root", ".", "--family", "other", "--step", "agent"], 2, "agent is not for other"),
        (["--root", ".", "--family", "debian", "--step", "ssh"], 2, "no step 'ssh'"),
    ],
)
def test_wrong_call_says_what_is_wrong(arguments: list[str], status: int, reason: str, capsys: Said) -> None:
    assert run(["provision", *arguments]) == status
    assert reason in capsys.readouterr().err


def test_step_that_fails_is_named_and_later_ones_do_not_run(tree: Path, capsys: Said) -> None:
    shutil.rmtree(tree / "etc/ssh")
    wanted = ["--step", "sshd", "--step", "sudoers"]
    assert run(["provision", "--root", str(tree), "--family", "debian", *wanted]) == 1
    said = capsys.readouterr()
    assert "sshd_config is missing" in said.err
    assert "step sshd failed" in said.err
    assert "sudoers" not in said.out
    assert "Defaults targetpw" in (tree / "etc/sudoers").read_text().splitlines()


@pytest.mark.parametrize("step", ["sudoers", "sshd", "history", "generalize", "clean", "swap"])
def test_folders_that_lead_out_of_the_tree_are_refused(tree: Path, tmp_path: Path, step: str) -> None:
    outside = tmp_path / "outside"
    (outside / "log").mkdir(parents=True)
    kept = {
        "log/x.log": "kept", "log/x.gz": "kept", ".bash_history": "kept", "sudoers": "Defaults targetpw\n",
        "ssh_host_rsa_key": "kept", "sshd_config": "kept\n", "fstab": "/s none swap sw 0 0\n",
        "swap.img": "x",
    }  # fmt: skip
    for name, text in kept.items():
        (outside / name).write_text(text)
    (tree / "var").symlink_to(outside)
    (tree / "swap").symlink_to(outside)
    shutil.rmtree(tree / "etc/ssh")
    (tree / "etc/ssh").symlink_to(outside)
    (tree / "etc/sudoers").unlink()
    (tree / "etc/sudoers").symlink_to(outside / "sudoers")
    (tree / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nup:x:1000:1000::/../outside:/bin/sh\n")
    run(["provision", "--root", str(tree), "--family", "debian", "--step", step])
    assert {name: (outside / name).read_text() for name in kept} == kept


# What the sudoers step runs.
PROGRAMS = (
    "sh", "awk", "cat", "cmp", "chmod", "chown", "grep", "hostname", "id", "mkdir", "mktemp", "mv",
    "readlink", "rm", "stat", "timeout", "tr",
)  # fmt: skip


def mounted(place: Path, *arguments: str) -> None:
    done = subprocess.run(["mount", *arguments, place], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("mount does not work here")


@pytest.fixture
def image(tree: Path, tmp_path: Path) -> Iterator[Path]:
    """The tree as a mounted root file system, with programs of this machine in it."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    root = tmp_path / "mounted"
    root.mkdir()
    mounted(root, "-t", "tmpfs", "none")
    try:
        shutil.copytree(tree, root, dirs_exist_ok=True)
        for name in ("proc", "sys", "dev", "run", "tmp"):
            (root / name).mkdir()
        for name in PROGRAMS:
            found = shutil.which(name)
            assert found, name
            libraries = subprocess.run(["ldd", found], capture_output=True, text=True, check=False).stdout
            for path in (found, *re.findall(r"(/\S+) \(0x", libraries)):
                copy = root / path.lstrip("/")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
        if not (root / "bin/sh").exists():
            (root / "bin").symlink_to("usr/bin")
        yield root
    finally:
        subprocess.run(["umount", "-R", root], check=True)


def test_steps_run_inside_of_a_mounted_tree_as_in_the_guest(image: Path, capsys: Said) -> None:
    here = socket.gethostname()
    plan = [replace(step, text=f"hostname x\n{step.text}") for step in scratch.planned("debian", ["sudoers"])]
    (result,) = scratch.run(image, plan, inside=True)
    assert result.status == 0, result.complained
    assert [change.path for change in result.changes] == ["/etc/sudoers"]
    assert "# Defaults targetpw" in (image / "etc/sudoers").read_text()
    assert socket.gethostname() == here
    assert not [path for name in ("proc", "sys", "dev", "run") for path in (image / name).iterdir()]
    arguments = ["provision", "--root", str(image), "--family", "debian", "--chroot", "--step", "sudoers"]
    assert run(arguments) == 0
    assert capsys.readouterr().out == "vmoffer: sudoers: nothing to change\n"


def test_tree_that_is_not_mounted_is_not_entered(
    tree: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["provision", "--root", str(tree), "--family", "debian", "--chroot"]
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert run(arguments) == 2
    assert "nothing is mounted there" in capsys.readouterr().err
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert run(arguments) == 3
    assert "only root may work inside of a tree" in capsys.readouterr().err
    assert (tree / "root/.bash_history").exists()
