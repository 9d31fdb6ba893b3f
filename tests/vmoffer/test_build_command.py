"""vmoffer build: what it shows of the SAS URIs, to people and to logs that are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from publisher import handout
from tools.packer import Packer
from vmoffer.cli import run

SIGNATURE = "c2VjcmV0%2B"
URI = f"https://images.blob.core.windows.net/vhds/os.vhd?sv=2024-11-04&sr=c&sp=rl&sig={SIGNATURE}"


@pytest.fixture(autouse=True)
def build_without_packer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan whose build only leaves the sas.json that the last post-processor would write."""
    from tools import live
    from vmoffer import readiness
    from vmoffer.commands import build

    monkeypatch.chdir(tmp_path)
    for name in ("CI", "TF_BUILD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "images")
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")
    assert run(["new", "shop/basic", "--os", "debian-12"]) == 0
    monkeypatch.setattr(readiness, "check", lambda *_: readiness.Ready())  # nobody is at that address
    variables = {"ssh_public_key": "ssh-ed25519 AAAA test"}
    monkeypatch.setattr(build, "_machinery", lambda *_: (Packer(Path("packer"), "1.16.0"), variables))

    def packer(*_: object, **__: object) -> int:
        disk = {"role": "os", "lun": None, "blob": "os.vhd", "size_bytes": 1, "uri": URI, "checks": []}
        document = {"expires": "2026-12-01T00:00:00Z", "disks": [disk]}
        handout.write(document, Path("build/shop/basic/0.1.0/sas.json"))
        return 0

    monkeypatch.setattr(live, "run", packer)


@pytest.mark.parametrize(
    ("environment", "options", "shown"),
    [
        ({}, [], True),
        ({"CI": "true"}, [], False),
        ({"TF_BUILD": "True"}, [], False),
        ({"CI": "false"}, [], True),
        ({"CI": "1"}, ["--show-sas"], True),
        ({}, ["--hide-sas"], False),
    ],
)
def test_signatures_are_shown_to_people_and_not_to_logs_that_are_kept(
    environment: dict[str, str],
    options: list[str],
    shown: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert run(["build", "shop/basic", *options]) == 0
    said = capsys.readouterr()
    assert "os.vhd?sv=2024-11-04&sr=c&sp=rl&sig=" in said.out, "the rest of the table is there"
    assert (SIGNATURE in said.out) == shown
    assert SIGNATURE not in said.err
    assert ("build/shop/basic/0.1.0/sas.json" in said.err) == (not shown)
