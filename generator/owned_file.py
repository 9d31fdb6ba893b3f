"""A file that vmoffer writes into the publisher's tree: by which command, and whether it was edited since."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from generator.atomic_file import atomic_write, here_only
from generator.errors import NotMet, Unusable

DIGEST = re.compile(r"^# sha256 of what follows: ([0-9a-f]{64})\n", re.MULTILINE)


def sealed(body: str, command: str) -> str:
    """`body` under a head that names the command that writes it, and its digest."""
    head = f"# Written by `{command}`: run that again instead of editing this.\n"
    return f"{head}# sha256 of what follows: {_digest(body)}\n{body}"


def write(text: str, path: Path, *, force: bool = False) -> None:
    """Write the file. Raises Unusable over one that somebody else wrote or edited, unless `force`."""
    if path.exists() and not force and not _untouched(path.read_text(encoding="utf-8", errors="replace")):
        raise Unusable(
            "this file was edited, or vmoffer did not write it; it stays as it is",
            where=str(path),
            hint="--force replaces it; --out names another one",
        )
    atomic_write(path, text, inside=here_only(path))


def check(text: str, path: Path, command: str) -> None:
    """Raise NotMet unless `path` holds `text`."""
    if not path.is_file():
        raise NotMet("there is no such file yet", where=str(path), hint=command)
    if path.read_text(encoding="utf-8", errors="replace") != text:
        raise NotMet("not what the catalogue and this vmoffer give", where=str(path), hint=command)


def _untouched(text: str) -> bool:
    found = DIGEST.search(text)
    return found is not None and _digest(text[found.end() :]) == found[1]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
