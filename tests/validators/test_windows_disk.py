"""Real Windows-like disks (GPT, FAT32, NTFS) are read without root; broken ones break nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from images import Link, need, run, unpack
from windows_images import CONFIG, Settings, hives, write_ntfs, write_windows_disk

from validators import engine
from validators.disk import open_disk
from validators.guest import Guest, Undecidable, walk
from validators.outcome import Outcome, Status
from validators.reports.text import printable

SMALL = {"DSK-FMT-001", "DSK-SIZE-003", "DSK-BLOB-002"}  # what a small raw disk of the tests does not meet
NTFS_START = 73728 * 512
# An installed Windows that nobody prepared: what a person would list by hand.
UNPREPARED: Settings = {
    r"SYSTEM\Setup\SetupType": 0,
    r"SYSTEM\Setup\CmdLine": "",
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State\ImageState": "IMAGE_STATE_COMPLETE",
    r"SYSTEM\ControlSet001\Control\Terminal Server\fDenyTSConnections": 1,
    r"SYSTEM\ControlSet001\Control\TimeZoneInformation\RealTimeIsUniversal": None,
    r"SYSTEM\ControlSet001\Services\sacsvr\Start": 3,
    r"SYSTEM\ControlSet001\Services\RdAgent\Start": None,
    r"SYSTEM\ControlSet001\Services\partmgr\Parameters\SanPolicy": None,
}
UNPREPARED_RULES = {
    "WIN-GEN-001", "WIN-GEN-002", "WIN-GEN-003", "WIN-GEN-005", "WIN-RDP-001", "WIN-TIME-001", "WIN-SAC-001",
    "WIN-AGENT-001", "WIN-SAN-001",
}  # fmt: skip


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_windows_disk(tmp_path_factory.mktemp("windows") / "os.raw")


@pytest.fixture
def copy(raw: Path, tmp_path: Path) -> Path:
    """One file per test, so that it can be broken."""
    run("cp", "--sparse=always", raw, tmp_path / "os.raw")
    return tmp_path / "os.raw"


def outcomes(path: Path) -> dict[str, Outcome]:
    return {outcome.rule: outcome for outcome in engine.judge([path], role="os").outcomes}


def unmet(found: dict[str, Outcome]) -> set[str]:
    return {name for name, outcome in found.items() if outcome.status in (Status.FAIL, Status.WARN)}


def guest(path: Path) -> Guest:
    found = open_disk(path).guest
    assert found is not None
    return found


def test_the_clean_windows_meets_every_rule(raw: Path) -> None:
    found = outcomes(raw)
    assert unmet(found) == SMALL
    undecided = {
        name for name, one in found.items() if one.status is Status.UNDECIDABLE and not one.elsewhere
    }
    assert not undecided & set(engine.load_checks())
    assert not any(name.startswith("LNX-") and name != "LNX-SWAP-001" for name in found)


def test_an_unprepared_windows_fails_what_a_person_would_list(tmp_path: Path) -> None:
    files = {"/Windows/Panther/setupact.log": "x", "/Windows/System32/Sysprep/Sysprep_succeeded.tag": None}
    found = outcomes(write_windows_disk(tmp_path / "os.raw", UNPREPARED, files))
    assert unmet(found) == SMALL | UNPREPARED_RULES
    assert found["WIN-GEN-001"].status is Status.FAIL


def test_files_and_keys_are_found_in_any_case(raw: Path) -> None:
    system = guest(raw)
    assert system.read("/WINDOWS/system32/DRIVERS/etc/HOSTS") == b"# sample\n#\t127.0.0.1 localhost\n"
    assert system.glob("/windows/SYSTEM32/Config/*are") == [f"{CONFIG}/SOFTWARE".lower().replace(
        "/windows/system32/config/software", "/windows/SYSTEM32/Config/SOFTWARE")]  # fmt: skip
    value = system.registry("system").value(
        r"CURRENTCONTROLSET\control\TERMINAL SERVER", "fdenytsconnections"
    )
    assert value is not None and value.data == 0


def test_links_of_windows_stay_inside(tmp_path: Path) -> None:
    secret = tmp_path / "host-file"
    secret.write_text("host-secret-4711")
    files = {
        "/ProgramData/inside": "inside",
        "/Absolute": Link("/ProgramData"),
        "/Relative": Link("ProgramData/inside"),
        "/Host": Link(str(secret)),
        "/Up": Link(f"../../../..{secret}"),
        "/Loop": Link("/Loop"),
        f"{CONFIG}/SYSTEM": hives()["SYSTEM"],
    }
    system = guest(write_ntfs(tmp_path / "bare.raw", files))
    assert system.read("/absolute/inside") == b"inside"
    assert system.read("/Relative") == b"inside"
    assert system.read("/Host") is None
    assert system.read("/Up") is None
    with pytest.raises(Undecidable, match="loop of symbolic links"):
        system.read("/Loop")
    assert not any(b"4711" in (system.read(path) or b"") for path, _ in walk(system, "/ProgramData"))


def test_hostile_names_on_ntfs_are_read_and_shown_escaped(tmp_path: Path) -> None:
    names = ["\x1b[31mred\u202e.log", "a\nb<script>.log", "setup:1|2?.log"]
    disk = write_windows_disk(tmp_path / "os.raw", files={f"/Windows/Panther/{name}": "x" for name in names})
    found = outcomes(disk)["WIN-GEN-005"]
    assert all(name in found.evidence for name in names)
    said = printable(found.evidence)
    assert said.isprintable() and "\\x1b[31mred\\u202e.log, a\\nb<script>.log" in said


def test_two_windows_are_said_and_not_guessed(tmp_path: Path) -> None:
    found = outcomes(write_windows_disk(tmp_path / "two.raw", roots=2))
    assert found["WIN-GEN-001"].status is Status.UNDECIDABLE
    assert "partition 2 (Windows), partition 3 (Windows)" in found["WIN-GEN-001"].evidence


def test_a_linux_beside_windows_is_said_and_not_guessed(tmp_path: Path) -> None:
    need("mke2fs", "sfdisk")
    disk = write_windows_disk(tmp_path / "two.raw", roots=2)
    unpack({"/etc/os-release": "ID=debian\n", "/usr/x": ""}, tmp_path / "tree")
    start = NTFS_START + 24 * 2048 * 512
    run("mke2fs", "-q", "-F", "-t", "ext4", "-E", f"offset={start}", "-d", tmp_path / "tree", disk, "20000k")
    found = outcomes(disk)
    assert "partition 3 (Linux), partition 2 (Windows)" in found["LNX-SSH-001"].evidence


def test_bitlocker_is_named_and_not_passed(copy: Path) -> None:
    with copy.open("r+b") as file:
        file.seek(NTFS_START + 3)
        file.write(b"-FVE-FS-")
    found = outcomes(copy)
    assert found["DSK-ENC-001"].status is Status.FAIL
    assert "bitlocker" in found["DSK-ENC-001"].evidence
    assert open_disk(copy).guest is None


@pytest.mark.parametrize("name", ["SYSTEM", "SOFTWARE"])
def test_a_broken_hive_is_refused_with_its_offset(name: str, copy: Path) -> None:
    data = bytearray(copy.read_bytes())
    at = data.find(hives()[name][:2048], NTFS_START)
    assert at > 0
    data[at + 4200 : at + 8000] = b"\xee" * 3800
    copy.write_bytes(data)
    found = outcomes(copy)
    broken = [one for one in found.values() if f"{CONFIG}/{name} is broken at 0x" in one.evidence]
    assert len(broken) > 5
    assert all(one.status is Status.UNDECIDABLE for one in broken)


@pytest.mark.parametrize("place", [0, 3, 48, 64, 8192, 16384, 17000, 20480, 1 << 20, 12 << 20])
@pytest.mark.parametrize("noise", [b"\0", b"\xff", bytes(range(256))])
def test_a_damaged_volume_is_judged_without_a_traceback(place: int, noise: bytes, copy: Path) -> None:
    with copy.open("r+b") as file:
        file.seek(NTFS_START + place)
        file.write((noise * 4096)[:4096])
    assert not [one for one in outcomes(copy).values() if "does not understand" in one.evidence]


@pytest.mark.parametrize("keep", [36 << 20, 40 << 20, 50 << 20])
def test_a_truncated_disk_is_judged_without_a_traceback(keep: int, copy: Path) -> None:
    with copy.open("r+b") as file:
        file.truncate(keep)
    assert not [one for one in outcomes(copy).values() if "does not understand" in one.evidence]


def test_a_windows_volume_without_partitions_is_read(tmp_path: Path) -> None:
    disk = write_ntfs(tmp_path / "bare.raw", {f"{CONFIG}/SYSTEM": hives()["SYSTEM"]})
    assert open_disk(disk).os == "windows"
    assert "no boot configuration" in outcomes(disk)["WIN-BCD-001"].evidence


def test_a_rescue_volume_is_no_windows(tmp_path: Path) -> None:
    disk = write_ntfs(tmp_path / "rescue.raw", {"/Recovery/WindowsRE/Winre.wim": "x"})
    assert open_disk(disk).os is None


def test_hives_are_read_as_libregf_reads_them_from_the_disk(raw: Path, tmp_path: Path) -> None:
    pyregf = pytest.importorskip("pyregf", reason="libregf-python is not installed")
    data = guest(raw).read(f"{CONFIG}/SOFTWARE")
    assert data is not None
    (tmp_path / "SOFTWARE").write_bytes(data)
    file = pyregf.file()
    file.open(str(tmp_path / "SOFTWARE"))
    key = file.get_key_by_path(r"\Microsoft\Windows NT\CurrentVersion")
    assert key.get_value_by_name("ProductName").data_as_string == "Windows Server 2022 Datacenter"
    file.close()


def test_reading_changes_nothing(copy: Path) -> None:
    before = copy.read_bytes()
    copy.chmod(0o444)
    outcomes(copy)
    assert copy.read_bytes() == before
