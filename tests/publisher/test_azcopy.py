"""Microsoft's own azcopy reads what we write, and we accept what it writes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.errors import Surroundings
from publisher import handout, sascheck, upload
from publisher.download import download
from tools import azcopy
from validators.outcome import Status

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

Make = Callable[..., Path]
QUIET = ["--output-level", "quiet"]


@pytest.fixture
def copy(tmp_path: Path) -> Callable[..., None]:
    """Runs `azcopy copy` with the given arguments."""
    try:
        program = azcopy.installed(print)
    except Surroundings as error:
        pytest.skip(f"needs azcopy from npm: {error.what}")

    def run(*arguments: object) -> None:
        command = [program, "copy", *map(str, arguments), *QUIET]
        done = subprocess.run(
            command, env=azcopy.environment(tmp_path), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def test_azcopy_downloads_our_blob_through_our_sas_byte_for_byte(
    container: ContainerClient, make_disk: Make, tmp_path: Path, copy: Callable[..., None]
) -> None:
    path, back = make_disk(), tmp_path / "back.vhd"
    upload.upload(path, container)
    [made] = handout.make(container, [path.name])["disks"]
    copy(made["uri"], back, "--from-to", "BlobLocal")
    assert back.read_bytes() == path.read_bytes()


def test_a_blob_of_azcopy_is_accepted_and_is_the_same_disk(
    container: ContainerClient, make_disk: Make, tmp_path: Path, copy: Callable[..., None]
) -> None:
    from azure.storage.blob import generate_container_sas

    path, back = make_disk(), tmp_path / "back.vhd"
    token = generate_container_sas(
        str(container.account_name),
        container.container_name,
        account_key=container.credential.account_key,
        permission="racwl",
        expiry=datetime.now(UTC) + timedelta(days=1),
    )
    copy(path, f"{container.url}/{path.name}?{token}", "--from-to", "LocalBlob", "--blob-type", "PageBlob")
    [made] = handout.make(container, [path.name], unproven=True)["disks"]
    assert not [each for each in sascheck.check(made["uri"]) if each.status is Status.FAIL]
    download(container.get_blob_client(path.name), back)
    assert back.read_bytes() == path.read_bytes()
