"""What a step says, and leaves behind, where the system it works on is in a bad way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scratch import make_sku

from generator import steps
from generator.model import Builder

Run = Callable[..., subprocess.CompletedProcess[str]]
IDS = [step.id for step in steps.plan(make_sku("debian"), Builder.QEMU)]
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


def files(tree: Path) -> dict[str, bytes | str]:
    """Every file and link below `tree` with what it holds."""
    found: dict[str, bytes | str] = {}
    for path in tree.rglob("*"):
        if path.is_symlink():
            found[str(path.relative_to(tree))] = str(path.readlink())
        elif path.is_file():
            found[str(path.relative_to(tree))] = path.read_bytes()
    return found


@pytest.fixture
def small(tree: Path, tmp_path: Path) -> Iterator[Path]:
    """The tree on a file system of its own."""
    place = tmp_path / "mounted" / tree.name
    place.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", place], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mount does not work here")
    try:
        shutil.copytree(tree, place, symlinks=True, dirs_exist_ok=True)
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@root_only
def test_full_file_system_is_named_and_nothing_is_half_written(small: Path, run_step: Run) -> None:
    with (small / "filler").open("wb") as filler, pytest.raises(OSError, match="No space"):
        while True:
            filler.write(bytes(65536))
            filler.flush()
    before = files(small)
    for step in ("kernel-cmdline", "sshd", "waagent-conf"):
        done = run_step(small, step)
        assert done.returncode == 1, step
        assert f"vmoffer: {step}: failed: cannot" in done.stderr
        assert files(small) == before, step


@root_only
def test_read_only_root_is_named_and_stays_as_it_is(small: Path, run_step: Run) -> None:
    before = files(small)
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    for step in ("swap", "kernel-cmdline", "sshd", "sudoers", "history", "generalize"):
        done = run_step(small, step)
        assert done.returncode == 1, (step, done.stdout)
        assert f"vmoffer: {step}: failed: " in done.stderr, done.stderr
    assert files(small) == before


@pytest.mark.parametrize("step_id", IDS)
def test_step_that_is_killed_half_way_can_be_run_again(
    tree: Path, run_step: Run, tmp_path: Path, step_id: str
) -> None:
    """Ended after each of the programs that it runs, and run again: the tree is as after one whole run."""
    whole = tmp_path / "whole" / tree.name
    shutil.copytree(tree, whole, symlinks=True)
    assert run_step(whole, step_id).returncode == 0
    step = next(step for step in steps.plan(make_sku(tree.name), Builder.QEMU) if step.id == step_id)
    script = tmp_path / "killed.sh"
    script.write_text(step.text)
    for moment in (0.004, 0.012, 0.03):
        part = tmp_path / f"part-{moment}" / tree.name
        shutil.copytree(tree, part, symlinks=True)
        environment = {"PATH": os.environ["PATH"], "ROOT": str(part), **step.env}
        process = subprocess.Popen(
            ["sh", script],
            env=environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moment)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert run_step(part, step_id).returncode == 0
        assert files(part) == files(whole), (step_id, moment)


@root_only
def test_home_on_another_file_system_is_emptied_and_stays(tree: Path, run_step: Run) -> None:
    home = tree / "home/packer"
    if (
        subprocess.run(["mount", "-t", "tmpfs", "none", home], capture_output=True, check=False).returncode
        != 0
    ):
        pytest.skip("mount does not work here")
    try:
        (home / "left").write_text("x")
        done = run_step(tree, "generalize")
        assert done.returncode == 0, done.stderr
        assert not list(home.iterdir())
    finally:
        subprocess.run(["umount", home], check=True)


def test_missing_sshd_is_a_named_failure_and_a_locked_down_image_skips_the_step(
    tree: Path, run_step: Run
) -> None:
    shutil.rmtree(tree / "etc/ssh")
    done = run_step(tree, "sshd")
    assert done.returncode == 1
    assert (
        "vmoffer: sshd: failed: /etc/ssh/sshd_config is missing; is the SSH server installed?" in done.stderr
    )
    plan = steps.plan(make_sku("debian", sshd={"skip": True}), Builder.QEMU)
    assert "sshd" not in [step.id for step in plan]


def test_distribution_that_nobody_knows_gets_the_steps_that_fit_every_linux() -> None:
    plan = [step.id for step in steps.plan(make_sku("other"), Builder.QEMU)]
    assert "generalize" in plan
    assert "updates" not in plan
    assert "Updates" in steps.uncovered(make_sku("other"))


def test_link_that_a_killed_step_left_half_made_is_removed(tree: Path, run_step: Run) -> None:
    folder = tree / "etc/systemd/system"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".vmoffer-0123456789").symlink_to("/dev/null")
    assert run_step(tree, "swap").returncode == 0
    assert (folder / "data.swap").is_symlink()
    assert not list(folder.glob(".vmoffer-*"))
