"""Full strict validation of a built OS disk against a bare read of the same files, in one run.

    python bench/validate.py [OS.vhd]

The bare read is dfvfs alone, in a process of its own: it opens the file systems and reads what the rules
read, and judges nothing. Where guestfish works, it reads five of those files. Default: what
`make build` made.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tools.machine import accelerator
from validators import engine
from validators.catalogue import DISK_SUBJECTS, rules
from validators.disk import open_disk
from validators.offline import OfflineVolume

RUNS = 5
GUESTFISH_RUNS = 3  # half a minute each without virtualization
DEADLINE = 300  # seconds for its first answer
FIVE = ("/etc/os-release", "/etc/fstab", "/etc/passwd", "/etc/ssh/sshd_config", "/boot/grub/grub.cfg")
BARE = """
import json, sys
from dfvfs.path import factory
from dfvfs.resolver import resolver
vhd, wanted = sys.argv[1], json.load(open(sys.argv[2]))
new = factory.Factory.NewPathSpec
for start, size, kind, files in wanted:
    place = new("DATA_RANGE", range_offset=start, range_size=size, parent=new("OS", location=vhd))
    system = resolver.Resolver.OpenFileSystem(new(kind, location="/", parent=place))
    for path, offset, count in files:
        entry = system.GetFileEntryByPathSpec(new(kind, location=path, parent=place))
        file = entry.GetFileObject()
        file.seek(offset)
        while count > 0 and (piece := file.read(min(count, 1 << 20))):
            count -= len(piece)
"""


def read_by_rules(vhd: Path) -> list[tuple[int, int, str, list[tuple[str, int, int]]]]:
    """Per volume: where it lies, its kind for dfvfs, and what the rules read: file, offset, bytes."""
    seen: dict[int, dict[tuple[str, int], int]] = {}
    plain = OfflineVolume.read

    def noted(self: OfflineVolume, path: str, count: int, offset: int = 0) -> bytes:
        data = plain(self, path, count, offset)
        files = seen.setdefault(id(self), {})
        files[path, offset] = max(files.get((path, offset), 0), len(data))
        return data

    OfflineVolume.read = noted  # type: ignore[method-assign]
    (disk,) = engine.assign([open_disk(vhd)], None, None, "os")
    engine.load_checks()
    for rule in rules().values():
        if rule.subject in DISK_SUBJECTS and rule.subject != "windows":
            engine.decide(rule, disk, [disk], None, "strict")
    return [
        (part.start, part.size, part.content.kind.upper(), [(*at, n) for at, n in seen[id(volume)].items()])
        for part in disk.table.partitions
        if id(volume := disk.volumes[part.number]) in seen and part.content.kind == "ext"
    ]


def measured(command: Sequence[str | Path], runs: int = RUNS) -> tuple[float, float]:
    """Median seconds, and the peak memory of the largest process in MB."""
    times, peak = [], 0
    for _ in range(runs):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        times.append(time.perf_counter() - start)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            raise SystemExit(f"{command[0]} ended with {process.returncode}")
        peak = max(peak, usage.ru_maxrss)
    return statistics.median(times), peak / 1000


def main(vhd: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        report, list_of_files, bare = (Path(scratch) / name for name in ("r.json", "files.json", "bare.py"))
        # In a process of its own: the peak memory of a child starts from its parent's.
        with multiprocessing.get_context("fork").Pool(1) as pool:
            wanted = pool.apply(read_by_rules, [vhd])
        list_of_files.write_text(json.dumps(wanted))
        bare.write_text(BARE)
        validate: list[str | Path] = [sys.executable, "-m", "vmoffer", "validate", vhd, "--out", report]
        ours, memory = measured(validate)
        theirs, least = measured([sys.executable, bare, vhd, list_of_files])
        read = json.loads(report.read_text())["disks"][0]["bytes_read"]
    reads = [entry for *_, volume in wanted for entry in volume]
    print(f"{vhd.name}: {vhd.stat().st_size >> 30} GiB; medians of {RUNS} runs")
    print(f"vmoffer validate, strict   {ours:6.2f} s  {memory:5.0f} MB  {(read or 0) / 1e6:.1f} MB read")
    files, size = len({path for path, _, _ in reads}), sum(count for *_, count in reads) / 1e6
    print(f"dfvfs, the same files      {theirs:6.2f} s  {least:5.0f} MB  {files} files, {size:.1f} MB")
    print(f"validation takes {ours / theirs:.1f} times the bare read (goal: under 3, and under 150 MB)")
    guestfish(vhd, ours)


def guestfish(vhd: Path, ours: float) -> None:
    """The same disk through libguestfs, five files only.

    It boots a kernel: the newest in /boot, or the one that SUPERMIN_KERNEL and SUPERMIN_MODULES name.

    Its QEMU is told to emulate where the processor has no virtualization: /dev/kvm may be there and hang.
    """
    if not shutil.which("guestfish"):
        print("guestfish                  not run: it is not installed (Debian: guestfish)")
        return
    reads = [word for path in FIVE for word in (":", "cat", path)][1:]
    command = ["guestfish", "--ro", "-i", "-a", str(vhd), *reads]
    os.environ["LIBGUESTFS_BACKEND"] = "direct"
    if accelerator() == "tcg":
        os.environ["LIBGUESTFS_BACKEND_SETTINGS"] = "force_tcg"
    try:  # once without the clock: the first call builds the appliance
        subprocess.run(command, check=True, timeout=DEADLINE, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        print(f"guestfish                  not run: no answer in {DEADLINE} s")
    except subprocess.CalledProcessError as failed:
        said = (failed.stderr.strip().splitlines() or ["no reason given"])[0]
        print(f"guestfish                  not run: {said}; is there a kernel in /boot and /lib/modules?")
    else:
        slow, _ = measured(command, GUESTFISH_RUNS)
        print(f"guestfish, five files      {slow:6.2f} s: {slow / ours:.0f} times as long (goal: over 25)")


if __name__ == "__main__":
    built = sorted(Path("build").glob("*/*/*/*-os.vhd"), key=lambda path: path.stat().st_mtime)
    if len(sys.argv) < 2 and not built:
        raise SystemExit("nothing was built yet: run `make build`, or name a VHD")
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else built[-1])
