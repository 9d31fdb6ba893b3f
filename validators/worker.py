"""One process that reads one disk: what broken content does to native readers, it does to this process.

`validators.workers` starts it, watches it, and says what became of it.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from generator.errors import VmofferError
from validators import catalogue, engine
from validators.disk import Disk, open_disk
from validators.guest import Undecidable
from validators.remote import Place, RemoteDisk

if TYPE_CHECKING:
    from generator.model import Sku

MEMORY_LIMIT = 1 << 30  # bytes of address space, of which a third is libraries


@dataclass(frozen=True)
class Task:
    """The rules to decide on the disk of the worker, which is one of `disks`, `own` among them."""

    own: int
    disks: Sequence[Disk]
    sku: Sku | None
    profile: str
    rules: Sequence[str]


class Elsewhere:
    """Stands for the content of a disk that another process reads."""

    def __init__(self, size: int) -> None:
        self.size = size

    def read(self, offset: int, count: int) -> bytes:
        raise Undecidable("the content of another disk cannot be read here")


def serve(connection: Connection, inherited: Sequence[Connection], path: Place) -> None:
    """Send the disk at `path` without its content, take a Task, send its outcomes and the bytes read.

    A remote disk that can no longer be read ends it: what follows would be a judgement of half a disk.
    """
    for other in inherited:  # so that whoever waits for this process to end is not kept waiting by others
        other.close()
    _be_alone()
    disk = open_disk(path)
    connection.send(_lost(path) or _facts(disk))
    task: Task = connection.recv()
    given = task.disks[task.own]
    disk = replace(disk, role=given.role, lun=given.lun, generation=given.generation)
    disks = [disk if index == task.own else other for index, other in enumerate(task.disks)]
    for name in task.rules:
        outcome = engine.decide(catalogue.find(name), disk, disks, task.sku, task.profile)
        connection.send(_lost(path) or outcome)
    connection.send(_bytes_read(path))


def _lost(path: Place) -> VmofferError | None:
    """Why a remote disk can no longer be read."""
    return path.reader.failure if isinstance(path, RemoteDisk) else None


def _be_alone() -> None:
    """Bound the memory, say nothing to the terminal, leave no core file, and end with an interrupt."""
    gc.set_threshold(100_000)  # a short life with many imports: looking for garbage took a tenth of it
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):  # the limit of this process may be lower already
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


def _facts(disk: Disk) -> Disk:
    blocks = None if disk.blocks is None else Elsewhere(disk.blocks.size)
    return replace(disk, blocks=blocks, volumes={}, guest=None)


def _bytes_read(path: Place) -> int | None:
    """What this process has read so far, or all did over the network; None where nobody counts it."""
    if isinstance(path, RemoteDisk):
        return path.received
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("rchar:")), None)
