"""Validation of a blob through its SAS: bytes and requests, beside validation of the file, in one run.

    python bench/remote.py [OS.vhd]

Puts the disk (default: what `make build` made) into a local store of this run and judges both. The
result goes into bench/results.md.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import results
from publisher import sas, store, upload
from tools import azurite
from validators import engine
from validators.remote import Place, RemoteDisk, place

RUNS = 5


def judged(disk: Place) -> tuple[float, dict[str, str]]:
    """Seconds, and what each rule said; one of them is about a file's holes."""
    start = time.perf_counter()
    found = engine.judge([disk], role="os").outcomes
    return time.perf_counter() - start, {o.rule: o.status for o in found if o.rule != "DSK-SPARSE-001"}


def _alone(work: Callable[..., object], *arguments: object) -> None:
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"the upload ended with {process.exitcode}")


def main(vhd: Path) -> None:
    near, far, read, requests = [], [], [], []
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_STATE_HOME"] = name
        running = azurite.ensure_running(lambda text: None)
        try:
            env = {"AZURE_STORAGE_CONNECTION_STRING": running.connection_string}
            container = store.connect("bench", env)
            # by a process of its own: its threads would count against the memory of those that read disks
            _alone(upload.upload, vhd, container)
            now = datetime.now(UTC)
            uri = sas.sign(container, vhd.name, sas.Term(now - timedelta(days=1), now + timedelta(days=1)))
            for _ in range(RUNS):
                disk = place(uri)
                assert isinstance(disk, RemoteDisk)
                (seconds, said), (remote, told) = judged(vhd), judged(disk)
                if said != told:
                    raise SystemExit(f"not the same: {set(said.items()) ^ set(told.items())}")
                near.append(seconds)
                far.append(remote)
                read.append(disk.received)
                requests.append(disk.requests)
        finally:
            azurite.stop()
    size = vhd.stat().st_size
    row = [
        f"{size / (1 << 30):.1f} GiB",
        f"{results.median(read) / (1 << 20):.1f} MiB",
        f"{results.median(read) / size:.3%}",
        f"{results.median(requests):.0f}",
        f"{results.median(far):.2f} s",
        f"{results.median(far) / results.median(near):.2f}",
    ]
    head = ["disk", "read", "of the disk", "requests", f"median of {RUNS}", "times as long as the file"]
    text = f"{results.machine()}\n\n{results.table(head, [row])}\n\nThe goal is less than 1 % of the bytes."
    results.write("Validation of a blob", text)
    print(text)


if __name__ == "__main__":
    built = sorted(Path("build/demo/debian-12").glob("*/*-os.vhd"))
    given = sys.argv[1:] or built[-1:]
    if not given:
        raise SystemExit("there is no built disk: make build SKU=demo/debian-12")
    main(Path(given[0]))
