"""Footers survive the round trip, agree with other readers, and no file makes `inspect` fall over."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pyvhdi
from hypothesis import given
from hypothesis import strategies as st

from generator.errors import Unusable
from validators.footer import (
    COOKIE,
    DIFFERENCING,
    LAST_SIZE,
    MIB,
    NotAFooter,
    geometry,
    make_footer,
    parse_footer,
)
from validators.vhd import inspect

needs_qemu = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is missing")
GIB = 1 << 30
# Around every border of the geometry: heads, the three track lengths, the end at 127.5 GiB.
SIZES = [
    *(mib * MIB for mib in (1, 2, 3, 20, 31, 32, 33, 64, 127, 128, 135, 136, 503, 504, 505, 700)),
    *(gib * GIB for gib in (1, 4, 8, 30, 31, 32, 50, 100, 126, 127, 128, 250, 1023)),
    31 * GIB + 511 * MIB,
]


def _vhd(path: Path, size: int = 3 * MIB, change: Callable[[bytes], bytes] = lambda data: data) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
        file.seek(size)
        file.write(change(make_footer(size).pack()))
    return path


@given(st.binary(min_size=504, max_size=504))
def test_any_footer_comes_back_byte_for_byte(rest: bytes) -> None:
    assert parse_footer(COOKIE + rest).pack() == COOKIE + rest


@given(st.binary(max_size=600))
def test_bytes_that_are_no_footer_are_refused_with_one_error(data: bytes) -> None:
    with pytest.raises(NotAFooter):
        parse_footer(data)


@given(st.integers(0, LAST_SIZE), st.integers(0, 2**33), st.uuids())
def test_a_made_footer_holds_what_it_was_made_from(size: int, unix: int, unique_id: uuid.UUID) -> None:
    footer = make_footer(size, unix, unique_id)
    assert (footer.current_size, footer.original_size, footer.disk_type) == (size, size, 2)
    assert footer.checksum_ok
    assert footer.unique_id == unique_id.bytes
    assert make_footer(size, unix, unique_id).pack() == footer.pack()


@given(st.integers(8, 511), st.integers(1, 255))
def test_one_changed_byte_breaks_the_checksum(at: int, flip: int) -> None:
    data = bytearray(make_footer(30 * GIB).pack())
    data[at] ^= flip
    assert not parse_footer(bytes(data)).checksum_ok


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(ValueError, match="no size of a disk"):
        make_footer(-1)


@needs_qemu
@pytest.mark.parametrize("size", SIZES)
def test_geometry_is_what_qemu_writes(tmp_path: Path, size: int) -> None:
    # Without force_size QEMU rounds the disk up to a geometry; from that size ours must be the same.
    disk = tmp_path / "dynamic.vhd"
    subprocess.run(["qemu-img", "create", "-q", "-f", "vpc", disk, str(size)], check=True)
    footer = parse_footer(disk.read_bytes()[:512])
    assert geometry(footer.current_size) == footer.geometry


@needs_qemu
@pytest.mark.parametrize("size", SIZES)
def test_qemu_and_libvhdi_read_the_size_we_wrote(tmp_path: Path, size: int) -> None:
    disk = _vhd(tmp_path / "disk.vhd", size)
    found = inspect(disk)
    assert (found.kind, found.size_bytes, found.problems) == ("vhd-fixed", size, ())
    asked = subprocess.run(
        ["qemu-img", "info", "--output=json", "-f", "vpc", disk], capture_output=True, check=True
    )
    assert json.loads(asked.stdout)["virtual-size"] == size
    reader = pyvhdi.file()
    reader.open(str(disk))
    assert reader.get_media_size() == size
    reader.close()


@needs_qemu
@pytest.mark.parametrize(
    ("options", "kind", "size"),
    [
        (["-O", "vpc"], "vhd-dynamic", None),
        (["-O", "vpc", "-o", "force_size"], "vhd-dynamic", 8 * MIB),
        (["-O", "vpc", "-o", "subformat=fixed,force_size"], "vhd-fixed", 8 * MIB),
        (["-O", "vhdx"], "vhdx", None),
        (["-O", "qcow2"], "qcow2", 8 * MIB),
        (["-O", "vmdk"], "vmdk", 8 * MIB),
        (["-O", "vmdk", "-o", "subformat=streamOptimized"], "vmdk", 8 * MIB),
        (["-O", "raw"], "raw", 8 * MIB),
    ],
)
def test_what_qemu_writes_is_recognised(
    tmp_path: Path, options: list[str], kind: str, size: int | None
) -> None:
    raw, disk = tmp_path / "in.raw", tmp_path / "out.img"
    raw.write_bytes(os.urandom(70_000).ljust(8 * MIB, b"\0"))
    subprocess.run(["qemu-img", "convert", "-f", "raw", *options, raw, disk], check=True)
    found = inspect(disk)
    assert (found.kind, found.problems) == (kind, ())
    if size is not None:
        assert found.size_bytes == size


def test_a_wrong_checksum_is_told_with_both_values(tmp_path: Path) -> None:
    disk = _vhd(tmp_path / "disk.vhd", change=lambda data: data[:64] + b"\1\2\3\4" + data[68:])
    found = inspect(disk)
    assert (found.kind, found.checksum_ok, found.length_ok) == ("vhd-fixed", False, True)
    assert "0x01020304" in found.problems[0]


def test_a_footer_of_511_bytes_is_named(tmp_path: Path) -> None:
    found = inspect(_vhd(tmp_path / "disk.vhd", change=lambda data: data[:511]))
    assert (found.kind, found.footer_bytes, found.checksum_ok) == ("vhd-fixed", 511, True)
    assert "511 bytes" in found.problems[0]
    assert found.length_ok is False


@pytest.mark.parametrize("left", [8, 9, 100, 510])
def test_a_cut_footer_is_named(tmp_path: Path, left: int) -> None:
    found = inspect(_vhd(tmp_path / "disk.vhd", change=lambda data: data[:left]))
    assert (found.kind, found.misplaced_footer, found.footer) == ("raw", True, None)
    assert f"starts {left} bytes before the end" in found.problems[0]


@pytest.mark.parametrize("more", [2, 512, 3000])
def test_bytes_after_the_footer_are_counted(tmp_path: Path, more: int) -> None:
    found = inspect(_vhd(tmp_path / "disk.img", change=lambda data: data + bytes(more)))
    assert (found.kind, found.misplaced_footer) == ("raw", True)
    assert found.problems == (f"{more} bytes follow the VHD footer; nothing may",)


def test_a_vhd_whose_whole_end_is_missing_is_a_raw_disk_with_a_problem(tmp_path: Path) -> None:
    disk = _vhd(tmp_path / "disk.vhd")
    os.truncate(disk, MIB)
    found = inspect(disk)
    assert (found.kind, found.size_bytes, found.length_ok) == ("raw", MIB, None)
    assert "end is missing" in found.problems[0]


def test_a_fixed_vhd_shorter_than_its_footer_says_is_told(tmp_path: Path) -> None:
    footer = make_footer(64 * MIB).pack()
    found = inspect(_vhd(tmp_path / "disk.vhd", change=lambda _: footer))
    assert (found.kind, found.size_bytes, found.length_ok) == ("vhd-fixed", 64 * MIB, False)
    assert str(3 * MIB + 512) in found.problems[0]


@needs_qemu
def test_a_dynamic_vhd_without_its_end_is_still_told_from_its_head(tmp_path: Path) -> None:
    raw, disk = tmp_path / "in.raw", tmp_path / "dynamic.vhd"
    raw.write_bytes(os.urandom(4 * MIB))
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "vpc", raw, disk], check=True)
    os.truncate(disk, 3 * MIB)
    found = inspect(disk)
    assert (found.kind, found.head_copy) == ("vhd-dynamic", True)
    assert "end is missing" in found.problems[0]


@pytest.mark.parametrize(("number", "kind"), [(4, "vhd-differencing"), (0, "vhd-other"), (7, "vhd-other")])
def test_other_disk_types_are_told_apart(tmp_path: Path, number: int, kind: str) -> None:
    footer = replace(make_footer(3 * MIB), disk_type=number)
    footer = replace(footer, checksum=footer.expected_checksum)
    assert inspect(_vhd(tmp_path / "disk.vhd", change=lambda _: footer.pack())).kind == kind
    assert DIFFERENCING == 4


def test_a_footer_does_not_make_a_vhdx_a_vhd(tmp_path: Path) -> None:
    disk = _vhd(tmp_path / "disk.vhd")
    with disk.open("r+b") as file:
        file.write(b"vhdxfile")
    found = inspect(disk)
    assert (found.kind, found.footer) == ("vhdx", None)
    assert "VHDX" in found.problems[0]


def test_a_guest_cannot_disguise_its_vhd_as_qcow2(tmp_path: Path) -> None:
    disk = _vhd(tmp_path / "disk.vhd")
    with disk.open("r+b") as file:
        file.write(b"QFI\xfb")
    found = inspect(disk)
    assert (found.kind, found.size_bytes) == ("vhd-fixed", 3 * MIB)
    assert "begins like qcow2" in found.problems[0]


def test_an_odd_size_is_seen(tmp_path: Path) -> None:
    found = inspect(_vhd(tmp_path / "disk.vhd", size=3 * MIB + 512))
    assert (found.kind, found.length_ok, found.whole_mib) == ("vhd-fixed", True, False)


def test_holes_are_not_counted_as_taken(tmp_path: Path) -> None:
    found = inspect(_vhd(tmp_path / "disk.vhd", size=30 * GIB))
    assert found.file_bytes == 30 * GIB + 512
    assert found.allocated_bytes < MIB


def test_an_empty_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "disk.vhd").touch()
    found = inspect(tmp_path / "disk.vhd")
    assert (found.kind, found.size_bytes, found.footer) == ("empty", 0, None)


def test_what_is_no_file_is_unusable_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (tmp_path, tmp_path / "pipe", tmp_path / "none", Path("nul\0"), tmp_path / "pipe" / "below"):
        with pytest.raises(Unusable):
            inspect(name)


_PIECES = st.sampled_from(
    [
        make_footer(MIB).pack(),
        make_footer(MIB).pack()[:511],
        replace(make_footer(LAST_SIZE), disk_type=3).pack(),
        COOKIE,
        b"vhdxfile",
        b"QFI\xfb",
        b"KDMV",
        b"COWD",
        b"# Disk DescriptorFile\n",
        bytes(512),
        b"\xff" * 64,
    ]
)


@given(st.lists(_PIECES | st.binary(max_size=40), max_size=12))
def test_no_content_makes_inspect_fail(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    with tempfile.NamedTemporaryFile(suffix=".vhd") as file:
        file.write(data)
        file.flush()
        found = inspect(Path(file.name))
    assert found.file_bytes == len(data)
    assert found.is_vhd == (found.footer is not None)
