"""The fault table: uploads through a server that misbehaves, and uploads that are killed.

    python bench/faults.py [RUNS]

A disk of 128 MiB with 48 MiB of data; where the upload has to be continued, eight times as much. After each
fault the upload is complete and equal, or it ended with a clear error and the next run completes it. In per
cent of the data: `stored, sent again` is what the store had taken and was sent once more; `on the wire
again` also counts what a fault refused or cut. Medians, and the highest. Corrupt counts blobs that say they
are proven and are not equal: it must be 0.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from azure.storage.blob import ContainerClient

from bench import results
from generator.errors import Surroundings
from publisher import proof, store
from publisher.patience import Patience
from publisher.upload import upload
from tests.publisher.front import Front, in_front_of
from tools import azurite
from validators.footer import MIB, make_footer

DATA, SIZE = 48, 128  # MiB
KILLS = 30


@dataclass
class Row:
    """What became of the runs under one fault; `wire` and `stored` in per cent."""

    fault: str
    runs: int = 0
    completed: int = 0
    resumed: int = 0
    corrupt: int = 0
    wire: list[float] = field(default_factory=list)
    stored: list[float] = field(default_factory=list)


class Bench:
    """One disk, one store, one front."""

    def __init__(self, front: Front, env: dict[str, str], folder: Path) -> None:
        self.front, self.env, self.disk = front, env, folder / "fault.vhd"
        text = env["AZURE_STORAGE_CONNECTION_STRING"].replace(f":{front.upstream}/", f":{front.port}/")
        self.through = {"AZURE_STORAGE_CONNECTION_STRING": text}
        self.rows: list[Row] = []
        self.data, self.size = DATA, SIZE

    def make_disk(self) -> None:
        """The same places, other bytes."""
        with self.disk.open("wb") as file:
            for part in range(12):
                file.seek(part * (self.size // 12) * MIB)
                file.write(os.urandom(self.data // 12 * MIB))
            file.truncate(self.size * MIB)
            file.seek(self.size * MIB)
            file.write(make_footer(self.size * MIB).pack())

    def measure(self, fault: str, runs: int, one: Callable[[ContainerClient], bool]) -> None:
        """`one` uploads once, in trouble, and says whether it completed; if not, a second run has to."""
        row = Row(fault, runs)
        for _ in range(runs):
            self.make_disk()
            place = store.connect(f"fault-{uuid.uuid4().hex[:8]}", self.env)
            target = store.connect(place.container_name, self.through)
            self.front.came_bytes = self.front.body_bytes = 0
            completed = one(target)
            self.front.plan = lambda method, targeted, count: ""
            row.corrupt += self.is_corrupt(place)
            if not completed:
                upload(self.disk, target, patience=quick())
                row.resumed += 1
                row.corrupt += self.is_corrupt(place)
            row.completed += completed
            row.wire.append(self.beyond(self.front.came_bytes))
            row.stored.append(self.beyond(self.front.body_bytes))
            place.delete_container()
        self.rows.append(row)
        print(row, file=sys.stderr)

    def beyond(self, count: int) -> float:
        """Bytes beyond the data, in per cent of it."""
        return (count / MIB / self.data - 1) * 100

    def is_corrupt(self, place: ContainerClient) -> bool:
        """Whether the blob says that it is proven and is not equal to the file."""
        blob = place.get_blob_client(self.disk.name)
        if not blob.exists() or proof.PROVEN not in blob.get_blob_properties().metadata:
            return False
        return blob.download_blob().readall() != self.disk.read_bytes()

    def answered(self, fault: str, share: float) -> Callable[[ContainerClient], bool]:
        """A share of all page writes and reads meets `fault`."""

        def one(target: ContainerClient) -> bool:
            self.front.plan = lambda method, targeted, count: (
                fault if "fault.vhd" in targeted and random.random() < share else ""
            )
            return self.attempt(target)

        return one

    def attempt(self, target: ContainerClient, advance: Callable[[int], None] = lambda count: None) -> bool:
        try:
            upload(self.disk, target, patience=quick(), advance=advance)
        except Surroundings as error:
            print(f"  {error.what}", file=sys.stderr)
            return False
        return True

    def expired(self, target: ContainerClient) -> bool:
        """Half-way, the credential is not good any more."""
        began = self.front.came_bytes
        self.front.plan = lambda method, targeted, count: (
            "denied" if self.front.came_bytes - began > self.data * MIB // 2 else ""
        )
        return self.attempt(target)

    def truncated(self, target: ContainerClient) -> bool:
        """The file becomes shorter while it is read, and is whole again for the second run."""
        whole = self.disk.read_bytes()

        def cut(count: int) -> None:
            os.truncate(self.disk, self.size * MIB // 2)

        done = self.attempt(target, cut)
        self.disk.write_bytes(whole)
        return done

    def restarted(self, target: ContainerClient) -> bool:
        """The server stops half-way and comes back, on the same blobs, two seconds later."""
        began = self.front.came_bytes

        def restart() -> None:
            while self.front.came_bytes - began < self.data * MIB // 3:
                time.sleep(0.01)
            azurite.stop()
            time.sleep(2)
            azurite.ensure_running(lambda text: None)

        thread = threading.Thread(target=restart)
        thread.start()
        done = self.attempt(target)
        thread.join()
        return done

    def killed(self, target: ContainerClient) -> bool:
        """SIGKILL after a random share of the bytes went out."""
        began, point = self.front.came_bytes, random.random() * self.data * MIB
        place = ["--container", target.container_name]
        command = [sys.executable, "-m", "vmoffer", "upload", str(self.disk), *place]
        child = subprocess.Popen(
            command, env={**os.environ, **self.through}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        while child.poll() is None and self.front.came_bytes - began < point:
            time.sleep(0.002)
        child.kill()
        child.communicate()
        return child.returncode == 0


def quick() -> Patience:
    return Patience(first=0.1, longest=2, limit=30)


def main(runs: int = 5) -> None:
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_STATE_HOME"] = name  # a store, and journals, of this run only
        running = azurite.ensure_running(lambda text: None)
        try:
            with in_front_of(running.port) as front:
                env = {"AZURE_STORAGE_CONNECTION_STRING": running.connection_string}
                bench = Bench(front, env, Path(name))
                for title, fault, share in (
                    ("connection reset", "reset", 0.2),
                    ("truncated body", "cut", 0.2),
                    ("500", "error", 0.2),
                    ("503", "busy", 0.3),
                    ("503 with Retry-After", "later", 0.05),
                    ("429", "many", 0.3),
                    ("408", "late", 0.2),
                    ("slow drip of answers", "drip", 0.5),
                    ("a byte changed on its way", "flip", 0.1),
                ):
                    bench.measure(title, runs, bench.answered(fault, share))
                bench.measure("server restarted", runs, bench.restarted)
                bench.data, bench.size = DATA * 8, SIZE * 8
                bench.measure("credential expired half-way", runs, bench.expired)
                bench.measure("file truncated while it is read", runs, bench.truncated)
                bench.measure("SIGKILL at a random point", KILLS, bench.killed)
        finally:
            azurite.stop()
    head = ["fault", "runs", "completed", "resumed", "stored, sent again", "on the wire again", "corrupt"]
    rows = [
        [
            row.fault,
            row.runs,
            row.completed,
            row.resumed,
            f"{results.median(row.stored):.1f}, {max(row.stored):.1f}",
            f"{results.median(row.wire):.1f}, {max(row.wire):.1f}",
            row.corrupt,
        ]
        for row in bench.rows
    ]
    text = (
        f"{results.machine()}\n\n{results.table(head, rows)}\n\n{(__doc__ or '').split('RUNS]')[1].strip()}"
    )
    results.write("Faults of an upload", text)
    print(results.table(head, rows))
    if any(row.corrupt or row.completed + row.resumed != row.runs for row in bench.rows):
        raise SystemExit("a blob is corrupt, or an upload could not be completed")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
