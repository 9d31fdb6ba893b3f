"""What was deleted is gone from the disk, and nothing else is."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from validators import native, remains

START = 1 << 20  # bytes; where the partition begins
SIZE = 40 << 20
MARK = b"the build was here"


def run(*command: object, stdin: str = "") -> str:
    """What a tool prints; it has to end well."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, input=stdin.encode(), env=native.environment(), check=True, capture_output=True
    )
    return done.stdout.decode(errors="replace")


def debugfs(disk: Path, *commands: str) -> str:
    return "".join(run("debugfs", "-w", "-R", each, f"{disk}?offset={START}") for each in commands)


@pytest.fixture(params=["ext4", "ext3", "ext2"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """One partition with a file that stays, and in free blocks and the journal what a build left."""
    content = tmp_path / "content"
    (content / "home/build").mkdir(parents=True)
    (content / "keep").write_bytes(b"to be kept" * 9000)
    (content / "home/build/key").write_bytes(MARK * 5000)
    raw = tmp_path / "disk.raw"
    raw.touch()
    os.truncate(raw, START + SIZE + START)
    run("sfdisk", "-q", raw, stdin=f"label: gpt\n{START // 512},{SIZE // 512}\n")
    place = ("-E", f"offset={START}", "-d", content, raw, SIZE // 1024)
    run("mke2fs", "-q", "-t", request.param, "-b", 1024, *place)
    debugfs(raw, "rm home/build/key", "rmdir home/build")
    if request.param != "ext2":
        journal = re.search(r"\(0-\d+\):(\d+)", debugfs(raw, "stat <8>"))
        assert journal
        block = int(journal[1]) + 1
        with raw.open("r+b") as file:
            file.seek(START + block * 1024)
            file.write(MARK)
    assert MARK in raw.read_bytes()
    return raw


def test_what_was_deleted_is_gone_and_the_rest_is_as_it_was(disk: Path) -> None:
    before = debugfs(disk, "cat keep", "ls -l /", "stat <8>")
    assert debugfs(disk, "dump_unused")
    emptied = remains.empty(disk, disk.stat().st_size)
    assert emptied.kept == ()
    assert emptied.size >= 64 << 10
    assert MARK not in disk.read_bytes()
    assert debugfs(disk, "dump_unused") == ""
    assert debugfs(disk, "cat keep", "ls -l /", "stat <8>") == before
    run("e2fsck", "-fn", f"{disk}?offset={START}")


def test_a_second_time_finds_nothing_more(disk: Path) -> None:
    remains.empty(disk, disk.stat().st_size)
    content = disk.read_bytes()
    assert remains.empty(disk, disk.stat().st_size).size == 0
    assert disk.read_bytes() == content


@pytest.mark.parametrize("change", ["ssv state 0", "feature needs_recovery"])
def test_what_may_need_repair_is_left_and_named(disk: Path, change: str) -> None:
    debugfs(disk, change)
    content = disk.read_bytes()
    kept = remains.empty(disk, disk.stat().st_size).kept
    assert kept == ("partition 1: it was not unmounted cleanly",)
    assert disk.read_bytes() == content


def test_a_superblock_that_lies_about_its_size_harms_nothing(disk: Path) -> None:
    debugfs(disk, f"ssv blocks_count {SIZE // 1024 + 8192}")
    content = disk.read_bytes()
    assert remains.empty(disk, disk.stat().st_size).kept
    assert disk.read_bytes() == content


def test_other_file_systems_are_not_touched(tmp_path: Path) -> None:
    disk = tmp_path / "fat.raw"
    run("mkfs.vfat", "-C", disk, 4096)
    content = disk.read_bytes()
    assert remains.empty(disk, len(content)) == remains.Emptied(0)
    assert disk.read_bytes() == content


def test_zeros_are_written_where_holes_cannot_be_made(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("validators.sparse.punch", lambda *_: False)
    assert remains.empty(disk, disk.stat().st_size).kept == ()
    assert MARK not in disk.read_bytes()
    run("e2fsck", "-fn", f"{disk}?offset={START}")
