"""What machine the system's programs are built for, from an ELF header."""

from __future__ import annotations

import struct

from validators.guest import Guest

PROGRAMS = ("/sbin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/bin/sh", "/usr/bin/env")
MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv", 21: "ppc64", 22: "s390"}
HEADER_BYTES = 20


def machine(guest: Guest) -> tuple[str, int, str] | None:
    """The architecture, 32 or 64 bit, and the program that says so; None if no program is ELF."""
    for path in PROGRAMS:
        head = guest.head(path, HEADER_BYTES)
        if head and len(head) == HEADER_BYTES and head.startswith(b"\x7fELF"):
            order = ">" if head[5] == 2 else "<"
            (number,) = struct.unpack_from(f"{order}H", head, 18)
            return MACHINES.get(number, f"ELF machine {number}"), 64 if head[4] == 2 else 32, path
    return None
