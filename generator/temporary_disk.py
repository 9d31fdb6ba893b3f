"""OFR-SIZE-003 before the build: steps that count on a temporary disk that a recommended size lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from generator import azure_facts
from generator.breach import Breach
from generator.catalogue import Definition
from generator.drives import COMMENT, DRIVE, texts

# Where Azure's agent mounts the resource disk, its links in /dev, and the settings that make it of use.
LINUX = re.compile(
    r"/mnt/resource\b|/dev/disk/azure/(?:resource|local)\b|/dev/disk/cloud/azure_resource\b"
    r"|ResourceDisk\.(?:Format|EnableSwap)\s*=\s*y"
)
LINUX_SCRIPTS = {".sh", ".bash", ".py", ".pl", ".conf", ".service", ".mount", ".cfg", ".yaml", ".yml"}


def temporary_disk(definition: Definition) -> Iterator[Breach]:
    """A warning per step that names it while a recommended size has none that is ready for use."""
    sku = definition.sku
    known = [one for one in map(azure_facts.size, sku.recommended_sizes) if one]
    without = [one for one in known if one.temporary_disk != "scsi"]
    if not without:
        return
    size = without[0]
    has = "only raw NVMe disks" if size.temporary_disk == "nvme" else "none"
    windows = sku.os.family == "windows"
    for index, step in enumerate(sku.steps):
        scripts = LINUX_SCRIPTS | ({Path(step.script).suffix.lower()} if step.script else set())
        for place, text in texts(step, definition.root, None if windows else scripts):
            for number, line in enumerate(text.splitlines(), start=1):
                if named := _windows(line) if windows else _linux(line):
                    found = f"{named} in {place}:{number}; {size.name} has {has}"
                    fix = "look for the disk when the machine starts, or recommend only sizes that have one"
                    yield Breach("OFR-SIZE-003", ("steps", index), found, fix, "warn")


def _windows(line: str) -> str:
    if COMMENT.match(line):
        return ""
    letters = {match[match.lastindex or 0].upper() for match in DRIVE.finditer(line)}
    return "D:" if "D" in letters else ""


def _linux(line: str) -> str:
    match = None if line.lstrip().startswith("#") else LINUX.search(line)
    return match[0] if match else ""
