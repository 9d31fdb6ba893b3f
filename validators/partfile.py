"""Files that are there whole or not at all: written under another name, flushed, then renamed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from generator.errors import Surroundings, Unusable

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def part_beside(target: Path) -> Iterator[Path]:
    """An empty hidden file in the folder of `target`, removed at the end unless it was renamed.

    Those of processes that were killed are removed first: a part is locked as long as its process lives.
    """
    _sweep(target.parent)
    part, descriptor = _locked(target)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(target: Path) -> tuple[Path, int]:
    while True:
        # a name of our own: to e2fsprogs a `?` in a name starts options
        part = target.with_name(f".vmoffer-{uuid.uuid4().hex[:12]}.part")
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY, 0o666)
        with contextlib.suppress(OSError):  # a file system without locks; nothing is swept there either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if part.exists():
            return part, descriptor
        os.close(descriptor)  # somebody swept it before it was locked


def _sweep(folder: Path) -> None:
    for part in folder.glob(".vmoffer-*.part"):
        # A pipe or a link that somebody put there is not waited for, nor followed.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with contextlib.suppress(OSError), os.fdopen(os.open(part, flags), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def put_in_place(part: Path, target: Path) -> None:
    """Rename `part` to `target` so that it survives a power cut; `part` must be flushed."""
    part.rename(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def room_for(target: Path) -> Iterator[None]:
    """Turn the operating system's ways of saying "no room" into one Surroundings error."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise no_room(target, os.strerror(error.errno)) from None


def no_room(target: Path, reason: str) -> Surroundings:
    """The error for a disk that filled up while `target` was written."""
    hint = f"make room on the file system of {target.parent}, or write to another one; then run it again"
    return Surroundings(reason, where=str(target), hint=hint)


def check_target(source: Path | None, target: Path, *, force: bool) -> None:
    """Raise Unusable when `target` cannot be written: it exists (unless `force`), or has no folder."""
    if not target.parent.is_dir():
        raise Unusable("there is no such folder", where=str(target.parent))
    if not target.exists():
        return
    if not target.is_file():
        raise Unusable("this is not a regular file", where=str(target))
    if source is not None and source.exists() and source.samefile(target):
        raise Unusable("source and target are the same file", where=str(target))
    if not force:
        raise Unusable("the file exists already", where=str(target), hint="use --force to replace it")
