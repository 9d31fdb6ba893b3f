"""A real local store (Azurite) of the tests' own, and disks to put into it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from generator.errors import Surroundings
from publisher import store
from tools import azurite
from validators.footer import MIB, make_footer

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

Write = tuple[int, bytes]  # where, what


@pytest.fixture(scope="package")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[azurite.Store]:
    """A store whose state is in a folder of the test run; the user's own is left alone."""
    folder = tmp_path_factory.mktemp("state")

    def there() -> pytest.MonkeyPatch:
        patch = pytest.MonkeyPatch()
        patch.setenv("XDG_STATE_HOME", str(folder))
        return patch

    patch = there()
    try:
        running = azurite.ensure_running(print)
    except Surroundings as error:
        pytest.skip(f"needs Azurite through node and npm: {error.what}")
    finally:
        patch.undo()
    yield running
    patch = there()
    azurite.stop()
    patch.undo()


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals of uploads, and the stores of commands, go into a folder of the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def env(local: azurite.Store) -> dict[str, str]:
    """What a user exports to reach the store."""
    return {"AZURE_STORAGE_CONNECTION_STRING": local.connection_string}


@pytest.fixture
def container(env: dict[str, str]) -> ContainerClient:
    """An empty container."""
    return store.connect(f"test-{uuid.uuid4().hex[:12]}", env)


@pytest.fixture
def make_disk(tmp_path: Path) -> Callable[..., Path]:
    """Writes a sparse fixed VHD of `mib` MiB that holds `writes` and zeros."""

    def make(name: str = "disk-data-0.vhd", mib: int = 32, writes: list[Write] | None = None) -> Path:
        path = tmp_path / name
        content = [(MIB, os.urandom(300_000)), (9 * MIB + 512, os.urandom(5 * MIB))]
        with path.open("wb") as file:
            file.truncate(mib * MIB)
            for at, data in content if writes is None else writes:
                file.seek(at)
                file.write(data)
            file.seek(mib * MIB)
            file.write(make_footer(mib * MIB).pack())
        return path

    return make
