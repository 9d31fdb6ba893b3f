"""GRUB's BIOS images get the addresses that grub-bios-setup would give them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.errors import Unusable
from tools import grub

BOOT = bytes(range(256)) + bytes(254) + b"\x55\xaa"
START, SIZE = 1 << 20, 1 << 20


def test_boot_img_points_to_core_img_and_keeps_its_other_code() -> None:
    code = grub.patched_boot(BOOT, 2048)
    assert len(code) == 440
    assert int.from_bytes(code[0x5C:0x64], "little") == 2048
    assert code[0x66:0x68] == b"\x90\x90"
    assert (code[:0x5C], code[0x64:0x66], code[0x68:]) == (BOOT[:0x5C], BOOT[0x64:0x66], BOOT[0x68:440])


@given(st.binary(min_size=513, max_size=4096), st.integers(1, 2**40))
def test_core_img_lists_every_sector_after_its_first(core: bytes, lba: int) -> None:
    body = grub.patched_core(core, lba)
    assert len(body) % 512 == 0
    assert len(body) - 512 < len(core) <= len(body)
    assert int.from_bytes(body[500:508], "little") == lba + 1
    assert int.from_bytes(body[508:510], "little") == len(body) // 512 - 1
    assert int.from_bytes(body[510:512], "little") == 0x820
    assert body[:500] == core[:500]
    assert body[512 : len(core)] == core[512:]


def test_install_leaves_the_partition_table_alone(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(b"\xee" * (3 << 20))
    core = b"\x11" * 1000
    grub.install(disk, BOOT, core, start=START, size=SIZE)
    data = disk.read_bytes()
    assert len(data) == 3 << 20
    assert data[:440] == grub.patched_boot(BOOT, 2048)
    assert set(data[440:START]) == {0xEE}
    assert data[START : START + 1024] == grub.patched_core(core, 2048)
    assert set(data[START + 1024 :]) == {0xEE}


@pytest.mark.parametrize("boot", [b"", BOOT[:-1], bytes(512)])
def test_what_is_no_boot_sector_is_refused(tmp_path: Path, boot: bytes) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(1 << 20))
    with pytest.raises(Unusable):
        grub.install(disk, boot, b"\1" * 1000, start=4096, size=4096)
    assert disk.read_bytes() == bytes(1 << 20)


@pytest.mark.parametrize("length", [0, 512, 4097])
def test_a_core_img_too_short_or_too_long_is_refused(tmp_path: Path, length: int) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(1 << 20))
    with pytest.raises(Unusable, match=r"core\.img"):
        grub.install(disk, BOOT, b"\1" * length, start=4096, size=4096)
    assert disk.read_bytes() == bytes(1 << 20)
