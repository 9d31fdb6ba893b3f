"""The publisher's own steps: what each becomes in a project, by real Packer, a real sshd and real shells."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import LINUX, WINDOWS, Run, define
from pydantic import ValidationError

from generator import lint, packer_step, project
from generator.errors import NotMet, Unusable
from generator.model import Builder, Generation
from generator.own_step import Step, seconds
from validators import secret_search
from validators.finalize import finalize
from vmoffer import secrets

ROOT = Path(__file__).parent.parent.parent
OWN = """\
packer {
  required_plugins {
    puppet = {
      source  = "github.com/hashicorp/puppet"
      version = ">= 1.0.0"
    }
  }
}

# Mine.
provisioner "shell-local" {
  inline = [<<EOT
cat <<'END'
  text   =   "as it is"


END
EOT
  ]
}
"""


def built(tmp_path: Path, *steps: dict[str, Any], base: dict[str, Any] = LINUX) -> dict[str, str]:
    """The texts of the project of a definition with `steps`."""
    builder = Builder.QEMU if base is LINUX else Builder.AZURE_ARM
    made = project.prepare(
        define(tmp_path, base, steps=list(steps)), builder, tmp_path / "a" / "packer" / builder
    )
    return {name: text for name, text in made.files.items() if isinstance(text, str)}


def block(texts: dict[str, str], name: str) -> str:
    """The provisioner block with that name."""
    found = re.findall(r"^  provisioner .*?^  \}$", texts["build.pkr.hcl"], re.DOTALL | re.MULTILINE)
    (one,) = (text for text in found if re.search(rf'name +=  *"{re.escape(name)}"', text))
    return str(one)


@pytest.mark.parametrize(
    ("text", "expected"), [("90m", 5400), ("1h30m", 5400), ("45s", 45), ("24h", 86400), ("1h1m1s", 3661)]
)
def test_a_timeout_is_a_duration_as_packer_writes_it(text: str, expected: int) -> None:
    assert seconds(text) == expected
    assert Step.model_validate({"inline": ["true"], "timeout": text}).timeout == text


@pytest.mark.parametrize("text", ["", "0m", "25h", "90", "1d", "-5m", "1.5h", "5m ", "m"])
def test_what_is_no_timeout_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Step.model_validate({"inline": ["true"], "timeout": text})


@pytest.mark.parametrize(
    "step",
    [
        {"restart": {}, "env": {"A": "1"}},
        {"file": {"source": "a", "destination": "/a"}, "secrets": ["KEY"]},
        {"packer": "own.pkr.hcl", "timeout": "5m"},
        {"packer": "own.pkr.hcl", "name": "x"},
        {"inline": ["true"], "secrets": ["KEY", "KEY"]},
        {"inline": ["true"], "secrets": ["KEY"], "env": {"KEY": "1"}},
        {"inline": ["true"], "env": {"A": "\0"}},
        {"inline": ["true"], "restart": {}},
    ],
)
def test_fields_that_do_not_go_together_are_refused(step: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Step.model_validate(step)


def test_each_kind_of_step_has_its_own_timeout(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("x")
    texts = built(
        tmp_path,
        {"name": "plain", "inline": ["true"]},
        {"name": "long", "inline": ["true"], "timeout": "3h"},
        {"name": "boot", "restart": {}},
        {"name": "slow boot", "restart": {}, "timeout": "45m"},
        {"name": "conf", "file": {"source": "conf", "destination": "/etc/c"}, "timeout": "7m"},
    )
    expected = {
        "plain": "1h", "long": "3h", "boot: go down": "30m", "boot: back": "30m", "slow boot: back": "45m",
        "conf: upload": "7m", "conf: place": "7m",
    }  # fmt: skip
    assert {name: re.findall(r'[^_]timeout += "(.*)"', block(texts, name)) for name in expected} == {
        name: [one] for name, one in expected.items()
    }


def test_a_restart_of_windows_is_packers(tmp_path: Path) -> None:
    text = block(built(tmp_path, {"restart": {}, "timeout": "20m"}, base=WINDOWS), "restart")
    assert 'provisioner "windows-restart"' in text and 'restart_timeout = "20m"' in text


def test_the_second_half_of_a_restart_wants_another_boot(tmp_path: Path) -> None:
    """The script itself, its paths moved into a folder; `sleep` and systemctl are stand-ins."""
    script = (ROOT / "templates" / "returned.sh").read_text()
    for old, new in (("/var/lib/vmoffer-restart", "note"), ("/proc/sys/kernel/random/boot_id", "boot")):
        script = script.replace(old, str(tmp_path / new))
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, does in (("sleep", "exit 0"), ("systemctl", "echo running")):
        (tools / name).write_text(f"#!/bin/sh\n{does}\n")
        (tools / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    (tmp_path / "boot").write_text("one\n")
    (tmp_path / "note").write_text(f"one\n{tmp_path}/restart.cfg\n")
    (tmp_path / "restart.cfg").touch()
    done = subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True)
    assert (done.returncode, "still the boot of before" in done.stderr) == (1, True)
    (tmp_path / "boot").write_text("two\n")
    done = subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True)
    assert (done.returncode, (tmp_path / "note").exists()) == (0, False)
    assert not (tmp_path / "restart.cfg").exists(), "cloud-init makes users again"


def test_a_secret_is_a_sensitive_variable_and_its_file_is_in_memory(tmp_path: Path) -> None:
    texts = built(tmp_path, {"name": "use", "inline": ["true"], "secrets": ["LICENSE"], "env": {"A": "1"}})
    text = block(texts, "use")
    assert '"LICENSE" = local.secret_LICENSE' in text and 'remote_folder    = "/dev/shm"' in text
    assert re.search(
        r'variable "secret_LICENSE" \{[^}]*default += env\("LICENSE"\)\n +sensitive += true',
        texts["variables.pkr.hcl"],
    )
    names = re.findall(r'^    name +=  *"(.*)"$', texts["build.pkr.hcl"], re.MULTILINE)
    assert names[-1] == "Generalize" and names[-2] == "Search for secrets", "after the clean-up"
    assert "Search for secrets" not in built(tmp_path, {"inline": ["true"]})["build.pkr.hcl"]


def test_secrets_and_playbooks_on_windows_are_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "site.yml").write_text("[]")
    steps = [{"inline": ["1"], "secrets": ["KEY"]}, {"ansible": {"playbook": "site.yml"}}]
    found = lint.unusable([define(tmp_path, WINDOWS, steps=steps)])
    assert [one.field for one in found] == ["steps[0].secrets", "steps[1].ansible"]


def test_secrets_come_from_the_environment_and_short_ones_are_refused(tmp_path: Path) -> None:
    definition = define(tmp_path, steps=[{"inline": ["true"], "secrets": ["KEY"]}])
    assert secrets.values(definition, {"KEY": "long enough"}) == {"KEY": "long enough"}
    with pytest.raises(Unusable, match="KEY is not in the environment"):
        secrets.values(definition, {})
    with pytest.raises(Unusable, match="8 characters or more") as caught:
        secrets.values(definition, {"KEY": "hunter2"})
    assert "hunter2" not in repr(vars(caught.value))
    lines = "-----BEGIN KEY-----\nabcdefghijkl\n"
    assert secrets.hide({"KEY": lines}, "log: abcdefghijkl!") == "log: <sensitive>!"


def test_a_secret_is_read_from_a_key_vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vault is a fake: the answer of learn.microsoft.com/rest/api/keyvault/secrets/get-secret."""
    import requests

    from vmoffer.azure import cloud, sign_in

    class Answer:
        status_code = 200

        def json(self) -> dict[str, str]:
            return {"value": "from the vault", "id": "https://contoso.vault.azure.net/secrets/db/4387e9f3"}

    asked: list[tuple[str, str]] = []

    def get(url: str, *, headers: dict[str, str], **_: Any) -> Answer:
        asked.append((url, headers["Authorization"]))
        return Answer()

    class Credential:
        def get_token(self, scope: str) -> Any:
            assert scope == "https://vault.azure.net/.default"
            return type("Token", (), {"token": "t"})

    monkeypatch.setattr(requests, "get", get)
    monkeypatch.setattr(sign_in, "choose", lambda env: None)
    monkeypatch.setattr(sign_in, "credential", lambda *_: Credential())
    monkeypatch.setattr(cloud, "chosen", lambda env: None)
    secret = {"name": "DB", "key_vault": {"vault": "contoso", "secret": "db"}}
    definition = define(tmp_path, steps=[{"inline": ["true"], "secrets": [secret]}])
    assert secrets.values(definition, {}) == {"DB": "from the vault"}
    assert asked == [("https://contoso.vault.azure.net/secrets/db", "Bearer t")]
    assert secrets.values(definition, {"DB": "of the environment"}) == {"DB": "of the environment"}


