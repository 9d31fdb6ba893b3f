"""A file system that is full: what was there stays whole, and nothing of ours is left."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import VMOFFER, clean

# A small file system of its own for each line; with everything that the line needs, and then no block free.
SMALL = """
set -e
mount -t tmpfs -o size=2m,mode=755 small "$1"
cd "$1"
{prepare}
cat /dev/zero >filler 2>/dev/null || true
find . -type f ! -name filler -exec sha256sum {{}} + | sort >/dev/shm/$$.before
set +e
{line} </dev/null
echo "status $?"
find . -type f ! -name filler -exec sha256sum {{}} + | sort >/dev/shm/$$.after
rm filler
diff /dev/shm/$$.before /dev/shm/$$.after && echo unchanged
rm /dev/shm/$$.before /dev/shm/$$.after
"""
NEW = "vmoffer new shop/basic --os debian-12"
SAS = "vmoffer sas make os.vhd --container vhds --unproven --quiet --out"
FILES = {"XDG_STATE_HOME": "state", "DISK": "os.vhd", "FILE": "big"}
LINES = {
    "new": (":", "vmoffer new shop/basic --os debian-12"),
    "new, another": (NEW, "vmoffer new shop/other --from shop/basic"),
    "import": ('echo \'source "azure-arm" "x" {}\' >x.pkr.hcl', "vmoffer import x.pkr.hcl shop/web"),
    "bump": (NEW, "vmoffer bump shop/basic patch"),
    "generate": (NEW, "vmoffer generate"),
    "ci": (NEW, "vmoffer ci github"),
    "validate --out, first": (":", "vmoffer validate $DISK --out r.html --out r.json"),
    "validate --out, again": (
        "vmoffer validate $DISK --out r.html --out r.json >/dev/null || true",
        "vmoffer validate $DISK --all --out r.html --out r.json",
    ),
    "disk create": (":", "vmoffer disk create d.vhd --size 1G --content $FILE"),
    "convert": (":", "vmoffer convert $FILE d.vhd"),
    "sas make --out, first": (":", f"{SAS} sas.json"),
    "sas make --out, again": (f"{SAS} sas.json", f"{SAS} sas.json"),
}


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A disk, a file of 4 MiB and a store with a blob, on a file system with room."""
    if subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"]).returncode:
        pytest.skip("no user namespaces here, to mount a small file system in")
    folder = tmp_path_factory.mktemp("things")
    env = clean() | {name: str(folder / file) for name, file in FILES.items()}

    def must(*words: str) -> None:
        subprocess.run([*VMOFFER, *words], cwd=folder, env=env, check=True, capture_output=True)

    (folder / "big").write_bytes(os.urandom(4 << 20))
    must("disk", "create", "os.vhd", "--size", "1M")
    must("store", "start")
    must("upload", "os.vhd", "--container", "vhds")
    yield env
    must("store", "stop")


@pytest.mark.parametrize("name", LINES)
def test_on_a_full_disk_the_old_file_stays_and_nothing_is_left(
    name: str, things: dict[str, str], tmp_path: Path
) -> None:
    prepare, line = (part.replace("vmoffer", shlex.join(VMOFFER), 1) for part in LINES[name])
    script = SMALL.format(prepare=prepare, line=line)
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "bash",
        "-c",
        script,
        "small",
        str(tmp_path),
    ]
    done = subprocess.run(command, env=things, capture_output=True, text=True, timeout=120)
    assert "status 3" in done.stdout, done.stdout + done.stderr
    assert "unchanged" in done.stdout, done.stdout + done.stderr
    said = (
        "sfdisk failed" if name == "disk create" else "No space left on device"
    )  # sfdisk is silent about why
    assert said in done.stderr and "Traceback" not in done.stderr, done.stderr
