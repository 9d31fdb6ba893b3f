"""Raw to fixed VHD: appending the footer against `qemu-img convert` and our own copy, in one run.

    python bench/convert.py [FOLDER]

Makes a sparse raw disk of 30 GiB with 512 MiB of data in FOLDER (default: the current folder) and
removes everything it made. Numbers depend on the machine; the ratios are what counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from validators.convert import in_place, to_vhd

SIZE = 30 << 30
PIECE = 4 << 20
PIECES = 128


def timed(title: str, work: Callable[[], object], result: Path) -> float:
    os.sync()
    start = time.perf_counter()
    work()
    with result.open("rb") as file:
        os.fsync(file.fileno())
    taken = time.perf_counter() - start
    print(f"{title:45} {taken:8.3f} s   {result.stat().st_blocks * 512 >> 20:6} MiB on disk")
    return taken


def main(folder: Path) -> None:
    raw, by_qemu, by_copy, vhd = (folder / name for name in ("os.raw", "qemu.vhd", "copy.vhd", "os.vhd"))
    with raw.open("wb") as file:
        for piece in range(PIECES):
            file.seek(piece * (SIZE // PIECES))
            file.write(os.urandom(PIECE))
        file.truncate(SIZE)
    command = ["qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed,force_size"]
    print(f"{SIZE >> 30} GiB raw disk with {PIECES * PIECE >> 20} MiB of data")
    slow = timed(
        "qemu-img convert -O vpc", lambda: subprocess.run([*command, raw, by_qemu], check=True), by_qemu
    )
    copy = timed("vmoffer convert", lambda: to_vhd(raw, by_copy), by_copy)
    fast = timed("vmoffer convert --in-place", lambda: in_place(raw, vhd), vhd)
    print(f"in place is {slow / fast:.0f} times as fast as qemu-img, the copy {slow / copy:.1f} times")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as scratch:
        main(Path(scratch))
