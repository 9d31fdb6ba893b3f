"""A version that is there already is never replaced unasked: nothing is deleted, and Packer is not started.

Fakes: Azure Resource Manager with its sign-in (fake_arm.py), and a Packer that keeps its arguments. The blobs
are in a real Azurite that takes tokens.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator import catalogue
from generator.digest import digest
from generator.model import Builder
from publisher import proof
from tests.vmoffer.azure.conftest import FakePacker, plan
from tests.vmoffer.azure.fake_arm import FakeArm
from vmoffer.azure.gallery import TAG
from vmoffer.cli import run

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient

BUILD = ["build", "shop/basic", "--builder", "azure-arm"]
OS_DISK = "basic-0.1.0-gen2-os.vhd"
GALLERY = {"resource_group": "group", "name": "market", "image": "shop-basic"}
IMAGE = "resourceGroups/group/providers/Microsoft.Compute/galleries/market/images/shop-basic"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _digest() -> str:
    return digest(catalogue.find("shop/basic"), Builder.AZURE_ARM)


def _blob(container: ContainerClient, **metadata: str) -> BlobClient:
    """A finished blob of the plan's OS disk."""
    if not container.exists():
        container.create_container()
    blob = container.get_blob_client(OS_DISK)
    blob.create_page_blob(512)
    if metadata:
        proof.record(blob.set_blob_metadata, metadata)
    return blob


def _version(arm: FakeArm, tags: dict[str, str], state: str = "Succeeded") -> str:
    """A version of the plan in its gallery."""
    path = f"{IMAGE}/versions/0.1.0"
    arm.put(IMAGE)
    arm.put(path, tags=tags, properties={"provisioningState": state})
    return path


def test_a_first_build_goes_to_packer_without_force_and_leaves_nothing_behind(
    arm: FakeArm, container: ContainerClient, packer: FakePacker, folder: Path
) -> None:
    plan(folder)
    assert run([*BUILD, "--out", "out"]) == 0
    assert packer.built
    assert "-force" not in packer.arguments
    assert f"-var=project={_digest()}" in packer.arguments, "the plugin tags the gallery version with it"
    assert arm.deleted == []
    assert list(container.list_blobs()) == [], "the container was made, and the probe is gone"


@pytest.mark.parametrize("made_by", ["another project", "nobody knows"])
def test_a_blob_of_another_project_is_refused_with_bump_and_replace(
    made_by: str,
    arm: FakeArm,
    container: ContainerClient,
    packer: FakePacker,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(folder)
    known = {proof.VALIDATED: "pass", proof.PROJECT: "0" * 64} if made_by == "another project" else {}
    before = _blob(container, **known).get_blob_properties()
    assert run(BUILD) == 2
    told = capsys.readouterr().err
    assert OS_DISK in told and "vmoffer bump" in told and "--replace" in told
    assert not packer.built and arm.deleted == []
    assert container.get_blob_client(OS_DISK).get_blob_properties().etag == before.etag


def test_a_gallery_version_of_another_project_is_refused_and_not_deleted(
    arm: FakeArm,
    container: ContainerClient,
    packer: FakePacker,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(folder, gallery=GALLERY)
    path = _version(arm, {TAG: "0" * 64})
    assert run(BUILD) == 2
    told = capsys.readouterr().err
    assert "market/shop-basic/0.1.0" in told and "vmoffer bump" in told
    assert not packer.built and arm.deleted == []
    assert path.lower() in arm.resources


def test_the_finished_result_of_the_same_project_is_said_and_is_status_0(
    arm: FakeArm,
    container: ContainerClient,
    packer: FakePacker,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(folder, gallery=GALLERY)
    _blob(container, **{proof.VALIDATED: "pass", proof.PROJECT: _digest()})
    _version(arm, {TAG: _digest()})
    assert run(BUILD) == 0
    assert "nothing to build" in capsys.readouterr().err
    assert not packer.built and arm.deleted == []


@pytest.mark.parametrize("fault", ["never validated", "changed since", "version failed", "no version"])
def test_an_unfinished_result_of_the_same_project_is_refused(
    fault: str, arm: FakeArm, container: ContainerClient, packer: FakePacker, folder: Path
) -> None:
    plan(folder, gallery=GALLERY)
    known = {proof.PROJECT: _digest()}
    if fault != "never validated":
        known[proof.VALIDATED] = "pass"
    blob = _blob(container, **known)
    if fault == "changed since":
        blob.set_blob_metadata({**blob.get_blob_properties().metadata, proof.PROVEN_AT: "1"})
    arm.put(IMAGE)
    if fault != "no version":
        _version(arm, {TAG: _digest()}, "Failed" if fault == "version failed" else "Succeeded")
    assert run(BUILD) == 2
    assert not packer.built and arm.deleted == []


def test_replace_says_what_goes_and_deletes_the_version_itself(
    arm: FakeArm,
    container: ContainerClient,
    packer: FakePacker,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(folder, gallery=GALLERY)
    _blob(container)
    path = _version(arm, {TAG: "0" * 64})
    assert run([*BUILD, "--replace", "--out", "out"]) == 0
    told = capsys.readouterr().err
    assert f"{OS_DISK} (of an unknown project, not finished or changed since) goes" in told
    assert "market/shop-basic/0.1.0 (of project 000000000000) goes" in told
    assert arm.deleted == [path]
    assert packer.built and "-force" not in packer.arguments


def test_a_gallery_without_the_image_definition_is_refused(
    arm: FakeArm,
    container: ContainerClient,
    packer: FakePacker,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(folder, gallery=GALLERY)
    assert run(BUILD) == 2
    assert "az sig image-definition create" in capsys.readouterr().err
    assert not packer.built


def test_a_local_build_into_the_users_account_is_refused_as_well(
    arm: FakeArm, container: ContainerClient, packer: FakePacker, folder: Path
) -> None:
    plan(folder)
    _blob(container)
    assert run(["build", "shop/basic", "--builder", "qemu"]) == 2
    assert not packer.built


def test_the_digest_is_of_the_project_and_not_of_its_place(folder: Path) -> None:
    path = plan(folder)
    first = _digest()
    assert digest(catalogue.find(str(path)), Builder.AZURE_ARM) == first
    (folder / "skus/shop/files/basic-install.sh").write_text("#!/bin/sh\necho another\n")
    assert _digest() != first
