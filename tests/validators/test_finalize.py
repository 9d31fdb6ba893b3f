"""A builder's output becomes the SKU's VHDs, once, with the declared sizes, and again without work."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from generator.errors import NotMet, Unusable
from generator.model import Generation, Sku
from validators import finalize as module
from validators.convert import is_finished
from validators.finalize import Made, finalize

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is missing")
GIB = 1 << 30


def _sku(**changes: Any) -> Sku:
    document: dict[str, Any] = {
        "publisher": "contoso",
        "offer": {"id": "demo", "title": "Demo"},
        "plan": {"id": "p", "title": "P", "summary": "S"},
        "version": "1.0.0",
        "os": {"family": "linux", "distribution": "debian", "version": "12", "friendly_name": "Debian"},
        "base": {"qemu": {"recipe": "debian-12"}},
        "os_disk": {"size_gib": 2},
        # not in the order of their LUNs, as a definition may be written
        "data_disks": [
            {"lun": 3, "size_gib": 1},
            {"lun": 0, "size_gib": 1},
            {"lun": 1, "size_gib": 1, "content": "seed", "label": "seed"},
            {"lun": 2, "size_gib": 1, "image": "tools.qcow2"},
        ],
    }
    return Sku.model_validate(document | changes)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """What a builder leaves: the OS disk and one of the two blank disks; and the publisher's content."""
    folder = tmp_path / "raw"
    folder.mkdir()
    for name, size, mark in (("os.raw", 2 * GIB, b"OS"), ("os.raw-1", GIB, b"LUN 0")):
        (folder / name).write_bytes(mark)
        os.truncate(folder / name, size)
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "file").write_text("seed")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "tools.qcow2", "1G"], check=True)
    return folder


def _finalize(raw: Path, sku: Sku | None = None, **options: Any) -> dict[str, Made]:
    made = finalize(sku or _sku(), Generation.GEN2, raw, raw.parent / "out", raw.parent, **options)
    return {each.vhd.path.name: each for each in made}


def test_every_declared_disk_is_made_from_its_source(raw: Path) -> None:
    made = _finalize(raw)
    assert {name: each.how for name, each in made.items()} == {
        "p-1.0.0-gen2-os.vhd": "footer appended in place",
        "p-1.0.0-gen2-data-0.vhd": "footer appended in place",
        "p-1.0.0-gen2-data-1.vhd": "filled from seed",
        "p-1.0.0-gen2-data-2.vhd": "converted from tools.qcow2",
        "p-1.0.0-gen2-data-3.vhd": "blank",
    }
    for name, each in made.items():
        assert is_finished(each.vhd), name
        assert each.vhd.size_bytes == each.disk.size_gib * GIB
        assert each.vhd.allocated_bytes < 16 << 20
    assert not list(raw.iterdir())
    for name, mark in (("os", b"OS\0"), ("data-0", b"LUN 0\0")):
        assert (raw.parent / "out" / f"p-1.0.0-gen2-{name}.vhd").open("rb").read(len(mark)) == mark


def test_a_second_run_keeps_everything(raw: Path) -> None:
    first = {name: each.vhd.path.stat() for name, each in _finalize(raw).items()}
    second = _finalize(raw)
    assert all(each.how.startswith("kept") for each in second.values())
    for name, each in second.items():
        now = each.vhd.path.stat()
        assert (now.st_ino, now.st_mtime_ns) == (first[name].st_ino, first[name].st_mtime_ns)


def test_a_run_cut_short_is_continued(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.datadisk, "image", stop)
        with pytest.raises(KeyboardInterrupt):
            _finalize(raw)
    how = {name[-10:-4]: each.how for name, each in _finalize(raw).items()}
    assert how["data-1"].startswith("kept")
    assert how["data-2"] == "converted from tools.qcow2"


@pytest.mark.parametrize("changed", ["seed/file", "seed/new", "definition"])
def test_a_filled_disk_is_made_again_when_its_content_or_definition_changed(raw: Path, changed: str) -> None:
    definition = raw.parent / "definition"
    definition.touch()
    _finalize(raw, definition=definition)
    time.sleep(0.02)  # the file system's clock ticks more coarsely than the test runs
    (raw.parent / changed).write_text("newer")
    assert _finalize(raw, definition=definition)["p-1.0.0-gen2-data-1.vhd"].how == "filled from seed"


def test_a_new_raw_disk_replaces_the_old_vhd(raw: Path) -> None:
    _finalize(raw)
    (raw / "os.raw").write_bytes(b"second build")
    os.truncate(raw / "os.raw", 2 * GIB)
    done = _finalize(raw)["p-1.0.0-gen2-os.vhd"]
    assert done.how == "footer appended in place"
    assert done.vhd.path.open("rb").read(12) == b"second build"


@pytest.mark.parametrize(
    ("name", "family", "rule"),
    [
        ("os.raw", "linux", "DSK-SIZE-002"),
        ("os.raw", "windows", "DSK-SIZE-003"),
        ("os.raw-1", "linux", "DSK-SIZE-005"),
    ],
)
@pytest.mark.parametrize("change", [-1, 1])
def test_another_size_than_declared_is_refused_and_left_alone(
    raw: Path, name: str, family: str, rule: str, change: int
) -> None:
    size = (raw / name).stat().st_size + change * (GIB // 2)
    os.truncate(raw / name, size)
    sku = _sku(os={"family": family, "distribution": "other", "version": "1", "friendly_name": "F"})
    with pytest.raises(NotMet, match="the SKU declares") as caught:
        _finalize(raw, sku)
    assert caught.value.rule == rule
    assert (raw / name).stat().st_size == size


def test_a_kept_vhd_of_another_size_is_told(raw: Path) -> None:
    _finalize(raw)
    with pytest.raises(NotMet, match="has 2 GiB, the SKU declares 4 GiB"):
        _finalize(raw, _sku(os_disk={"size_gib": 4}))


def test_without_a_raw_disk_or_a_vhd_there_is_nothing_to_finalize(raw: Path) -> None:
    (raw / "os.raw").unlink()
    with pytest.raises(Unusable, match="no such file"):
        _finalize(raw)


def test_data_only_leaves_the_os_disk_alone(raw: Path) -> None:
    made = _finalize(raw, data_only=True)
    assert len(made) == 4
    assert (raw / "os.raw").exists()
