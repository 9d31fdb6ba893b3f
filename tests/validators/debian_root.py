"""A small root with one real program of Debian in it: its packages unpacked, its libraries beside it.

Nothing is installed on this machine: the program runs in a chroot of its own, which takes root.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools import cache

NEEDED = ("apt-get", "dpkg-deb", "ldd")


def make(root: Path, program: str, *packages: str) -> None:
    """Lay `program` (an absolute path), unpacked from `packages`, into the empty folder `root`.

    Skips the test if that is not possible here, and says why.
    """
    if os.geteuid() != 0 or shutil.which("chroot") is None:
        pytest.skip(f"{program} in a chroot needs root and chroot")
    tree = unpacked(*packages)
    shutil.copytree(tree, root, symlinks=True, dirs_exist_ok=True)
    folders = [str(path) for path in tree.rglob("*.so*")]
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": ":".join(sorted({str(Path(one).parent) for one in folders})),
    }
    listed = subprocess.run(
        ["ldd", tree / program.lstrip("/")], env=environment, capture_output=True, text=True, check=True
    ).stdout
    for library in re.findall(r"(?:=> )?(/\S+) \(0x", listed):
        place = Path(library)
        inside = root / str(place).replace(str(tree), "").lstrip("/")
        inside.parent.mkdir(parents=True, exist_ok=True)
        if not inside.exists():
            shutil.copy(place, inside)
    (root / "dev").mkdir(exist_ok=True)
    made = subprocess.run(
        ["mknod", "-m", "666", root / "dev/null", "c", "1", "3"], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"a chroot needs /dev/null: {made.stderr.strip()}")


def unpacked(*packages: str) -> Path:
    """A folder with the files of `packages`, fetched once by apt-get; skips if there is none."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"Debian's {' '.join(packages)} cannot be had without {', '.join(missing)}")
    folder = cache.root() / "debian-programs" / cache.key(*packages)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _unpack(folder, packages)
    return folder


def _unpack(folder: Path, packages: tuple[str, ...]) -> None:
    fetched = Path(f"{folder}.fetched")
    shutil.rmtree(fetched, ignore_errors=True)
    fetched.mkdir()
    done = subprocess.run(
        ["apt-get", "-qq", "download", *packages], cwd=fetched, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        pytest.skip(f"apt-get download {' '.join(packages)}: {done.stderr.strip()[:200]}")
    new = Path(f"{folder}.new")
    shutil.rmtree(new, ignore_errors=True)
    for package in fetched.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", package, new], check=True)
    shutil.rmtree(fetched)
    new.rename(folder)


def run(root: Path, *command: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """`command` inside `root`."""
    return subprocess.run(
        ["chroot", root, *command], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL
    )
