"""What definition, environment and machine show to be impossible is refused before the network and Packer."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tools import packer
from vmoffer import readiness
from vmoffer.cli import run

STORAGE = "storage: {account: images, resource_group: group}\n"
GUID = "00000000-0000-4000-8000-000000000000"
NAMES = ("ARM_SUBSCRIPTION_ID", "ARM_TENANT_ID", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET")
PRINCIPAL = dict.fromkeys(NAMES, GUID)


@pytest.fixture(autouse=True)
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_credentials: None) -> Path:
    """A plan for both builders without storage, where neither the network nor Packer must ever be asked."""
    monkeypatch.chdir(tmp_path)
    assert run(["new", "shop/basic", "--os", "debian-12"]) == 0

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it went on")

    monkeypatch.setattr(readiness, "check", never)
    monkeypatch.setattr(packer, "ensure", never)
    monkeypatch.setenv("VMOFFER_ALLOWED_INBOUND", "203.0.113.7")
    return tmp_path / "skus/shop/basic.yaml"


def _build(*options: str, expect: int, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    started = time.monotonic()
    assert run(["build", "shop/basic", *options]) == expect
    assert time.monotonic() - started < 1
    assert not Path("build").exists(), "nothing was begun"
    return capsys.readouterr().err


def test_a_plan_without_storage_is_refused_on_azure_arm(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in PRINCIPAL.items():
        monkeypatch.setenv(name, value)
    assert "names no storage account" in _build("--builder", "azure-arm", expect=2, capsys=capsys)


def test_an_account_without_its_group_is_refused(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(plan.read_text() + "storage: {account: images}\n")
    told = _build("--builder", "azure-arm", expect=1, capsys=capsys)
    assert "OFR-BUILD-003" in told and "an account without resource_group" in told


def test_missing_credentials_are_refused_with_the_ways_to_give_them(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.write_text(plan.read_text() + STORAGE)
    told = _build("--builder", "azure-arm", expect=2, capsys=capsys)
    assert "no credentials for Azure" in told
    assert "az login" in told and "ARM_CLIENT_SECRET" in told


def test_a_service_principal_without_a_subscription_is_refused(
    plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.write_text(plan.read_text() + STORAGE)
    for name in ("ARM_CLIENT_ID", "ARM_CLIENT_SECRET"):
        monkeypatch.setenv(name, "x")
    told = _build("--builder", "azure-arm", expect=2, capsys=capsys)
    assert "ARM_SUBSCRIPTION_ID is not set" in told


def test_a_cloud_that_is_not_known_is_refused(
    plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.write_text(plan.read_text() + STORAGE)
    for name, value in {**PRINCIPAL, "AZURE_CLOUD": "AzureMoon"}.items():
        monkeypatch.setenv(name, value)
    assert "AzureMoon" in _build("--builder", "azure-arm", expect=2, capsys=capsys)


@pytest.mark.parametrize("builder", ["qemu", "azure-arm"])
def test_publishing_to_an_account_without_what_signs_is_refused_and_building_is_not(
    plan: Path, builder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.write_text(plan.read_text() + STORAGE)
    for name, value in PRINCIPAL.items():
        monkeypatch.setenv(name, value)
    told = _build("--builder", builder, expect=2, capsys=capsys)
    assert "nothing could sign the SAS URIs" in told and "SAS-KIND-001" in told
    assert run(["--debug", "build", "shop/basic", "--builder", builder, "--no-publish"]) == 4
    assert "it went on" in capsys.readouterr().err


def test_a_connection_string_for_another_account_is_refused(
    plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.write_text(plan.read_text() + STORAGE)
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING",
        "DefaultEndpointsProtocol=https;AccountName=other;AccountKey=a2V5;EndpointSuffix=core.windows.net",
    )
    assert "is for the account other" in _build("--builder", "qemu", expect=2, capsys=capsys)


def test_a_tool_that_a_local_base_image_needs_is_missed_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tools import doctor

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    found = doctor.locate
    monkeypatch.setattr(doctor, "locate", lambda one: None if one.name == "mmdebstrap" else found(one))
    assert "mmdebstrap" in _build("--builder", "qemu", expect=3, capsys=capsys)


def test_a_machine_that_all_the_internet_could_reach_is_refused(
    plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.write_text(plan.read_text() + STORAGE)
    for name, value in PRINCIPAL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("VMOFFER_ALLOWED_INBOUND")
    told = _build("--builder", "azure-arm", expect=2, capsys=capsys)
    assert "no address is named that Packer connects from" in told and "VMOFFER_ALLOWED_INBOUND=" in told


def test_a_gallery_alone_needs_no_storage_account(
    plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.write_text(plan.read_text() + "gallery: {resource_group: rg, name: g, image: i, vhds: false}\n")
    for name, value in PRINCIPAL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("VMOFFER_ALLOWED_INBOUND")
    told = _build("--builder", "azure-arm", expect=2, capsys=capsys)
    assert "storage" not in told and "no address is named" in told, "the next thing that is missing"
