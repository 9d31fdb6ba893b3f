"""XFS data disks: what mkfs.xfs wrote, judged by xfs_repair and read by the kernel and by libfsxfs."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.errors import Unusable
from validators import datadisk, xfs
from validators.convert import is_finished
from validators.footer import MIB

SIZE = 320 * MIB
pytestmark = pytest.mark.skipif(not shutil.which("mkfs.xfs"), reason="needs mkfs.xfs of xfsprogs")


def sound(disk: Path) -> Path:
    """The partition of a disk as a file, once xfs_repair has nothing to say of it."""
    image = disk.with_name("partition.xfs")
    dd = ["dd", f"if={disk}", f"of={image}", "bs=1M", "skip=1", "conv=sparse", "status=none"]
    subprocess.run(dd, check=True)
    os.truncate(image, SIZE - 2 * MIB)
    done = subprocess.run(["xfs_repair", "-n", "-f", image], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return image


@contextmanager
def mounted(image: Path) -> Iterator[Path]:
    """The kernel's view of it; skipped where nobody may mount."""
    place = image.with_name("mnt")
    place.mkdir()
    done = subprocess.run(["mount", "-o", "loop,ro", image, place], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"needs a loop mount: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "with space, and comma"
    (folder / "sub" / "deeper").mkdir(parents=True)
    (folder / "sub" / "deeper" / "big").write_bytes(os.urandom(9 * MIB + 5))
    (folder / "sub" / "text").write_text("hello")
    (folder / "sub" / "text").chmod(0o640)
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o4755)
    (folder / "ünïcode🦊").touch()
    return folder


def test_a_folder_fills_the_root_and_belongs_to_root(tmp_path: Path, content: Path) -> None:
    own = uuid.uuid4()
    out = tmp_path / "out, put" / "data,1.vhd"
    out.parent.mkdir()
    done = datadisk.filled(out, SIZE, content, "seed", filesystem="xfs", system_id=own)
    assert is_finished(done)
    assert not [path for path in out.parent.iterdir() if path.name.startswith(".")]
    image = sound(out)
    facts = subprocess.run(
        ["xfs_db", "-r", "-f", "-c", "label", "-c", "uuid", image], capture_output=True, text=True, check=True
    ).stdout
    assert 'label = "seed"' in facts
    assert str(own) in facts
    with mounted(image) as root:
        found = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
        assert found == sorted(str(path.relative_to(content)) for path in content.rglob("*"))
        assert (root / "sub" / "deeper" / "big").read_bytes() == (content / "sub/deeper/big").read_bytes()
        assert (root / "link").readlink() == Path("/etc/passwd")
        assert all((path.lstat().st_uid, path.lstat().st_gid) == (0, 0) for path in root.rglob("*"))
        modes = {
            name: stat.S_IMODE((root / name).stat().st_mode) for name in ("sub/text", "run.sh", "empty", ".")
        }
        assert modes == {"sub/text": 0o640, "run.sh": 0o4755, "empty": 0o755, ".": 0o755}


def test_one_file_comes_into_the_root(tmp_path: Path) -> None:
    (tmp_path / "seed.bin").write_bytes(b"payload")
    datadisk.filled(tmp_path / "data.vhd", SIZE, tmp_path / "seed.bin", filesystem="xfs")
    with mounted(sound(tmp_path / "data.vhd")) as root:
        assert [path.name for path in root.iterdir()] == ["seed.bin"]
        assert (root / "seed.bin").read_bytes() == b"payload"


def make_attribute(path: Path) -> None:
    path.touch()
    try:
        os.setxattr(path, "user.note", b"x")
    except OSError as error:
        pytest.skip(f"needs extended attributes: {error}")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.with_name("two words").touch(), "a name with spaces"),
        (lambda path: path.with_name("a:b").touch(), "colons"),
        (lambda path: path.with_name("$").touch(), "a name with"),
        (lambda path: path.symlink_to("to a place"), "a name with spaces"),
        (lambda path: (path.mkdir(), path.chmod(0o1777)), "sticky"),
        (make_attribute, "user.note"),
        (lambda path: os.mkfifo(path), "files, folders and links only"),
    ],
)
def test_what_cannot_be_brought_in_is_refused_with_its_name(tmp_path: Path, make: object, said: str) -> None:
    (tmp_path / "in").mkdir()
    make(tmp_path / "in" / "x")  # type: ignore[operator]
    with pytest.raises(Unusable, match=re.escape(said)):
        datadisk.filled(tmp_path / "data.vhd", SIZE, tmp_path / "in", filesystem="xfs")
    assert not (tmp_path / "data.vhd").exists()


