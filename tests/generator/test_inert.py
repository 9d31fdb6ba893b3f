"""Text of a definition means nothing to HCL, Go templates, shells and PowerShell: seen at their other end.

A generated project runs in real Packer. Its source is exchanged for one that connects to a real sshd on this
machine, vmoffer's own steps stand still, and `vmoffer` on PATH is a script that notes how it was called.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Run, define
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from generator import project
from generator.model import Builder
from generator.powershell import ENV_VAR_FORMAT, carried

pytestmark = pytest.mark.packer

BESIDE = Path(__file__).parents[3] / "shared/tools/pwsh/pwsh"
PWSH = shutil.which("pwsh") or shutil.which(BESIDE)
PIECES = [
    "{{", "}}", "{{ pwd }}", "{{env `HOME`}}", "{{ user `x` }}", "{{{", "{{-", "{{/*", '{{"{{"}}', "{", "`",
    "${", "%{", "$${", "%%{", '${env("HOME")}', "%{ if true }", "$HOME", "$(touch ran)", "`touch ran`", ";",
    "&&", "|", "'", '"', "'\"'\"'", "\\", "\\n", "\n", "\t", "#", "//", "/*", "<<EOT", "EOT", "<", "&amp;",
    "]]>", "\u2018", "\u201c", "\u201d", "\u201e", "$env:PATH", "@'", "é", "中", "🚀", "e\u0301", "-", "--",
    "*", "~", "!", " ", "a",
]  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join)
COUNT = 40  # texts in one build
DUMP = """#!/bin/sh
printf '%s\\0' "$@" "SKU=$VMOFFER_SKU" "CONTAINER=$VMOFFER_CONTAINER" >>"$NOTES"
"""


@dataclass(frozen=True)
class Server:
    """An sshd for one test: where it listens, and the key that opens it."""

    port: int
    key: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real sshd on loopback, for the user of this process."""
    sshd = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
    if sshd is None:
        pytest.skip("sshd is not installed")
    folder = tmp_path_factory.mktemp("sshd")
    folder.chmod(0o700)
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "key.pub", folder / "authorized")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile {folder}/pid\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nMaxSessions 100\n"
        "Subsystem sftp internal-sftp\n"
    )
    process = subprocess.Popen([sshd, "-D", "-e", "-f", folder / "config"], stderr=subprocess.DEVNULL)
    yield Server(port, folder / "key")
    process.terminate()
    process.wait()


def over_ssh(folder: Path, server: Server) -> None:
    """Exchange the source of a qemu project for the server, and sudo for nothing."""
    (folder / "source.pkr.hcl").write_text(
        f'source "null" "gen2" {{\n  ssh_host = "127.0.0.1"\n  ssh_port = {server.port}\n'
        f'  ssh_username = "{os.environ.get("USER") or "root"}"\n'
        f'  ssh_private_key_file = "{server.key}"\n  ssh_timeout = "1m"\n}}\n'
    )
    (folder / "plugins.pkr.hcl").unlink()
    build = (folder / "build.pkr.hcl").read_text()
    build = build.replace('"source.qemu.gen2"', '"source.null.gen2"').replace('"qemu.gen2"', '"null.gen2"')
    build = build.replace("sudo sh -c", "sh -c").replace("expect_disconnect = true", "")
    (folder / "build.pkr.hcl").write_text(build)


def nfc(text: str) -> str:
    """HCL composes characters."""
    return unicodedata.normalize("NFC", text)


