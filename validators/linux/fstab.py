"""/etc/fstab: what is mounted where."""

from __future__ import annotations

import re
from dataclasses import dataclass

PSEUDO = {"proc", "sysfs", "tmpfs", "devpts", "devtmpfs", "cgroup", "cgroup2", "efivarfs", "overlay"}
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "glusterfs", "ceph", "9p", "fuse.sshfs"}
_OCTAL = re.compile(rb"\\([0-7]{3})")
_FIELDS = re.compile(r"[ \t]+")  # other white space is a part of a name, as for mount


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
        options = {option.partition("=")[0] for option in self.options.split(",")}
        return not options & {"bind", "rbind", "loop"} and self.source not in ("tmpfs", "proc", "none")


def parse(text: str) -> list[Mount]:
    """The entries in order; lines with fewer than three fields are not entries."""
    mounts = []
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.removesuffix("\r").strip(" \t")
        fields = [_unescaped(part) for part in _FIELDS.split(bare)]
        if len(fields) >= 3 and not bare.startswith("#"):
            source, point, kind = fields[:3]
            options = fields[3] if len(fields) > 3 else "defaults"
            mounts.append(Mount(source, point, kind, options, number))
    return mounts


def _unescaped(field: str) -> str:
    """`\\040` stands for one byte, not for one character; a zero ends the field, as in libmount."""
    if "\\" not in field:
        return field
    raw = field.encode("utf-8", "surrogateescape")
    whole = _OCTAL.sub(lambda code: bytes([int(code[1], 8) & 0xFF]), raw)
    return whole.partition(b"\0")[0].decode("utf-8", "replace")
