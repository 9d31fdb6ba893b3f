"""Two machines made from one generalized disk are two machines: each makes its own keys and identity."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import fake_azure
import machines
import pytest

from validators import disk

pytestmark = pytest.mark.e2e
TASK = (
    "/usr/local/lib/vmoffer*",
    "/etc/systemd/system/vmoffer-first-boot*",
    "/etc/systemd/system/multi-user.target.wants/vmoffer-first-boot*",
)


@dataclass(frozen=True)
class Identity:
    """What a guest wrote to its disk at its first boot."""

    machine: bytes
    name: bytes
    host_keys: dict[str, bytes]
    customer_keys: bytes
    task: list[str]  # what is left of the publisher's first-boot task
    made_for: bytes  # what that task wrote


def identity(overlay: Path) -> Identity:
    raw = overlay.with_suffix(".raw")
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", overlay, raw], check=True)
    guest = disk.open_disk(raw).guest
    assert guest is not None
    keys = {path: guest.read(path) or b"" for path in guest.glob("/etc/ssh/ssh_host_*_key.pub")}
    found = Identity(
        guest.read("/etc/machine-id") or b"",
        guest.read("/etc/hostname") or b"",
        keys,
        guest.read(f"/home/{fake_azure.USER}/.ssh/authorized_keys") or b"",
        [path for pattern in TASK for path in guest.glob(pattern)],
        guest.read("/etc/contoso/machine") or b"",
    )
    raw.unlink()
    return found


@pytest.mark.parametrize("sku", machines.DISKS)
def test_two_first_boots_become_two_machines_of_the_customer(sku: str, tmp_path: Path) -> None:
    found = []
    has_task = sku == "demo/debian-12"
    for name in ("one", "two"):
        with machines.started(machines.DISKS[sku], tmp_path / name) as guest:
            guest.wait_for(f"{fake_azure.NAME} {machines.PROMPT}", machines.SSHD)
            if has_task:
                guest.wait_for(f"contoso: ready on {fake_azure.NAME}")
                time.sleep(5)  # the task goes away once its script has ended
            reports = guest.reports()
            guest.power_off()
            assert "<State>Ready</State>" in reports[-1], reports[-1]
            found.append(identity(guest.overlay))
    one, two = found
    assert len(one.machine.strip()) == len(two.machine.strip()) == 32
    assert one.machine != two.machine
    assert set(one.host_keys) == set(two.host_keys)
    assert len(one.host_keys) >= 2
    assert not set(one.host_keys.values()) & set(two.host_keys.values())
    for each in found:
        assert each.name.strip() == fake_azure.NAME.encode()
        assert each.customer_keys.strip() == fake_azure.KEY.encode()
        assert not each.task
        assert each.made_for == (b"made for %s\n" % fake_azure.NAME.encode() if has_task else b"")
