"""The processes that read disks, one per disk, all at once; and what is said when one of them stops.

The readers of file systems are native code that runs on whatever a disk holds. A rule whose process crashes,
hangs or runs out of memory is undecidable; a new process goes on with the rules after it. A disk whose
processes died again and again, that cannot be read, or that changed meanwhile is unread: it never passes.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, Literal

from generator.errors import VmofferError
from validators import catalogue, engine
from validators.disk import Disk, unopened
from validators.engine import Unread
from validators.offline import load_readers
from validators.outcome import Outcome, Status
from validators.remote import Place, RemoteDisk
from validators.worker import Task, serve

if TYPE_CHECKING:
    from generator.model import Sku

Stamp = tuple[int, int, int, int] | None  # device, inode, bytes, nanoseconds of the last change
MAX_RESTARTS = 3  # per disk
REMOTE = 10  # times the deadline; a server that is busy is waited for


class Stopped(Exception):
    """The process hung, or `died`."""

    def __init__(self, reason: str, *, died: bool) -> None:
        super().__init__(reason)
        self.died = died


@contextmanager
def reading(paths: Sequence[Place], seconds: float) -> Iterator[Workers]:
    """Processes that open the disks at `paths`; each has `seconds` per step. All end with the context."""
    workers = Workers(paths, seconds)
    try:
        yield workers
    finally:
        workers.end()


class Workers:
    """First `disks`, what the files are; then `decide`, once."""

    def __init__(self, paths: Sequence[Place], seconds: float) -> None:
        if len(paths) > 1:
            load_readers()  # once, and not in every process
        self._all: list[_Worker] = []
        before = [_stamp(path) for path in paths]
        for disk, stamp in zip([unopened(path) for path in paths], before, strict=True):
            self._all.append(_Worker(disk, stamp, seconds, self._all))

    def disks(self) -> list[Disk]:
        """The disks without their content. One that stops its process has no blocks, and a reason."""
        self._listen()
        return [worker.disk for worker in self._all]

    def decide(
        self, disks: Sequence[Disk], sku: Sku | None, profile: str, rules: Sequence[Sequence[str]]
    ) -> list[list[Outcome]]:
        """The outcomes of `rules[n]` on `disks[n]`, in that order."""
        for index, worker in enumerate(self._all):
            worker.begin(Task(index, disks, sku, profile, rules[index]))
        self._listen()
        for worker in self._all:
            worker.settle()
        return [worker.outcomes for worker in self._all]

    def unread(self) -> tuple[Unread, ...]:
        """The disks that were not read to their end, as they were at the beginning."""
        return tuple(one.unread for one in self._all if one.unread)

    def bytes_read(self) -> Mapping[Place, int]:
        """What the processes read from files, where the system counts it."""
        return {one.disk.path: one.bytes_read for one in self._all if one.bytes_read is not None}

    def end(self) -> None:
        for worker in self._all:
            worker.end()

    def _listen(self) -> None:
        """Until no process owes an answer."""
        while busy := [worker for worker in self._all if worker.busy]:
            left = max(0.0, min(worker.left for worker in busy))
            ready = connection.wait([worker.pipe for worker in busy], left)
            for worker in busy:
                if worker.pipe in ready or worker.left <= 0:
                    worker.hear()


class _Worker:
    """One disk: the process that reads it now, and what is known so far."""

    def __init__(self, disk: Disk, stamp: Stamp, seconds: float, others: Sequence[_Worker]) -> None:
        self.disk = disk
        self.unread: Unread | None = None
        self._stamp = stamp
        self.outcomes: list[Outcome] = []
        self.bytes_read: int | None = None
        self._seconds = seconds * (REMOTE if isinstance(disk.path, RemoteDisk) else 1)
        self._others = others
        self._task: Task | None = None
        self._stops = 0
        self._start()

    @property
    def left(self) -> float:
        """Seconds until the process must have said something."""
        return self._deadline - time.monotonic()

    @property
    def _waiting(self) -> Sequence[str]:
        return self._task.rules[len(self.outcomes) :] if self._task else ()

    def begin(self, task: Task) -> None:
        self._task = task
        if self.unread and self._stops:  # it was not even opened; the file's own facts can be judged
            self._answer(self._waiting, None)
        else:
            self._ask()

    def hear(self) -> None:
        """Take what the process says, or what its silence means."""
        try:
            said = self._receive()
        except Stopped as reason:
            self._stopped(str(reason), died=reason.died)
            return
        if isinstance(said, Outcome):
            self.outcomes.append(said)
        elif isinstance(said, VmofferError):
            raise said
        elif isinstance(said, Disk):
            if self._task:
                self._ask()
            else:
                # its own place: that of a remote disk comes back without what opens it
                self.disk, self.busy = replace(said, path=self.disk.path), False
                if said.blocks is None:
                    self._lost(said.reason, 3)
        else:
            self.bytes_read, self.busy = said, False

    def settle(self) -> None:
        """Whatever was read of a disk that is another one by now says nothing about either."""
        if _stamp(self.disk.path) == self._stamp:
            return
        reason = "the disk changed while it was read; validate it again when nothing writes to it"
        self._lost(reason, 3)
        self.outcomes = [
            each
            if each.elsewhere
            else replace(each, status=Status.UNDECIDABLE, evidence=reason, fix="", where="")
            for each in self.outcomes
        ]

    def _lost(self, reason: str, status: Literal[3, 4]) -> None:
        self.unread = Unread(str(self.disk.path), reason, status)

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()

    def _start(self) -> None:
        # Forked, not spawned: a new interpreter with all it imports takes longer than the whole judgment.
        context = multiprocessing.get_context("fork")
        self.pipe, theirs = context.Pipe()
        others = [one.pipe for one in self._others if one is not self and not one.pipe.closed]
        self._process = context.Process(
            target=serve, args=(theirs, [self.pipe, *others], self.disk.path), daemon=True
        )
        self._process.start()
        theirs.close()
        self._renew()

    def _ask(self) -> None:
        assert self._task is not None
        self._renew()
        try:
            self.pipe.send(replace(self._task, rules=self._waiting))
        except OSError:
            return  # it is gone; `hear` says how

    def _renew(self) -> None:
        self.busy = True
        self._deadline = time.monotonic() + self._seconds

    def _receive(self) -> Any:
        try:
            if not self.pipe.poll(0):
                raise Stopped(f"it took longer than {self._seconds:g} seconds", died=False)
            said = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(1)
            code = self._process.exitcode
            how = f"by {signal.Signals(-code).name}" if code and code < 0 else f"with status {code}"
            raise Stopped(f"the process that reads the disk was ended {how}", died=True) from None
        self._renew()
        return said

    def _stopped(self, reason: str, *, died: bool) -> None:
        """The rule that was being decided is undecidable; the others get a new process."""
        self.end()
        self.busy = False
        self._stops += 1
        if self._task is None and died and self._stops <= MAX_RESTARTS:
            self._start()
        elif self._task is None:
            why = f"the disk was not opened: {reason}"
            self.disk = replace(self.disk, reason=why)
            self._lost(why, 4 if died else 3)
        elif self._stops > MAX_RESTARTS:
            why = f"reading this disk stopped {self._stops} times, at last: {reason}"
            self._lost(why, 4 if died else 3)
            self._answer(self._waiting, why)
        elif self._waiting:
            self._answer(self._waiting[:1], reason)
            if self._waiting:
                self._start()

    def _answer(self, rules: Sequence[str], reason: str | None) -> None:
        """Outcomes without the process: undecidable for `reason`, or what the file alone shows."""
        task = self._task
        assert task is not None
        for name in rules:
            rule, disk = catalogue.find(name), task.disks[task.own]
            self.outcomes.append(engine.decide(rule, disk, task.disks, task.sku, task.profile, reason))


def _stamp(path: Place) -> Stamp:
    """What changes when the file at `path` is written or replaced; who reads a remote disk looks itself."""
    if isinstance(path, RemoteDisk):
        return None
    try:
        facts = path.stat()
    except OSError:
        return (0, 0, 0, 0)
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns
