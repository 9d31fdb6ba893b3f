"""Downloads from the real store, and from one that misbehaves."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.errors import Surroundings, Unusable
from publisher import handout, store, upload
from publisher.download import download
from publisher.patience import Patience
from tests.publisher.front import Front, in_front_of
from tools import azurite
from validators.footer import MIB
from vmoffer.cli import run

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

Make = Callable[..., Path]


@pytest.fixture
def front(local: azurite.Store) -> Iterator[Front]:
    with in_front_of(local.port) as each:
        yield each


@pytest.fixture
def disk(container: ContainerClient, make_disk: Make) -> Path:
    path = make_disk(mib=160, writes=[(8 * MIB * n, os.urandom(MIB)) for n in range(20)])
    upload.upload(path, container, verify="sent")
    return path


def through(front: Front, env: dict[str, str], container: ContainerClient) -> ContainerClient:
    text = env["AZURE_STORAGE_CONNECTION_STRING"].replace(f":{front.upstream}/", f":{front.port}/")
    return store.connect(container.container_name, {"AZURE_STORAGE_CONNECTION_STRING": text})


def test_a_download_through_the_sas_is_the_file_and_sparse(
    container: ContainerClient,
    disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    import io

    [made] = handout.make(container, [disk.name])["disks"]
    out = tmp_path / "back.vhd"
    monkeypatch.setattr("sys.stdin", io.StringIO(made["uri"] + "\n"))
    assert run(["download", "-", str(out)]) == 0
    said = capfd.readouterr()
    assert said.out == f"{out}\n"
    assert "sig" not in said.err
    assert out.read_bytes() == disk.read_bytes()
    assert out.stat().st_blocks * 512 < 24 * MIB
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_without_a_sas_the_credentials_of_the_environment_are_used(
    container: ContainerClient,
    env: dict[str, str],
    disk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert run(["download", f"{container.url}/{disk.name}", str(tmp_path / "back.vhd")]) == 0
    assert (tmp_path / "back.vhd").read_bytes() == disk.read_bytes()


def test_a_download_that_breaks_off_leaves_no_file_and_continues(
    container: ContainerClient, env: dict[str, str], front: Front, disk: Path, tmp_path: Path
) -> None:
    blob, out = through(front, env, container).get_blob_client(disk.name), tmp_path / "back.vhd"
    front.plan = lambda method, target, count: "denied" if count > 18 else ""
    with pytest.raises(Surroundings, match="credentials"):
        download(blob, out, patience=Patience(most=1))
    assert not out.exists()
    front.plan = lambda method, target, count: ""
    done = download(blob, out)
    assert done.got < 5 * MIB
    assert out.read_bytes() == disk.read_bytes()


def test_trouble_on_the_way_is_waited_out(
    container: ContainerClient, env: dict[str, str], front: Front, disk: Path, tmp_path: Path
) -> None:
    blob, out = through(front, env, container).get_blob_client(disk.name), tmp_path / "back.vhd"
    kinds = ["busy", "cut", "flip", "error", "many"]
    front.plan = lambda method, target, count: (
        kinds[count % 5] if 4 < count < 20 and "comp" not in target else ""
    )
    download(blob, out, patience=Patience(first=0.01, longest=0.1, limit=20, most=4))
    assert all(front.faults(kind) for kind in kinds)
    assert out.read_bytes() == disk.read_bytes()


def test_a_blob_that_changes_meanwhile_is_noticed_and_the_parts_do_not_mix(
    container: ContainerClient, make_disk: Make, disk: Path, tmp_path: Path
) -> None:
    blob, out = container.get_blob_client(disk.name), tmp_path / "back.vhd"

    def begin(total: int) -> Callable[[int], None]:
        time.sleep(1.1)  # the proof is good for the second that it was written in
        blob.upload_page(b"x" * 512, 8 * MIB, 512)
        return lambda count: None

    with pytest.raises(Surroundings):
        download(blob, out, begin=begin)
    assert not out.exists()
    download(blob, out)
    assert out.read_bytes() == blob.download_blob().readall()


def test_a_block_blob_of_zeros_becomes_a_hole(container: ContainerClient, tmp_path: Path) -> None:
    container.upload_blob("zeros.vhd", bytes(20 * MIB))
    download(container.get_blob_client("zeros.vhd"), tmp_path / "zeros.vhd")
    assert (tmp_path / "zeros.vhd").stat().st_size == 20 * MIB
    assert (tmp_path / "zeros.vhd").stat().st_blocks == 0


def test_what_is_there_already_is_not_overwritten(
    container: ContainerClient, disk: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine.vhd"
    out.write_text("mine")
    with pytest.raises(Unusable, match="there already"):
        download(container.get_blob_client(disk.name), out)
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    "text", ["", "os.vhd", "https://a.blob.core.windows.net?sig=c2VjcmV0", "ftp://a/b/c"]
)
def test_what_is_no_uri_of_a_blob_is_refused(
    text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["download", text, str(tmp_path / "out.vhd")]) == 2
    shown = capfd.readouterr()
    assert "c2VjcmV0" not in shown.out + shown.err
