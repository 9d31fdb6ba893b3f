"""The cache outside the tree: where it is, what a thing in it is called, and who may write to it."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from generator import home

Say = Callable[[str], None]


def root() -> Path:
    """`$XDG_CACHE_HOME/vmoffer`, or `~/.cache/vmoffer`; not created here."""
    return home.cache()


def key(*parts: str | Path) -> str:
    """12 hex digits that change when any text, file or folder of files in `parts` does."""
    digest = hashlib.sha256()
    for part in parts:
        for name, content in _contents(part):
            for chunk in (name, content):
                digest.update(len(chunk).to_bytes(8, "big") + chunk)
    return digest.hexdigest()[:12]


def _contents(part: str | Path) -> Iterator[tuple[bytes, bytes]]:
    if isinstance(part, str):
        yield b"", part.encode()
    elif part.is_file():
        yield part.name.encode(), part.read_bytes()
    else:
        for file in sorted(path for path in part.rglob("*") if path.is_file()):
            yield str(file.relative_to(part)).encode(), file.read_bytes()


@contextmanager
def locked(name: str, say: Say) -> Iterator[None]:
    """One process at a time makes `name`; the others wait, and say so, and then find it made."""
    folder = root() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{name}: another process is making it; waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
