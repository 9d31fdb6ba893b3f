"""Uploads into the page blob of a managed disk: here, a blob of the emulator behind a SAS for pages only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from azure.storage.blob import generate_blob_sas

from generator.errors import Surroundings, Unusable
from publisher import store
from publisher.download import open_blob
from publisher.manageddisk import upload_into
from publisher.patience import Patience
from tests.publisher.front import in_front_of
from tools import azurite
from validators.footer import MIB

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient

Make = Callable[..., Path]


def refuse(container: str, name: str) -> BlobClient:
    raise AssertionError("no other credentials than the SAS")


def disk_for(container: ContainerClient, size: int, permission: str = "rw") -> str:
    """A blob of `size` bytes, made beforehand as Azure does, and its SAS."""
    blob = container.get_blob_client("abcd")
    blob.create_page_blob(size)
    expiry = datetime.now(UTC) + timedelta(hours=1)
    key, name = store.account_key(container), container.container_name
    sas = generate_blob_sas(
        str(container.account_name), name, "abcd", account_key=key, permission=permission, expiry=expiry
    )
    return f"{blob.url}?{sas}"


def test_a_managed_disk_takes_pages_and_nothing_else(
    container: ContainerClient, local: azurite.Store, make_disk: Make
) -> None:
    path = make_disk()
    with in_front_of(local.port) as front:
        uri = disk_for(container, path.stat().st_size).replace(f":{front.upstream}/", f":{front.port}/")
        done = upload_into(path, open_blob(uri, refuse))
        asked = {
            target.partition("?")[2].partition("&")[0] for method, target, _ in front.seen if method == "PUT"
        }
        assert all("lease" not in target and "metadata" not in target for _, target, _ in front.seen)
    assert asked == {"comp=page"}
    assert done.sent == done.data
    assert container.download_blob("abcd").readall() == path.read_bytes()


def test_a_disk_that_was_made_for_another_size_is_refused_before_the_first_byte(
    container: ContainerClient, make_disk: Make
) -> None:
    path = make_disk()
    uri = disk_for(container, path.stat().st_size - 512)  # the footer forgotten, the usual mistake
    with pytest.raises(Unusable, match="made for") as raised:
        upload_into(path, open_blob(uri, refuse))
    assert str(path.stat().st_size) in str(raised.value.hint)
    assert "sig" not in str(raised.value) + str(raised.value.hint)


def test_a_second_run_continues_on_the_word_of_the_journal(
    container: ContainerClient, local: azurite.Store, make_disk: Make
) -> None:
    path = make_disk(mib=64, writes=[(8 * MIB * n, os.urandom(2 * MIB)) for n in range(8)])
    with in_front_of(local.port) as front:
        uri = disk_for(container, path.stat().st_size).replace(f":{front.upstream}/", f":{front.port}/")
        front.plan = lambda method, target, count: "denied" if front.body_bytes >= 8 * MIB else ""
        with pytest.raises(Surroundings, match="refused the credentials"):
            upload_into(path, open_blob(uri, refuse), patience=Patience(most=1))
        front.plan = lambda method, target, count: ""
        front.seen.clear()
        done = upload_into(path, open_blob(uri, refuse))
    assert done.sent <= 8 * MIB + 512
    assert container.download_blob("abcd").readall() == path.read_bytes()


def test_the_command_reads_the_sas_from_standard_input_and_shows_it_nowhere(
    container: ContainerClient, make_disk: Make
) -> None:
    path = make_disk()
    uri = disk_for(container, path.stat().st_size)
    command = [sys.executable, "-m", "vmoffer", "upload", str(path), "--managed-disk"]
    done = subprocess.run(command, input=uri + "\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "proven equal" in done.stderr
    assert "revoke-access" in done.stderr
    assert "sig=" not in done.stdout + done.stderr
    assert container.download_blob("abcd").readall() == path.read_bytes()
    bare = subprocess.run(command, input=uri.split("?")[0], capture_output=True, text=True, timeout=60)
    assert bare.returncode == 2
    assert "no SAS" in bare.stderr
    both = subprocess.run(
        [*command, "--container", "x"], input=uri, capture_output=True, text=True, timeout=60
    )
    assert both.returncode == 2


def test_a_small_disk_has_few_pieces_on_their_way(container: ContainerClient, make_disk: Make) -> None:
    path, patience = make_disk(mib=64, writes=[(8 * MIB * n, os.urandom(MIB)) for n in range(8)]), Patience()
    upload_into(path, open_blob(disk_for(container, path.stat().st_size), refuse), patience=patience)
    assert patience.most == 2
