"""`vmoffer upload` and `vmoffer sas` on the command line: what they print, write and return."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from publisher import upload
from tools import azurite
from validators.footer import MIB
from vmoffer.cli import run
from vmoffer.target import Place, credentials

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def _store(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)


def test_upload_then_sas_then_check(
    container: ContainerClient,
    local: azurite.Store,
    make_disk: Make,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    names = ["p-1.0.0-gen2-os.vhd", "p-1.0.0-gen2-data-0.vhd"]
    disks = [str(make_disk(name)) for name in names]
    place = ["--container", container.container_name]
    path = tmp_path / "sas.json"
    assert run(["upload", *disks, *place]) == 0
    uploaded = capfd.readouterr()
    assert uploaded.out.split() == [f"{container.url}/{name}" for name in names]
    assert uploaded.err.count("proven equal") == 2
    assert run(["sas", "make", *names, *place, "--quiet", "--out", str(path)]) == 0
    quiet = capfd.readouterr()
    assert quiet.out == ""
    disks_made = json.loads(path.read_text())["disks"]
    assert [disk["lun"] for disk in disks_made] == [None, 0]
    assert run(["sas", "check", "--file", str(path)]) == 0
    checked = capfd.readouterr()
    assert "SAS-LIVE-001" in checked.out
    assert run(["sas", "check", "--file", str(path), "--format", "json"]) == 0
    report = capfd.readouterr()
    assert {each["rule"] for each in json.loads(report.out)} >= {"SAS-PERM-001", "SAS-LIVE-001"}
    secrets = [local.key, *(disk["uri"].partition("sig=")[2].split("&")[0] for disk in disks_made)]
    for text in (*uploaded, *quiet, *checked, *report):
        assert not any(secret in text or unquote(secret) in text for secret in secrets)
    assert run(["sas", "make", *names, *place]) == 0
    table = capfd.readouterr().out
    assert all(disk["uri"].partition("?")[0] in table for disk in disks_made)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["upload", "missing.vhd"], 2, "no such file"),
        (["upload", "/"], 2, "a folder"),
        (["sas", "make", "a.vhd", "--days", "20", "--container", "vhds"], 1, "SAS-TIME-002"),
        (["sas", "make", "a b.vhd", "--container", "vhds"], 1, "DSK-BLOB-002"),
        (["sas", "make", "a.vhd", "--quiet", "--container", "vhds"], 2, "--out"),
        (["sas", "make", "missing.vhd", "--container", "vhds"], 2, "no such blob"),
        (["sas", "check"], 2, "no URI"),
        (["sas", "check", "--file", "missing.json"], 2, "no such file"),
        (["sas", "check", "http://127.0.0.1/os.vhd?sig=c2VjcmV0"], 1, "SAS-PERM-001"),
    ],
)
def test_a_call_that_cannot_be_done_says_why(
    arguments: list[str], status: int, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == status
    shown = capfd.readouterr()
    assert said in shown.err
    assert "Traceback" not in shown.err
    assert "c2VjcmV0" not in shown.out + shown.err


def test_what_is_no_fixed_vhd_is_refused_before_a_byte_is_sent(
    container: ContainerClient, make_disk: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good, raw, damaged = make_disk("good.vhd"), tmp_path / "raw.vhd", make_disk("damaged.vhd")
    raw.write_bytes(bytes(MIB))
    with damaged.open("r+b") as file:
        file.seek(-500, os.SEEK_END)
        file.write(b"\xff")
    for bad, rule in ((raw, "DSK-FMT-002"), (damaged, "DSK-FMT-003")):
        assert run(["upload", str(good), str(bad), "--container", container.container_name]) == 1
        assert rule in capfd.readouterr().err
    assert list(container.list_blobs()) == []


def test_a_bad_name_is_refused_before_a_byte_is_sent(
    container: ContainerClient, make_disk: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    disks = [str(make_disk(name)) for name in ("good.vhd", "a%b.vhd")]
    assert run(["upload", *disks, "--container", container.container_name]) == 1
    assert "DSK-BLOB-002" in capfd.readouterr().err
    assert list(container.list_blobs()) == []


@pytest.mark.parametrize("arguments", [["upload", "DISK"], ["sas", "make", "a.vhd"]])
def test_a_wrong_key_is_status_3_with_a_hint_and_without_a_secret(
    arguments: list[str],
    local: azurite.Store,
    make_disk: Make,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wrong = base64.b64encode(b"wrong key" * 7).decode()
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", local.connection_string.replace(local.key, wrong))
    path = str(make_disk())
    call = [path if each == "DISK" else each for each in arguments]
    assert run(["--debug", *call, "--container", "vhds"]) == 3
    shown = capfd.readouterr()
    assert "refused the credentials" in shown.err
    assert "→" in shown.err
    for text in (*shown, caplog.text):
        assert wrong not in text
        assert "SharedKey " not in text
        assert "sig=" not in text


def test_an_unproven_blob_gets_no_sas(
    container: ContainerClient, make_disk: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make_disk()
    upload.upload(path, container)
    container.get_blob_client(path.name).set_blob_metadata({})
    out = tmp_path / "sas.json"
    arguments = ["sas", "make", path.name, "--container", container.container_name, "--out", str(out)]
    assert run(arguments) == 1
    assert "not compared" in capfd.readouterr().err
    assert not out.exists()
    assert run([*arguments, "--unproven"]) == 0


def test_a_uri_that_nobody_answers_is_status_3(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.sasuse.time.sleep", lambda seconds: None)
    text = (
        "http://127.0.0.1:1/a/vhds/os.vhd?st=2020-01-01T00:00:00Z&se=2999-01-01T00:00:00Z&sp=rl&sr=c"
        "&sv=2021-12-02&sig=yMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4%2BTl5uc%3D"
    )
    assert run(["sas", "check", text]) == 3
    shown = capfd.readouterr()
    assert "cannot be reached" in shown.err
    assert "yMnKy8" not in shown.out + shown.err


def test_a_sas_json_is_renewed_in_place(
    container: ContainerClient, make_disk: Make, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("p-os.vhd", "p-extra.vhd"):
        upload.upload(make_disk(name), container)
    path = tmp_path / "sas.json"
    place = ["--container", container.container_name, "--out", str(path)]
    assert run(["sas", "make", "p-os.vhd", "3=p-extra.vhd", *place, "--days", "22"]) == 0
    old = json.loads(path.read_text())
    assert run(["sas", "make", "--renew", str(path), "--quiet"]) == 0
    new = json.loads(path.read_text())
    assert [(disk["lun"], disk["blob"]) for disk in new["disks"]] == [(None, "p-os.vhd"), (3, "p-extra.vhd")]
    assert new["expires"] > old["expires"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert run(["sas", "make", "p-os.vhd", "--renew", str(path)]) == 2
    assert run(["sas", "make"]) == 2
    path.write_text('{"disks": [{"uri": "x"}]}')
    assert run(["sas", "make", "--renew", str(path)]) == 2
    assert "Traceback" not in capfd.readouterr().err


def test_what_partner_center_would_say_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    uri = "https://a.blob.core.windows.net/vhds/os.vhd?sv=2021-12-02&sr=c&sp=rl&st=2026-01-01&se=2026-01-02&sig=x"
    assert run(["sas", "check", "--offline", uri]) == 1
    said = capfd.readouterr().out
    assert "The start time parameter (st) is not a valid date string." in said
    assert "The end date parameter (se) is not a valid date string." in said


def test_a_dry_run_sends_nothing(
    container: ContainerClient, make_disk: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make_disk()
    call = ["upload", str(path), "--container", container.container_name, "--dry-run"]
    assert run(call) == 0
    assert "would send at most 5 of 32 MiB" in capfd.readouterr().err
    assert list(container.list_blobs()) == []
    missing = container.container_name + "-missing"
    assert run(["upload", str(path), "--container", missing, "--dry-run"]) == 0
    assert not container._get_blob_service_client().get_container_client(missing).exists()


def test_a_sas_token_uploads_and_is_never_shown(
    container: ContainerClient,
    local: azurite.Store,
    make_disk: Make,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from datetime import UTC, datetime, timedelta

    from azure.storage.blob import generate_container_sas

    token = generate_container_sas(
        str(container.account_name),
        container.container_name,
        account_key=local.key,
        permission="rcwl",
        expiry=datetime.now(UTC) + timedelta(days=1),
    )
    path = make_disk()
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "?" + token)
    assert run(["upload", str(path), "--container", container.url]) == 0
    connection = f"BlobEndpoint={local.blob_endpoint};SharedAccessSignature={token}"
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection)
    assert run(["upload", str(path), "--container", container.container_name]) == 0
    assert run(["sas", "make", path.name, "--container", container.container_name]) == 2
    shown = capfd.readouterr()
    assert shown.out.split() == [f"{container.url}/{path.name}"] * 2
    assert "sig=" not in shown.out + shown.err
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", connection.replace("sp=rcwl", "sp=racwl"))
    assert run(["upload", str(path), "--container", container.container_name]) == 3
    assert "sig=" not in "".join(capfd.readouterr())


def test_the_running_store_of_this_machine_needs_no_credentials(
    container: ContainerClient,
    local: azurite.Store,
    make_disk: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING")
    monkeypatch.setattr(azurite, "status", lambda: local)
    monkeypatch.setattr(azurite, "_is_ours", lambda pid: True)  # its folder is not that of this test
    disk, path = make_disk("p-1.0.0-gen2-os.vhd"), tmp_path / "sas.json"
    place = ["--container", container.container_name]
    assert run(["upload", str(disk), *place]) == 0
    assert run(["sas", "make", disk.name, *place, "--quiet", "--out", str(path)]) == 0
    assert run(["sas", "make", "--renew", str(path), "--quiet"]) == 0
    monkeypatch.setattr(azurite, "status", lambda: None)
    assert run(["sas", "make", "--renew", str(path), "--quiet"]) == 2
    assert "vmoffer store start" in capfd.readouterr().err
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "elsewhere")
    assert credentials(Place("vhds", None)) is os.environ
