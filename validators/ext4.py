"""An ext4 file system with given content, written into a disk image without root and without mounting."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from generator.errors import Surroundings, Unusable
from validators.native import run
from validators.partfile import no_room

PACKAGE = "e2fsprogs"  # its tools are run in the image's folder: a `?` in a path starts options
BLOCK = 4096
LEAST_BYTES = 16 << 20  # room for a journal and some files
LABEL = re.compile(r"[A-Za-z0-9._-]{1,16}")
# Spelled out, because the defaults of new e2fsprogs cannot be checked or mounted by the older guests
# that customers run.
FEATURES = (
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,"
    "large_file,huge_file,dir_nlink,extra_isize,metadata_csum"
)
FULL = ("Could not allocate", "No space left", "no free", "ext2fs_new_inode", "too small")


@dataclass(frozen=True)
class Ids:
    """What would differ between two file systems of the same content; `epoch` in Unix seconds."""

    system: uuid.UUID
    hash_seed: uuid.UUID
    epoch: int | None = None


@dataclass(frozen=True)
class Extent:
    """What a content needs: bytes in whole blocks, and files, folders and links."""

    size: int
    entries: int


def make(disk: Path, offset: int, size: int, content: Path, label: str, ids: Ids) -> None:
    """Write ext4 of `size` bytes at `offset` of the image `disk`, holding `content`.

    The entries of a folder, or a single file, come into the root; all of it belongs to root:root.
    Raises Unusable when the content is missing, does not fit or holds devices, pipes or sockets, and
    Surroundings when e2fsprogs is missing or there is no room.
    """
    need = measure(content)
    if need.size > size:
        too_small(content, size, need)
    if content.is_dir():
        _format(disk, offset, size, content, label, ids, need)
    else:
        with tempfile.TemporaryDirectory(dir=disk.parent, prefix=".vmoffer-") as folder:
            Path(folder).chmod(0o755)  # some versions of mke2fs copy it to the root of the file system
            _stage(content, Path(folder) / content.name)
            _format(disk, offset, size, Path(folder), label, ids, need)
    _own(disk, offset, ids.epoch)


def check_label(label: str) -> None:
    """Raise Unusable for what is no label of a file system, or needs quoting anywhere."""
    if not LABEL.fullmatch(label):
        raise Unusable(f"{label!r} is no file system label: 1-16 letters, digits, '.', '_', '-'")


def measure(content: Path) -> Extent:
    """What `content` needs; links are not followed, files with several names count once."""
    if not content.exists():
        raise Unusable("there is no such file or folder", where=str(content))
    seen: set[tuple[int, int]] = set()
    blocks = 0
    pending = [content.resolve()]
    while pending:
        path = pending.pop()
        facts = path.lstat()
        if stat.S_ISDIR(facts.st_mode):
            pending.extend(path.iterdir())
        elif not (stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode)):
            raise Unusable("content may hold files, folders and links only", where=str(path))
        if (facts.st_dev, facts.st_ino) not in seen:
            seen.add((facts.st_dev, facts.st_ino))
            used = min(facts.st_size, facts.st_blocks * 512)  # holes stay holes
            blocks += -(-used // BLOCK) if stat.S_ISREG(facts.st_mode) else 1
    return Extent(blocks * BLOCK, len(seen))


def too_small(content: Path, size: int, need: Extent | None = None) -> NoReturn:
    """Raise the error for a partition of `size` bytes that cannot hold the content."""
    has = f"the partition has {size >> 20} MiB"
    least = f"{-(-need.size // (1 << 20))} MiB in {need.entries} entries" if need else "at least 18 MiB"
    hint = "give the disk a larger size, or less content"
    raise Unusable(f"the content does not fit: it needs {least}, {has}", where=str(content), hint=hint)


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
        too_small(folder, size, need)
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
