"""`vmoffer convert`, `disk` and `finalize` from the outside: product, conversation, exit status."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from vmoffer.cli import run

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is missing")
SKU = """
publisher: contoso
offer: {id: demo, title: Demo}
plan: {id: p, title: P, summary: S}
version: 1.0.0
os: {family: linux, distribution: debian, version: "12", friendly_name: Debian}
base: {qemu: {recipe: debian-12}}
os_disk: {size_gib: 1}
data_disks: [{lun: 0, size_gib: 1, content: seed.txt}]
"""


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("os.raw")
    path.write_bytes(os.urandom(5000))
    os.truncate(path, 1 << 30)
    return path


def test_convert_says_what_it_made_on_stderr(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["convert", "os.raw", "os.vhd"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "os.vhd: fixed VHD of 1024 MiB" in err
    assert raw.exists()
    assert run(["convert", "os.raw", "os.vhd"]) == 2
    assert "--force" in capsys.readouterr().err
    assert run(["convert", "--force", "os.raw", "os.vhd"]) == 0


def test_convert_in_place_takes_the_raw_disk_and_runs_twice(raw: Path) -> None:
    assert run(["convert", "--in-place", "os.raw", "os.vhd"]) == 0
    assert not raw.exists()
    assert run(["convert", "--in-place", "os.raw", "os.vhd"]) == 0


@pytest.mark.parametrize("command", [["convert", "IN", "out.vhd"], ["disk", "info", "IN"]])
@pytest.mark.parametrize("bad", [".", "none", "pipe"])
def test_what_is_no_disk_file_is_status_2_without_a_traceback(
    raw: Path, capsys: pytest.CaptureFixture[str], command: list[str], bad: str
) -> None:
    os.mkfifo("pipe")
    assert run([bad if word == "IN" else word for word in command]) == 2
    err = capsys.readouterr().err
    assert f"vmoffer: {bad}: " in err
    assert "Traceback" not in err


def test_disk_create_makes_blank_and_filled_disks(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("seed.txt").write_text("seed")
    assert run(["disk", "create", "blank.vhd", "--size", "32G"]) == 0
    assert run(["disk", "create", "seed.vhd", "--size", "64M", "--content", "seed.txt"]) == 0
    capsys.readouterr()
    assert run(["disk", "info", "seed.vhd", "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["kind"], facts["size_bytes"], facts["finished"]) == ("vhd-fixed", 64 << 20, True)
    assert facts["problems"] == []


@pytest.mark.parametrize("size", ["0G", "-1G", "32", "1.5G", "32X", "G", "99999999G"])
def test_disk_create_refuses_a_size_it_cannot_read(
    raw: Path, capsys: pytest.CaptureFixture[str], size: str
) -> None:
    assert run(["disk", "create", "blank.vhd", "--size", size]) == 2
    assert "write it like 32G" in capsys.readouterr().err
    assert not Path("blank.vhd").exists()


def test_disk_info_names_the_problems_in_text(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["convert", "--in-place", "os.raw", "os.vhd"])
    os.truncate("os.vhd", (1 << 30) + 511)
    capsys.readouterr()
    assert run(["disk", "info", "os.vhd"]) == 0
    out = capsys.readouterr().out
    assert "fixed VHD\n" in out
    assert "511 bytes" in out


def test_finalize_prints_the_vhds_and_keeps_them(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("seed.txt").write_text("seed")
    Path("p.yaml").write_text(SKU)
    arguments = ["finalize", "p.yaml", "--generation", "gen2", "--raw", ".", "--out", "out"]
    assert run(arguments) == 0
    first = capsys.readouterr()
    assert first.out.split() == ["out/p-1.0.0-gen2-os.vhd", "out/p-1.0.0-gen2-data-0.vhd"]
    assert "filled from seed.txt" in first.err
    assert run(arguments) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert second.err.count("kept") == 2


def test_finalize_of_another_size_is_status_1_with_the_rule(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("p.yaml").write_text(SKU)
    Path("seed.txt").write_text("seed")
    os.truncate(raw, 2 << 30)
    assert run(["finalize", "p.yaml", "--generation", "gen2", "--raw", ".", "--out", "out"]) == 1
    assert "DSK-SIZE-002" in capsys.readouterr().err
