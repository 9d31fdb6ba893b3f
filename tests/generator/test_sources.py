"""What a definition may take into an image, and that nothing else is opened: FIFOs, devices, links, git."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import LINUX, WINDOWS, changed, write

from generator import lint, sources
from generator.catalogue import open_file
from generator.load import Invalid

VMOFFER = Path(sys.executable).with_name("vmoffer")
# Field of a definition → how it names a source.
PLACES: dict[str, Any] = {
    "steps[0].script": lambda name: {"steps": [{"script": name}]},
    "steps[0].file.source": lambda name: {"steps": [{"file": {"source": name, "destination": "/x"}}]},
    "steps[0].packer": lambda name: {"steps": [{"packer": name}]},
    "steps[0].ansible.playbook": lambda name: {"steps": [{"ansible": {"playbook": name}}]},
    "data_disks[0].content": lambda name: {"data_disks": [{"lun": 0, "size_gib": 1, "content": name}]},
    "data_disks[0].image": lambda name: {"data_disks": [{"lun": 0, "size_gib": 1, "image": name}]},
    "base.qemu.file": lambda name: {"base": {"qemu": {"file": name}}},
    "listing.logos.large": lambda name: {"listing": {"logos": {"large": name}}},
}
HOSTILE = {
    "/proc/self/environ": "the kernel makes up",
    "/proc/self": "",
    "/dev/null": "a device",
    "/sys/kernel/notes": "the kernel makes up",
    "/etc/hostname": "outside of",
    "../../../outside": "outside of",
    "link": "outside of",
    "chain": "outside of",
    "fifo": "a FIFO",
    "socket": "a socket",
    "dangling": "leads nowhere",
    "circle": "leads nowhere",
    "../../.git/config": "git's own",
    "none": "not there",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with a definition's folder, and a file beside the repository."""
    import socket

    here = tmp_path / "repository" / "skus" / "shop"
    here.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", tmp_path / "repository"], check=True)
    (tmp_path / "outside").write_text("a key")
    (tmp_path / "repository" / "inside.sh").write_text("true\n")
    (here / "link").symlink_to(tmp_path / "outside")
    (here / "chain").symlink_to("link")
    (here / "dangling").symlink_to("nothing")
    (here / "circle").symlink_to("circle")
    (here / "good").symlink_to("../../inside.sh")
    os.mkfifo(here / "fifo")
    with socket.socket(socket.AF_UNIX) as one:
        there = Path.cwd()
        os.chdir(here)  # the name of a socket is short
        one.bind("socket")
        os.chdir(there)
    return here


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("field", PLACES)
def test_no_field_takes_what_lies_outside_or_is_no_file(field: str, name: str, tree: Path) -> None:
    path = write(tree / "basic.yaml", changed(LINUX, **PLACES[field](name)))
    (found,) = (one for one in lint.unusable([open_file(path)]) if one.field == field)
    assert HOSTILE[name] in found.found
    assert not any(one.field == field for one in lint.unusable([_with(tree, field, "good")])), "a link inside"
    lint.lint([open_file(path)])  # and nothing of it is read: a FIFO would not end


def _with(tree: Path, field: str, name: str) -> Any:
    if field == "steps[0].packer":
        name = "own.pkr.hcl"
        (tree / name).write_text('provisioner "shell" {\n  inline = ["true"]\n}\n')
    return open_file(write(tree / "other.yaml", changed(LINUX, **PLACES[field](name))))


@pytest.mark.parametrize("name", ["fifo", "link", "/dev/zero"])
def test_a_folder_is_looked_through(name: str, tree: Path) -> None:
    folder = tree / "deep" / "er"
    folder.mkdir(parents=True)
    if name == "fifo":
        os.mkfifo(folder / "x")
    else:
        (folder / "x").symlink_to(tree / name)
    step = {"file": {"source": "deep", "destination": "/x"}}
    (found,) = lint.unusable([open_file(write(tree / "basic.yaml", changed(LINUX, steps=[step])))])
    assert "deep: er/x" in found.found
    disk = [{"lun": 0, "size_gib": 1, "content": "deep"}]
    found_of_disk = lint.unusable([open_file(write(tree / "basic.yaml", changed(LINUX, data_disks=disk)))])
    assert bool(found_of_disk) == (name == "fifo"), "a link of a data disk is copied as a link"


def test_without_git_the_folder_of_skus_is_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "work" / "skus" / "shop" / "basic.yaml"
    path.parent.mkdir(parents=True)
    (tmp_path / "work" / "a.sh").write_text("true\n")
    (tmp_path / "b.sh").write_text("true\n")
    definition = open_file(
        write(path, changed(LINUX, steps=[{"script": "../../a.sh"}, {"script": "../../../b.sh"}]))
    )
    assert [one.field for one in lint.unusable([definition])] == ["steps[1].script"]
    lone = open_file(write(tmp_path / "lone" / "x.yaml", changed(LINUX, steps=[{"script": "../b.sh"}])))
    assert sources.repository(lone.path) == (tmp_path / "lone").resolve()
    assert len(lint.unusable([lone])) == 1


@pytest.mark.parametrize("command", [["lint"], ["generate", "--builder", "qemu"]])
def test_allow_outside_takes_it_with_a_warning_but_no_device(command: list[str], tree: Path) -> None:
    data = changed(LINUX, steps=[{"name": "x", "script": "link"}])
    write(tree / "basic.yaml", data)
    run = {"cwd": tree.parent.parent, "capture_output": True, "text": True}
    refused = subprocess.run([VMOFFER, *command, "shop/basic"], **run)
    assert refused.returncode == 2 and "--allow-outside" in refused.stdout + refused.stderr
    taken = subprocess.run([VMOFFER, *command, "--allow-outside", "shop/basic"], **run)
    assert taken.returncode == 0, taken.stderr
    assert f"takes {tree.parent.parent.parent / 'outside'}, outside of its repository" in taken.stderr
    for name in ("fifo", "/proc/self/environ"):
        write(tree / "basic.yaml", changed(LINUX, steps=[{"name": "x", "script": name}]))
        assert subprocess.run([VMOFFER, *command, "--allow-outside", "shop/basic"], **run).returncode == 2


def test_finalize_looks_at_the_sources_of_data_disks_again(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = [{"lun": 0, "size_gib": 1, "content": "/etc"}]
    definition = open_file(write(tree / "basic.yaml", changed(LINUX, data_disks=disk)))
    with pytest.raises(Invalid, match="outside of"):
        lint.require_sources(definition)
    run = [
        VMOFFER,
        "finalize",
        tree / "basic.yaml",
        "--generation",
        "gen2",
        "--raw",
        tree,
        "--out",
        tree / "out",
    ]
    assert subprocess.run(run, capture_output=True).returncode == 2
    assert not list(tree.glob("out/*.vhd"))


def test_a_script_of_windows_that_is_a_fifo_is_not_read(tree: Path) -> None:
    os.mkfifo(tree / "x.ps1")
    definition = open_file(write(tree / "basic.yaml", changed(WINDOWS, steps=[{"script": "x.ps1"}])))
    assert lint.lint([definition]) is not None
    assert len(lint.unusable([definition])) == 1
