"""The machine that QEMU can offer here: accelerator, CPU model, firmware, and how patient to be."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from generator.errors import Surroundings
from tools import doctor

# Code and variables, without secure boot (whose keys would refuse a publisher's own kernel modules).
# 4 MiB builds first: Debian 13 and Ubuntu 24.04 ship nothing else.
FIRMWARE = (
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),  # Debian, Ubuntu
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),  # older Debian, Ubuntu
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),  # Fedora, RHEL
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),  # Arch
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),  # openSUSE
)


@dataclass(frozen=True)
class Machine:
    """Values for the qemu template's variables of the same names; `ssh_timeout` as Packer writes it."""

    accelerator: str
    cpu_model: str
    qemu_binary: str
    efi_code: str
    efi_vars: str
    ssh_timeout: str


def firmware(root: Path = Path("/")) -> tuple[Path, Path] | None:
    """Code and variables of the first OVMF build that is here whole."""
    for names in FIRMWARE:
        code, variables = (root / name.lstrip("/") for name in names)
        if code.is_file() and variables.is_file():
            return code, variables
    return None


def virtualizes(cpuinfo: str) -> bool:
    """Whether a CPU in `cpuinfo` has VT-x or AMD-V. /dev/kvm alone says nothing: it may exist without."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags" and {"vmx", "svm"} & set(value.split()):
            return True
    return False


def accelerator(cpuinfo: Path = Path("/proc/cpuinfo"), device: Path = Path("/dev/kvm")) -> str:
    """`kvm` where the CPU offers it and this user may open the device, else `tcg`."""
    offered = cpuinfo.is_file() and virtualizes(cpuinfo.read_text(errors="replace"))
    return "kvm" if offered and os.access(device, os.R_OK | os.W_OK) else "tcg"


def look() -> Machine:
    """What a local build uses here. Raises Surroundings if QEMU or OVMF is missing.

    `max` is the CPU model under TCG because distributions for x86-64-v2 and later do not start on
    QEMU's default. A software-emulated guest gets 30 minutes to answer on SSH, a real one 10.
    """
    paths = doctor.require("qemu-system-x86_64", "OVMF")
    pair = firmware()
    if pair is None:
        raise Surroundings("OVMF has gone", hint=doctor.mend([doctor.BY_NAME["OVMF"]]))
    kvm = accelerator() == "kvm"
    return Machine(
        accelerator="kvm" if kvm else "tcg",
        cpu_model="host" if kvm else "max",
        qemu_binary=str(paths["qemu-system-x86_64"]),
        efi_code=str(pair[0]),
        efi_vars=str(pair[1]),
        ssh_timeout="10m" if kvm else "30m",
    )
