"""`vmoffer doctor` names what is missing and what mends it; the Makefile lists its targets."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.errors import Surroundings
from tools import doctor
from vmoffer.cli import run

ROOT = Path(__file__).parent.parent.parent
Stub = Callable[[str, str], Path]


def test_an_empty_machine_fails_with_every_package_and_address(
    stub: Stub, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor"]) == 3
    shown = capsys.readouterr()
    assert "qemu-img" in shown.out
    assert re.search(r"^mke2fs +missing", shown.out, re.MULTILINE)
    assert re.search(r"apt-get install .*qemu-system-x86 qemu-utils .*mmdebstrap", shown.err)
    assert "go.dev" in shown.err
    assert "nodejs.org" in shown.err
    assert "Traceback" not in shown.err


def test_versions_are_what_the_tools_state(
    stub: Stub, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = stub("qemu-img", "echo 'qemu-img version 9.8.7 (Debian)'")
    stub("mke2fs", "echo 'mke2fs 1.2.3 (date)' >&2")
    run(["doctor"])
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert f"9.8.7 {path}" in rows["qemu-img"]
    assert "1.2.3" in rows["mke2fs"]


def test_packages_lists_only_what_is_missing(
    stub: Stub, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stub("mcopy", "")
    assert run(["doctor", "--packages"]) == 0
    names = capsys.readouterr().out.split()
    assert "qemu-utils" in names
    assert "mtools" not in names
    assert len(names) == len(set(names))


def test_go_is_not_missed_once_packer_is_built() -> None:
    have = [doctor.Found(native, Path("/x"), "") for native in doctor.NATIVE if native.name != "go"]
    found = [*have, doctor.Found(doctor.BY_NAME["go"], None, "")]
    doctor.judge(found, packer_built=True)
    with pytest.raises(Surroundings, match="go "):
        doctor.judge(found, packer_built=False)


def test_optional_tools_do_not_fail_the_doctor() -> None:
    found = [doctor.Found(native, Path("/x") if native.build else None, "") for native in doctor.NATIVE]
    assert any(tool.path is None for tool in found)
    doctor.judge(found, packer_built=False)


def test_require_names_all_missing_with_one_command(stub: Stub) -> None:
    path = stub("qemu-img", "")
    assert doctor.require("qemu-img") == {"qemu-img": path}
    with pytest.raises(Surroundings) as caught:
        doctor.require("qemu-img", "mke2fs", "xorriso")
    assert "mke2fs" in caught.value.what
    assert "xorriso" in caught.value.what
    assert (caught.value.hint or "").endswith(
        "apt-get install --yes --no-install-recommends e2fsprogs xorriso"
    )


def test_a_tool_that_hangs_or_is_no_program_has_no_version(tmp_path: Path) -> None:
    path = tmp_path / "tool"
    path.write_text("not a program")
    path.chmod(0o755)
    assert doctor.stated_version(path, ("--version",)) == ""


def test_make_help_lists_each_target() -> None:
    if doctor.which("make") is None:
        pytest.skip("make is not installed")
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^  make (\S+)", done.stdout, re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert listed == set(phony.split())
    assert listed >= {
        "setup",
        "build",
        "generate",
        "validate",
        "new",
        "test",
        "lint",
        "bench",
        "clean",
        "help",
    }
