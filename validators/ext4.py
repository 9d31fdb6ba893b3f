"""An ext4 file system with given content, written into a disk image without root and without mounting."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from generator.errors import Surroundings
from validators.content import BLOCK, Extent, Format, Ids, measure, too_small
from validators.native import run
from validators.partfile import no_room

PACKAGE = "e2fsprogs"  # its tools are run in the image's folder: a `?` in a path starts options
FORMAT = Format("ext4", least=16 << 20, own=32 << 20, per_entry=512, label=16)
# Spelled out, because the defaults of new e2fsprogs cannot be checked or mounted by the older guests
# that customers run.
FEATURES = (
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,"
    "large_file,huge_file,dir_nlink,extra_isize,metadata_csum"
)
FULL = ("Could not allocate", "No space left", "no free", "ext2fs_new_inode", "too small")


def make(disk: Path, offset: int, size: int, content: Path, label: str, ids: Ids) -> None:
    """Write ext4 of `size` bytes at `offset` of the image `disk`, holding `content`.

    The entries of a folder, or a single file, come into the root; all of it belongs to root:root.
    Raises Unusable when the content is missing, does not fit or holds devices, pipes or sockets, and
    Surroundings when e2fsprogs is missing or there is no room.
    """
    need = measure(content)
    if max(need.size, FORMAT.least) > size:
        too_small(content, size, need, FORMAT)
    if content.is_dir():
        _format(disk, offset, size, content, label, ids, need)
    else:
        with tempfile.TemporaryDirectory(dir=disk.parent, prefix=".vmoffer-") as folder:
            Path(folder).chmod(0o755)  # some versions of mke2fs copy it to the root of the file system
            _stage(content, Path(folder) / content.name)
            _format(disk, offset, size, Path(folder), label, ids, need)
    _own(disk, offset, ids.epoch)


def _format(disk: Path, offset: int, size: int, folder: Path, label: str, ids: Ids, need: Extent) -> None:
    inodes = max(size // 16384, need.entries * 5 // 4 + 64)
    extended = f"offset={offset},root_owner=0:0,hash_seed={ids.hash_seed},"
    extended += "lazy_itable_init=1,lazy_journal_init=1,nodiscard"  # the image is zeros already
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-O", FEATURES, "-b", str(BLOCK), "-m", "0"]
    command += ["-N", str(inodes), "-L", label, "-U", str(ids.system), "-E", extended]
    command += ["-d", str(folder.absolute()), disk.name, str(size // BLOCK)]
    clock = {} if ids.epoch is None else {"E2FSPROGS_FAKE_TIME": str(ids.epoch)}
    done = run(command, package=PACKAGE, cwd=disk.parent, env=clock)
    if done.returncode == 0:
        return
    # mke2fs speaks of the host's full disk and of the full file system in almost the same words
    if shutil.disk_usage(disk.parent).free < (1 << 20):
        raise no_room(disk, "No space left on device")
    if any(text in done.stderr for text in FULL):
        too_small(folder, size, need, FORMAT)
    raise Surroundings(f"mke2fs failed: {done.stderr.strip()}", where=str(folder))


def _stage(content: Path, name: Path) -> None:
    try:
        os.link(content.resolve(), name)
    except OSError:  # another file system, or the user may not link this file
        shutil.copy2(content, name)


def _own(disk: Path, offset: int, epoch: int | None) -> None:
    """Give every inode to root:root; with `epoch`, set the times that the builder's machine left.

    mke2fs copies the owners from the builder's machine, whose users mean nothing to a customer.
    Inodes, not names, are addressed: a name can hold anything.
    """
    image = f"{disk.name}?offset={offset}"
    summary = run(["dumpe2fs", image], package=PACKAGE, cwd=disk.parent)
    lines: list[str] = []
    for inode in _used_inodes(summary.stdout):
        lines += [f"set_inode_field <{inode}> {field} 0" for field in ("uid", "gid")]
        if epoch is not None:
            lines += [f"set_inode_field <{inode}> {field} @{epoch}" for field in ("atime", "ctime", "crtime")]
    script = "\n".join(lines) + "\n"
    done = run(["debugfs", "-w", "-f", "-", image], script, package=PACKAGE, cwd=disk.parent)
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("debugfs 1.")]
    if done.returncode != 0 or complaints:
        raise Surroundings(f"debugfs failed: {' '.join(complaints[:3])}", where=str(disk))


def _used_inodes(summary: str) -> list[int]:
    """The root folder and every inode from 11 (lost+found) on that dumpe2fs does not list as free."""
    count = re.search(r"^Inode count:\s+(\d+)$", summary, re.MULTILINE)
    if count is None:
        raise Surroundings(f"dumpe2fs does not show the file system: {summary[:200]}")
    lines = re.findall(r"^ +Free inodes: (.*)$", summary, re.MULTILINE)
    ranges = (pair for line in lines for pair in re.findall(r"(\d+)(?:-(\d+))?", line))
    used, following = [2], 11
    for first, last in sorted((int(first), int(last or first)) for first, last in ranges):
        used.extend(range(following, first))
        following = last + 1
    return [*used, *range(following, int(count[1]) + 1)]
