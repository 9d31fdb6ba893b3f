"""What the build session knew is not on the finished disk, in files or between them."""

from __future__ import annotations

import json
import os

import machines
import pytest

from publisher.extents import extents

pytestmark = pytest.mark.e2e
STEP = 16 << 20  # bytes read at a time


@pytest.mark.parametrize("mark", ["key", "network"])
def test_the_build_left_no_key_and_no_address(mark: str) -> None:
    """The name of the build's cloud-init instance is not searched for: the journal of ext4 still has it."""
    wanted = json.loads((machines.OUT / "traces.json").read_text())[mark].encode()
    found = []
    with machines.OS_VHD.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        for part in extents(file.fileno(), size):
            for start in range(part.start, part.end, STEP):
                data = os.pread(file.fileno(), min(STEP + len(wanted), size - start), start)
                if (place := data.find(wanted)) >= 0:
                    found.append(start + place)
    assert not found, f"{mark} at {found[:10]}"