@given(texts=st.lists(TEXT, min_size=COUNT, max_size=COUNT))
@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@pytest.mark.usefixtures("still_steps")
def test_text_comes_out_of_a_build_as_it_went_in(
    texts: list[str], tmp_path_factory: pytest.TempPathFactory, run_packer: Run, server: Server
) -> None:
    """160 texts, each in: a title, an environment, a destination, a name, a line of the shell."""
    tmp_path = tmp_path_factory.mktemp("inert")
    (tmp_path / "conf").write_text("x")
    (tmp_path / "tree").mkdir()
    guest = tmp_path / "guest"
    guest.mkdir()
    names = [re.sub(r"[/\0]|^\.+$", "_", text).strip() or "_" for text in texts]
    whole = nfc("\u00b6".join(texts))
    dump = "env -0 | grep -z '^V[0-9]*=' >" + str(guest / "env")
    steps: list[dict[str, object]] = [
        {"name": whole, "inline": [dump], "env": {f"V{n}": text for n, text in enumerate(texts)}},
        {"inline": [f"printf %s {_quoted(text)} >{guest}/line{n}" for n, text in enumerate(texts)]},
        *(
            {"name": text, "file": {"source": "conf", "destination": f"{guest}/{names[n]}/{n}"}}
            for n, text in enumerate(texts[:10])
        ),
    ]
    definition = define(
        tmp_path, offer__title=whole, plan__title=whole, plan__summary=whole, steps=steps,
        os__friendly_name=whole,
    )  # fmt: skip
    folder = tmp_path / "out" / "packer" / "qemu"
    project.write(definition, Builder.QEMU, folder)
    over_ssh(folder, server)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "vmoffer").write_text(DUMP)
    (tools / "vmoffer").chmod(0o755)
    (tmp_path / "home").mkdir()
    done = run_packer(
        "build", "-var=base_image=x", "-var=ssh_public_key=x", f"-var=ssh_private_key_file={server.key}",
        f"-var=out={tmp_path}/out", folder,
        cwd=tmp_path, more={"PATH": f"{tools}:{os.environ['PATH']}", "NOTES": str(tmp_path / "notes")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    got = dict(one.split("=", 1) for one in (guest / "env").read_bytes().decode().split("\0") if one)
    assert got == {f"V{n}": nfc(text) for n, text in enumerate(texts)}
    assert [(guest / f"line{n}").read_text() for n in range(COUNT)] == texts
    for n in range(10):
        assert (guest / nfc(names[n]) / str(n)).read_text() == "x"
    custom = json.loads((tmp_path / "out" / "packer-manifest.json").read_text())["builds"][0]["custom_data"]
    shown = whole.replace("{{", r"{\u007b")  # which JSON reads as the same
    assert (custom["offer_title"], custom["plan_title"], custom["system"]) == (shown, shown, shown)
    notes = (tmp_path / "notes").read_text().split("\0")
    assert "finalize" in notes and "SKU=shop/basic" in notes
    assert not list(tmp_path.rglob("ran")), "nothing of it ran"


def _quoted(text: str) -> str:
    """A word of the shell that is `text`: what a publisher's line has to do by itself."""
    return "'" + text.replace("'", "'\"'\"'") + "'"


ESCAPE = str.maketrans({"$": "`$", '"': '`"', "`": "``", "'": "`'"})  # psEscape of Packer's provisioner


@pytest.mark.skipif(PWSH is None, reason="PowerShell is not installed")
@settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate])
@given(texts=st.lists(TEXT, min_size=100, max_size=100))
def test_an_environment_of_windows_comes_out_as_it_went_in(texts: list[str]) -> None:
    """300 texts through what Packer's powershell provisioner writes, read in cp1252."""
    assert PWSH is not None
    lines = [ENV_VAR_FORMAT % (f"V{n}", carried(text).translate(ESCAPE)) for n, text in enumerate(texts)]
    shown = "; ".join(
        f"[Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($env:V{n}))" for n in range(100)
    )
    script = ("".join(lines) + shown).encode().decode("cp1252", errors="replace")
    with tempfile.NamedTemporaryFile("w", suffix=".ps1", encoding="utf-8-sig") as file:
        file.write(script)
        file.flush()
        run = [PWSH, "-NoProfile", "-NonInteractive", "-File", file.name]
        env = {**os.environ, "NO_COLOR": "1", "TERM": "dumb"}
        done = subprocess.run(run, env=env, capture_output=True, text=True, timeout=120)
    assert [base64.b64decode(one).decode("utf-16-le") for one in done.stdout.split()] == texts, done.stderr
