"""A disk that grows takes its backup GPT along, at whatever moment the move was cut short."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zlib
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.errors import Unusable
from validators import convert, gpt
from validators.blocks import PlainFile
from validators.footer import MIB
from validators.native import environment
from validators.partitions import Table, read_table

SECTOR = 512


def _tool(name: str) -> str:
    found = shutil.which(name, path=environment()["PATH"])
    if found is None:
        pytest.skip(f"{name} is missing")
    return found


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """16 MiB with a GPT by sfdisk, two partitions, and data at the ends of both."""
    path = tmp_path / "os.raw"
    with path.open("wb") as file:
        file.truncate(16 * MIB)
    script = "label: gpt\nsize=4M, name=first\ntype=swap, name=last\n"
    command = [_tool("sfdisk"), "-q", "--no-reread", "--no-tell-kernel", path]
    subprocess.run(command, input=script.encode(), check=True)
    with path.open("r+b") as file:
        for part in read_table(PlainFile(path, 16 * MIB)).partitions:
            for at in (part.start, part.start + part.size - 4096):
                file.seek(at)
                file.write(os.urandom(4096))
    return path


def _table(disk: Path, size: int) -> Table:
    return read_table(PlainFile(disk, size))


def _sound(disk: Path) -> None:
    """By two tools that have nothing to do with us."""
    done = subprocess.run([_tool("sfdisk"), "--verify", disk], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    if sgdisk := shutil.which("sgdisk", path=environment()["PATH"]):
        said = subprocess.run([sgdisk, "--verify", disk], capture_output=True, text=True).stdout
        assert "No problems found" in said and "Caution" not in said, said


def _move(disk: Path, size: int) -> bool:
    os.truncate(disk, size)
    header = gpt.to_move(disk, size)
    if header:
        gpt.move_backup(disk, header, size)
    return header is not None


@pytest.mark.parametrize("size", [16 * MIB + 512, 16 * MIB + 9 * 512, 17 * MIB, 3 << 40])
def test_the_backup_follows_and_nothing_else_moves(disk: Path, size: int) -> None:
    before = _table(disk, 16 * MIB)
    with disk.open("rb") as file:
        data = file.read(16 * MIB - 33 * SECTOR)[MIB:]
    assert _move(disk, size)
    after = _table(disk, size)
    assert (after.partitions, after.problems) == (before.partitions, before.problems)
    with disk.open("rb") as file:
        assert file.read(16 * MIB - 33 * SECTOR)[MIB:] == data
    _sound(disk)
    assert not _move(disk, size)


@pytest.mark.parametrize("size", [16 * MIB + 9 * 512, 32 * MIB])
def test_the_moved_backup_alone_shows_the_same_partitions(disk: Path, size: int) -> None:
    before = _table(disk, 16 * MIB).partitions
    _move(disk, size)
    with disk.open("r+b") as file:
        file.seek(SECTOR)
        file.write(bytes(SECTOR))
    assert _table(disk, size).partitions == before


def test_no_second_backup_is_left_where_the_old_one_was(disk: Path) -> None:
    _move(disk, 32 * MIB)
    assert disk.read_bytes()[:-SECTOR].count(b"EFI PART") == 1


@pytest.mark.parametrize("grown", [9 * SECTOR, MIB])
@pytest.mark.parametrize("writes", range(7))
def test_a_move_that_was_cut_short_is_repeated(
    disk: Path, monkeypatch: pytest.MonkeyPatch, grown: int, writes: int
) -> None:
    size, before = 16 * MIB + grown, _table(disk, 16 * MIB).partitions
    plain, left = os.pwrite, iter(range(writes))

    def until_the_power_goes(descriptor: int, data: bytes, at: int) -> int:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return plain(descriptor, data, at)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", until_the_power_goes)
        try:
            _move(disk, size)
        except KeyboardInterrupt:
            assert _table(disk, size).partitions == before
    _move(disk, size)
    assert _table(disk, size).partitions == before
    _sound(disk)


def _spoil(file: BinaryIO, at: int, data: bytes) -> None:
    file.seek(at)
    file.write(data)


@pytest.mark.parametrize(
    ("at", "words"),
    [(SECTOR + 60, "checksum of the GPT header"), (2 * SECTOR + 40, "checksum of the GPT entries")],
)
def test_a_broken_table_is_refused_before_anything_is_written(disk: Path, at: int, words: str) -> None:
    with disk.open("r+b") as file:
        _spoil(file, at, b"\xff\xff\xff\xff")
    before = disk.read_bytes()
    with pytest.raises(Unusable, match=words):
        convert.in_place(disk, disk.with_suffix(".vhd"), grow=32 * MIB)
    assert disk.read_bytes() == before
    done = convert.in_place(disk, disk.with_suffix(".vhd"))  # not asked to grow: what is broken stays so
    assert convert.is_finished(done)


def _header(other: int, last_usable: int, end: int) -> bytes:
    """A sound header and array with one partition up to sector `end`."""
    entries = (bytes([1] * 32) + struct.pack("<QQQ", 64, end, 0)).ljust(128 * 128, b"\0")
    fields = (1, other, 34, last_usable, bytes(16), 2, 128, 128, zlib.crc32(entries))
    raw = gpt.HEADER.pack(b"EFI PART", 0x10000, 92, 0, 0, *fields)
    raw = gpt.HEADER.pack(b"EFI PART", 0x10000, 92, zlib.crc32(raw), 0, *fields)
    return bytes(SECTOR) + raw.ljust(SECTOR, b"\0") + entries


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1 << 12),
    st.integers(0, 1 << 12),
    st.integers(0, 1 << 12),
    st.integers(80, 1 << 12),
)
def test_a_partition_is_never_written_over(other: int, usable: int, end: int, sectors: int) -> None:
    path = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / f"vmoffer-{os.getpid()}.raw"
    content = _header(other, usable, end).ljust(sectors * SECTOR, b"\xaa")[: sectors * SECTOR]
    try:
        path.write_bytes(content)
        header = gpt.to_move(path, sectors * SECTOR)
        if header:
            gpt.move_backup(path, header, sectors * SECTOR)
            data = path.read_bytes()
            # the partition starts behind the array, whatever the header says of itself
            assert data[64 * SECTOR : (end + 1) * SECTOR] == content[64 * SECTOR : (end + 1) * SECTOR]
            assert _table(path, sectors * SECTOR).problems == ()
    except gpt.Damaged:
        assert path.read_bytes() == content
    finally:
        path.unlink(missing_ok=True)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=128), st.integers(0, 1 << 60))
def test_whatever_the_header_says_it_is_a_header_or_damaged(noise: bytes, array: int) -> None:
    path = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / f"vmoffer-{os.getpid()}.raw"
    raw = gpt.HEADER.pack(b"EFI PART", 0x10000, 92, 0, 0, 1, 99, 34, 60, bytes(16), array, 4, 128, 0)
    raw = bytearray(raw[:16] + struct.pack("<I", zlib.crc32(raw)) + raw[20:])
    try:
        path.write_bytes(bytes(SECTOR) + bytes(raw).ljust(SECTOR, b"\0") + noise)
        with pytest.raises(gpt.Damaged):
            gpt.to_move(path, 64 * MIB)
        path.write_bytes(bytes(SECTOR) + noise.ljust(SECTOR, b"\0"))
        if noise.startswith(b"EFI PART"):
            with pytest.raises(gpt.Damaged):
                gpt.to_move(path, 64 * MIB)
        else:
            assert gpt.to_move(path, 64 * MIB) is None
    finally:
        path.unlink(missing_ok=True)
