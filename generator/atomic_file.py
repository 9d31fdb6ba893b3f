"""The one way in which the host side writes a file: whole or not at all, and never through a symbolic link.

Repositories come from strangers, and git keeps links. So the folder is opened once, link by link refused, and
everything else happens relative to it: a new file under a name that nobody can guess, created exclusively,
flushed, then renamed. What was there before stays until then.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from generator.errors import Unusable

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
LINK_HINT = "remove the link, or name the file that it leads to"


def atomic_write(
    path: Path,
    content: str | bytes,
    *,
    mode: int | None = None,
    inside: Path | None = None,
    new: bool = False,
) -> None:
    """Make `path` hold `content`; text is written as UTF-8, line ends as they are.

    See `atomic_file` for the parameters and the errors.
    """
    with atomic_file(path, mode=mode, inside=inside, new=new) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def atomic_file(
    path: Path, *, mode: int | None = None, inside: Path | None = None, new: bool = False
) -> Iterator[IO[bytes]]:
    """A file to write to, which becomes `path` when the block ends well and leaves nothing when it does not.

    `mode`: its permissions; by default those of the file that it replaces, else 0666 less the umask.
    `inside`: no folder from there on may be a link; by default the working folder's first level, for a path
    below it (the first level itself may be one: `build` on a larger disk). Missing folders are made.
    `new`: raise FileExistsError instead of replacing a file.
    Raises Unusable for a link on the way and for what is no regular file, OSError for the rest.
    """
    folder = _folder(path, inside)
    temporary = f".vmoffer-{secrets.token_hex(8)}"
    try:
        before = _regular(folder, path)
        if before is not None and new:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        descriptor = os.open(temporary, NEW, 0o666 if mode is None else mode, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if mode is not None or before is not None:
                    os.fchmod(descriptor, mode if mode is not None else stat.S_IMODE(before or 0))
                yield file
                file.flush()
                os.fsync(descriptor)
            if new:
                os.link(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            else:
                os.replace(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
    finally:
        os.close(folder)


def open_in_place(path: Path, flags: int, *, mode: int = 0o666, inside: Path | None = None) -> int:
    """Open what cannot be written whole (a log, a lock, a download on its way), never through a link.

    Returns a descriptor. Raises what `atomic_file` raises.
    """
    folder = _folder(path, inside)
    try:
        _regular(folder, path)
        found = os.open(path.name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise _irregular(path)
    return found


def here_only(path: Path) -> Path | None:
    """What to give as `inside` for a file of the repository: the working folder, unless `path` leaves it."""
    return None if path.is_absolute() or ".." in path.parts else Path()


def check_no_links(folder: Path) -> None:
    """Raise Unusable if `folder` is a link, or one is anywhere below it."""
    if folder.is_symlink():
        raise _linked(folder)
    for above, names, files in os.walk(folder):
        for name in (*names, *files):
            if Path(above, name).is_symlink():
                raise _linked(Path(above, name))


def make_folder(folder: Path, *, inside: Path | None = None) -> None:
    """Make `folder` and what is missing above it. Raises what `atomic_file` raises."""
    os.close(_folder(folder / "x", inside))


def _folder(path: Path, inside: Path | None) -> int:
    """A descriptor of the folder of `path`, which is made where it is missing."""
    if not path.name or path.name == "..":
        raise Unusable("this names no file", where=str(path))
    start, names = _split(path, inside)
    start.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(start, FOLDER)
    here = start
    for name in names:
        here = here / name
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=descriptor)
            below = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR) and here.is_symlink():
                raise _linked(here) from None
            raise type(error)(error.errno, error.strerror, str(here)) from None
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _split(path: Path, inside: Path | None) -> tuple[Path, tuple[str, ...]]:
    """The folder that is taken as it is, and the names from there to the folder of `path`."""
    if inside is None:
        here = Path.cwd()
        below = path.relative_to(here) if path.is_relative_to(here) else path
        if below.is_absolute() or ".." in below.parts:
            return path.parent, ()
        return Path(*below.parts[:1]) if len(below.parts) > 1 else Path(), below.parent.parts[1:]
    full, top = Path.cwd() / path, Path.cwd() / inside
    if not full.is_relative_to(top) or ".." in full.relative_to(top).parts:
        raise Unusable(f"this is outside of {inside}", where=str(path))
    return top, full.relative_to(top).parent.parts


def _regular(folder: int, path: Path) -> int | None:
    """The mode of the file that is there, None for none. Raises Unusable if it is no regular file."""
    try:
        found = os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found):
        raise _linked(path)
    if not stat.S_ISREG(found):
        raise _irregular(path)
    return found


def _linked(path: Path) -> Unusable:
    return Unusable("this is a symbolic link; nothing is written through it", where=str(path), hint=LINK_HINT)


def _irregular(path: Path) -> Unusable:
    return Unusable("this is not a regular file", where=str(path))
