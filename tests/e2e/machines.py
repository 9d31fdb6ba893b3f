"""A built disk started in QEMU as on Azure, without changing it: what it says, and a tidy end."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import fake_azure

from tools import machine

ROOT = Path(__file__).parent.parent.parent
OUT = ROOT / "build/demo/debian-12/1.0.0"  # what `make build SKU=demo/debian-12` left
OS_VHD = OUT / "debian-12-1.0.0-gen2-os.vhd"
DISKS = {
    "demo/debian-12": OS_VHD,
    "demo/debian-13": ROOT / "build/demo/debian-13/1.0.0/debian-13-1.0.0-gen2-os.vhd",
}
PROMPT = "login:"
SSHD = "OpenBSD Secure Shell server."  # how systemd's messages call it, once it is there


@dataclass
class Running:
    """A guest, what it wrote to its disk (`overlay`), what it asked Azure, and what it said so far."""

    process: subprocess.Popen[bytes]
    overlay: Path
    monitor: Path
    asked: Path
    said: str = ""

    def reports(self) -> list[str]:
        """The health reports that the guest sent to Azure's host, oldest first."""
        lines = self.asked.read_text().splitlines() if self.asked.exists() else []
        asked = [json.loads(line) for line in lines]
        return [each["body"] for each in asked if "comp=health" in each["asked"]]

    def wait_for(self, *texts: str, seconds: float = 420) -> str:
        """The serial console's words once all `texts` are among them. Raises AssertionError."""
        self._listen(lambda: all(text in self.said for text in texts), seconds)
        missing = [text for text in texts if text not in self.said]
        assert not missing, f"{missing} never came; the console's last words:\n{self.said[-3000:]}"
        return self.said

    def power_off(self, seconds: float = 120) -> None:
        """Press the power button: the guest writes what it holds in memory, and ends."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self.monitor))
            monitor.recv(4096)
            monitor.sendall(b"system_powerdown\n")
            self._listen(lambda: False, seconds)
        assert self.process.wait(timeout=5) == 0, self.said[-3000:]

    def _listen(self, done: Callable[[], bool], seconds: float) -> None:
        assert self.process.stdout is not None
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            if select.select([self.process.stdout], [], [], 1)[0]:
                heard = os.read(self.process.stdout.fileno(), 65536)
                if not heard:
                    return
                self.said += heard.decode(errors="replace")


@contextmanager
def started(disk: Path, folder: Path) -> Iterator[Running]:
    """The VHD `disk`, booted on UEFI behind a fresh overlay in `folder`; stopped at the end.

    The guest finds what a VM on Azure finds: the chassis, the provisioning disk, and a fake of the host.
    """
    here = machine.look()
    folder.mkdir(parents=True, exist_ok=True)
    overlay, variables, monitor, asked = (folder / name for name in ("disk.qcow2", "vars.fd", "m", "asked"))
    shutil.copyfile(here.efi_vars, variables)
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", disk.resolve(), "-F", "vpc", overlay], check=True
    )
    vm = str(uuid.uuid4())
    provisioning = folder / "provisioning.iso"
    (folder / "ovf-env.xml").write_text(fake_azure.OVF_ENV)
    subprocess.run(
        ["xorriso", "-as", "mkisofs", "-quiet", "-J", "-r", "-o", provisioning, folder / "ovf-env.xml"],
        check=True,
        capture_output=True,
    )
    command: list[str | Path] = [
        here.qemu_binary, "-machine", f"q35,accel={here.accelerator}", "-cpu", here.cpu_model, "-m", "1024",
        "-display", "none", "-serial", "stdio", "-nic", fake_azure.network(asked, vm),
        "-uuid", vm, "-smbios", f"type=3,asset={fake_azure.ASSET_TAG}",
        "-monitor", f"unix:{monitor},server=on,wait=off",
        "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={here.efi_code}",
        "-drive", f"if=pflash,unit=1,format=raw,file={variables}",
        "-drive", f"if=virtio,format=qcow2,file={overlay}",
        "-drive", f"if=virtio,format=raw,readonly=on,file={provisioning}",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield Running(process, overlay, monitor, asked)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
