"""Names of devices lead to the partition that udev and libblkid mean; fstab is read as libmount reads it."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import random
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import EFI, MIB, ROOT, debian, need, write_disk

from validators import devices, engine
from validators.devices import Where
from validators.disk import open_disk
from validators.filesystems import Content
from validators.linux import fstab
from validators.outcome import Status
from validators.partitions import LOGICAL, Partition

GROUP, OWN = "5vUL12s0wr4NmiRFx94y6LcY1GTKC2yt", "A" * 32
BOOT = replace(ROOT, number=2, name="Boot \u00e4", id="0fc63daf-8483-4772-8e79-3d69d8477de4")
BOOT = replace(BOOT, content=Content("ext", "6fe1b2c3-0000-4000-8000-aabbccddeeff", "my boot"))
ESP = replace(EFI, content=Content("fat", "1234-ABCD", "ESP"), name="EFI System", id="aaaa")
VAR = Partition(1000, 0, MIB, LOGICAL, "vg-0/var", Content("xfs", "77"), f"{GROUP}{OWN}")
PLACES = (ROOT, BOOT, ESP, VAR)


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("UUID=6fe1b2c3-0000-4000-8000-aabbccddeeff", BOOT),
        ('UUID="6FE1B2C3-0000-4000-8000-AABBCCDDEEFF"', BOOT),
        ("UUID='1234-abcd'", ESP),
        ("LABEL=my boot", BOOT),
        ('LABEL="my boot"', BOOT),
        ("LABEL=MY BOOT", None),
        ("PARTUUID=0FC63DAF-8483-4772-8E79-3D69D8477DE4", BOOT),
        ("PARTUUID=0fc63daf-8483-4772-8e79-3d69d8477de4/PARTNROFF=-1", ROOT),
        ("PARTLABEL=EFI System", ESP),
        ("block:UUID=1234-ABCD", ESP),
        ("/dev/disk/by-uuid/1234-ABCD", ESP),
        ("/dev//disk/./by-uuid/../by-uuid/1234-ABCD", ESP),
        ("/dev/disk/by-label/my\\x20boot", BOOT),
        ("/dev/disk/by-partuuid/0fc63daf-8483-4772-8e79-3d69d8477de4", BOOT),
        ("/dev/disk/by-partlabel/Boot\\x20\u00e4", BOOT),
        ("/dev/disk/by-partlabel/Boot\\x20\\xc3\\xa4", BOOT),
        ("/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive0-part2", BOOT),
        ("/dev/disk/by-id/wwn-0x5000c500155ab1ab-part15", ESP),
        ("/dev/disk/by-path/pci-0000:00:07.0-scsi-0:0:0:0-part2", BOOT),
        ("/dev/disk/by-diskseq/1-part2", BOOT),
        ("/dev/disk/azure/root-part2", BOOT),
        ("/dev/disk/azure/os-part15", ESP),
        ("/dev/disk/cloud/azure_root-part2", BOOT),
        ("/dev/vda2", BOOT),
        ("/dev/nvme0n1p15", ESP),
        ("/dev/sdb2", None),
        ("/dev/vg-0/var", VAR),
        ("/dev/mapper/vg--0-var", VAR),
        ("/dev/mapper/vg-0-var", None),
        ("/dev/disk/by-id/dm-name-vg--0-var", VAR),
        (f"/dev/disk/by-id/dm-uuid-LVM-{GROUP}{OWN}", VAR),
        ("UUID=", None),
        ("PARTLABEL=vg-0/var", None),
        ("/dev/disk/by-uuid/", None),
        ("/dev/disk/by-uuid/a/b", None),
        ("tmpfs", None),
        ("", None),
    ],
)
def test_every_form_of_a_name_leads_to_its_partition(source: str, meant: Partition | None) -> None:
    assert devices.find(PLACES, source) == meant


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ("/dev/disk/azure/resource", Where.RESOURCE),
        ("/dev/disk/azure/resource-part2", Where.RESOURCE),
        ("/dev/disk/azure/local/by-index/1", Where.RESOURCE),
        ("/dev/disk/cloud/azure_resource-part1", Where.RESOURCE),
        ("/dev/disk/azure/scsi1/lun0-part1", Where.DATA),
        ("/dev/disk/azure/data/by-lun/0", Where.DATA),
        ("/dev/zram0", Where.MEMORY),
        ("/dev/sda1", Where.HERE),
        ("/dev/disk/azure/root-part9", Where.HERE),
        ("/dev/sdb1", Where.UNKNOWN),
        ("UUID=nobody", Where.UNKNOWN),
    ],
)
def test_azures_names_tell_the_disk(source: str, where: Where) -> None:
    assert devices.where(PLACES, source) is where


@given(
    st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=36
    ).filter(
        lambda label: label not in (".", "..")  # no link can have such a name
    )
)
def test_a_label_is_found_by_the_link_that_libblkid_makes_of_it(label: str) -> None:
    library = ctypes.CDLL(ctypes.util.find_library("blkid") or pytest.skip("libblkid is missing"))
    out = ctypes.create_string_buffer(4 * 4 * 36 + 1)
    raw = label.encode()
    assert library.blkid_encode_string(raw, out, len(out)) == 0
    part = replace(BOOT, content=Content("ext", "", label), name=label)
    for folder in ("by-label", "by-partlabel"):
        source = f"/dev/disk/{folder}/{out.value.decode()}"
        assert devices.find((ROOT, part), source) == part, source


# --- fstab -----------------------------------------------------------------------------------------------
SOURCES = (
    "UUID=12-AB", 'UUID="12-AB"', "UUID='12-AB'", "LABEL=my\\040disk", "PARTUUID=x",
    "PARTLABEL=EFI\\040System", "/dev/sda1", "/dev/disk/by-label/my\\x20disk", "/dev/mapper/a--b-c", "tmpfs",
    "LABEL=\\303\\244", "LABEL=\u00e4", "/dev/disk/by-uuid/1\\0402", "a\u00a0b", "x\x0bq", "none", "//srv/s",
    "LABEL=a\\134b", "LABEL=tab\\011x", "\\043x", "LABEL=\\400x", "a\u2028b", "a\x85b", "LABEL=\\08", "\\04",
)  # fmt: skip
POINTS = (
    "/", "/boot", "/boot/efi", "/boot/efi/", "none", "swap", "/mnt/my\\040dir", "/a\\011b", "/x\\\\040",
    "/\u00fc", "/a#b", "//boot",
)  # fmt: skip
TYPES = ("ext4", "vfat", "swap", "auto", "xfs", "none", "tmpfs", "ext4,xfs")
OPTIONS = ("defaults", "rw,discard", "noauto", "nofail,x-systemd.automount", "bind", "x=a\\040b", "#c", "sw")
TABLES, LINES = 60, 40


def some_table(chosen: random.Random) -> str:
    def line() -> str:
        fields = [chosen.choice(kind) for kind in (SOURCES, POINTS, TYPES, OPTIONS, "01", "02", ("# note",))]
        blank = chosen.choice((" ", "\t", "  ", " \t "))
        text = blank.join(fields[: chosen.choice((2, 3, 4, 4, 5, 6, 6, 6, 7))])
        text = chosen.choice(("", "", " ", "\t")) + text + chosen.choice(("", "", " ", "\r"))
        return chosen.choice([text] * 8 + [f"# {text}", "", "   ", "#"])

    return "\n".join(line() for _ in range(LINES)) + chosen.choice(("\n", ""))


def test_fstab_is_read_as_libmount_reads_it(tmp_path: Path) -> None:
    need("findmnt")
    chosen, table, lines = random.Random(13), tmp_path / "fstab", 0
    command = ["findmnt", "--tab-file", table, "--json", "--list", "-o", "SOURCE,TARGET,FSTYPE,OPTIONS"]
    for _ in range(TABLES):
        content = some_table(chosen)
        table.write_bytes(content.encode())
        done = subprocess.run(command, capture_output=True, check=True)
        entries = json.loads(done.stdout)["filesystems"]
        theirs = [(e["source"], e["target"], e["fstype"], e["options"] or "defaults") for e in entries]
        ours = [(e.source, e.point, e.type, e.options) for e in fstab.parse(content)]
        assert ours == theirs
        lines += len(ours)
    assert lines > TABLES * LINES / 2


# --- a whole disk ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("source", ["/dev/disk/by-uuid/1234-5678", 'UUID="1234-5678"', "/dev/vda15"])
def test_the_esp_is_mounted_by_every_form_of_its_name(source: str, tmp_path: Path) -> None:
    files = {**debian(), "/etc/fstab": f"{source} /boot/efi vfat umask=0077 0 1\n", "/boot/efi/beneath": ""}
    guest = open_disk(write_disk(tmp_path / "os.raw", files, size_mib=64)).guest
    assert guest is not None
    assert guest.listdir("/boot/efi") == ["EFI"]


def test_mount_points_below_a_file_system_that_is_not_there_are_not_read_and_stop_nothing(
    tmp_path: Path,
) -> None:
    """K1: with /boot by a name that nobody knew and /boot/efi below it, the reading process ended."""
    mounts = "/dev/disk/by-uuid/9999 /boot ext4 defaults 0 2\n/dev/disk/by-uuid/1234-5678 /boot/efi vfat\n"
    mounts += "/dev/mapper/no-one /boot/other ext4\n"
    files = {**debian(), "/etc/fstab": mounts}
    disk = write_disk(tmp_path / "os.raw", files, size_mib=64)
    judgement = engine.judge([disk])
    found = {outcome.rule: outcome for outcome in judgement.outcomes}
    assert judgement.disks[0].os == "linux"
    assert found["LNX-SSH-001"].status is Status.PASS
    assert found["LNX-KERN-001"].status is Status.UNDECIDABLE
    assert "/boot is mounted from /dev/disk/by-uuid/9999" in found["LNX-KERN-001"].evidence


def test_a_kernel_line_without_a_console_fails_where_boot_is_mounted_by_a_link(tmp_path: Path) -> None:
    line = "root=/dev/disk/by-uuid/1111 ro"
    tree = debian()
    files = {
        **tree,
        "/etc/fstab": "/dev/disk/by-id/dm-uuid-LVM-abc / ext4\n/dev/disk/by-uuid/1234-5678 /boot/efi vfat\n",
        "/boot/grub/grub.cfg": str(tree["/boot/grub/grub.cfg"]).replace("console=ttyS0,115200n8", line),
    }
    disk = write_disk(tmp_path / "os.raw", files, size_mib=64)
    found = {outcome.rule: outcome for outcome in engine.judge([disk]).outcomes}
    assert found["LNX-KERN-001"].status is Status.FAIL
