"""The steps inside of real Debian roots: base images, mounted, worked on by chroot with their own tools."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmoffer import scratch

VMOFFER = (sys.executable, "-m", "vmoffer")
TOOLS = ("losetup", "partx", "mknod", "qemu-img", "mount", "unshare")


def sh(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(params=["debian-12", "debian-13"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A raw copy of the base image, which is made if it is not there (minutes)."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root and {', '.join(missing or TOOLS)}")
    from tools import base

    disk = tmp_path / "disk.raw"
    sh("qemu-img", "convert", "-O", "raw", base.ensure(request.param, print), disk)
    return disk


@pytest.fixture
def root(disk: Path, tmp_path: Path) -> Iterator[Path]:
    """Partition 1 of the disk, mounted. A GRUB tool wants a node of its own for it."""
    device = Path(sh("losetup", "--find", "--show", disk))
    node, place = Path(f"{device}p1"), tmp_path / "root"
    made = False
    place.mkdir()
    try:
        sh("partx", "--update", device)
        if not node.exists():  # without devtmpfs or udev nobody makes it
            numbers = Path(f"/sys/block/{device.name}/{node.name}/dev").read_text().strip().split(":")
            sh("mknod", node, "b", *numbers)
            made = True
        sh("mount", node, place)
        yield place
    finally:
        if place.is_mount():
            sh("umount", place)
        subprocess.run(["partx", "--delete", device], check=False)
        sh("losetup", "--detach", device)
        if made:
            node.unlink()


@pytest.mark.e2e
def test_steps_inside_of_a_real_root_make_an_image_that_passes(disk: Path, root: Path) -> None:
    *plan, generalize = scratch.planned("debian")
    again = [step for step in plan if step.id not in ("updates", "clean")]
    for result in scratch.run(root, plan, inside=True):
        assert result.status == 0, (result.step, result.complained)
        assert not [change.path for change in result.changes if not change.declared], result.step
    for result in scratch.run(root, again, inside=True):
        assert result.said == f"vmoffer: {result.step}: nothing to change", (result.said, result.complained)
    (last,) = scratch.run(root, [generalize], inside=True)
    assert last.status == 0, last.complained
    assert not [change.path for change in last.changes if not change.declared]
    sh("umount", root)
    vhd = disk.with_name("debian-1.0.0-gen2-os.vhd")
    sh(*VMOFFER, "convert", disk, vhd)
    done = subprocess.run(
        [*VMOFFER, "validate", vhd, "--generation", "gen2", "--format", "json"],
        capture_output=True,
        text=True,
    )
    report = json.loads(done.stdout)
    assert report["verdict"] == "pass", [one for one in report["outcomes"] if one["status"] == "fail"]