VALUE = "Zx9'sec\"ret\nsecond line of it"


@pytest.mark.parametrize("offset", [0, 1, (1 << 24) - 5, (1 << 24) * 2 - 1])
@pytest.mark.parametrize("form", range(5))
def test_a_raw_disk_that_holds_a_secret_in_any_form_is_refused(
    tmp_path: Path, offset: int, form: int
) -> None:
    """In free space too: nothing here is a file. The pieces that are read meet within the value."""
    import base64

    wanted = [
        VALUE.encode(),
        b"second line of it",
        VALUE.splitlines()[0].encode("utf-16-le"),
        base64.b64encode(b"user:" + VALUE.encode() + b"@"),
        VALUE.encode().hex().encode(),
    ][form]
    disk = tmp_path / "os.raw"
    with disk.open("wb") as file:
        file.truncate(1 << 30)
        file.seek(offset + 4096)
        file.write(b"\xff" * 7 + wanted)
    (hit,) = secret_search.search(disk, {"KEY": VALUE})
    assert hit[0] == "KEY" and abs(hit[1] - offset - 4096) < 40
    sku = define(tmp_path, os_disk={"size_gib": 1}, data_disks=[]).sku
    with pytest.raises(NotMet, match="holds a secret of the build: KEY at byte"):
        list(finalize(sku, Generation.GEN2, tmp_path, tmp_path / "out", tmp_path, secrets={"KEY": VALUE}))
    assert not list((tmp_path / "out").glob("*.vhd"))


