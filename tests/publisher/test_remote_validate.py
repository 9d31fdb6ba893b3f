"""What certification will fetch is judged where it lies: through the SAS, from a real store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from publisher import sas, upload
from validators import engine
from validators.footer import MIB
from validators.outcome import Status
from validators.remote import RemoteDisk, place
from vmoffer.cli import run

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient


def _uri(container: ContainerClient, name: str, ends_in: timedelta) -> str:
    now = datetime.now(UTC)
    return sas.sign(container, name, sas.Term(now - timedelta(days=2), now + ends_in))


def test_an_uploaded_disk_is_judged_through_its_sas(
    container: ContainerClient, make_disk: Callable[..., Path]
) -> None:
    path = make_disk(mib=4096, writes=[(9 * MIB, b"data" * 1024)])
    upload.upload(path, container)
    disk = place(_uri(container, path.name, timedelta(days=1)))
    assert isinstance(disk, RemoteDisk)
    judgement = engine.judge([disk], role="data")
    found = {outcome.rule: outcome.status for outcome in judgement.outcomes}
    assert found["DSK-FMT-001"] == found["DSK-FMT-004"] == found["DSK-ALIGN-001"] == Status.PASS
    assert found["DSK-BLOB-001"] is Status.PASS and judgement.not_checked == []
    container_facts = judgement.disks[0].container
    assert container_facts.file_bytes == path.stat().st_size
    assert 4096 < container_facts.allocated_bytes < MIB  # the blob's own page list
    assert 0 < judgement.bytes_read[disk] < path.stat().st_size / 100


def test_an_expired_sas_is_status_3_and_is_not_shown(
    container: ContainerClient, make_disk: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_disk()
    upload.upload(path, container)
    uri = _uri(container, path.name, -timedelta(days=1))
    assert run(["validate", uri]) == 3
    err = capsys.readouterr().err
    assert "the SAS expired at" in err
    assert uri.partition("sig=")[2] not in err
