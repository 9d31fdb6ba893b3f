"""A failed `packer build` is told as what it was: a step, the capture, a post-processor, or the surroundings.

The builds are Packer's own. Fakes: the null builder stands for the plugin's, the steps run on this machine,
and `vmoffer` on PATH is a script that ends as told.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from generator.errors import NotMet, Surroundings, Unusable, VmofferError
from tools.packer import Packer, ensure
from vmoffer import events
from vmoffer.cli import run
from vmoffer.watch import Watch

pytestmark = pytest.mark.packer
STEPS = re.compile(r'^  provisioner "shell" \{\n(    name +=[^\n]*\n).*?^  \}\n', re.MULTILINE | re.DOTALL)
Build = Callable[..., VmofferError]


@pytest.fixture(scope="module")
def packer() -> Packer:
    try:
        return ensure([], lambda text: None)
    except Surroundings as missing:
        pytest.skip(f"packer: {missing.what}")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "build/shop/basic/0.1.0"


@pytest.fixture
def failed(packer: Packer, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Builds the generated project: `step` is what a step does, `post` how `vmoffer validate` ends."""
    monkeypatch.chdir(tmp_path)
    assert run(["new", "shop/basic", "--os", "debian-12"]) == 0
    assert run(["generate", "shop/basic", "--builder", "qemu"]) == 0
    project = out / "packer/qemu"

    def build(step: str = "true", post: int = 0, source: str = 'communicator = "none"') -> VmofferError:
        text = (project / "build.pkr.hcl").read_text()
        text = STEPS.sub(
            lambda found: f'  provisioner "shell-local" {{\n{found[1]}    inline = ["{step}"]\n  }}\n', text
        )
        text = text.replace("source.qemu.", "source.null.").replace('"qemu.gen2"', '"null.gen2"')
        (project / "build.pkr.hcl").write_text(text)
        (project / "source.pkr.hcl").write_text(f'source "null" "gen2" {{\n{source}\n}}\n')
        (project / "plugins.pkr.hcl").unlink()
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/vmoffer").write_text(f"#!/bin/sh\n[ $1 != validate ] || exit {post}\n")
        (tmp_path / "bin/vmoffer").chmod(stat.S_IRWXU)
        env = {**os.environ, **packer.env, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
        options = ["-var=base_image=/nothing", "-var=ssh_public_key=k", "-var=ssh_private_key_file=/nothing"]
        command = [packer.path, "-machine-readable", "build", *options, project]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
        watch = Watch()
        for line in done.stdout.splitlines():
            watch.lines(line)
        print(done.stdout)
        assert done.returncode
        return watch.verdict(out)

    return build


def test_a_step_that_fails_in_the_guest_is_named_and_does_not_meet_the_rules(
    failed: Build, out: Path
) -> None:
    error = failed(step="exit 7")
    assert type(error) is NotMet
    names = [one.name for one in events.read(out)]
    assert error.where == names[-1] and len(names) == 1
    assert "exit status: 7" in error.what


@pytest.mark.parametrize(
    ("status", "kind"), [(1, NotMet), (2, Unusable), (3, Surroundings), (137, Surroundings)]
)
def test_the_status_of_a_post_processor_is_handed_on(
    status: int, kind: type[VmofferError], failed: Build, out: Path
) -> None:
    error = failed(post=status)
    assert type(error) is kind
    assert error.where == "validate" and f"exit status {status}" in error.what
    last = events.read(out)[-1]
    assert (last.event, last.kind, last.name, last.status) == ("ended", "post-processor", "validate", status)


def test_a_guest_that_never_answers_is_a_failure_of_the_surroundings(failed: Build, out: Path) -> None:
    options = {"ssh_host": "127.0.0.1", "ssh_username": "a", "ssh_password": "b", "ssh_timeout": "2s"}
    nobody = "".join(f'{name} = "{value}"\n' for name, value in options.items())
    nobody += 'communicator = "ssh"\nssh_port = 1'
    error = failed(source=nobody)
    assert type(error) is Surroundings
    assert "before the guest could be prepared" in error.what and "SSH" in error.what
    assert events.read(out) == []


def test_a_project_that_packer_cannot_read_is_a_failure_of_the_surroundings(failed: Build) -> None:
    error = failed(source="nonsense = true")
    assert type(error) is Surroundings and "before a build began" in error.what


def _noted(out: Path, *names: str) -> None:
    out.mkdir(parents=True)
    notes = [
        f'{{"v": 1, "event": "started", "kind": "step", "name": "{name}", "source": "gen2", "at": 1}}'
        for name in names
    ]
    done = (
        '{"v": 1, "event": "started", "kind": "provisioned", "name": "all steps", "source": "gen2", "at": 2}'
    )
    (out / "events.jsonl").write_text("\n".join([*notes, done, "no JSON", '{"v": 99}', ""]))


def test_a_capture_that_fails_is_no_step_that_failed(out: Path) -> None:
    """The 403 of a copy without the data role, as the plugin says it; after the last step."""
    _noted(out, "Updates", "Generalize")
    watch = Watch()
    text = (
        "failed to capture OS Disk with err : failed to copy to storage with err : error copying: unexpected "
        "status 403 (403 This request is not authorized) with AuthorizationPermissionMismatch:"
        r"\nx%!(PACKER_COMMA)y"
    )
    watch.lines(f"1795642109,azure-arm.gen2,error,{text}")
    error = watch.verdict(out)
    assert type(error) is Surroundings
    assert error.what.startswith("in Packer or the builder, after Generalize: failed to capture OS Disk")
    assert error.what.endswith("\nx,y"), "the text is shown whole"
    assert "Storage Blob Data Contributor" in str(error.hint)


def test_what_packer_says_to_people_is_shown_as_it_says_it() -> None:
    watch = Watch()
    assert watch.lines("1795642109,,ui,say,==> null.gen2: hi%!(PACKER_COMMA) there") == [
        "==> null.gen2: hi, there"
    ]
    assert watch.lines(r"1795642109,,ui,error,two\nlines") == ["two", "lines"]
    assert watch.lines("1795642109,,error-count,2") == []
    assert watch.lines("panic: runtime error\n") == ["panic: runtime error\n"]


def test_the_end_of_the_serial_console_is_shown_with_control_characters_made_harmless(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console = out / "gen2/serial.log"
    console.parent.mkdir(parents=True)
    console.write_bytes(b"first\n" * 100 + b"\x1b[2Jkernel panic \xff\n")
    watch = Watch()
    watch.lines("1,qemu.gen2,error,Timeout waiting for SSH.")
    watch.verdict(out)
    shown = capsys.readouterr().err
    assert "kernel panic" in shown
    assert "\x1b" not in shown
    assert shown.count("first") == 29


def test_a_capture_that_fails_shows_no_console(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _noted(out, "Generalize")
    (out / "gen2").mkdir()
    (out / "gen2/serial.log").write_text("login:\n")
    watch = Watch()
    watch.lines("1,azure-arm.gen2,error,nothing")
    watch.verdict(out)
    assert "login:" not in capsys.readouterr().err
