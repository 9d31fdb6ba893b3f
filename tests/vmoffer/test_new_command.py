"""new and bump: every system, generation and disk that can be chosen gives a plan that can be built."""

from __future__ import annotations

import itertools
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import edit
from generator.catalogue import open_file
from generator.generation import Generation
from generator.marketplace import System, systems, table
from generator.schema import text as schema
from vmoffer.cli import run

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _generations(system: System) -> list[tuple[Generation, ...]]:
    """Every order of generations that can share a plan; a system without images takes any one of them."""
    known = list(system.images) or list(Generation)
    alone = [(one,) for one in known]
    return alone + (
        list(itertools.permutations((Generation.GEN1, Generation.GEN2)))
        if Generation.GEN1 in system.images
        else []
    )


CHOICES = [
    (name, generations, disks)
    for name, system in systems().items()
    for generations in _generations(system)
    for disks in ((), (32, 8))
]


def _arguments(name: str, generations: tuple[Generation, ...], disks: tuple[int, ...]) -> list[str]:
    options = [f"--generation={one}" for one in generations] + [f"--data-disk={size}" for size in disks]
    image = [] if systems()[name].images else ["--image=me:my-offer:my-sku"]
    return ["--os", name, *options, *image]


@pytest.mark.parametrize(
    ("name", "generations", "disks"),
    CHOICES,
    ids=[f"{name}-{'+'.join(generations)}-{len(disks)}" for name, generations, disks in CHOICES],
)
def test_every_choice_passes_lint_and_generates_what_check_finds(
    name: str, generations: tuple[Generation, ...], disks: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["new", "shop/basic", *_arguments(name, generations, disks)]) == 0
    assert capsys.readouterr().out == "skus/shop/basic.yaml\n"
    assert run(["lint"]) == 0
    assert "0 unusable, 0 failed" in capsys.readouterr().out
    sku = open_file(Path("skus/shop/basic.yaml")).sku
    assert (tuple(sku.generations), len(sku.data_disks)) == (generations, len(disks))
    assert run(["generate", "shop/basic"]) == 0
    assert run(["generate", "shop/basic", "--check"]) == 0


def test_every_image_says_who_has_seen_it() -> None:
    for name, system in systems().items():
        assert bool(system.images) == bool(system.seen), name
        assert set(system.seen) <= set(table()["sources"]), name


def test_every_distribution_of_the_model_can_be_chosen() -> None:
    from typing import get_args

    from generator.model import Distribution

    assert {one.distribution for one in systems().values()} == set(get_args(Distribution)) - {"other"}


