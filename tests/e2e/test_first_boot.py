"""Two machines made from one generalized disk are two machines: each makes its own keys and identity."""

from __future__ import annotations

import subprocess
from pathlib import Path

import machines
import pytest

from validators import disk

pytestmark = pytest.mark.e2e


def identity(overlay: Path) -> tuple[bytes, dict[str, bytes]]:
    """The machine id and the public host keys that a guest wrote to its disk."""
    raw = overlay.with_suffix(".raw")
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", overlay, raw], check=True)
    guest = disk.open_disk(raw).guest
    assert guest is not None
    keys = {path: guest.read(path) or b"" for path in guest.glob("/etc/ssh/ssh_host_*_key.pub")}
    raw.unlink()
    return guest.read("/etc/machine-id") or b"", keys


def test_two_first_boots_have_keys_and_identities_of_their_own(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        with machines.started(machines.OS_VHD, tmp_path / name) as guest:
            guest.wait_for(machines.PROMPT, machines.SSHD)
            guest.power_off()
            found.append(identity(guest.overlay))
    (one, keys), (two, others) = found
    assert len(one.strip()) == len(two.strip()) == 32
    assert one != two
    assert set(keys) == set(others)
    assert len(keys) >= 2
    assert not set(keys.values()) & set(others.values())
