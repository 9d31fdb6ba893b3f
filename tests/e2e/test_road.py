"""The whole road on real parts: what `make build SKU=demo/debian-12` left is judged from outside.

Run by `.ci/run` right after that build.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import pyvhdi
import requests
from machines import OS_VHD, OUT, ROOT

from tools import azurite, base

pytestmark = pytest.mark.e2e


def vmoffer(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vmoffer", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def outcomes(disk: Path, *more: str) -> tuple[int, dict[str, str]]:
    done = vmoffer("validate", disk, "--format", "json", *more)
    report = json.loads(done.stdout)
    return done.returncode, {each["rule"]: each["status"] for each in report["outcomes"]}


def test_the_base_image_fails_the_rules_a_person_would_list() -> None:
    status, found = outcomes(base.ensure("debian-12", print))
    assert status == 1
    for rule in ("LNX-SWAP-002", "LNX-KERN-001", "LNX-SSH-001", "LNX-HIST-001", "LNX-CRED-003", "LNX-ID-001"):
        assert found[rule] == "fail", rule


def test_the_built_disk_passes_the_same_command() -> None:
    status, found = outcomes(OS_VHD)
    assert [rule for rule, outcome in found.items() if outcome == "fail"] == []
    assert status == 0


def test_two_independent_readers_agree_on_every_vhd() -> None:
    for vhd in sorted(OUT.glob("*.vhd")):
        size = vhd.stat().st_size - 512
        told = subprocess.run(
            ["qemu-img", "info", "-f", "vpc", "--output=json", vhd],
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(told.stdout)["virtual-size"] == size
        reader = pyvhdi.file()
        reader.open(str(vhd))
        assert reader.get_media_size() == size
        reader.close()


def test_each_sas_uri_gives_the_footer_and_refuses_a_write() -> None:
    if not azurite.status().running:
        azurite.ensure_running(print)
    disks = json.loads((OUT / "sas.json").read_text())["disks"]
    assert [disk["lun"] for disk in disks] == [None, 0, 1]
    for disk in disks:
        size = disk["size_bytes"]
        tail = requests.get(disk["uri"], headers={"Range": f"bytes={size - 512}-{size - 1}"}, timeout=30)
        assert tail.status_code == 206
        assert tail.content[:8] == b"conectix"
        put = requests.put(disk["uri"], data=b"x", headers={"x-ms-blob-type": "BlockBlob"}, timeout=30)
        assert put.status_code == 403


def test_no_key_and_no_signature_outside_sas_json() -> None:
    key = azurite.status().key
    assert key
    signatures = [
        disk["uri"].split("sig=")[1].split("&")[0]
        for disk in json.loads((OUT / "sas.json").read_text())["disks"]
    ]
    for path in OUT.rglob("*"):
        if not path.is_file() or path.suffix == ".vhd" or path.name == "sas.json":
            continue
        content = path.read_bytes()
        assert key.encode() not in content, path
        assert not any(signature.encode() in content for signature in signatures), path
    assert (OUT / "sas.json").stat().st_mode & 0o077 == 0


BAD_STEP = """steps:
  - name: break-it
    inline: ["echo before the fall", "exit 7"]
    when: before-prepare
"""


@pytest.fixture
def broken_sku(tmp_path: Path) -> Path:
    text = (ROOT / "skus/demo/debian-12.yaml").read_text()
    kept = [part for part in split_sections(text) if not part.startswith(("steps:", "data_disks:"))]
    path = tmp_path / "broken.yaml"
    path.write_text("".join(kept) + BAD_STEP)
    return path


def split_sections(text: str) -> list[str]:
    """A YAML document by its top-level keys."""
    sections: list[str] = [""]
    for line in text.splitlines(keepends=True):
        if line[:1].isalpha():
            sections.append("")
        sections[-1] += line
    return sections


def test_a_failing_step_is_named_and_nothing_is_uploaded(broken_sku: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = vmoffer("build", broken_sku, "--out", out)
    assert done.returncode == 1, done.stderr[-3000:]
    assert "break-it" in done.stderr
    assert "before the fall" in done.stderr
    assert "serial.log" in done.stderr
    assert out.is_dir()
    assert not (out / "sas.json").exists()
    assert "Running post-processor" not in done.stderr


def test_ctrl_c_stops_the_guest_and_leaves_nothing_running(broken_sku: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "vmoffer", "build", str(broken_sku), "--out", str(out), "--no-publish"]
    build = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not guests(out) and time.monotonic() < deadline:
        time.sleep(1)
    assert guests(out), "the guest never started"
    build.send_signal(signal.SIGINT)
    build.communicate(timeout=120)
    assert build.returncode == 130
    assert not guests(out)


def guests(out: Path) -> list[str]:
    """The command lines of the QEMU processes that work in `out`."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "qemu-system" in line and str(out) in line:
            found.append(line)
    return found
