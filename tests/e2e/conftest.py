"""What the end-to-end tests judge: the demo as it was built, or built now."""

from __future__ import annotations

import subprocess
import sys

import machines
import pytest


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    """A missing build is made first (minutes)."""
    if not (machines.OUT / "sas.json").exists():
        command = [sys.executable, "-m", "vmoffer", "build", "demo/debian-12"]
        subprocess.run(command, cwd=machines.ROOT, check=True)
