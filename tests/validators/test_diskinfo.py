"""What `vmoffer disk info` says is what the tools that made the disk say."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import lvm_images
import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import GIB, MIB, ROOT, debian, need, os_disk, write_disk
from images import run as tool
from pydantic import TypeAdapter
from test_remote import SECRET, serving

from validators import diskinfo, superblock
from validators.blocks import PlainFile
from validators.convert import in_place
from validators.diskinfo import DiskInfo
from validators.filesystems import Content, probe
from validators.native import environment
from vmoffer.cli import run

DOCS = Path(__file__).parents[2] / "docs"
SIZE = 320 * MIB  # mkfs.xfs wants 300


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_disk(tmp_path_factory.mktemp("disk") / "os.raw", debian())


def asked(path: Path | str, capsys: pytest.CaptureFixture[str], status: int = 0) -> DiskInfo:
    """The JSON of the command, which fits its published shape."""
    assert run(["disk", "info", str(path), "--format", "json"]) == status
    return TypeAdapter(DiskInfo).validate_python(json.loads(capsys.readouterr().out), strict=True)


def test_an_os_disk_is_told_from_the_outside_to_the_file_systems(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vhd = tmp_path / "os.vhd"
    tool("cp", "--sparse=always", raw, vhd)
    in_place(vhd, vhd, force=True)
    info = asked(vhd, capsys)
    assert (info["kind"], info["finished"], info["size_bytes"]) == ("vhd-fixed", True, 128 * MIB)
    assert (info["partition_table"], info["backup_gpt"], info["firmware"]) == ("gpt", "end", ["bios", "uefi"])
    assert (info["system"], info["root"], info["problems"]) == ("linux", "partition 1", [])
    types = [(part["number"], part["type_name"], part["content"]["version"]) for part in info["partitions"]]
    assert types == [(14, "BIOS boot", ""), (15, "EFI system", "FAT32"), (1, "Linux data", "ext4")]
    data = info["data"]
    assert data is not None and data["data_bytes"] + data["hole_bytes"] == info["file_bytes"]
    assert 0 < data["data_bytes"] <= info["allocated_bytes"] < 64 * MIB
    assert info["footer"] is not None and info["footer"]["checksum_ok"] and info["footer"]["length_ok"]
    assert run(["disk", "info", str(vhd)]) == 0
    out = capsys.readouterr().out
    assert "starts on  BIOS (gen1) and UEFI (gen2)\n" in out
    assert "system     linux on partition 1\n" in out
    assert "MiB of 87 MiB" in out


@pytest.mark.parametrize(
    ("command", "version", "tells_free"),
    [
        (["mke2fs", "-q", "-t", "ext4", "-L", "one"], "ext4", True),
        (["mke2fs", "-q", "-t", "ext3", "-L", "one"], "ext3", True),
        (["mke2fs", "-q", "-t", "ext2", "-L", "one"], "ext2", True),
        (["mkfs.xfs", "-q", "-L", "one"], "xfs v5", True),
        (["mkfs.vfat", "-F", "32", "-n", "ONE"], "FAT32", True),
        (["mkfs.vfat", "-F", "16", "-n", "ONE"], "FAT16", False),
        (["mkfs.ntfs", "-q", "-Q", "-F", "-L", "one"], "NTFS", False),
        (["mkfs.btrfs", "-q", "-L", "one"], "btrfs", True),
        (["mkswap", "-q", "-L", "one"], "swap v1", False),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_every_file_system_tells_what_blkid_sees(
    tmp_path: Path, command: list[str], version: str, tells_free: bool
) -> None:
    need(command[0], "blkid")
    path = tmp_path / "x"
    path.touch()
    os.truncate(path, SIZE)
    tool(*command, path)
    shown = subprocess.run(["blkid", "-p", "-o", "export", path], env=environment(), capture_output=True)
    facts = dict(line.split("=", 1) for line in shown.stdout.decode().split())
    found = probe(PlainFile(path, SIZE), 0, SIZE)
    assert (found.version, found.uuid) == (version, facts["UUID"])
    if version != "NTFS":  # which keeps its name in a file
        assert found.label == facts["LABEL"]
    assert found.size is not None and 0.99 * SIZE <= found.size <= SIZE
    assert (found.free is not None) is tells_free
    assert not tells_free or (found.free or 0) > 0.6 * SIZE


@given(st.binary(max_size=4096), st.sampled_from(sorted(superblock.READERS)))
def test_whatever_a_head_holds_its_sizes_make_sense(data: bytes, kind: str) -> None:
    unit = superblock.FAT32_MARK if kind == "fat" else 4096
    _, size, free = superblock.READERS[kind](data.ljust(4096, b"\0"), unit)
    assert size is None or size > 0
    assert free is None or (size is not None and 0 <= free <= size)


def test_volumes_inside_lvm_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("mke2fs")
    disk, inner = tmp_path / "lvm.raw", tmp_path / "inner"
    for path, size in ((disk, 128 * MIB), (inner, 8 * MIB)):
        path.touch()
        os.truncate(path, size)
    tool("mke2fs", "-q", "-t", "ext4", "-L", "inside", inner)
    lvm_images.write(disk, 0, 128 * MIB, lvm_images.metadata({"root": [(3, 2)]}))
    with disk.open("r+b") as file:
        file.seek(lvm_images.PE_START + 3 * lvm_images.EXTENT)
        file.write(inner.read_bytes())
    info = asked(disk, capsys)
    (volume,) = info["volumes"]
    assert (volume["name"], volume["size_bytes"]) == ("vg-0/root", 8 * MIB)
    assert (volume["content"]["version"], volume["content"]["label"]) == ("ext4", "inside")


def test_overlaps_gaps_and_a_backup_in_the_wrong_place_are_told(tmp_path: Path) -> None:
    parts = (
        ROOT,
        replace(ROOT, number=2, start=ROOT.start + MIB, size=MIB),
        replace(ROOT, number=3, start=ROOT.start + ROOT.size - MIB, size=2 * MIB),
        replace(ROOT, number=4, start=40 * GIB, content=Content("outside")),
    )
    path = tmp_path / "os.vhd"
    path.touch()
    os.truncate(path, 30 * GIB + 512)
    disk = os_disk(name=str(path), partitions=parts)
    info = diskinfo.build(replace(disk, table=replace(disk.table, backup=5)))
    assert info["problems"][-4:] == [
        "partition 2 begins inside partition 1",
        "partition 3 begins inside partition 1",
        "partition 4 is not inside the disk",
        "the backup GPT is not at the end of the disk",
    ]
    end = ROOT.start + ROOT.size + MIB
    first, last = info["gaps"]
    assert first == {"start": 0, "size_bytes": ROOT.start}
    assert last == {"start": end, "size_bytes": (info["size_bytes"] or 0) - end}
    assert "ends before its partitions" in info["unusable"]


@pytest.mark.parametrize("left", [40 * MIB, 2 * MIB, MIB + 100])
def test_a_disk_that_was_cut_off_is_status_2_after_what_can_be_said(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], left: int
) -> None:
    cut = tmp_path / "os.vhd"
    cut.write_bytes(raw.read_bytes()[:left])
    info = asked(cut, capsys, status=2)
    assert len(info["partitions"]) == 3
    assert info["backup_gpt"] == "missing"
    assert run(["disk", "info", str(cut)]) == 2
    out, err = capsys.readouterr()
    assert "partition 1 is not inside the disk" in out
    assert f"vmoffer: {cut}: the disk ends before its partitions do" in err


def test_a_file_that_is_no_disk_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a disk")
    assert "this is no disk" in asked(text, capsys, status=2)["unusable"]


def test_a_broken_qcow2_is_status_2_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "x.qcow2"
    image.write_bytes(b"QFI\xfb" + os.urandom(2000))
    assert "the qcow2 file cannot be read" in asked(image, capsys, status=2)["unusable"]


def test_a_qcow2_shows_the_disk_inside(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("qemu-img")
    image = tmp_path / "os.qcow2"
    tool("qemu-img", "convert", "-O", "qcow2", raw, image)
    info, plain = asked(image, capsys), asked(raw, capsys)
    assert (info["kind"], info["size_bytes"], info["footer"]) == ("qcow2", 128 * MIB, None)
    assert info["partitions"] == plain["partitions"]


def test_names_from_the_disk_reach_no_terminal_as_they_are(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = tmp_path / "x.raw"
    data = bytearray(raw.read_bytes())
    data[81920 * 512 + 0x478 : 81920 * 512 + 0x480] = b"\x1b[2J\r\nx\0"
    disk.write_bytes(data)
    assert run(["disk", "info", str(disk)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\\x1b[2J" in out


def test_a_blob_is_told_like_the_file_without_its_signature(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(raw) as server:
        info = asked(server.url(), capsys)
    plain = asked(raw, capsys)
    assert (info["partitions"], info["firmware"]) == (plain["partitions"], plain["firmware"])
    assert info["data"] is None and SECRET not in json.dumps(info)


def test_the_published_shape_is_current() -> None:
    published = json.loads((DOCS / "disk-info.schema.json").read_text())
    assert published == diskinfo.schema(), "vmoffer schema --disk-info > docs/disk-info.schema.json"
