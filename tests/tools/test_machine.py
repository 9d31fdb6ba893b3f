"""The accelerator follows what the CPU offers, not whether a device file happens to exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.errors import Surroundings
from tools import doctor, machine

INTEL = "processor\t: 0\nflags\t\t: fpu vme de pse vmx smx est\n"
AMD = "processor\t: 0\nflags\t\t: fpu vme svm extapic\n"
NEITHER = "processor\t: 0\nmodel name\t: svm vmx in a name\nflags\t\t: fpu vme hypervisor vmxnet\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd evtstrm\n"


@pytest.mark.parametrize(
    ("cpuinfo", "device", "expected"),
    [
        (INTEL, True, "kvm"),
        (AMD, True, "kvm"),
        (INTEL, False, "tcg"),
        (NEITHER, True, "tcg"),
        (ARM, True, "tcg"),
        ("", True, "tcg"),
    ],
)
def test_kvm_needs_both_the_cpu_flag_and_the_device(
    tmp_path: Path, cpuinfo: str, device: bool, expected: str
) -> None:
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    if device:
        (tmp_path / "kvm").touch()
    assert machine.accelerator(tmp_path / "cpuinfo", tmp_path / "kvm") == expected


def test_a_machine_without_cpuinfo_emulates(tmp_path: Path) -> None:
    (tmp_path / "kvm").touch()
    assert machine.accelerator(tmp_path / "absent", tmp_path / "kvm") == "tcg"


def test_the_4_mib_firmware_wins_and_half_a_pair_does_not_count(tmp_path: Path) -> None:
    folder = tmp_path / "usr/share/OVMF"
    folder.mkdir(parents=True)
    assert machine.firmware(tmp_path) is None
    for name in ("OVMF_CODE.fd", "OVMF_VARS.fd", "OVMF_CODE_4M.fd"):
        (folder / name).touch()
    assert machine.firmware(tmp_path) == (folder / "OVMF_CODE.fd", folder / "OVMF_VARS.fd")
    (folder / "OVMF_VARS_4M.fd").touch()
    assert machine.firmware(tmp_path) == (folder / "OVMF_CODE_4M.fd", folder / "OVMF_VARS_4M.fd")


def test_no_table_entry_is_a_secure_boot_build() -> None:
    assert not [name for pair in machine.FIRMWARE for name in pair if "secboot" in name or ".ms." in name]


def test_software_emulation_gets_the_max_cpu_and_more_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "locate", lambda native: Path("/opt") / native.name)
    monkeypatch.setattr(machine, "firmware", lambda: (Path("/code"), Path("/vars")))
    monkeypatch.setattr(machine, "accelerator", lambda: "tcg")
    assert machine.look() == machine.Machine("tcg", "max", "/opt/qemu-system-x86_64", "/code", "/vars", "30m")
    monkeypatch.setattr(machine, "accelerator", lambda: "kvm")
    assert (machine.look().cpu_model, machine.look().ssh_timeout) == ("host", "10m")


def test_missing_qemu_and_ovmf_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "locate", lambda native: None)
    with pytest.raises(Surroundings) as caught:
        machine.look()
    assert "qemu-system-x86_64" in caught.value.what
    assert "qemu-system-x86 ovmf" in (caught.value.hint or "")
