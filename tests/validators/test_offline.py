"""Real disks of every format are read without root, and broken ones never break the reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from images import MIB, Content_, Link, debian, need, run, unpack, write_disk

from generator.errors import Unusable
from validators import engine
from validators.disk import open_disk
from validators.footer import make_footer
from validators.guest import Undecidable
from validators.outcome import Status
from validators.reports import document

SECRET = "host-secret-4711"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_disk(tmp_path_factory.mktemp("clean") / "os.raw", debian())


@pytest.fixture
def vhd(raw: Path, tmp_path: Path) -> Path:
    """The clean disk as a fixed VHD; one file per test, so that it can be broken."""
    path = tmp_path / "os.vhd"
    run("cp", "--sparse=always", raw, path)
    with path.open("ab") as file:
        file.write(make_footer(raw.stat().st_size).pack())
    return path


def statuses(path: Path) -> dict[str, str]:
    return {outcome.rule: str(outcome.status) for outcome in engine.judge([path]).outcomes}


def test_a_clean_vhd_passes_and_only_its_size_is_remarked_on(vhd: Path) -> None:
    judgement = engine.judge([vhd])
    unmet = {o.rule for o in judgement.outcomes if o.status in (Status.FAIL, Status.WARN)}
    # The disk is small so that the test is fast: below the 1 GB that is the least accepted.
    assert unmet == {"DSK-SIZE-002"}
    assert judgement.disks[0].os == "linux"


@pytest.mark.parametrize("form", ["qcow2", "vpc", "vhdx", "vmdk"])
def test_other_formats_are_read_and_are_no_fixed_vhd(form: str, raw: Path, tmp_path: Path) -> None:
    need("qemu-img")
    path = tmp_path / f"os.{form}"
    run("qemu-img", "convert", "-O", form, raw, path)
    found = statuses(path)
    assert found["LNX-SSH-001"] == "pass"
    assert found["LNX-KERN-007"] == "pass"
    assert "fail" in (found["DSK-FMT-001"], found["DSK-FMT-002"])


def test_an_mbr_disk_with_logical_partitions_is_read(tmp_path: Path) -> None:
    need("mke2fs", "sfdisk")
    tree, disk = tmp_path / "tree", tmp_path / "mbr.raw"
    unpack(debian(), tree)
    with disk.open("wb") as file:
        file.truncate(128 * MIB)
    script = "label: dos\nunit: sectors\n1 : start=2048, size=40960, type=83\n2 : start=43008, type=5\n"
    script += "5 : start=45056, size=8192, type=82\n6 : start=55296, size=200000, type=83\n"
    run("sfdisk", "--quiet", disk, text=script)
    run("mke2fs", "-q", "-t", "ext4", "-E", f"offset={55296 * 512}", "-d", tree, disk, "100000k")
    opened = open_disk(disk)
    assert [(p.number, p.type) for p in opened.table.partitions] == [(1, "0x83"), (5, "0x82"), (6, "0x83")]
    found = statuses(disk)
    assert found["LNX-SWAP-001"] == "fail"
    assert found["LNX-SSH-001"] == "pass"


def test_a_root_on_xfs_is_read(tmp_path: Path) -> None:
    need("mkfs.xfs")
    tree, disk = tmp_path / "tree", tmp_path / "xfs.raw"
    unpack({"/etc/os-release": "ID=rhel\nVERSION_ID=9.4\n", "/etc/fstab": "", "/usr/x": ""}, tree)
    prototype = f"/\n0 0\nd--755 0 0\netc d--755 0 0\nos-release ---644 0 0 {tree}/etc/os-release\n"
    prototype += "link l--777 0 0 ../../etc/os-release\n$\nusr d--755 0 0\n$\n$\n"
    (tmp_path / "prototype").write_text(prototype)
    with disk.open("wb") as file:
        file.truncate(320 * MIB)
    run("mkfs.xfs", "-q", "-p", tmp_path / "prototype", disk)
    opened = open_disk(disk)
    assert opened.os == "linux"
    assert opened.guest is not None and opened.guest.read("/etc/link") == b"ID=rhel\nVERSION_ID=9.4\n"


def test_what_fstab_mounts_is_found_by_its_id_or_said_to_be_missing(tmp_path: Path) -> None:
    mounts = "UUID=1234-5678 /boot/efi vfat umask=0077 0 1\nUUID=9999 /srv ext4 defaults 0 2\n"
    files = {**debian(), "/etc/fstab": mounts, "/boot/efi/beneath": "", "/srv/beneath": ""}
    guest = open_disk(write_disk(tmp_path / "os.raw", files, size_mib=64)).guest
    assert guest is not None
    assert guest.listdir("/boot/efi") == ["EFI"]
    assert guest.stat("/boot/efi/efi/boot/bootx64.efi") is not None, "FAT does not care about case"
    with pytest.raises(Undecidable, match="not on this disk"):
        guest.listdir("/srv")


@pytest.mark.parametrize(
    "target", ["../../../../../../etc/vmoffer-test", "/etc/vmoffer-test", "{host}", "../../../..{host}"]
)
def test_the_host_is_never_read(target: str, tmp_path: Path) -> None:
    host = tmp_path / "host-file"
    host.write_text(f"ClientAliveInterval {SECRET}\n")
    files: dict[str, Content_] = {
        **debian(),
        "/etc/ssh/sshd_config": Link(target.format(host=host)),
        "/etc/hostname": Link(str(host)),
        "/root/.ssh": Link(str(tmp_path)),
        "/etc/vmoffer-test": "ClientAliveInterval 180\n",
    }
    disk = write_disk(tmp_path / "os.raw", files, size_mib=64)
    judgement = engine.judge([disk])
    assert SECRET not in document.to_json(document.build(judgement))
    ssh = next(outcome for outcome in judgement.outcomes if outcome.rule == "LNX-SSH-001")
    assert ssh.status is (Status.PASS if "vmoffer-test" in target else Status.FAIL)


def test_a_device_in_place_of_a_file_is_reported(tmp_path: Path) -> None:
    need("debugfs")
    disk = write_disk(tmp_path / "os.raw", debian(), size_mib=64)
    tree = tmp_path / "commands"
    tree.write_text("cd /etc/ssh\nrm sshd_config\nmknod sshd_config c 1 5\n")
    run("debugfs", "-w", "-f", tree, f"{disk}?offset={81920 * 512}")
    judgement = engine.judge([disk])
    ssh = next(outcome for outcome in judgement.outcomes if outcome.rule == "LNX-SSH-001")
    assert ssh.status is Status.UNDECIDABLE
    assert "never read" in ssh.evidence


def test_two_roots_are_said_and_not_guessed(raw: Path, tmp_path: Path) -> None:
    need("mke2fs", "sfdisk")
    tree, disk = tmp_path / "tree", tmp_path / "two.raw"
    unpack(debian(), tree)
    with disk.open("wb") as file:
        file.truncate(96 * MIB)
    run(
        "sfdisk",
        "--quiet",
        disk,
        text="label: gpt\nunit: sectors\nstart=2048, size=81920\nstart=83968, size=81920\n",
    )
    for start in (2048, 83968):
        run("mke2fs", "-q", "-t", "ext4", "-E", f"offset={start * 512}", "-d", tree, disk, "40960k")
    judgement = engine.judge([disk])
    by_rule = {outcome.rule: outcome for outcome in judgement.outcomes}
    assert by_rule["DSK-PART-001"].status is Status.WARN
    assert by_rule["LNX-SSH-001"].status is Status.UNDECIDABLE
    assert (
        "two or more root file systems: partition 1 (Linux), partition 2 (Linux)"
        in by_rule["LNX-SSH-001"].evidence
    )


def test_what_cannot_be_read_is_named_and_not_passed(tmp_path: Path) -> None:
    need("sfdisk")
    disk = tmp_path / "btrfs.raw"
    with disk.open("wb") as file:
        file.truncate(64 * MIB)
    run(
        "sfdisk",
        "--quiet",
        disk,
        text="label: gpt\nunit: sectors\nstart=2048, size=40960\nstart=43008, size=40960\n",
    )
    with disk.open("r+b") as file:
        file.seek(2048 * 512 + 0x10040)
        file.write(b"_BHRfS_M")
        file.seek(43008 * 512)
        file.write(b"LUKS\xba\xbe\0\2")
    judgement = engine.judge([disk])
    assert judgement.disks[0].role == "os"
    ssh = next(outcome for outcome in judgement.outcomes if outcome.rule == "LNX-SSH-001")
    assert ssh.status is Status.UNDECIDABLE
    assert "partition 1 holds btrfs, which is not read offline; partition 2 holds luks" in ssh.evidence


@pytest.mark.parametrize("keep", [513, 4096, MIB, 20 * MIB, 60 * MIB])
def test_a_truncated_disk_is_judged_without_a_traceback(keep: int, vhd: Path) -> None:
    with vhd.open("r+b") as file:
        file.truncate(keep)
    judgement = engine.judge([vhd])
    assert judgement.verdict == "fail"
    assert not [o for o in judgement.outcomes if "does not understand" in o.evidence]


def test_a_wrong_checksum_does_not_keep_the_guest_from_being_read(vhd: Path) -> None:
    with vhd.open("r+b") as file:
        file.seek(-512 + 64, 2)
        file.write(b"\0\0\0\0")
    found = statuses(vhd)
    assert found["DSK-FMT-003"] == "fail"
    assert found["LNX-SSH-001"] == "pass"


@pytest.mark.parametrize("place", [512, 1024, 2 * MIB, 40 * MIB + 1024, 40 * MIB + 4096, 41 * MIB])
@pytest.mark.parametrize("noise", [b"\0", b"\xff", bytes(range(256))])
def test_a_damaged_structure_is_judged_without_a_traceback(place: int, noise: bytes, vhd: Path) -> None:
    with vhd.open("r+b") as file:
        file.seek(place)
        file.write((noise * 4096)[:4096])
    judgement = engine.judge([vhd])
    assert not [o for o in judgement.outcomes if "does not understand" in o.evidence]


def test_a_damaged_qcow2_is_judged_without_a_traceback(raw: Path, tmp_path: Path) -> None:
    need("qemu-img")
    path = tmp_path / "os.qcow2"
    run("qemu-img", "convert", "-O", "qcow2", raw, path)
    with path.open("r+b") as file:
        file.seek(40)
        file.write(b"\xff" * 200)
    judgement = engine.judge([path], role="os")
    assert judgement.verdict == "fail"
    assert not [o for o in judgement.outcomes if "does not understand" in o.evidence]


def test_an_empty_file_a_folder_and_nothing_at_all_are_unusable(tmp_path: Path) -> None:
    (tmp_path / "empty.vhd").touch()
    for path in (tmp_path / "empty.vhd", tmp_path, tmp_path / "nothing.vhd"):
        with pytest.raises(Unusable):
            open_disk(path)


def test_blank_disks_are_data_disks_and_swap_signatures_are_found(tmp_path: Path) -> None:
    blank = tmp_path / "blank.raw"
    with blank.open("wb") as file:
        file.truncate(32 * MIB)
    assert engine.judge([blank]).disks[0].role == "data"
    disk = write_disk(tmp_path / "swap.raw", debian(), size_mib=64, swap=True)
    assert statuses(disk)["LNX-SWAP-001"] == "fail"


def test_reading_changes_nothing(vhd: Path) -> None:
    before = vhd.read_bytes()
    vhd.chmod(0o444)
    engine.judge([vhd])
    assert vhd.read_bytes() == before
