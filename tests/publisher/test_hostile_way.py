"""Servers, proxies and files that lie: nothing wrong gets its name, and no signature goes out in clear."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.errors import Surroundings, Unusable
from publisher import handout, proof, store, upload
from publisher.download import download
from publisher.patience import Patience
from tests.publisher.front import Front, in_front_of
from tests.publisher.test_tls import certificate
from tools import azurite
from validators.footer import MIB
from vmoffer.cli import run

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

Make = Callable[..., Path]
SIGNATURE = "c2VjcmV0LXNpZ25hdHVyZS1vZi0zMi1ieXRlcyEhISE%3D"
SAS = f"sv=2024-11-04&sr=c&sp=rl&spr=https&st=2026-01-01T00:00:00Z&se=2031-01-01T00:00:00Z&sig={SIGNATURE}"
ELSEWHERE = "127.0.0.2"  # loopback, and yet not the address of the store of this machine


@pytest.fixture
def front(local: azurite.Store) -> Iterator[Front]:
    with in_front_of(local.port) as each:
        yield each


@pytest.fixture
def disk(container: ContainerClient, make_disk: Make) -> Path:
    path = make_disk(mib=160, writes=[(8 * MIB * n, os.urandom(MIB)) for n in range(20)])
    upload.upload(path, container, verify="sent")
    return path


def through(front: Front, env: dict[str, str], name: str, address: str = "127.0.0.1") -> ContainerClient:
    text = env["AZURE_STORAGE_CONNECTION_STRING"]
    text = text.replace(f"http://127.0.0.1:{front.upstream}/", f"http://{address}:{front.port}/")
    return store.connect(name, {"AZURE_STORAGE_CONNECTION_STRING": text})


# --- 2: a journal is not believed without its data ------------------------------------------------------


def _killed(front: Front, container: ContainerClient, disk: Path, out: Path, env: dict[str, str]) -> None:
    """A download in a process of its own, killed in the middle."""
    [made] = handout.make(container, [disk.name])["disks"]
    uri = made["uri"].replace(f":{front.upstream}/", f":{front.port}/")
    front.plan = lambda method, target, count: "drip" if count > 22 else ""
    child = subprocess.Popen(
        [sys.executable, "-m", "vmoffer", "download", "-", out, "--parallel", "1"],
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **env},
    )  # fmt: skip
    assert child.stdin
    child.stdin.write(uri.encode() + b"\n")
    child.stdin.close()
    journal, deadline = out.with_name(f".{out.name}.journal"), time.monotonic() + 60
    while not journal.exists() or len(journal.read_text().splitlines()) < 17:
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    front.plan = lambda method, target, count: ""


def _deleted(part: Path) -> None:
    part.unlink()


def _replaced(part: Path) -> None:
    size = part.stat().st_size
    part.unlink()
    with part.open("wb") as file:
        file.truncate(size)


def _edited(part: Path) -> None:
    with part.open("r+b") as file:
        file.seek(8 * MIB)
        file.write(b"edited")


@pytest.mark.parametrize("spoil", [_deleted, _replaced, _edited])
def test_what_is_gone_from_an_unfinished_file_is_fetched_again(
    spoil: Callable[[Path], None],
    container: ContainerClient,
    env: dict[str, str],
    front: Front,
    disk: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "back.vhd"
    _killed(front, container, disk, out, env)
    spoil(tmp_path / ".back.vhd.part")
    done = download(through(front, env, container.container_name).get_blob_client(disk.name), out)
    assert out.read_bytes() == disk.read_bytes()
    assert (done.got > 19 * MIB) == (spoil is not _edited)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".back")] == []


def test_what_a_killed_download_left_is_used(
    container: ContainerClient, env: dict[str, str], front: Front, disk: Path, tmp_path: Path
) -> None:
    out = tmp_path / "back.vhd"
    _killed(front, container, disk, out, env)
    blob = through(front, env, container.container_name).get_blob_client(disk.name)
    assert download(blob, out).got <= 5 * MIB
    assert out.read_bytes() == disk.read_bytes()


def test_a_file_that_somebody_else_writes_to_gets_no_name(
    container: ContainerClient, disk: Path, tmp_path: Path
) -> None:
    out = tmp_path / "back.vhd"

    def begin(total: int) -> Callable[[int], None]:
        def advance(count: int) -> None:
            with (tmp_path / ".back.vhd.part").open("r+b") as file:
                file.write(b"x" * 600)

        return advance

    container.get_blob_client(disk.name).set_blob_metadata({})  # it has no digest of its own
    with pytest.raises(Surroundings, match="somebody else wrote"):
        download(container.get_blob_client(disk.name), out, begin=begin)
    assert not out.exists()


# --- 14: planted links -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".back.vhd.part", ".back.vhd.journal"])
def test_a_planted_link_is_not_written_through(
    name: str, container: ContainerClient, disk: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / name).symlink_to(victim)
    with pytest.raises(Unusable, match="symbolic link"):
        download(container.get_blob_client(disk.name), tmp_path / "back.vhd")
    assert victim.read_text() == "mine"
    assert not (tmp_path / "back.vhd").exists()


# --- 23: bytes that nothing vouches for ------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["bare", "forge"])
def test_bytes_without_a_checksum_are_taken_only_if_the_digest_of_the_upload_vouches(
    fault: str,
    container: ContainerClient,
    env: dict[str, str],
    front: Front,
    disk: Path,
    tmp_path: Path,
) -> None:
    blob, out = through(front, env, container.container_name).get_blob_client(disk.name), tmp_path / "a.vhd"
    front.plan = lambda method, target, count: fault if method == "GET" and "comp=" not in target else ""
    if fault == "forge":
        with pytest.raises(Surroundings, match="not what was uploaded"):
            download(blob, out)
        assert not out.exists()
    else:
        download(blob, out)
        assert out.read_bytes() == disk.read_bytes()
    # Without a digest in the blob there is nothing left that could vouch.
    container.get_blob_client(disk.name).set_blob_metadata({})
    with pytest.raises(Surroundings, match="without a checksum"):
        download(blob, tmp_path / "b.vhd")
    assert not (tmp_path / "b.vhd").exists()


# --- 12: full reads everything, always -------------------------------------------------------------------


def test_full_verification_reads_a_blob_that_is_said_to_be_proven(
    local: azurite.Store, container: ContainerClient, env: dict[str, str], make_disk: Make
) -> None:
    path = make_disk()
    with in_front_of(local.port, ELSEWHERE) as front:
        target = through(front, env, container.container_name, ELSEWHERE)
        front.plan = lambda method, url, count: "lie" if method == "PUT" and "comp=page" in url else ""
        upload.upload(path, target, patience=Patience(first=0.01))  # believes what it is told
        front.plan = lambda method, url, count: ""
        before = len(front.seen)
        with pytest.raises(Surroundings, match="does not hold what the file holds"):
            upload.upload(path, target, verify="full")
        reads = [url for method, url, _ in front.seen[before:] if method == "GET" and "comp=" not in url]
        assert reads
        upload.upload(path, target, verify="full", overwrite=True)
    assert container.download_blob(path.name).readall() == path.read_bytes()


def test_full_verification_looks_for_data_where_the_file_has_zeros(
    local: azurite.Store, container: ContainerClient, env: dict[str, str], make_disk: Make
) -> None:
    path = make_disk()
    upload.upload(path, container)
    blob = container.get_blob_client(path.name)
    blob.upload_page(b"x" * 512, 20 * MIB, 512)
    known = {proof.PROVEN: blob.get_blob_properties().metadata[proof.PROVEN]}
    proof.record(blob.set_blob_metadata, known)
    with in_front_of(local.port, ELSEWHERE) as front:
        target = through(front, env, container.container_name, ELSEWHERE)
        with pytest.raises(Surroundings, match="does not hold what the file holds"):
            upload.upload(path, target, verify="full")
    upload.upload(path, container, verify="full")  # a store of this machine may be repaired
    assert blob.download_blob().readall() == path.read_bytes()


# --- 22: a source that changes, its time set back --------------------------------------------------------


def _edit_and_set_back(path: Path) -> None:
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(MIB)
        file.write(b"changed meanwhile")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace(path: Path) -> None:
    other, before = path.with_name("other"), path.stat()
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [_edit_and_set_back, _replace, Path.unlink])
def test_a_source_that_changes_is_noticed_whatever_its_time_says(
    change: Callable[[Path], None], container: ContainerClient, make_disk: Make
) -> None:
    path, done = make_disk(), []

    def advance(count: int) -> None:
        if not done:
            done.append(True)
            change(path)

    with pytest.raises(Surroundings, match="changed while it was uploaded"):
        upload.upload(path, container, advance=advance)
    assert proof.PROVEN not in container.get_blob_client(path.name).get_blob_properties().metadata


# --- 13: roles -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        (["os.vhd", "data-0.vhd"], {"os.vhd": None, "data-0.vhd": 0}),
        (["os=a.vhd", "0=b.vhd"], {"a.vhd": None, "b.vhd": 0}),
        (["w-data-1.vhd", "w.vhd", "w-data0.vhd"], {"w.vhd": None, "w-data-1.vhd": 1, "w-data0.vhd": 0}),
        (["os=web-data-0.vhd"], {"web-data-0.vhd": None}),
    ],
)  # fmt: skip
def test_each_disk_has_the_role_that_was_asked_for_or_that_its_name_says(
    given: list[str], roles: dict[str, int | None], container: ContainerClient, make_disk: Make
) -> None:
    for blob in roles:
        upload.upload(make_disk(blob, mib=2, writes=[(MIB, b"x" * 600)]), container)
    document = handout.make(container, given)
    assert {disk["blob"]: disk["lun"] for disk in document["disks"]} == roles
    assert [disk["role"] for disk in document["disks"]].count("os") == 1


@pytest.mark.parametrize("blobs", [["os.vhd", "web.vhd"], ["0=a.vhd", "0=b.vhd"], ["os=a.vhd", "b.vhd"]])
def test_two_disks_of_one_role_are_refused_before_anything_is_signed(
    blobs: list[str], container: ContainerClient
) -> None:
    with pytest.raises(Unusable, match="would both be"):
        handout.make(container, blobs)


# --- 9 and 11: no signature in clear, in a request or in a message ---------------------------------------


@pytest.fixture
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """An address of this machine that is no loopback, and the first bytes that came to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    came: list[bytes] = []
    with socket.create_server((address, 0)) as server:
        server.settimeout(0.2)
        yield f"{address}:{server.getsockname()[1]}", came
        try:
            while True:
                connection, _ = server.accept()
                came.append(connection.recv(4096))
        except TimeoutError:
            pass
    assert came == []


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["validate", "-"], 2),
        (["download", "-", "out.vhd"], 2),
        (["disk", "info", "-"], 2),
        (["sas", "check", "-"], 1),
        (["upload", "disk-data-0.vhd", "--managed-disk"], 2),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_sas_does_not_travel_over_plain_http(
    command: list[str],
    status: int,
    listener: tuple[str, list[bytes]],
    make_disk: Make,
    tmp_path: Path,
) -> None:
    make_disk(mib=2, writes=[])
    uri = f"http://{listener[0]}/vhds/os.vhd?{SAS}"
    shell = [
        sys.executable,
        "-m",
        "vmoffer",
        *[uri if each == "-" and command[0] == "disk" else each for each in command],
    ]
    done = subprocess.run(shell, input=uri + "\n", capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == status, done.stderr
    assert "SAS-PROTO-001" in done.stdout + done.stderr
    assert "c2VjcmV0" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "env",
    [
        {"AZURE_STORAGE_SAS_TOKEN": SAS},
        {"AZURE_STORAGE_ACCOUNT": "contoso", "AZURE_STORAGE_KEY": "a2V5"},
        {"AZURE_STORAGE_CONNECTION_STRING": f"BlobEndpoint=http://HOST/;SharedAccessSignature={SAS}"},
        {"AZURE_STORAGE_CONNECTION_STRING": "DefaultEndpointsProtocol=http;AccountName=contoso;AccountKey=a2V5;BlobEndpoint=http://HOST/contoso"},
    ],
    ids=["sas", "key", "connection-sas", "connection-key"],
)  # fmt: skip
def test_no_credentials_of_the_environment_travel_over_plain_http(
    env: dict[str, str], listener: tuple[str, list[bytes]]
) -> None:
    env = {name: value.replace("HOST", listener[0]) for name, value in env.items()}
    target = "vhds" if "AZURE_STORAGE_CONNECTION_STRING" in env else f"http://{listener[0]}/vhds"
    with pytest.raises(Unusable, match="plain http"):
        store.connect(target, env)


