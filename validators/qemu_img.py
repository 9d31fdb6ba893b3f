"""What qemu-img is asked to do, with the format and the driver of every file said, never guessed.

A guest decides what its disk begins with. A raw disk that looks like a qcow2 file with a backing file
would make a guessing qemu-img read that file of the host into the image.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generator.errors import Surroundings, Unusable
from validators.native import environment, missing
from validators.partfile import no_room
from validators.vhd import Container

DRIVERS = {  # raw disks and fixed VHDs need no reader
    "vhd-dynamic": "vpc",
    "qcow2": "qcow2",
    "vhdx": "vhdx",
    "vmdk": "vmdk",
}
SOUND = (0, 3, 63)  # of qemu-img check: no errors, only leaked space, a format without a check
NO_ROOM = ("No space left on device", "File too large", "Disk quota exceeded")
HINT_MERGE = "if you trust it, make it one file first: qemu-img convert -O qcow2 …"


def virtual_size(found: Container) -> int:
    """Bytes of the disk inside `found`.

    Raises Unusable when the image is damaged, encrypted, or needs other files.
    """
    facts = _info(found)
    size = facts.get("virtual-size")
    if not isinstance(size, int):
        raise Unusable("qemu-img does not tell the size of this disk", where=str(found.path))
    _refuse_damaged(found)
    return size


def copy_to_raw(found: Container, target: Path, size: int, advance: Callable[[int], None]) -> None:
    """Write the disk in `found` to the raw file `target`; runs of zeros become holes.

    `size` is what `advance` counts up to, in bytes. Interrupted, it leaves no process behind.
    """
    arguments = ["convert", "-p", "-S", "4k", "--image-opts", _options(found), "-O", "raw", _absolute(target)]
    with tempfile.TemporaryFile() as errors:
        process = _start(arguments, stdout=subprocess.PIPE, stderr=errors)
        try:
            assert process.stdout is not None
            done = 0
            while text := os.read(process.stdout.fileno(), 4096):
                percent = re.findall(rb"\(([0-9.]+)/100%\)", text)
                now = int(size * float(percent[-1]) / 100) if percent else done
                if now > done:
                    advance(now - done)
                    done = now
            status = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        errors.seek(0)
        message = errors.read().decode(errors="replace")
    if status != 0:
        raise _failure(found, message, status, target)


def _info(found: Container) -> dict[str, Any]:
    _refuse_by_head(found)
    process = _start(
        ["info", "--output=json", "--image-opts", _options(found)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = process.communicate()
    if process.returncode != 0:
        raise _failure(found, errors.decode(errors="replace"), process.returncode, found.file)
    facts: dict[str, Any] = json.loads(output)
    backing = facts.get("backing-filename")
    if backing is not None:
        raise Unusable(f"it needs another file: {backing!r}", where=str(found.path), hint=HINT_MERGE)
    if facts.get("encrypted"):
        raise Unusable("it is encrypted", where=str(found.path), hint="decrypt it first")
    return facts


def _refuse_damaged(found: Container) -> None:
    """Refuse a damaged or cut-off image: QEMU reads what is missing of it as zeros, without a word."""
    process = _start(
        ["check", "-q", "--image-opts", _options(found)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output = b"".join(process.communicate()).decode(errors="replace")
    if process.returncode not in SOUND:
        first = output.strip().splitlines()[:1] or ["qemu-img check fails"]
        hint = "fetch or make it again"
        raise Unusable(f"this {found.kind} is damaged: {first[0]}", where=str(found.path), hint=hint)


def _refuse_by_head(found: Container) -> None:
    """Refuse files that make qemu-img open others just by looking at them."""
    with found.file.open("rb") as file:
        head = file.read(512).ljust(512, b"\0")
    outside = False
    if found.kind == "qcow2":
        version, incompatible = struct.unpack_from(">4xI64xQ", head)
        outside = version >= 3 and bool(incompatible & 4)  # bit 2: the data is in an external file
    elif found.kind == "vmdk":
        # a descriptor, alone or in a file with no capacity of its own, lists extents in other files
        (capacity,) = struct.unpack_from("<12xQ", head)
        outside = head.startswith(b"# Disk") or (head.startswith(b"KDMV") and capacity == 0)
    if outside:
        raise Unusable("its data is in other files", where=str(found.path), hint=HINT_MERGE)


def _options(found: Container) -> str:
    driver = DRIVERS[found.kind]
    exact = ",force_size_calc=current_size" if driver == "vpc" else ""
    name = _absolute(found.file).replace(",", ",,")
    return f"driver={driver}{exact},file.driver=file,file.filename={name}"


def _absolute(path: Path) -> str:
    return str(path.absolute())  # `nbd:…` and `json:…` are not names of files to qemu-img; `/…` always is


def _start(arguments: list[str], **streams: Any) -> subprocess.Popen[bytes]:
    command = ["qemu-img", *arguments]
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment(), **streams)
    except FileNotFoundError:
        raise missing("qemu-img", "qemu-utils") from None


def _failure(found: Container, message: str, status: int, target: Path) -> Surroundings | Unusable:
    reason = next((text for text in NO_ROOM if text in message), None)
    if reason is not None:
        return no_room(target, reason)
    if status < 0:
        return Surroundings(f"qemu-img was ended by signal {-status}", where=str(found.path))
    last = message.strip().splitlines()[-1:] or [f"status {status}"]
    return Unusable(f"qemu-img cannot read this {found.kind}: {last[0]}", where=str(found.path))
