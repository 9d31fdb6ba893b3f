"""Scratch trees in the likeness of Debian 12 and Ubuntu 24.04, not yet prepared for the Marketplace."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from scratch import COMMON, LIKE, make_sku

from generator import steps
from generator.model import Builder


@pytest.fixture(params=["debian", "ubuntu"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An unprepared root file system; its name is its distribution."""
    root = tmp_path / request.param
    for name, text in {**COMMON, **LIKE[request.param]}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    links = root / "dev/disk/by-uuid"
    links.mkdir(parents=True)
    (links / "11111111-2222-3333-4444-555555555555").symlink_to("../../sda1")
    if request.param == "ubuntu":
        (root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    (root / "etc/sudoers").chmod(0o440)
    (root / "etc/shadow").chmod(0o640)
    return root


@pytest.fixture
def run_step(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one rendered step on a tree, as Packer would: a file of its own and its environment."""

    def run(tree: Path, step_id: str, **env: str) -> subprocess.CompletedProcess[str]:
        plan = steps.plan(make_sku(tree.name), Builder.QEMU)
        step = next(step for step in plan if step.id == step_id)
        script = tmp_path / step.filename
        script.write_text(step.text)
        environment = {"PATH": os.environ["PATH"], "ROOT": str(tree), **step.env, **env}
        return subprocess.run(["sh", script], env=environment, capture_output=True, text=True, timeout=60)

    return run
