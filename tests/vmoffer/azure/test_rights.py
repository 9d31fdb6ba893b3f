"""What the build may not do is said in seconds, before Packer, with the role and the command.

Fakes: Azure Resource Manager with its sign-in (fake_arm.py), and a Packer that keeps its arguments. The store
is a real Azurite that takes tokens and refuses those of another issuer; it knows no roles.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.vmoffer.azure.conftest import ACCOUNT_PATH, Blobs, FakePacker, plan
from tests.vmoffer.azure.fake_arm import CLIENT, SECRET, SUBSCRIPTION, FakeArm
from vmoffer.azure import rights
from vmoffer.cli import run

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

SCOPE = f"/subscriptions/{SUBSCRIPTION}/{ACCOUNT_PATH}"
PAGE = Path(__file__).parents[3] / "docs/how-to/rights.md"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    plan(tmp_path)
    return tmp_path


def _refused(packer: FakePacker, capsys: pytest.CaptureFixture[str], status: int = 3, *options: str) -> str:
    capsys.readouterr()
    started = time.monotonic()
    assert run(["build", "shop/basic", "--builder", "azure-arm", *options]) == status
    assert time.monotonic() - started < 10
    assert not packer.built
    told = capsys.readouterr().err
    assert SECRET not in told
    return told


def test_a_wrong_secret_is_said_with_what_entra_id_says(
    arm: FakeArm, packer: FakePacker, capsys: pytest.CaptureFixture[str]
) -> None:
    arm.secret = "another"
    told = _refused(packer, capsys)
    assert "does not let a service principal with its secret in" in told and "AADSTS7000215" in told


def test_an_account_that_may_not_be_read_leads_to_the_page_of_rights(
    arm: FakeArm, packer: FakePacker, capsys: pytest.CaptureFixture[str]
) -> None:
    arm.refused.append(ACCOUNT_PATH)
    told = _refused(packer, capsys)
    assert "403 AuthorizationFailed" in told and "docs/how-to/rights.md" in told


def test_an_account_that_is_not_there_is_refused(
    arm: FakeArm, packer: FakePacker, capsys: pytest.CaptureFixture[str]
) -> None:
    arm.resources.clear()
    assert "no such storage account" in _refused(packer, capsys, 2)


def test_a_token_that_may_not_write_is_said_with_the_data_role_and_its_command(
    arm: FakeArm, container: ContainerClient, packer: FakePacker, capsys: pytest.CaptureFixture[str]
) -> None:
    arm.issuer = "https://another.example/"
    told = _refused(packer, capsys)
    assert "not allowed to look for the container" in told
    role = 'az role assignment create --assignee {} --role "Storage Blob Data Contributor" --scope {}'
    assert role.format(CLIENT, SCOPE) in " ".join(told.split())


def test_a_key_that_does_not_sign_is_found_before_the_build_and_leaves_no_blob(
    arm: FakeArm,
    blobs: Blobs,
    container: ContainerClient,
    packer: FakePacker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = Blobs(blobs.endpoint, "d3Jvbmc=")
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", wrong.connection_string)
    told = _refused(packer, capsys)
    assert "not allowed to read a blob through a SAS" in told and "AZURE_STORAGE_KEY" in told
    assert list(container.list_blobs()) == []


def test_the_page_of_rights_has_every_right_with_its_role() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for right in rights.table().values():
        assert f"| {right['what']} | *{right['role']}* |" in page


def test_the_page_of_rights_says_it_for_every_way_to_sign_in() -> None:
    from vmoffer.azure import sign_in

    page = PAGE.read_text(encoding="utf-8")
    for id in sign_in._ways():
        assert f"`{id}`" in page
