"""What the build session knew is not on the finished disk, in files or between them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import machines
import pytest

from publisher.extents import extents

pytestmark = pytest.mark.e2e
STEP = 16 << 20  # bytes read at a time


@pytest.mark.parametrize("mark", ["user", "name", "key", "network"])
@pytest.mark.parametrize("disk", machines.DISKS.values(), ids=machines.DISKS)
def test_the_build_left_no_trace(disk: Path, mark: str) -> None:
    wanted = json.loads((disk.parent / "traces.json").read_text())[mark].encode()
    found = []
    with disk.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        for part in extents(file.fileno(), size):
            for start in range(part.start, part.end, STEP):
                data = os.pread(file.fileno(), min(STEP + len(wanted) + 1, size - start), start)
                found += [start + place for place in places(data, wanted)]
    assert not found, f"{mark} at {found[:10]}"


def places(data: bytes, wanted: bytes) -> Iterator[int]:
    """Where `wanted` is a word of its own: a kernel module has a packer_context, Python an unpacker."""
    place = -1
    while (place := data.find(wanted, place + 1)) >= 0:
        before, after = data[:place][-1:], data[place + len(wanted) :][:1]
        if not before.isalpha() and not after.isalpha() and after != b"_":
            yield place


def test_a_trace_would_be_found() -> None:
    data = b"packer the unpacker, packer_context /home/packer\0packer"
    assert list(places(data, b"packer")) == [0, 42, 49]
