"""The files that a definition takes into an image: of its repository only, and nothing but files and folders.

A definition comes with a pull request, from a stranger perhaps, and is built with credentials at hand. What
it names has to lie in the repository that it came with: links are resolved, and what git itself keeps there
is no source either. `--allow-outside` lifts the first limit, for what stands in another place on purpose.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from generator.catalogue import ROOT, Definition

ALLOWED = "VMOFFER_ALLOW_OUTSIDE"  # set to 1 by --allow-outside, for the commands that Packer calls, too
KERNEL = tuple(map(Path, ("/proc", "/sys", "/dev")))  # no files, whatever they look like
KINDS = {"file": "a file", "folder": "a folder", "file or folder": "a file or folder"}
KINDS["content"] = KINDS["file or folder"]  # of a data disk: links in it are copied as links


def repository(definition: Path) -> Path:
    """Where sources of a definition may lie: its git repository, else the folder of skus/, else its own."""
    here = definition.resolve().parent
    for folder in (here, *here.parents):
        if os.path.lexists(folder / ".git"):
            return folder
    for folder in (here, *here.parents):
        if folder.name == ROOT.name:
            return folder.parent
    return here


def problem(definition: Definition, name: str, kind: str) -> tuple[str, str] | None:
    """What is wrong with the source `name` (found, allowed), None if nothing is; `kind` is a key of KINDS.

    Looks at everything in a folder, and opens nothing.
    """
    path, inside = definition.root / name, repository(definition.path)
    if not os.path.lexists(path):
        return f"{name!r}, which is not there", f"{KINDS[kind]} that exists, from {definition.root}/"
    for member in _members(path):
        if kind == "content" and member != path and member.is_symlink():
            continue
        shown = name if member == path else f"{name}: {member.relative_to(path)}"
        try:
            real = member.resolve(strict=True)
            mode = real.stat().st_mode
        except (OSError, RuntimeError):
            return f"{shown!r}, which leads nowhere", KINDS[kind]
        wanted = kind if member == path and kind != "content" else "file or folder"
        if not ((stat.S_ISREG(mode) and "file" in wanted) or (stat.S_ISDIR(mode) and "folder" in wanted)):
            return f"{shown!r}, which is {_called(mode)}", KINDS[wanted]
        if any(real.is_relative_to(place) for place in KERNEL):
            return f"{shown!r}, which the kernel makes up", KINDS[wanted]
        if ".git" in real.parts:
            return f"{shown!r}, which is git's own", KINDS[wanted]
        if not real.is_relative_to(inside) and os.environ.get(ALLOWED) != "1":
            return f"{shown!r}, which lies outside of {inside}", "a source in there, or --allow-outside"
    return None


def outside(definition: Definition, names: list[str]) -> list[Path]:
    """Those of the sources `names` that lie outside of the repository, as --allow-outside lets them."""
    inside = repository(definition.path)
    real = [member.resolve() for name in names for member in _members(definition.root / name)]
    return list(dict.fromkeys(path for path in real if not path.is_relative_to(inside)))


def _members(path: Path) -> Iterator[Path]:
    """The source, and what a folder holds; links in it are not walked into, nothing copies that."""
    yield path
    if path.is_dir():
        for folder, folders, names in os.walk(path):
            yield from (Path(folder, name) for name in sorted((*folders, *names)))


def _called(mode: int) -> str:
    for test, name in (
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
        (stat.S_ISDIR, "a folder"),
    ):
        if test(mode):
            return name
    return "a file"
