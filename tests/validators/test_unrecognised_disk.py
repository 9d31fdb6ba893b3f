"""An image without an OS disk that is recognised never passes silently; what lies there is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from images import MIB, need, run

from validators import engine
from validators.disk import open_disk
from validators.filesystems import SIGNATURES
from validators.outcome import Status
from validators.reports import document


def disk(path: Path, script: str | None, data: dict[int, bytes]) -> Path:
    need("sfdisk")
    with path.open("wb") as file:
        file.truncate(64 * MIB)
    if script:
        run("sfdisk", "--quiet", path, text=script)
    with path.open("r+b") as file:
        for at, content in data.items():
            file.seek(at)
            file.write(content)
    return path


def large_sectors(path: Path, commands: str) -> Path:
    """A disk whose table counts in sectors of 4,096 bytes; sfdisk of Debian 12 makes none in a file."""
    need("fdisk")
    with path.open("wb") as file:
        file.truncate(64 * MIB)
    run("fdisk", "--sector-size", "4096", path, text=commands)
    return path


def outcomes(path: Path) -> tuple[engine.Judgement, dict[str, Status]]:
    judgement = engine.judge([path])
    return judgement, {outcome.rule: outcome.status for outcome in judgement.outcomes}


@pytest.mark.parametrize(("at", "magic", "kind"), SIGNATURES)
def test_a_file_system_that_is_not_read_is_named_and_taken_for_a_system(
    at: int, magic: bytes, kind: str, tmp_path: Path
) -> None:
    script = "label: gpt\nfirst-lba: 2048\nstart=2048, size=40960\n"
    judgement, found = outcomes(disk(tmp_path / "os.raw", script, {MIB + at: magic}))
    assert judgement.disks[0].role == "os"
    assert f"partition 1 holds {kind}, which is not read offline" in judgement.disks[0].reason
    assert found["LNX-SSH-001"] is Status.UNDECIDABLE
    assert judgement.verdict != "pass"


@pytest.mark.parametrize(
    ("script", "data"),
    [
        ("label: gpt\nstart=2048, size=40960\n", {MIB: b"nobody knows this"}),
        ("label: dos\nstart=2048, size=40960, type=83\n", {MIB: b"nobody knows this"}),
        (None, {0: b"nobody knows this", 2 * MIB: b"at all"}),
        (None, {}),
    ],
)
def test_a_disk_that_nobody_knows_is_not_silently_a_data_disk(
    script: str | None, data: dict[int, bytes], tmp_path: Path
) -> None:
    """K13: it was taken for a data disk, asked no rule for systems, and passed."""
    judgement, found = outcomes(disk(tmp_path / "os.raw", script, data))
    assert judgement.verdict != "pass"
    assert found["DSK-OS-002"] is Status.UNDECIDABLE


def test_a_gpt_for_sectors_of_4096_bytes_is_named_as_such(tmp_path: Path) -> None:
    path = large_sectors(tmp_path / "os.raw", "g\nn\n1\n256\n+8191\nw\n")
    opened = open_disk(path)
    assert opened.table.scheme == "none"
    assert "the GPT counts in sectors of 4096 bytes" in opened.reason
    judgement, found = outcomes(path)
    assert judgement.disks[0].role == "os"
    assert found["DSK-GEN-001"] is Status.FAIL and found["LNX-SSH-001"] is Status.UNDECIDABLE
    assert document.exit_status(document.build(judgement)) == 1
    evidence = next(each.evidence for each in judgement.outcomes if each.rule == "DSK-GEN-001")
    assert "sectors of 4096 bytes" in evidence


def test_an_mbr_for_sectors_of_4096_bytes_is_named_as_such(tmp_path: Path) -> None:
    need("mke2fs")
    path = large_sectors(tmp_path / "os.raw", "o\nn\np\n1\n256\n+8191\nw\n")
    run("mke2fs", "-q", "-t", "ext4", "-E", f"offset={256 * 4096}", path, "16M")
    opened = open_disk(path)
    assert "the MBR counts in sectors of 4096 bytes" in opened.reason
    assert engine.judge([path]).verdict != "pass"


def test_an_mbr_for_sectors_of_512_bytes_is_not_said_to_be_another(tmp_path: Path) -> None:
    need("mke2fs")
    path = disk(tmp_path / "data.raw", "label: dos\nstart=2048, type=83\n", {})
    run("mke2fs", "-q", "-t", "ext4", "-E", f"offset={MIB}", path, "16M")
    assert open_disk(path).table.problems == ()
