"""Raw to fixed VHD: appending the footer against `qemu-img convert` and our own copy, in one run.

    python bench/convert.py [FOLDER]

Makes a sparse raw disk of 30 GiB with 512 MiB of data in FOLDER (default: the current folder) and
removes everything it made. The result goes into bench/results.md.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import results
from validators.convert import in_place, to_vhd

RUNS = 5
SIZE = 30 << 30
PIECE = 4 << 20
PIECES = 128
QEMU = ["qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed,force_size"]


def timed(work: Callable[[], object], result: Path) -> float:
    """Seconds until the result is on the medium."""
    os.sync()
    start = time.perf_counter()
    work()
    with result.open("rb") as file:
        os.fsync(file.fileno())
    return time.perf_counter() - start


def main(folder: Path) -> None:
    raw, by_qemu, by_copy, vhd = (folder / name for name in ("os.raw", "qemu.vhd", "copy.vhd", "os.vhd"))
    with raw.open("wb") as file:
        for piece in range(PIECES):
            file.seek(piece * (SIZE // PIECES))
            file.write(os.urandom(PIECE))
        file.truncate(SIZE)
    works: dict[str, tuple[Callable[[], object], Path]] = {
        "qemu-img convert -O vpc": (lambda: subprocess.run([*QEMU, raw, by_qemu], check=True), by_qemu),
        "vmoffer convert": (lambda: to_vhd(raw, by_copy, force=True), by_copy),
        "vmoffer convert --in-place --punch-holes": (lambda: in_place(raw, vhd, holes=True), vhd),
        "vmoffer convert --in-place": (lambda: in_place(raw, vhd), vhd),
    }
    measured: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(RUNS):
        for name, (work, result) in works.items():
            measured[name].append(timed(work, result))
            if result == vhd:  # back to the raw disk that it was
                os.truncate(vhd, SIZE)
                vhd.rename(raw)
    middle = results.medians(measured)
    slow = middle["qemu-img convert -O vpc"]
    rows = [
        [name, f"{seconds:.3f} s", f"{min(measured[name]):.3f}-{max(measured[name]):.3f} s",
         f"{slow / seconds:.1f}"]
        for name, seconds in middle.items()
    ]  # fmt: skip
    text = (
        f"{results.machine(qemu=results.stated(['qemu-img', '--version']).split()[2])}\n\n"
        + results.table(["raw to fixed VHD", f"median of {RUNS}", "range", "times as fast as qemu-img"], rows)
        + f"\n\nA raw disk of {SIZE >> 30} GiB with {PIECES * PIECE >> 20} MiB of random data, until the VHD"
        " is on the medium. The goal is 50 times for `--in-place`."
    )
    results.write("Conversion", text)
    print(text)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as scratch:
        main(Path(scratch))
