"""What a builder in Azure captured is validated where it lies, in `packer build`, before a SAS is handed out.

Fake: Packer's null builder stands for azure-arm, and a plain page blob for what azure-arm captured. The
post-processors, Packer, the store and the disk are real.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.errors import Surroundings
from publisher import store
from tests.validators.images import debian, need, write_disk
from tools import azurite
from tools.packer import Packer, ensure
from validators.footer import make_footer
from vmoffer.cli import run

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient

pytestmark = pytest.mark.packer
OS_DISK = "basic-0.1.0-gen2-os.vhd"
CHUNK = 4 << 20  # bytes that a page blob takes at once
# Of a small disk made for tests: what this test is not about.
WAIVED = ("DSK-SIZE-002", "DSK-SIZE-003")


@pytest.fixture(scope="module")
def packer() -> Packer:
    try:
        return ensure([], lambda text: None)
    except Surroundings as missing:
        pytest.skip(f"packer: {missing.what}")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azurite.Store]:
    """A store of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        try:
            yield azurite.ensure_running(print)
        except Surroundings as error:
            pytest.skip(f"needs Azurite through node and npm: {error.what}")
        finally:
            azurite.stop()


@pytest.fixture
def container(local: azurite.Store) -> ContainerClient:
    env = {"AZURE_STORAGE_CONNECTION_STRING": local.connection_string}
    return store.connect(f"test-{uuid.uuid4().hex[:12]}", env)


def _capture(container: ContainerClient, disk: Path) -> BlobClient:
    """The page blob that the plugin's copy leaves: the disk's bytes, and no metadata."""
    blob, data = container.get_blob_client(OS_DISK), disk.read_bytes()
    blob.create_page_blob(len(data))
    for at in range(0, len(data), CHUNK):
        if any(piece := data[at : at + CHUNK]):
            blob.upload_page(piece, at, len(piece))
    return blob


def _os_disk(folder: Path, *, swap: bool) -> Path:
    """A fixed VHD of a small Debian that meets the rules, but for a swap partition if asked for."""
    raw = write_disk(folder / "os.raw", debian(), size_mib=128, swap=swap)
    size = raw.stat().st_size
    with raw.open("ab") as file:
        file.write(make_footer(size).pack())
    return raw


def _project(folder: Path, container: str) -> Path:
    """The generated project, with what needs a guest taken out and the null builder put in."""
    assert run(["new", "shop/basic", "--os", "debian-12"]) == 0
    plan = folder / "skus/shop/basic.yaml"
    waived = "".join(f"  - {{rule: {rule}, why: a small disk for tests}}\n" for rule in WAIVED)
    storage = f"storage: {{account: {azurite.ACCOUNT}, resource_group: group, container: {container}}}\n"
    plan.write_text(f"{plan.read_text()}{storage}waive:\n{waived}")
    assert run(["generate", "shop/basic", "--builder", "azure-arm"]) == 0
    project = folder / "build/shop/basic/0.1.0/packer/azure-arm"
    build = (project / "build.pkr.hcl").read_text()
    build = re.sub(r"^  (error-cleanup-)?provisioner .*?^  }\n", "", build, flags=re.MULTILINE | re.DOTALL)
    (project / "build.pkr.hcl").write_text(build.replace("source.azure-arm.", "source.null.").replace(
        '"azure-arm.gen2"', '"null.gen2"'))  # fmt: skip
    (project / "source.pkr.hcl").write_text('source "null" "gen2" {\n  communicator = "none"\n}\n')
    (project / "plugins.pkr.hcl").unlink()
    return project


def _build(
    packer: Packer, local: azurite.Store, project: Path, folder: Path
) -> subprocess.CompletedProcess[str]:
    env = {
        **os.environ,
        **packer.env,
        "AZURE_STORAGE_CONNECTION_STRING": local.connection_string,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "VMOFFER_PROJECT": "d1" * 32,
        "VMOFFER_ALLOWED_INBOUND": "203.0.113.7",  # the project asks for it, though no machine is made here
    }
    command = [packer.path, "build", "-color=false", project]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("met", [True, False], ids=["met", "not met"])
def test_sas_json_is_written_only_for_a_captured_blob_that_meets_the_rules(
    met: bool,
    packer: Packer,
    local: azurite.Store,
    container: ContainerClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need("mke2fs", "sfdisk")
    monkeypatch.chdir(tmp_path)
    blob = _capture(container, _os_disk(tmp_path, swap=not met))
    project = _project(tmp_path, str(container.container_name))
    done = _build(packer, local, project, tmp_path)
    out = tmp_path / "build/shop/basic/0.1.0"
    report = json.loads((out / "report.json").read_text())
    assert (done.returncode == 0) == met, done.stdout
    assert (report["verdict"] == "fail") == (not met), report
    assert (out / "sas.json").exists() == met
    metadata = blob.get_blob_properties().metadata
    assert ("vmoffer_validated" in metadata) == met
    assert metadata.get("vmoffer_project") == ("d1" * 32 if met else None)
    assert "sig=" not in done.stdout + done.stderr


def test_a_blob_that_was_changed_after_it_was_validated_gets_no_sas(
    packer: Packer,
    local: azurite.Store,
    container: ContainerClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    need("mke2fs", "sfdisk")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", local.connection_string)
    blob = _capture(container, _os_disk(tmp_path, swap=False))
    _project(tmp_path, str(container.container_name))
    names = ["--sku", "shop/basic", "--container", str(container.container_name)]
    assert run(["sas", "make", OS_DISK, *names]) == 1, "not validated yet"
    assert run(["validate", "--blob", OS_DISK, "--record", *names]) == 0
    assert run(["sas", "make", OS_DISK, *names]) == 0
    metadata = blob.get_blob_properties().metadata
    blob.upload_page(b"x" * 512, 0, 512)
    blob.set_blob_metadata({**metadata, "vmoffer_proven_at": "1"})
    assert run(["sas", "make", OS_DISK, *names]) == 1
    assert "was changed after it was proven" in capsys.readouterr().err
