"""Repositories of strangers: no link that somebody planted leads the host side out of the tree."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.atomic_file import atomic_write, check_no_links, open_in_place
from generator.errors import Unusable
from publisher import handout

VMOFFER = (sys.executable, "-m", "vmoffer")
ROOT = Path(__file__).parent.parent
PRECIOUS = "export PATH=/bin  # somebody's\n"


def vmoffer(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([*VMOFFER, *words], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder of somebody else with files of theirs; the same afterwards, to the nanosecond."""
    folder = tmp_path / "somebody"
    (folder / "scripts").mkdir(parents=True)
    for name in (".bashrc", "scripts/01-updates.sh", "sku.schema.json", "basic.yaml"):
        (folder / name).write_text(PRECIOUS)
    before = state(folder)
    yield folder
    assert state(folder) == before


def state(folder: Path) -> dict[str, tuple[object, ...]]:
    return {
        str(path): (
            path.lstat().st_mtime_ns,
            path.lstat().st_mode,
            path.read_text() if path.is_file() else "",
        )
        for path in [folder, *folder.rglob("*")]
    }


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    done = vmoffer(folder, "new", "shop/basic", "--os", "debian-12")
    assert done.returncode == 0, done.stderr
    return folder


def plant(link: Path, target: Path) -> None:
    if link.is_dir() and not link.is_symlink():
        link.rename(link.with_name(f"{link.name}.away"))
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(target, link.parent))


def test_row_4_bump_does_not_write_through_the_old_temporary_name(repository: Path, outside: Path) -> None:
    plant(repository / "skus/shop/.basic.yaml.vmoffer", outside / ".bashrc")
    assert vmoffer(repository, "bump", "shop/basic", "patch").returncode == 0


PROJECT = "build/shop/basic/0.1.0/packer/qemu"
PLANTED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "the definition": ("skus/shop/other.yaml", ".bashrc", ("new", "shop/other", "--os", "debian-12")),
    "its folder": ("skus/other", "", ("new", "other/basic", "--os", "debian-12")),
    "the install script": ("skus/other/install", "", ("new", "other/basic", "--os", "debian-12")),
    "the schema": ("skus/sku.schema.json", "sku.schema.json", ("new", "shop/other", "--os", "debian-12")),
    "the workflow": (".github/workflows/vmoffer.yml", ".bashrc", ("ci", "github", "--force")),
    "the workflow's folder": (".github/workflows", "", ("ci", "github", "--force")),
    "the folder above it": (".github", "", ("ci", "github", "--force")),
    "a project's scripts": (f"{PROJECT}/scripts", "scripts", ("generate", "shop/basic")),
    "a project": (PROJECT, "", ("generate", "shop/basic")),
    "a plan's results": ("build/shop/basic", "", ("generate", "shop/basic")),
    "a file of a project": (f"{PROJECT}/build.pkr.hcl", ".bashrc", ("generate", "shop/basic")),
    "something in a project": (f"{PROJECT}/x/y", "scripts", ("generate", "shop/basic")),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANTED)
def test_row_21_planted_link_is_refused_and_named(repository: Path, outside: Path, what: str) -> None:
    link, target, words = PLANTED[what]
    plant(repository / link, outside / target)
    done = vmoffer(repository, *words)
    if "install" not in what:  # that one is there already, and stays as it is
        assert done.returncode == 2, (done.stdout, done.stderr)
        assert "symbolic link" in done.stderr or "there is a definition already" in done.stderr
    assert (repository / link).is_symlink()


def test_row_21_list_of_files_does_not_lead_out(repository: Path, outside: Path) -> None:
    project = repository / PROJECT
    assert vmoffer(repository, "generate", "shop/basic").returncode == 0
    with (project / ".vmoffer-files").open("a") as file:
        file.write(f"../../../../../../../somebody/.bashrc\n{outside / '.bashrc'}\n")
    assert vmoffer(repository, "generate", "shop/basic").returncode == 0


def test_build_folder_on_another_disk_is_allowed(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "large").mkdir()
    (repository / "build").symlink_to(tmp_path / "large")
    assert vmoffer(repository, "generate", "shop/basic").returncode == 0
    assert (tmp_path / "large/shop/basic/0.1.0/packer/qemu").is_dir()


def test_sas_json_is_not_written_through_a_link(outside: Path, tmp_path: Path) -> None:
    plant(tmp_path / ".sas.json.new", outside / ".bashrc")
    handout.write({"disks": []}, tmp_path / "sas.json")
    assert (tmp_path / "sas.json").stat().st_mode & 0o777 == 0o600
    plant(tmp_path / "sas.json", outside / ".bashrc")
    with pytest.raises(Unusable, match="symbolic link"):
        handout.write({"disks": []}, tmp_path / "sas.json")


def test_row_14_part_of_a_download_is_not_written_through_a_link(outside: Path, tmp_path: Path) -> None:
    plant(tmp_path / ".got.vhd.part", outside / ".bashrc")
    with pytest.raises(Unusable, match="symbolic link"):
        open_in_place(tmp_path / ".got.vhd.part", os.O_RDWR | os.O_CREAT)


def test_pipe_in_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for write in (lambda path: atomic_write(path, "x"), lambda path: open_in_place(path, os.O_RDWR)):
        with pytest.raises(Unusable, match="not a regular file"):
            write(tmp_path / "pipe")


def test_old_file_stays_and_nothing_else_when_the_block_fails(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    target.chmod(0o640)
    with pytest.raises(UnicodeEncodeError):
        atomic_write(target, "\ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    assert target.read_text() == "old"
    atomic_write(target, "new")
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o640)
    with pytest.raises(FileExistsError):
        atomic_write(target, "newer", new=True)


LEVELS = ("one", "two", "three", "file")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    level=st.integers(0, 3),
    absolute=st.booleans(),
    hops=st.integers(1, 3),
    target=st.sampled_from(["", "scripts", ".bashrc", "nothing", "nothing/deeper"]),
    own=st.sampled_from(["atomic", "in place", "new"]),
)
def test_no_link_at_any_level_leads_out(
    tmp_path_factory: pytest.TempPathFactory, level: int, absolute: bool, hops: int, target: str, own: str
) -> None:
    """Absolute and relative links, straight or over others, dangling or not, at every level of the path."""
    base = tmp_path_factory.mktemp("planted")
    inside, outside = base / "inside", base / "outside"
    (outside / "scripts").mkdir(parents=True)
    (outside / ".bashrc").write_text(PRECIOUS)
    inside.mkdir()
    before = state(outside)
    link = inside.joinpath(*LEVELS[: level + 1])
    link.parent.mkdir(parents=True, exist_ok=True)
    goal = outside / target
    for number in range(hops - 1):
        step = inside / f"step{number}"
        step.symlink_to(goal)
        goal = step
    link.symlink_to(goal if absolute else os.path.relpath(goal, link.parent))
    path = inside.joinpath(*LEVELS)
    write: dict[str, Callable[[], object]] = {
        "atomic": lambda: atomic_write(path, "x", inside=inside),
        "new": lambda: atomic_write(path, "x", inside=inside, new=True),
        "in place": lambda: open_in_place(path, os.O_RDWR | os.O_CREAT, inside=inside),
    }
    with pytest.raises(Unusable, match="symbolic link"):
        write[own]()
    with pytest.raises(Unusable, match="symbolic link"):
        check_no_links(inside)
    assert state(outside) == before
    assert link.is_symlink()