def test_a_file_that_mkfs_cannot_count_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(Unusable, match="2 GiB"):
        datadisk.filled(tmp_path / "data.vhd", 4 << 30, tmp_path / "big", filesystem="xfs")


@pytest.mark.parametrize("label", ["thirteenchars", "a b", ""])
def test_a_label_that_xfs_has_no_room_for_is_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(Unusable, match="no label of xfs"):
        datadisk.filled(tmp_path / "data.vhd", SIZE, tmp_path, label, filesystem="xfs")


def test_a_disk_that_is_too_small_says_what_is_enough_and_that_is_enough(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(4):
        (tmp_path / "in" / str(number)).write_bytes(os.urandom(90 * MIB))
    with pytest.raises(Unusable, match="does not fit") as raised:
        datadisk.filled(tmp_path / "data.vhd", SIZE, tmp_path / "in", filesystem="xfs")
    enough = int(re.search(r"a disk of (\d+) MiB", str(raised.value.hint))[1])  # type: ignore[index]
    datadisk.filled(tmp_path / "data.vhd", enough * MIB, tmp_path / "in", filesystem="xfs")
    assert datadisk.room_for_content(tmp_path / "in", "xfs") == enough * MIB


def test_a_file_that_was_written_wrong_is_noticed(
    tmp_path: Path, content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = xfs._format

    def damage(image: Path, *more: object) -> None:
        make(image, *more)  # type: ignore[arg-type]
        data = image.read_bytes()
        big = (content / "sub" / "deeper" / "big").read_bytes()
        at = data.index(big[:4096])
        with image.open("r+b") as file:
            file.seek(at + 5000)
            file.write(b"something else")

    monkeypatch.setattr(xfs, "_format", damage)
    with pytest.raises(Unusable, match="no room for it in one piece") as raised:
        datadisk.filled(tmp_path / "data.vhd", SIZE, content, filesystem="xfs")
    assert str(raised.value.where).endswith("big")
    assert not (tmp_path / "data.vhd").exists()


def test_the_command_estimates_the_size_and_info_names_the_file_system(tmp_path: Path, content: Path) -> None:
    command = [sys.executable, "-m", "vmoffer", "disk"]
    disk = tmp_path / "data.vhd"
    made = [*command, "create", disk, "--content", content, "--filesystem", "xfs", "--label", "seed"]
    subprocess.run(made, check=True)
    shown = subprocess.run(
        [*command, "info", disk, "--format", "json"], check=True, capture_output=True
    ).stdout
    (partition,) = json.loads(shown)["partitions"]
    assert (partition["content"]["kind"], partition["content"]["label"]) == ("xfs", "seed")
    blank = subprocess.run([*command, "create", tmp_path / "blank.vhd"], capture_output=True, text=True)
    assert (blank.returncode, "needs --size" in blank.stderr) == (2, True)


tree = st.recursive(
    st.integers(0, 3 * MIB),
    lambda inner: st.dictionaries(st.text("abcäß-._0", min_size=1, max_size=6), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=8, deadline=None)
@given(st.dictionaries(st.text("abcd", min_size=1, max_size=3), tree, min_size=1, max_size=4))
def test_any_tree_is_written_soundly(
    tmp_path_factory: pytest.TempPathFactory, shape: dict[str, object]
) -> None:
    folder = tmp_path_factory.mktemp("tree")

    def grow(place: Path, what: object) -> None:
        if isinstance(what, int):
            place.write_bytes(os.urandom(what))
            return
        place.mkdir()
        assert isinstance(what, dict)
        for name, inner in what.items():
            if name not in (".", ".."):
                grow(place / name, inner)

    grow(folder / "in", shape)
    datadisk.filled(folder / "data.vhd", SIZE, folder / "in", filesystem="xfs")  # compares each file itself
    sound(folder / "data.vhd")
    shutil.rmtree(folder)