def test_a_disk_without_the_secret_passes_and_holes_are_not_read(tmp_path: Path) -> None:
    disk = tmp_path / "os.raw"
    with disk.open("wb") as file:
        file.truncate(1 << 40)
        file.seek(1 << 39)
        file.write(b"Zx9'sec_ret")
    assert secret_search.search(disk, {"KEY": VALUE}) == []


def test_the_search_in_the_guest_finds_files_and_shows_no_value(tmp_path: Path) -> None:
    """The script itself; the root of its search is a folder."""
    script = (
        (ROOT / "templates" / "search-secrets.sh").read_text().replace("find / ", f"find {tmp_path}/tree ")
    )
    (tmp_path / "tree").mkdir()
    env = {
        "PATH": os.environ["PATH"],
        "SECRETS": "KEY OTHER",
        "WHOLE_DISK": "no",
        "KEY": VALUE,
        "OTHER": "1234567890",
    }

    def search() -> tuple[int, str]:
        done = subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    assert search() == (0, "vmoffer: secrets: 2 searched for, found nowhere\n")
    (tmp_path / "tree" / "a log").write_bytes(b"\0\xff second line of it\n")
    status, said = search()
    assert (status, "a log" in said, "second line" in said) == (1, True, False)
    env["OTHER"] = "short"
    assert "OTHER is empty or too short" in search()[1]
    assert not list(Path("/dev/shm").glob("vmoffer.*")), "the patterns are gone"


def test_blocks_of_the_publishers_own_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "own.pkr.hcl").write_text(OWN)
    texts = built(tmp_path, {"packer": "own.pkr.hcl"})
    (plugins,) = (text for name, text in texts.items() if name.startswith("plugins-"))
    assert "github.com/hashicorp/puppet" in plugins and "Mine" not in plugins
    start = texts["build.pkr.hcl"].index("  # Mine.")
    assert "cat <<'END'\n  text   =   \"as it is\"\n\n\nEND\nEOT\n" in texts["build.pkr.hcl"][start:]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('source "null" "x" {}\n', "a block source"),
        ("a = 1\n", "a is outside of a block"),
        ("packer {}\n", "no provisioner block"),
        ('provisioner "shell" {\n', "no HCL2"),
        ('build {\n  provisioner "shell" {}\n}\n', "a block build"),
    ],
)
def test_a_packer_file_of_anything_else_is_refused_with_its_line(
    tmp_path: Path, text: str, found: str
) -> None:
    (tmp_path / "own.pkr.hcl").write_text(text)
    (problem,) = lint.unusable([define(tmp_path, steps=[{"packer": "own.pkr.hcl"}])])
    assert problem.field == "steps[0].packer" and found in problem.found
    with pytest.raises(Unusable):
        packer_step.read(tmp_path / "own.pkr.hcl")


@pytest.mark.packer
def test_every_kind_of_step_is_formatted_and_valid(tmp_path: Path, run_packer: Run) -> None:
    (tmp_path / "own.pkr.hcl").write_text(OWN[OWN.index("# Mine") :])
    (tmp_path / "conf").write_text("x")
    steps = [
        {"inline": ["true"], "secrets": ["LICENSE"], "timeout": "1h30m"},
        {"restart": {}},
        {"packer": "own.pkr.hcl"},
        {"file": {"source": "conf", "destination": "/etc/c"}},
    ]
    for base, builder, chosen in (
        (LINUX, Builder.QEMU, steps),
        (
            LINUX,
            Builder.AZURE_ARM,
            [*steps, {"ansible": {"playbook": "conf", "variables": {"a": "{{ b }}"}}}],
        ),
        (WINDOWS, Builder.AZURE_ARM, [*steps[1:3], {"inline": ["1"], "env": {"A": "\u201c"}}]),
    ):
        folder = tmp_path / base["os"]["family"] / "packer" / builder
        project.write(define(tmp_path, base, steps=chosen), builder, folder)
        done = run_packer("fmt", "-check", "-diff", folder)
        assert (done.returncode, done.stdout) == (0, "")
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    options = ["-var=base_image=/x", "-var=ssh_public_key=k", f"-var=ssh_private_key_file={key}"]
    valid = run_packer("validate", *options, tmp_path / "linux" / "packer" / "qemu", cwd=tmp_path)
    assert valid.returncode == 0, valid.stdout + valid.stderr
