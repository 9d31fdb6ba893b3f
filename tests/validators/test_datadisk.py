"""Data disks are sparse, their file systems are sound, and nothing of the builder's machine is in them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pyfsext
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.errors import NotMet, Surroundings, Unusable
from validators import datadisk, ext4
from validators.content import Extent
from validators.convert import is_finished
from validators.footer import MIB
from validators.native import environment
from validators.partition_types import LINUX_DATA

TOOLS = ("sfdisk", "mke2fs", "debugfs", "e2fsck", "qemu-img")
MISSING = [tool for tool in TOOLS if shutil.which(tool, path=environment()["PATH"]) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} missing")
GIB = 1 << 30
SIZE = 32 * MIB


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "content"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "text").write_text("hello")
    (folder / "sub" / "text").chmod(0o640)
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "dangling").symlink_to("../../nowhere")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    os.link(folder / "run.sh", folder / "same.sh")
    if os.geteuid() == 0:  # anybody else's files belong to somebody else than root anyway
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 1234, 5678, follow_symlinks=False)
    return folder


class Partition:
    """The first partition of a disk, sound by e2fsck, read by libfsext."""

    def __init__(self, disk: Path) -> None:
        self.image = disk.with_name("partition.ext4")
        _run("dd", f"if={disk}", f"of={self.image}", "bs=1M", "skip=1", "conv=sparse", "status=none")
        _run("e2fsck", "-f", "-n", self.image)
        self.volume = pyfsext.volume()
        self.volume.open(str(self.image))

    def names(self, path: str = "/") -> set[str]:
        folder = self.volume.get_file_entry_by_path(path)
        return {entry.name for entry in folder.sub_file_entries}

    def entry(self, path: str) -> pyfsext.file_entry:
        found = self.volume.get_file_entry_by_path(path)
        assert found is not None, path
        return found


@pytest.mark.parametrize("gib", [1, 32, 1023])
def test_a_blank_disk_takes_no_room(tmp_path: Path, gib: int) -> None:
    done = datadisk.blank(tmp_path / "data.vhd", gib * GIB)
    assert is_finished(done)
    assert done.size_bytes == gib * GIB
    assert done.allocated_bytes < MIB


def test_a_folder_fills_the_root_and_belongs_to_root(tmp_path: Path, content: Path) -> None:
    done = datadisk.filled(tmp_path / "data.vhd", SIZE, content, "seed")
    assert is_finished(done)
    assert (done.size_bytes, done.allocated_bytes < 4 * MIB) == (SIZE, True)
    inside = Partition(tmp_path / "data.vhd")
    assert inside.volume.label == "seed"
    assert inside.names() == {"lost+found", "sub", "link", "dangling", "run.sh", "same.sh"}
    assert inside.entry("/sub/text").read_buffer(100) == b"hello"
    for path in ("/", "/lost+found", "/sub", "/sub/text", "/link", "/dangling", "/run.sh"):
        entry = inside.entry(path)
        assert (entry.owner_identifier, entry.group_identifier) == (0, 0), path
    assert inside.entry("/sub/text").file_mode & 0o7777 == 0o640
    assert inside.entry("/run.sh").file_mode & 0o7777 == 0o755
    assert inside.entry("/").file_mode & 0o7777 == 0o755


def test_links_stay_links_and_the_host_is_not_read(tmp_path: Path, content: Path) -> None:
    (content / "host").symlink_to("/etc")
    datadisk.filled(tmp_path / "data.vhd", SIZE, content)
    inside = Partition(tmp_path / "data.vhd")
    targets = {name: inside.entry(f"/{name}").symbolic_link_target for name in ("link", "dangling", "host")}
    assert targets == {"link": "/etc/passwd", "dangling": "../../nowhere", "host": "/etc"}


def test_the_table_holds_one_aligned_linux_partition(tmp_path: Path, content: Path) -> None:
    datadisk.filled(tmp_path / "data.vhd", SIZE, content, "seed")
    _strip_footer(tmp_path / "data.vhd")
    _run("sfdisk", "--verify", tmp_path / "data.vhd")
    dump = _run("sfdisk", "--dump", tmp_path / "data.vhd")
    partitions = [line for line in dump.splitlines() if "start=" in line]
    assert "label: gpt" in dump
    assert len(partitions) == 1
    for part in ("start=        2048,", "size=       61440,", f"type={LINUX_DATA}", 'name="seed"'):
        assert part in partitions[0]


def _strip_footer(vhd: Path) -> None:
    os.truncate(vhd, vhd.stat().st_size - 512)


@pytest.mark.parametrize("name", ["seed.bin", "two words", 'quo"te', "<2>", "-rf", "new\nline", "ünïcode 🦊"])
def test_one_file_comes_into_the_root_under_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(b"payload")
    datadisk.filled(tmp_path / "data.vhd", SIZE, tmp_path / "in" / name)
    inside = Partition(tmp_path / "data.vhd")
    assert inside.names() == {"lost+found", name}
    assert inside.entry(f"/{name}").read_buffer(100) == b"payload"
    assert inside.entry(f"/{name}").number_of_links == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_folder_with_names_that_are_no_text_is_filled(tmp_path: Path) -> None:
    folder = tmp_path / "in?offset=0"
    folder.mkdir()
    for name in (b"\xff\xfe", b"$(reboot)", b"..."):
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:  # noqa: PTH123 - not a text name
            file.write(name)
    datadisk.filled(folder / ".." / "data?.vhd", SIZE, folder)
    root = Partition(tmp_path / "data?.vhd").entry("/")  # libfsext itself cannot name the first of them
    assert root.number_of_sub_file_entries == 4


def test_a_link_given_as_content_brings_what_it_leads_to(tmp_path: Path, content: Path) -> None:
    (tmp_path / "file").symlink_to(content / "sub" / "text")
    datadisk.filled(tmp_path / "data.vhd", SIZE, tmp_path / "file")
    assert Partition(tmp_path / "data.vhd").entry("/file").read_buffer(100) == b"hello"


def test_holes_stay_holes(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(10 * GIB)
    done = datadisk.filled(tmp_path / "data.vhd", 64 * MIB, tmp_path / "big")
    assert done.allocated_bytes < 4 * MIB
    assert Partition(tmp_path / "data.vhd").entry("/big").size == 10 * GIB


def test_many_small_files_get_enough_inodes(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(3000):
        (tmp_path / "in" / str(number)).touch()
    datadisk.filled(tmp_path / "data.vhd", SIZE, tmp_path / "in")
    assert len(Partition(tmp_path / "data.vhd").names()) == 3001


@pytest.mark.parametrize("mib", [29, 40])  # just under the partition, where metadata decides; far over
def test_content_too_big_is_told_with_the_numbers(tmp_path: Path, mib: int) -> None:
    (tmp_path / "big").write_bytes(os.urandom(mib * MIB))
    with pytest.raises(Unusable, match=f"needs {mib} MiB in 1 entries, the partition has 30 MiB"):
        datadisk.filled(tmp_path / "data.vhd", SIZE, tmp_path / "big")
    assert [path.name for path in tmp_path.iterdir()] == ["big"]


def test_a_disk_too_small_for_a_file_system_is_told(tmp_path: Path, content: Path) -> None:
    with pytest.raises(Unusable, match="it needs 16 MiB"):
        datadisk.filled(tmp_path / "data.vhd", 4 * MIB, content)


def test_content_that_cannot_be_used_is_told(tmp_path: Path, content: Path) -> None:
    with pytest.raises(Unusable, match="no such file or folder"):
        datadisk.filled(tmp_path / "data.vhd", SIZE, tmp_path / "none")
    with pytest.raises(Unusable, match="label"):
        datadisk.filled(tmp_path / "data.vhd", SIZE, content, 'a" b')
    os.mkfifo(content / "sub" / "pipe")
    with pytest.raises(Unusable, match="files, folders and links only") as caught:
        datadisk.filled(tmp_path / "data.vhd", SIZE, content)
    assert str(caught.value.where).endswith("sub/pipe")
    assert not (tmp_path / "data.vhd").exists()


def test_without_the_tools_the_mend_is_named(
    tmp_path: Path, content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("validators.native.environment", lambda more: {"PATH": str(tmp_path)})
    with pytest.raises(Surroundings, match="sfdisk is missing") as caught:
        datadisk.filled(tmp_path / "data.vhd", SIZE, content)
    assert "apt-get install fdisk" in str(caught.value.hint)


def test_an_existing_disk_is_kept_unless_forced(tmp_path: Path, content: Path) -> None:
    (tmp_path / "data.vhd").write_text("mine")
    with pytest.raises(Unusable, match="exists already"):
        datadisk.blank(tmp_path / "data.vhd", GIB)
    with pytest.raises(Unusable, match="exists already"):
        datadisk.filled(tmp_path / "data.vhd", SIZE, content)
    assert (tmp_path / "data.vhd").read_text() == "mine"
    assert is_finished(datadisk.filled(tmp_path / "data.vhd", SIZE, content, force=True))


def test_with_an_epoch_the_same_content_gives_the_same_disk(
    tmp_path: Path, content: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    disks = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        datadisk.filled(tmp_path / name / "data.vhd", SIZE, content)
        (content / "sub" / "text").read_text()
        os.utime(content / "sub" / "text", ns=(1, (content / "sub" / "text").stat().st_mtime_ns))
        disks.append((tmp_path / name / "data.vhd").read_bytes())
    assert disks[0] == disks[1]


def test_without_an_epoch_two_disks_can_be_mounted_together(tmp_path: Path, content: Path) -> None:
    ids = set()
    for name in "ab":
        datadisk.filled(tmp_path / f"{name}.vhd", SIZE, content)
        ids.add(_run("blkid", "-p", "-O", str(MIB), "-s", "UUID", "-o", "value", tmp_path / f"{name}.vhd"))
    assert len(ids) == 2


def test_an_image_must_have_the_declared_size(tmp_path: Path) -> None:
    source = tmp_path / "in.qcow2"
    _run("qemu-img", "create", "-q", "-f", "qcow2", source, "2G")
    assert is_finished(datadisk.image(tmp_path / "data.vhd", 2 * GIB, source))
    with pytest.raises(NotMet, match="has 2 GiB, the SKU declares 4 GiB") as caught:
        datadisk.image(tmp_path / "other.vhd", 4 * GIB, source)
    assert caught.value.rule == "DSK-SIZE-005"


def test_used_inodes_are_those_that_no_group_lists_as_free() -> None:
    summary = "Inode count:              40\nFree inodes:              25\n"
    summary += "  Free inodes: 16-18, 20\nGroup 1:\n  Free inodes: 21-40\n"
    assert ext4._used_inodes(summary) == [2, 11, 12, 13, 14, 15, 19]


@given(st.integers(0, 4 << 30), st.integers(1, 1000), st.sampled_from(sorted(datadisk.FILESYSTEMS)))
def test_a_disk_has_room_for_its_content_and_no_gib_too_many(size: int, entries: int, kind: str) -> None:
    form = datadisk.FILESYSTEMS[kind].FORMAT
    disk = form.disk(Extent(size, entries, 0))
    used = size + entries * form.per_entry
    wanted = max(form.least, used + used // 16 + form.own) + datadisk.GPT_BYTES
    assert wanted <= disk < wanted + (GIB if wanted > GIB else MIB)
    assert disk % (GIB if wanted > GIB else MIB) == 0