def test_new_keeps_what_is_there_and_takes_good_names_only(capsys: pytest.CaptureFixture[str]) -> None:
    Path("skus/shop").mkdir(parents=True)
    path = Path("skus/shop/basic.yaml")
    path.write_text("mine")
    assert run(["new", "shop/basic", "--os", "debian-12"]) == 2
    assert path.read_text() == "mine"
    assert "--from shop/basic" in capsys.readouterr().err
    assert run(["new", "shop/Bad_Plan!", "--os", "debian-12"]) == 1
    assert "OFR-ID-001" in capsys.readouterr().err
    for name in ("shop/-x", "shop/_x", "shop/x-preview", "shop-preview/x"):
        assert run(["new", name, "--os", "debian-12"]) == 1
        assert "OFR-ID-003" in capsys.readouterr().err
    assert run(["new", "../x/y", "--os", "debian-12"]) == 1
    assert run(["new", "shop/other"]) == 2  # no terminal here: nothing is asked
    assert "--os" in capsys.readouterr().err
    assert list(Path().rglob("*.yaml")) == [path]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--os", "debain-12"], "nearest: debian-12"),
        (["--os", "ubuntu"], "nearest: ubuntu-22.04, ubuntu-24.04"),
        (["--os", "beos"], "all: debian-12"),
        (["--os", "rocky-9"], "--image PUBLISHER:OFFER:SKU"),
        (["--os", "ubuntu-26.04", "--generation", "gen1"], "known: gen2"),
        (["--os", "debian-12", "--image", "nonsense"], "publisher:offer:sku"),
        (["--os", "debian-12", "--data-disk", "4096"], "1<=x<=1023"),
        (["--os", "debian-12", "--from", "shop/basic"], "--from copies"),
        (["--from", "shop/nothing"], "no SKU 'shop/nothing'"),
    ],
)
def test_what_cannot_be_made_says_what_can(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["new", "shop/basic", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert not Path("skus").exists()


def test_the_stub_is_a_script_that_runs_and_is_never_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["new", "shop/basic", "--os", "debian-12"]) == 0
    stub = Path("skus/shop/files/basic-install.sh")
    assert "nothing" in subprocess.run(["sh", stub], capture_output=True, text=True, check=True).stdout
    shellcheck = Path(sys.executable).parent / "shellcheck"
    assert subprocess.run([shellcheck, stub], capture_output=True).returncode == 0
    stub.write_text("mine")
    Path("skus/shop/basic.yaml").unlink()
    assert run(["new", "shop/basic", "--os", "debian-12"]) == 0
    assert stub.read_text() == "mine"
    assert "stays as it is" in capsys.readouterr().err


def test_a_new_definition_names_the_schema_that_is_beside_it() -> None:
    assert run(["new", "shop/basic", "--os", "windows-server-2025"]) == 0
    path = Path("skus/shop/basic.yaml")
    first = path.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../sku.schema.json"
    assert (path.parent / "../sku.schema.json").read_text() == schema()


@pytest.mark.parametrize("other", ["demo/debian-12", "webstack/rhel-9", "winapp/server-2022"])
def test_a_copy_of_another_plan_builds_from_the_same_files(
    other: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    shutil.copytree(ROOT / "skus", "skus")
    text = Path(f"skus/{other}.yaml").read_text()
    Path(f"skus/{other}.yaml").write_text(
        text.replace('version: "', 'published: ["0.0.1"]  # old\nversion: "', 1)
    )
    assert run(["new", "shop/copy", "--from", other]) == 0
    copy, source = open_file(Path("skus/shop/copy.yaml")), open_file(Path(f"skus/{other}.yaml"))
    assert (copy.sku.id, copy.sku.version, copy.sku.published) == ("shop/copy", "0.1.0", [])
    assert copy.sku.os == source.sku.os and copy.sku.base == source.sku.base
    assert copy.path.read_text().count("#") == source.path.read_text().count("#")
    assert run(["lint", "shop/copy"]) == 0
    assert run(["generate", "shop/copy"]) == 0


def test_a_block_list_of_published_versions_is_emptied(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["new", "shop/basic", "--os", "debian-12"]) == 0
    path = Path("skus/shop/basic.yaml")
    path.write_text(
        path.read_text().replace("generations:", 'published:\n  - "0.0.1"\n  - "0.0.2"  # last\ngenerations:')
    )
    assert run(["new", "shop/pro", "--from", "shop/basic"]) == 0
    copy = open_file(Path("skus/shop/pro.yaml")).sku
    assert copy.published == [] and copy.steps[0].script == "files/basic-install.sh"


@pytest.mark.parametrize(("level", "after"), [("patch", "1.2.4"), ("minor", "1.3.0"), ("major", "2.0.0")])
@pytest.mark.parametrize(
    "line", ['version: "1.2.3"   # X.Y.Z', "version: 1.2.3", "version: '1.2.3' # it's", 'version:\n  "1.2.3"']
)
def test_bump_changes_the_version_and_nothing_else(level: str, after: str, line: str) -> None:
    assert run(["new", "shop/basic", "--os", "debian-12"]) == 0
    path = Path("skus/shop/basic.yaml")
    start, _, end = path.read_text().partition('version: "0.1.0"')
    path.write_bytes((start + line + end).replace("\n", "\r\n").encode())
    assert run(["bump", "shop/basic", level]) == 0
    assert open_file(path).sku.version == after
    told = line.replace("'1.2.3'", '"1.2.3"').replace('"1.2.3"', "1.2.3").replace("1.2.3", f'"{after}"')
    assert path.read_bytes() == (start + told + end).replace("\n", "\r\n").encode()


def test_bump_of_what_is_no_version_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["new", "shop/basic", "--os", "debian-12"]) == 0
    path = Path("skus/shop/basic.yaml")
    path.write_text(path.read_text().replace('"0.1.0"', '"1.2"'))
    assert run(["bump", "shop/basic", "patch"]) == 1
    assert "OFR-VER-001" in capsys.readouterr().err
    assert run(["bump", "shop/basic", "huge"]) == 2


@given(st.tuples(*[st.integers(0, 10**6)] * 3), st.sampled_from(edit.LEVELS))
def test_a_bumped_version_is_larger(numbers: tuple[int, int, int], level: str) -> None:
    after = edit.bumped(".".join(map(str, numbers)), level)
    assert tuple(map(int, after.split("."))) > numbers


def test_a_terminal_is_asked_for_what_is_missing(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "vmoffer", "new", "shop/basic"]
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.close(theirs)
        os.write(ours, b"debain\nrhel-9\ngen1\n32 many\n32 8\n")
        out, err = process.communicate(timeout=60)
    os.close(ours)
    assert (process.returncode, out) == (0, b"skus/shop/basic.yaml\n"), err.decode()
    assert b"nearest: debian" in err
    sku = open_file(Path("skus/shop/basic.yaml")).sku
    assert (sku.os.distribution, sku.generations) == ("rhel", [Generation.GEN1])
    assert [disk.size_gib for disk in sku.data_disks] == [32, 8]


def test_a_plan_for_x64_and_arm64_gets_a_size_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    generations = [word for one in ("gen2", "arm64") for word in ("--generation", one)]
    assert run(["new", "shop/both", "--os", "debian-12", *generations]) == 0
    sku = open_file(Path("skus/shop/both.yaml")).sku
    assert sku.build.vm_size == {"gen2": "Standard_D2s_v5", "arm64": "Standard_D2ps_v5"}
    assert run(["lint", "shop/both"]) == 0
    assert "0 failed, 0 warned" in capsys.readouterr().out
