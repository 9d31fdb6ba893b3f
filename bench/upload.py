"""Upload of a sparse VHD by vmoffer, azcopy, the SDK's `upload_blob` and the leanest client there can be.

    python bench/upload.py [OS.vhd]

One run, the contenders in turn, medians of RUNS, against Azurite and against bench/pageserver.py: a disk of
1 GiB with 100 MiB of data; the disk that `make build` made, if it did, without the SDK, which takes minutes
for its zeros; azcopy, which reads all too, only to Azurite; a disk of 1 TiB with 200 MB in 10,000 places,
without azcopy. Writes bench/results.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE

from azure.storage.blob import ContainerClient, generate_container_sas

from bench import results
from publisher import proof, store
from tools import azcopy, azurite
from validators.footer import MIB, make_footer

RUNS = 5
SDK = """
import os, sys
from azure.storage.blob import BlobClient
with open(sys.argv[1], "rb") as file:
    BlobClient.from_blob_url(os.environ["BLOB"]).upload_blob(
        file, blob_type="PageBlob", length=os.path.getsize(sys.argv[1]), overwrite=True)
"""


@dataclass
class Run:
    """Seconds of wall clock, of the client's processor and of the server's; MiB of memory at most."""

    wall: float
    cpu: float
    server: float
    memory: float


class Bench:
    """One store, of the process `pid`; each run has a container of its own."""

    def __init__(self, name: str, connection_string: str, pid: int, folder: Path) -> None:
        self.name, self.pid, self.folder = name, pid, folder
        self.env = {"AZURE_STORAGE_CONNECTION_STRING": connection_string}

    def run(self, command: list[str | Path], disk: Path, *, create: bool = False) -> Run:
        """One contender in a process of its own; {blob} and {container} are filled in."""
        container = store.connect(f"bench-{uuid.uuid4().hex[:8]}", self.env)
        url = f"{container.url}/{disk.name}?{self._sas(container)}"
        if create:
            container.get_blob_client(disk.name).create_page_blob(disk.stat().st_size)
        filled = [str(each).format(blob=url, container=container.container_name) for each in command]
        env = {**azcopy.environment(self.folder), **self.env, "BLOB": url, "PYTHONPATH": str(Path.cwd())}
        server, began = self._server_seconds(), time.monotonic()
        with (self.folder / "bench.log").open("wb") as log:
            child = subprocess.Popen(filled, env=env, stdout=log, stderr=log)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - began
        if child.returncode:
            raise SystemExit((self.folder / "bench.log").read_text())
        container.delete_container()
        cpu = used.ru_utime + used.ru_stime
        return Run(wall, cpu, self._server_seconds() - server, used.ru_maxrss / 1024)

    def _sas(self, container: ContainerClient) -> str:
        token: str = generate_container_sas(
            str(container.account_name),
            container.container_name,
            account_key=store.account_key(container),
            permission="racwdl",
            expiry=datetime.now(UTC) + timedelta(days=1),
        )
        return token

    def _server_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def stores(folder: Path) -> Iterator[list[Bench]]:
    """Azurite, and the page server."""
    command = [sys.executable, "bench/pageserver.py", "/dev/shm"]
    with subprocess.Popen(
        command, stdin=PIPE, stdout=PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    ) as server:
        assert server.stdin and server.stdout
        _, connection = server.stdout.readline().split()
        running = azurite.ensure_running(lambda text: None)
        try:
            yield [
                Bench("Azurite", running.connection_string, running.pid, folder),
                Bench("the page server", connection, server.pid, folder),
            ]
        finally:
            azurite.stop()
            server.stdin.close()


def contenders(disk: Path, *, reads_all: bool, sdk: bool) -> dict[str, tuple[list[str | Path], bool]]:
    """Command, and whether the blob has to be there before."""
    ours: list[str | Path] = [sys.executable, "-m", "vmoffer", "upload", disk, "--container", "{container}"]
    found: dict[str, tuple[list[str | Path], bool]] = {
        "vmoffer (auto)": (ours, False),
        "vmoffer --verify sent": ([*ours, "--verify", "sent"], False),
        "floor": ([sys.executable, "bench/floor.py", disk], True),
    }
    if reads_all:
        to = ["{blob}", "--from-to", "LocalBlob", "--blob-type", "PageBlob", "--output-level", "quiet"]
        found["azcopy"] = ([azcopy.installed(lambda text: None), "copy", disk, *to], False)
    if sdk:
        found["SDK upload_blob"] = ([sys.executable, "-c", SDK, disk], False)
    return found


def sparse(path: Path, size: int, places: int, each: int) -> Path:
    """A fixed VHD of `size` bytes with `each` bytes of noise in `places`."""
    noise = os.urandom(each)
    with path.open("wb") as file:
        for place in range(places):
            file.seek(size // places * place // 4096 * 4096)
            file.write(noise)
        file.truncate(size)
        file.seek(size)
        file.write(make_footer(size).pack())
    return path


def compare(bench: Bench, disk: Path, *, reads_all: bool = True, sdk: bool = False) -> str:
    commands = contenders(disk, reads_all=reads_all, sdk=sdk)
    measured: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, (command, create) in commands.items():
            measured[name].append(bench.run(command, disk, create=create))
            print(f"{name:28} {measured[name][-1]}", file=sys.stderr)
    return describe(bench.name, disk, measured)


def describe(to: str, disk: Path, measured: Mapping[str, Sequence[Run]]) -> str:
    """The table of one disk: medians, and their ratios."""
    with disk.open("rb") as file:
        survey = proof.of_file(file.fileno(), disk.stat().st_size)
    walls = results.medians({name: [run.wall for run in each] for name, each in measured.items()})
    rows = [
        [
            name,
            f"{walls[name]:.2f}",
            f"{walls[name] / walls['floor']:.2f}",
            f"{walls[name] / walls['azcopy']:.2f}" if "azcopy" in walls else "-",
            f"{results.median([run.cpu for run in each]) / (survey.data / 1e9):.1f}",
            f"{results.median([run.server for run in each]) / walls[name]:.0%}",
            f"{max(run.memory for run in each):.0f}",
        ]
        for name, each in measured.items()
    ]
    head = ["", "s", "of floor", "of azcopy", "CPU s per GB sent", "store's CPU", "MiB of memory"]
    title = f"To {to}, {disk.stat().st_size / 2**30:.0f} GiB, {survey.data / 1e6:.1f} MB of data"
    title += f" in {survey.requests} pieces, median of {len(measured['floor'])}:"
    return f"{title}\n\n{results.table(head, rows)}\n"


def write(text: Sequence[str]) -> None:
    """The tables into the page of results."""
    node = results.stated(["node", "--version"])
    versions = results.machine(azcopy="10.32.2", Azurite="3.35.0", Node=node)
    notes = (
        "The floor sends the same ranges without any check, to a blob that is there. Azurite confirms no "
        "checksum, as Azure does, so that vmoffer reads every page back; `--verify sent` leaves that out, "
        "which is what compares with the others there. The page server (bench/pageserver.py) confirms the "
        "CRC, keeps its blobs in memory and asks for no credentials: it is the fastest server here, and what "
        "is measured with it is the client. A store's CPU near 100 % means that the store is measured."
    )
    results.write("Upload", "\n".join([versions + "\n", *text, notes]))


def main(disk: Path | None = None) -> None:
    built = sorted(Path("build/demo/debian-12").glob("*/*-os.vhd"))
    disk = disk or (built[-1] if built else None)
    Path("build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir="build") as name:
        folder = Path(name).absolute()
        os.environ["XDG_STATE_HOME"] = str(folder)  # a store of this run only
        small = sparse(folder / "1gib.vhd", 1 << 30, 25, 4 * MIB)
        scattered = sparse(folder / "1tib.vhd", 1 << 40, 10_000, 20_480)
        text = []
        with stores(folder) as benches:
            for bench in benches:
                text.append(compare(bench, small, sdk=True))
                if disk:
                    text.append(compare(bench, disk.absolute(), reads_all=bench is benches[0]))
                text.append(compare(bench, scattered, reads_all=False))
    write(text)
    print(*text, sep="\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
