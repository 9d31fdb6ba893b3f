"""What the end-to-end tests judge: the demos as they were built, or built now."""

from __future__ import annotations

import subprocess
import sys

import machines
import pytest


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    """A missing build is made first (minutes)."""
    for sku, disk in machines.DISKS.items():
        if not (disk.parent / "sas.json").exists():
            command = [sys.executable, "-m", "vmoffer", "build", sku]
            subprocess.run(command, cwd=machines.ROOT, check=True)
