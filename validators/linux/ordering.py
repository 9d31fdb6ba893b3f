"""Which of two versions is newer: for each package manager a key that sorts as the manager does.

rpm as in rpm-version(7), dpkg as in deb-version(7), apk as Alpine's wiki and apk itself have it.
Every function takes any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from validators.linux.package import Manager

Key = tuple[Any, ...]
_RPM_PARTS = re.compile(r"~|\^|[0-9]+|[A-Za-z]+")
_APK = re.compile(r"([0-9.]*)([a-z]?)((?:_[a-z]+[0-9]*)*)(?:~[0-9a-f]+)?(?:-r([0-9]+))?")
_APK_SUFFIXES = ("alpha", "beta", "pre", "rc", "", "cvs", "svn", "git", "hg", "p")
_APK_NONE = (_APK_SUFFIXES.index(""), 0, "")


def rpm(version: str) -> Key:
    """Epoch, version, release."""
    epoch, rest = _epoch(version)
    front, _, release = rest.partition("-")
    return epoch, rpm_part(front), rpm_part(release)


def rpm_part(part: str) -> Key:
    """One version or one release: runs of letters or digits; `~` comes before the end, `^` after it."""
    return (*(_rpm_rank(run) for run in _RPM_PARTS.findall(part)), (1,))


def _rpm_rank(run: str) -> Key:
    if run in "~^":
        return ("~^".index(run) * 2,)
    return (4, *_number(run)) if run.isdecimal() else (3, run)


def dpkg(version: str) -> Key:
    """Epoch, upstream version, revision; the revision begins at the last `-`."""
    epoch, rest = _epoch(version)
    front, dash, revision = rest.rpartition("-")
    return epoch, _dpkg_part(front if dash else rest), _dpkg_part(revision if dash else "")


def _dpkg_part(part: str) -> Key:
    """Text and numbers by turns, where no number is 0."""
    runs = re.split(r"([0-9]+)", part if part[-1:].isdecimal() else f"{part}0")
    return tuple(_number(run) if place % 2 else _dpkg_text(run) for place, run in enumerate(runs))


def _dpkg_text(text: str) -> Key:
    """`~` before the end, the end before letters, letters before the rest."""
    return (*((0 if char == "~" else 2 if char.isalpha() else 3, char) for char in text), (1, ""))


def apk(version: str) -> Key:
    """Suffixes from `_alpha` to `_rc` come before none, those from `_cvs` to `_p` after."""
    found = _APK.match(version)
    dotted, letter, suffixes, revision = found.groups("") if found else ("", "", "", "")
    numbers = []
    for place, part in enumerate(dotted.split(".")):
        # After the first, a number with a leading zero counts like digits behind a decimal point.
        fraction = place > 0 and part.startswith("0") and len(part) > 1
        numbers.append((0, 0, part.rstrip("0")) if fraction else (1, *_number(part)))
    named = re.findall(r"_([a-z]+)([0-9]*)", suffixes)
    known = [(_APK_SUFFIXES.index(n) if n in _APK_SUFFIXES else -1, *_number(digits)) for n, digits in named]
    return tuple(numbers), letter, (*known, _APK_NONE), _number(revision)


def _epoch(version: str) -> tuple[Key, str]:
    """The epoch, 0 where there is none, and what follows it."""
    found = re.match(r"([0-9]+):", version)
    return (_number(found[1]), version[found.end() :]) if found else (_number(""), version)


def _number(digits: str) -> tuple[int, str]:
    """Sorts as the number does, whatever its length; nothing is 0."""
    bare = digits.lstrip("0")
    return len(bare), bare


ORDER: Mapping[Manager, Callable[[str], Key]] = {"dpkg": dpkg, "rpm": rpm, "apk": apk}
