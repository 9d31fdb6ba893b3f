"""Programs of Debian that say what configuration means: their package, unpacked and never installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

SECONDS = 120


@cache
def _unpacked(name: str) -> Path | str:
    """The folder that holds the package, or why it could not be had."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            return f"{tool} is missing"
    folder = Path(tempfile.mkdtemp(prefix=f"vmoffer-{name}-"))
    try:
        done = subprocess.run(
            ["apt-get", "download", "-q", name], cwd=folder, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"apt-get download {name} took longer than {SECONDS} seconds"
    files = list(folder.glob("*.deb"))
    if done.returncode or not files:
        return f"apt-get download {name} failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}"
    subprocess.run(["dpkg-deb", "-x", files[0], folder / "root"], check=True)
    return folder / "root"


def package(name: str) -> Path:
    """The files of Debian's package `name`; skips the test, with the reason, where it cannot be had."""
    found = _unpacked(name)
    if isinstance(found, str):
        pytest.skip(f"the package {name} is missing: {found}")
    return found
