"""File systems of all features are read as debugfs and xfs_db read them, or are undecidable."""

from __future__ import annotations

import mmap
import os
import random
import re
import struct
import subprocess
from pathlib import Path

import pytest
from images import MIB, need, run

from validators import vhd
from validators.features import EXT_COMPAT, EXT_INCOMPAT, XFS_INCOMPAT
from validators.guest import Undecidable
from validators.offline import OfflineVolume, open_blocks, open_volume
from validators.partitions import read_table

SIZES = (0, 1, 59, 60, 61, 100, 156, 160, 200, 400, 1023, 1025, 4095, 4097, 70_000, 300_001)
NO_SUPER = "^resize_inode"
EXT = {
    "default": "", "inline_data": "-O inline_data", "inline_data 128": "-O inline_data -I 256 -b 1024",
    "inline_data 512": "-O inline_data -I 512", "inline_data 1024": "-O inline_data -I 1024",
    "inline_data without extents": "-O inline_data,^extent,^64bit",
    "inline_data meta_bg": f"-O inline_data,meta_bg,{NO_SUPER} -b 1024 -I 512",
    "bigalloc": f"-O bigalloc,{NO_SUPER}", "bigalloc 64k": "-O bigalloc -C 65536",
    "meta_bg": f"-O meta_bg,{NO_SUPER}", "meta_bg 1k": f"-b 1024 -O meta_bg,{NO_SUPER}",
    "ext2": "-O none,filetype,sparse_super,dir_index,ext_attr",
    "ext3": "-O none,filetype,sparse_super,dir_index,ext_attr,has_journal",
    "without extents": "-O ^extent,^64bit", "ea_inode": "-O ea_inode", "csum_seed": "-O metadata_csum_seed",
    "casefold": "-O casefold -E encoding=utf8", "project": "-O project,quota", "verity": "-O verity",
    "mmp": "-O mmp", "sparse_super2": f"-O sparse_super2,{NO_SUPER}", "large_dir": "-O large_dir",
    "mmp and large_dir on blocks of 1k": "-O mmp,large_dir -b 1024",
    "orphan_file": "-O orphan_file", "fast_commit": "-O fast_commit", "stable_inodes": "-O stable_inodes",
    "uninit_bg": "-O uninit_bg,^metadata_csum", "blocks of 1k": "-b 1024", "blocks of 2k": "-b 2048",
    "blocks of 64k": "-b 65536", "inodes of 128": "-I 128", "inodes of 512": "-I 512",
    "without flex_bg": "-O ^flex_bg", "without dir_index": "-O ^dir_index",
    "without filetype": "-O ^filetype", "without a journal": "-O ^has_journal",
    "without huge_file": "-O ^huge_file",
}  # fmt: skip
XFS = {
    "default": "", "v4": "-m crc=0", "v4 without ftype": "-m crc=0 -n ftype=0",
    "v4 ci attr1": "-m crc=0 -n version=ci -i attr=1", "v4 lazy-count": "-m crc=0 -l lazy-count=0",
    "v4 blocks of 512": "-m crc=0 -b size=512", "v4 inodes of 256": "-m crc=0 -i size=256,projid32bit=0",
    "without finobt": "-m finobt=0,inobtcount=0", "rmapbt": "-m rmapbt=1", "without reflink": "-m reflink=0",
    "without bigtime": "-m bigtime=0 -i sparse=0", "nrext64": "-i nrext64=1", "blocks of 1k": "-b size=1024",
    "blocks of 64k": "-b size=65536", "sectors of 4k": "-s size=4096", "inodes of 2k": "-i size=2048",
    "directories of 64k": "-n size=65536",
}  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of the sizes at which something changes, holes, links, a folder with many names."""
    folder, chosen = tmp_path_factory.mktemp("content") / "tree", random.Random(15)
    (folder / "many").mkdir(parents=True)
    for size in SIZES:
        (folder / f"s{size}").write_bytes(chosen.randbytes(size))
    for number in range(0, 300, 3):
        (folder / f"many/file-with-a-name-{number:05}").write_text("x" * (number % 60))
    with (folder / "holes").open("wb") as file:
        file.write(b"head")
        file.seek(3 * MIB)
        file.write(b"middle")
        file.truncate(4 * MIB)
    for length in (5, 59, 60, 61, 200):
        (folder / f"l{length}").symlink_to("b" * length)
    return folder


def opened(image: Path) -> OfflineVolume:
    container = vhd.inspect(image)
    blocks = open_blocks(container)
    return open_volume(container, read_table(blocks).partitions[0], blocks)


def content(volume: OfflineVolume, path: str = "") -> dict[str, bytes | str]:
    """Everything in the volume: bytes of files, targets of links."""
    found: dict[str, bytes | str] = {}
    for name in volume.listdir(path or "/"):
        here = f"{path}/{name}"
        facts = volume.lstat(here)
        assert facts is not None, here
        if facts.kind == "directory":
            if name != "lost+found":
                found |= content(volume, here)
        else:
            link = facts.kind == "symbolic link"
            found[here] = volume.readlink(here) if link else volume.read(here, facts.size + 10)
    return found


def ext(image: Path, tree: Path | None, options: str) -> None:
    need("mke2fs", "debugfs")
    with image.open("wb") as file:
        file.truncate(48 * MIB)
    run("mke2fs", "-q", "-F", "-t", "ext4", *options.split(), *(("-d", tree) if tree else ()), image)


@pytest.mark.parametrize("features", EXT)
def test_ext_is_read_as_debugfs_reads_it(features: str, tree: Path, tmp_path: Path) -> None:
    image, theirs = tmp_path / "image", tmp_path / "theirs"
    ext(image, tree, EXT[features])
    theirs.mkdir()
    run("debugfs", "-R", f"rdump / {theirs}", image)
    wanted = {
        f"/{path.relative_to(theirs)}": str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in theirs.rglob("*")
        if path.is_symlink() or path.is_file()
    }
    assert len(wanted) == len(SIZES) + 100 + 6
    ours = content(opened(image))
    if "inline_data" in features:  # debugfs pads what is shorter than its place in the inode
        wanted = {
            path: data if isinstance(data, str) or len(data) != 60 else data.rstrip(b"\0")
            for path, data in wanted.items()
        }
    assert ours == wanted


@pytest.mark.parametrize(
    ("at", "bit", "reason"),
    [
        (EXT_INCOMPAT, 0x1, "compression"),
        (EXT_INCOMPAT, 0x4, "its journal holds changes"),
        (EXT_INCOMPAT, 0x8, "journal_dev"),
        (EXT_INCOMPAT, 0x1000, "dirdata"),
        (EXT_INCOMPAT, 0x10000, "encrypt"),
        (EXT_INCOMPAT, 0x800000, "an unknown one, 0x800000"),
        (EXT_COMPAT, 0x800000, None),  # whoever does not know it may still read
        (EXT_COMPAT + 8, 0x800000, None),
    ],
)
def test_features_that_change_what_is_stored_are_undecidable(
    at: int, bit: int, reason: str | None, tree: Path, tmp_path: Path
) -> None:
    """K15: ext4 with a feature that the library does not know was read as far as it went."""
    image = tmp_path / "image"
    ext(image, tree, "")
    before = content(opened(image))
    with image.open("r+b") as file:
        file.seek(at)
        (value,) = struct.unpack("<I", file.read(4))
        file.seek(at)
        file.write(struct.pack("<I", value | bit))
    if reason is None:
        assert content(opened(image)) == before
    else:
        with pytest.raises(Undecidable, match=re.escape(reason)):
            opened(image)


def test_inline_file_that_the_library_refuses_is_undecidable(tmp_path: Path) -> None:
    """Where the value of the attribute fills the inode, libfsext calls it out of bounds."""
    folder, image = tmp_path / "tree", tmp_path / "image"
    folder.mkdir()
    (folder / "full").write_text("x" * 123)
    ext(image, folder, EXT["inline_data"])
    with pytest.raises(Undecidable, match="cannot be read"):
        content(opened(image))


def xfs(image: Path, tree: Path, options: str) -> None:
    need("mkfs.xfs", "xfs_db")
    lines = ["/none", "0 0", "d--755 0 0"]
    for path in sorted(tree.iterdir()):
        if path.is_dir():
            lines += [f"{path.name} d--755 0 0"]
            lines += [f"{inner.name} ---644 0 0 {inner}" for inner in sorted(path.iterdir())] + ["$"]
        elif path.is_symlink():
            lines.append(f"{path.name} l--777 0 0 {path.readlink()}")
        else:
            lines.append(f"{path.name} ---644 0 0 {path}")
    prototype = image.with_suffix(".prototype")
    prototype.write_text("\n".join([*lines, "$", "$", ""]))
    with image.open("wb") as file:
        file.truncate(330 * MIB)
    run("mkfs.xfs", "-q", *options.split(), "-p", prototype, image)


def as_xfs_db_reads(image: Path, names: list[str]) -> dict[str, bytes]:
    """The files put together from the blocks that xfs_db names."""
    commands = [
        word for name in names for word in ("-c", f"path {name}", "-c", "print core.size", "-c", "bmap")
    ]
    geometry = ["-c", "sb 0", "-c", "print blocksize agblocks"]
    command = ["xfs_db", "-r", *geometry, *commands, image]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    block, group = (int(line.split("=")[1]) for line in lines[:2])
    found, left = {}, list(names)
    with image.open("rb") as file:
        raw = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    data, size = bytearray(), 0
    for line in [*lines[2:], "core.size = 0"]:
        extent = re.match(r"data offset (\d+) startblock \d+ \((\d+)/(\d+)\) count (\d+)", line)
        if extent:
            offset, number, inner, count = (int(each) * block for each in extent.groups())
            start = number * group + inner
            data[offset : offset + count] = raw[start : start + count]
        elif line.startswith("core.size"):
            if size >= 0 and len(left) < len(names):
                found[names[len(names) - len(left) - 1]] = bytes(data[:size])
            left = left[1:]
            size = int(line.split("=")[1])
            data = bytearray(-(-size // block) * block)
    return found


@pytest.mark.parametrize("features", XFS)
def test_xfs_is_read_as_xfs_db_reads_it(features: str, tree: Path, tmp_path: Path) -> None:
    image = tmp_path / "image"
    xfs(image, tree, XFS[features])
    ours = content(opened(image))
    names = [f"/s{size}" for size in SIZES] + ["/holes", "/many/file-with-a-name-00297"]
    theirs = as_xfs_db_reads(image, names)
    assert {name: ours[name] for name in names} == theirs
    assert ours["/s70000"] == (tree / "s70000").read_bytes()
    assert len(ours) == len(SIZES) + 100 + 6


def test_a_log_of_xfs_with_changes_is_undecidable(tree: Path, tmp_path: Path) -> None:
    """As xfs_logprint sees it: after mkfs, while it is mounted, read-only, and unmounted."""
    need("mount", "umount", "xfs_logprint")
    image, point = tmp_path / "image", tmp_path / "mounted"
    xfs(image, tree, "")
    states = {"new": tmp_path / "new"}
    run("cp", "--sparse=always", image, states["new"])
    point.mkdir()
    if subprocess.run(["mount", "-o", "loop", image, point], capture_output=True, check=False).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        for number in range(200):
            (point / f"more-{number}").write_text("x")
        os.sync()
        for state, options in (("written", ""), ("read-only", "remount,ro")):
            if options:
                run("mount", "-o", options, point)
            states[state] = tmp_path / state
            run("cp", "--sparse=always", image, states[state])
    finally:
        run("umount", point)
    states["unmounted"] = image
    for state, path in states.items():
        said = subprocess.run(
            ["xfs_logprint", "-t", path], capture_output=True, text=True, check=False
        ).stdout
        assert ("<CLEAN>" in said) is (state != "written"), said
        if state == "written":
            with pytest.raises(Undecidable, match="its log holds changes"):
                opened(path)
        else:
            assert content(opened(path))["/s70000"] == (tree / "s70000").read_bytes()


@pytest.mark.parametrize(
    ("bit", "reason"),
    [(0x4, None), (0x10, "needs repair"), (0x100, "metadir"), (0x200, "zoned"), (0x80000, "0x80000")],
)
def test_features_of_xfs_that_are_unknown_are_undecidable(
    bit: int, reason: str | None, tree: Path, tmp_path: Path
) -> None:
    image = tmp_path / "image"
    xfs(image, tree, "")
    before = content(opened(image))
    with image.open("r+b") as file:
        file.seek(XFS_INCOMPAT)
        (value,) = struct.unpack(">I", file.read(4))
        file.seek(XFS_INCOMPAT)
        file.write(struct.pack(">I", value | bit))
    if reason is None:
        assert content(opened(image)) == before
    else:
        with pytest.raises(Undecidable, match=reason):
            opened(image)
