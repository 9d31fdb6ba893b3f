"""A user of Azure: a fake of Resource Manager and its sign-in, a real Azurite with tokens, a fake Packer."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import ssl
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ruamel.yaml import YAML

from generator.errors import Surroundings
from publisher import store
from tests.publisher.test_tls import ADDRESS, certificate
from tests.vmoffer.azure.fake_arm import FakeArm, running
from tools import azurite

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

ACCOUNT, GROUP, CONTAINER = "images", "group", "vhds"
ACCOUNT_PATH = f"resourceGroups/{GROUP}/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
FAKE_PACKER = """#!/bin/sh
# A fake: keeps what it was told, and builds nothing.
[ "$1" = version ] && { echo "Packer v1.16.0"; exit 0; }
for argument; do printf '%s\\n' "$argument"; done >>"$FAKE_PACKER_LOG"
case " $* " in *" build "*) ;; *) exit 0 ;; esac
number=$(grep -cx build "$FAKE_PACKER_LOG")
[ ! -e "$FAKE_PACKER_LOG.$number" ] || { cat "$FAKE_PACKER_LOG.$number"; exit 1; }
"""


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("ca") / "ca.pem")


@dataclass(frozen=True)
class Blobs:
    """A real Azurite behind TLS that takes tokens, under an address that is not this machine's own."""

    endpoint: str
    key: str

    @property
    def connection_string(self) -> str:
        return (
            f"DefaultEndpointsProtocol=https;AccountName={ACCOUNT};AccountKey={self.key};"
            f"BlobEndpoint={self.endpoint};"
        )


@pytest.fixture(scope="session")
def blobs(pem: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blobs]:
    try:
        binary = azurite.installed(print)
    except Surroundings as missing:
        pytest.skip(f"needs Azurite through node and npm: {missing.what}")
    with socket.socket() as free:
        free.bind((ADDRESS, 0))
        port = free.getsockname()[1]
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    options = ["--oauth", "basic", "--cert", pem, "--key", pem, "--silent", "--skipApiVersionCheck"]
    process = subprocess.Popen(
        [binary, "--blobHost", ADDRESS, "--blobPort", str(port), *options, "--disableTelemetry"],
        cwd=tmp_path_factory.mktemp("blobs"),
        env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"},
    )
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex((ADDRESS, port)) == 0:
                break
        time.sleep(0.1)
    yield Blobs(f"https://{ADDRESS}:{port}/{ACCOUNT}", key)
    process.terminate()
    process.wait()


@pytest.fixture
def arm(
    pem: Path, blobs: Blobs, tmp_path: Path, no_credentials: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeArm]:
    """The cloud with the account in it; the environment is a service principal's, with the account's key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with running(ADDRESS, context) as fake:
        fake.put(ACCOUNT_PATH, properties={"primaryEndpoints": {"blob": f"{blobs.endpoint}/"}})
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", blobs.connection_string)
        for name, value in fake.environment().items():
            monkeypatch.setenv(name, value)
        yield fake


@pytest.fixture
def container(arm: FakeArm, blobs: Blobs) -> Iterator[ContainerClient]:
    """The container of the plan, which is removed afterwards; it may not be there yet."""
    env = {"AZURE_STORAGE_CONNECTION_STRING": blobs.connection_string}
    client = store.connect(CONTAINER, env, create=False)
    yield client
    if client.exists():
        client.delete_container()


@dataclass(frozen=True)
class FakePacker:
    """Stands on PATH for Packer."""

    log: Path

    @property
    def arguments(self) -> list[str]:
        """All arguments of all calls; empty if it was never called to do something."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def fails(self, number: int, **errors: str) -> None:
        """The build of that number ends with an error per source, in the records of Packer 1.16."""
        records = [f"1795642109,azure-arm.{source},error,{text}\n" for source, text in errors.items()]
        records.append(f"1795642109,error-count,{len(errors)}\n")
        self.log.with_name(f"{self.log.name}.{number}").write_text("".join(records))

    def given(self, name: str) -> list[str]:
        """The values of a variable, one per build."""
        start = f"-var={name}="
        return [one.removeprefix(start) for one in self.arguments if one.startswith(start)]

    @property
    def built(self) -> bool:
        return "build" in self.arguments


@pytest.fixture
def packer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePacker:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "packer").write_text(FAKE_PACKER)
    (folder / "packer").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_PACKER_LOG", str(tmp_path / "packer-calls"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return FakePacker(tmp_path / "packer-calls")


def plan(folder: Path, **more: object) -> Path:
    """A definition with storage in the account, and `more` of it."""
    from vmoffer.cli import run

    assert run(["new", "shop/basic", "--os", "debian-12"]) == 0
    path = folder / "skus/shop/basic.yaml"
    data = YAML(typ="safe").load(path)
    data["storage"] = {"account": ACCOUNT, "resource_group": GROUP, "container": CONTAINER}
    path.write_text(json.dumps({**data, **more}, indent=2))  # JSON is YAML
    return path
