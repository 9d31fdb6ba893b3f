"""WIN-DRIVE-001 before the build: which drives the publisher's own Windows scripts name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from pathlib import Path

from generator.breach import Breach
from generator.catalogue import Definition
from generator.model import Step

GUARANTEED = "CD"  # seed 3.6: the OS disk and the temporary disk
SCRIPTS = {".ps1", ".psm1", ".psd1", ".cmd", ".bat", ".vbs"}
# E:\\x, E:/x, "E:", -DriveLetter E; not https:, $env:, HKLM: or [System.Math]::
DRIVE = re.compile(
    r"""(?<![\w$:{\\])(?:([A-Za-z]):[\\/]|([A-Z]):(?=["'\s;,)]|$)|(?i:-DriveLetter\s+["']?([a-z]))\b)"""
)
COMMENT = re.compile(r"\s*(?:#|::|rem\b|')", re.IGNORECASE)


def drives(definition: Definition) -> Iterator[Breach]:
    """A warning for every line that names a drive other than C: and D: (WIN-DRIVE-001)."""
    if definition.sku.os.family != "windows":
        return
    for index, step in enumerate(definition.sku.steps):
        for place, text in texts(step, definition.root):
            for number, line in enumerate(text.splitlines(), start=1):
                if named := foreign(line):
                    evidence = f"{', '.join(f'{drive}:' for drive in named)} in {place}:{number}"
                    fix = "only C: and D: are there on every machine, and D: is temporary"
                    yield Breach("WIN-DRIVE-001", ("steps", index), evidence, fix, "warn")


def foreign(line: str) -> list[str]:
    """The drive letters other than C and D in one line of a script, in capitals, each once."""
    if COMMENT.match(line):
        return []
    letters = (match[match.lastindex or 0].upper() for match in DRIVE.finditer(line))
    return list(dict.fromkeys(letter for letter in letters if letter not in GUARANTEED))


def texts(step: Step, root: Path, suffixes: Set[str] | None = None) -> Iterator[tuple[str, str]]:
    """What the step runs or uploads that is a script, by its suffix: its place and its text."""
    if step.inline:
        yield "inline", "\n".join(step.inline)
        return
    named = step.script or (step.file.source if step.file else None)
    if named is None:  # a step of another kind, such as a restart
        return
    path = root / named
    members = sorted(path.rglob("*")) if path.is_dir() else [path]
    for member in members:
        if member.suffix.lower() in (suffixes or SCRIPTS) and member.is_file():
            content = member.read_bytes()
            wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
            yield str(member), content.decode("utf-16" if wide else "utf-8-sig", errors="replace")
