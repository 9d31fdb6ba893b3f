"""/etc/fstab: what is mounted where."""

from __future__ import annotations

import re
from dataclasses import dataclass

PSEUDO = {"proc", "sysfs", "tmpfs", "devpts", "devtmpfs", "cgroup", "cgroup2", "efivarfs", "overlay"}
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "glusterfs", "ceph", "9p", "fuse.sshfs"}
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line; `line` counts from 1."""

    source: str
    point: str
    type: str
    options: str
    line: int

    @property
    def is_swap(self) -> bool:
        return self.type == "swap"

    @property
    def is_local(self) -> bool:
        """A file system on a disk of the machine, with a place in the tree."""
        if self.type in PSEUDO | NETWORK or self.is_swap or not self.point.startswith("/"):
            return False
        return "bind" not in self.options.split(",") and self.source not in ("tmpfs", "proc", "none")


def parse(text: str) -> list[Mount]:
    """The entries in order; lines with fewer than three fields are not entries."""
    mounts = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = [_OCTAL.sub(lambda code: chr(int(code[1], 8)), part) for part in line.split()]
        if len(fields) >= 3 and not line.lstrip().startswith("#"):
            source, point, kind = fields[:3]
            options = fields[3] if len(fields) > 3 else "defaults"
            mounts.append(Mount(source, point, kind, options, number))
    return mounts
