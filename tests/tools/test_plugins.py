"""A locked project is built by the plugins that it was locked to, and by no others."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from generator import plugin_lock, project
from generator.errors import Surroundings, Unusable
from tools import packer, plugins
from tools.packer import Packer
from vmoffer.cli import run

QEMU = "github.com/hashicorp/qemu"
FILE = "packer-plugin-qemu_v1.1.4_x5.0_linux_amd64"
TEMPLATE = f'    qemu = {{\n      source = "{QEMU}"\n      version = ">= 1.0.9"\n    }}\n'


@pytest.fixture(scope="module")
def ready() -> Packer:
    try:
        return packer.ensure(["qemu"], lambda text: None)
    except Surroundings as error:
        pytest.skip(error.what)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the project of a definition, which is not written yet."""
    monkeypatch.chdir(tmp_path)
    assert run(["new", "shop/basic", "--os", "debian-12"]) == 0
    return tmp_path / "build/shop/basic/0.1.0/packer/qemu"


def generate(*options: str) -> int:
    return run(["generate", "shop/basic", "--builder", "qemu", *options])


@pytest.mark.packer
def test_row_31_locked_project_is_pinned_to_the_installed_file(ready: Packer, folder: Path) -> None:
    assert generate("--locked") == 0
    (one,) = plugin_lock.read(folder)
    file = Path(ready.env["PACKER_PLUGIN_PATH"]) / one.source / one.file
    root = file.parents[3]
    subprocess.run(
        ["sha256sum", "--check", folder / plugin_lock.NAME], cwd=root, check=True, capture_output=True
    )
    assert f'version = "= {one.version}"' in (folder / project.PLUGINS).read_text()
    valid = subprocess.run(
        [ready.path, "init", folder], env={**os.environ, **ready.env}, capture_output=True, text=True
    )
    assert valid.returncode == 0, valid.stderr
    # It stays so until it is unlocked.
    before = (folder / project.PLUGINS).read_text()
    assert generate() == 0
    assert generate("--check") == 0
    assert (folder / project.PLUGINS).read_text() == before
    assert generate("--unlocked") == 0
    assert not (folder / plugin_lock.NAME).exists()
    assert ">= 1.0.9" in (folder / project.PLUGINS).read_text()


@pytest.mark.packer
def test_row_31_another_plugin_under_the_same_name_is_refused(
    ready: Packer, folder: Path, tmp_path: Path
) -> None:
    assert generate("--locked") == 0
    locked = plugin_lock.read(folder)
    plugins.check_locked(ready, folder, locked, print)
    tree = tmp_path / "plugins"
    place = tree / QEMU
    place.mkdir(parents=True)
    shutil.copy(Path(ready.env["PACKER_PLUGIN_PATH"]) / QEMU / locked[0].file, place)
    other = replace(ready, env={**ready.env, "PACKER_PLUGIN_PATH": str(tree)})
    plugins.check_locked(other, folder, locked, print)
    with (place / locked[0].file).open("r+b") as file:
        file.seek(4096)
        file.write(b"changed")
    with pytest.raises(Surroundings, match="is not the plugin that the project is locked to"):
        plugins.check_locked(other, folder, locked, print)


def test_lock_for_another_platform_is_no_lock_for_this_one(tmp_path: Path) -> None:
    lock = [plugin_lock.Plugin(QEMU, "packer-plugin-qemu_v1.1.4_x5.0_plan9_mips", "0" * 64)]
    with pytest.raises(Surroundings, match="is not locked for"):
        plugins.check_locked(Packer(Path("packer"), "1.16.0"), tmp_path, lock, print)


def test_newest_that_fits_is_taken(tmp_path: Path) -> None:
    here = packer.platform_name()
    place = tmp_path / QEMU
    place.mkdir(parents=True)
    for version in ("1.0.2", "1.1.4", "1.1.10"):
        (place / f"packer-plugin-qemu_v{version}_x5.0_{here}").write_bytes(version.encode())
        (place / f"packer-plugin-qemu_v{version}_x5.0_{here}_SHA256SUM").write_text("x")
    (place / "packer-plugin-qemu_v9.0.0_x5.0_plan9_mips").touch()
    ready = Packer(Path("packer"), "1.16.0", {"PACKER_PLUGIN_PATH": str(tmp_path)})
    (one,) = plugins.installed(ready, TEMPLATE)
    assert one.version == "1.1.10"
    with pytest.raises(Surroundings, match="is not installed"):
        plugins.installed(ready, TEMPLATE.replace("1.0.9", "2.0.0"))


def test_lock_reads_back_and_pins() -> None:
    lock = (plugin_lock.Plugin(QEMU, FILE, "a" * 64),)
    assert 'version = "= 1.1.4"' in plugin_lock.pinned(TEMPLATE, lock)
    with pytest.raises(Unusable, match="does not name"):
        plugin_lock.pinned(TEMPLATE.replace("qemu", "azure"), lock)


@pytest.mark.parametrize(
    "line",
    [
        "",
        f"{'a' * 63}  {QEMU}/{FILE}",
        f"{'a' * 64}  ../../x/{FILE}",
        f"{'a' * 64}  {QEMU}/../{FILE}",
        f"{'a' * 64}  {QEMU}/x",
    ],
)
def test_damaged_lock_is_named_with_its_line(line: str, tmp_path: Path) -> None:
    (tmp_path / plugin_lock.NAME).write_text(f"{'a' * 64}  {QEMU}/{FILE}\n{line}\n")
    with pytest.raises(Unusable, match="names no plugin") as raised:
        plugin_lock.read(tmp_path)
    assert raised.value.where == f"{tmp_path / plugin_lock.NAME}:2"