@pytest.mark.parametrize("command", [["validate"], ["download", "OUT"], ["sas", "check"], ["disk", "info"]])
@pytest.mark.parametrize(
    "uri",
    [
        f"https://contoso.invalid/vhds/os.vhd%3F{SAS}",
        f"htps://contoso.blob.core.windows.net/vhds/os.vhd?{SAS}",
        f"https//contoso.blob.core.windows.net/vhds/os.vhd?{SAS}",
        "https://user:c2VjcmV0LXBhc3N3b3Jk@contoso.invalid/vhds/os.vhd",
        f"https:/contoso.invalid/os.vhd?{SAS}",
        f"https://contoso.invalid:99999/os.vhd?{SAS}",
    ],
)
def test_an_ugly_uri_is_refused_without_showing_its_secret(
    uri: str, command: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    line = [*command[:1], uri, str(tmp_path / "o.vhd")] if "OUT" in command else [*command, uri]
    assert run(line) in (1, 2, 3)
    shown = capfd.readouterr()
    assert "c2VjcmV0" not in shown.out + shown.err


# --- 24: what another try cannot change ------------------------------------------------------------------


@pytest.fixture
def untrusted(local: azurite.Store, tmp_path: Path) -> Iterator[str]:
    """A server whose certificate nobody vouches for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path / "own.pem"))
    with in_front_of(local.port, ELSEWHERE, context) as front:
        yield f"https://{ELSEWHERE}:{front.port}"


@pytest.mark.parametrize("command", ["validate", "download", "check", "connect"])
@pytest.mark.parametrize("where", ["certificate", "name"])
def test_a_permanent_error_ends_at_once(
    command: str,
    where: str,
    untrusted: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    base = untrusted if where == "certificate" else "https://no-such-account.invalid"
    uri = f"{base}/devstoreaccount1/vhds/os.vhd?{SAS}"
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", SAS)
    line = {
        "validate": ["validate", uri],
        "download": ["download", uri, str(tmp_path / "out.vhd")],
        "check": ["sas", "check", uri],
        "connect": ["sas", "make", "os.vhd", "--container", f"{base}/vhds"],
    }[command]
    began = time.monotonic()
    assert run(line) == 3
    assert time.monotonic() - began < 20  # retries would take a minute and more
    shown = capfd.readouterr().err + capfd.readouterr().out
    assert ("certificate" if where == "certificate" else "no host of that name") in shown


# --- 25: lists without end -------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [4_000_000])
def test_a_list_of_pages_without_end_takes_no_memory(
    count: int,
    container: ContainerClient,
    env: dict[str, str],
    front: Front,
    disk: Path,
    tmp_path: Path,
) -> None:
    front.listing = count
    front.plan = lambda method, target, number: "pages" if "comp=pagelist" in target else ""
    blob = through(front, env, container.container_name).get_blob_client(disk.name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Surroundings, match="an answer of more than 16 MiB"):
        download(blob, tmp_path / "out.vhd", patience=Patience(limit=1))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10  # KiB
    assert not (tmp_path / "out.vhd").exists()


def test_a_list_of_pages_that_no_blob_has_is_refused() -> None:
    from types import SimpleNamespace

    from publisher import pages

    def listing(*ranges: tuple[int, int]) -> list[SimpleNamespace]:
        return [SimpleNamespace(start=start, end=end, cleared=False) for start, end in ranges]

    assert len(list(pages._plausible(listing((0, 511), (512, 1023)), "b"))) == 2
    for ranges in [((512, 1023), (0, 511)), ((0, 1023), (512, 2047)), ((1024, 512),), ((-512, 511),)]:
        with pytest.raises(Surroundings, match="not in order"):
            list(pages._plausible(listing(*ranges), "b"))
    many = (SimpleNamespace(start=n * 1024, end=n * 1024 + 511, cleared=False) for n in range(pages.MOST + 1))
    with pytest.raises(Surroundings, match="more than"):
        for _ in pages._plausible(many, "b"):
            pass


def test_the_document_of_a_renewal_keeps_the_roles(
    container: ContainerClient, make_disk: Make, tmp_path: Path
) -> None:
    for name in ("web-data-0.vhd", "x.vhd"):
        upload.upload(make_disk(name, mib=2, writes=[(MIB, b"x" * 600)]), container)
    document = handout.make(container, ["os=web-data-0.vhd", "0=x.vhd"])
    handout.write(document, tmp_path / "sas.json")
    again = handout.make(container, handout.renewal(tmp_path / "sas.json")[0])
    assert [(d["role"], d["lun"], d["blob"]) for d in again["disks"]] == [
        (d["role"], d["lun"], d["blob"]) for d in json.loads((tmp_path / "sas.json").read_text())["disks"]
    ]
