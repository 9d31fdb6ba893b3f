"""Base image recipes: the disk's layout, what the cache key depends on, mirrors, and nothing left behind."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from generator.errors import Surroundings, Unusable
from tools import apt, base, doctor, partitions

MIRRORS = apt.Mirrors("http://a.example/debian", "http://a.example/debian-security")
GUID = "A9BE6CF2-5683-4281-B70B-1818C6EB7588"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> base.Recipe:
    """A copy of the real recipe to change."""
    shutil.copytree(base.RECIPES / "debian", tmp_path / "recipes" / "debian")
    monkeypatch.setattr(base, "RECIPES", tmp_path / "recipes")
    return base.read("debian-12")


def test_sfdisk_reads_back_the_layout(tmp_path: Path) -> None:
    sfdisk = doctor.which("sfdisk")
    if sfdisk is None:
        pytest.skip("sfdisk is not installed")
    disk = tmp_path / "disk.raw"
    partitions.write(disk, 3072, GUID, sfdisk)
    done = subprocess.run([sfdisk, "--json", disk], capture_output=True, text=True, check=True)
    table = json.loads(done.stdout)["partitiontable"]
    assert (table["label"], table["id"]) == ("gpt", GUID)
    parts = sorted(table["partitions"], key=lambda part: part["start"])
    names = [part["node"].removeprefix(str(disk)) for part in parts]
    assert names == ["14", "15", "1"]
    assert parts[0]["start"] == 2048
    assert all(part["start"] % 2048 == 0 and part["size"] % 2048 == 0 for part in parts)
    for before, after in pairwise(parts):
        assert before["start"] + before["size"] == after["start"]
    assert parts[-1]["start"] + parts[-1]["size"] == (3072 - 1) * 2048
    assert disk.stat().st_size == 3 << 30
    assert disk.stat().st_blocks * 512 < 1 << 20


def test_a_table_that_does_not_fit_is_reported_in_sfdisks_words(tmp_path: Path) -> None:
    sfdisk = doctor.which("sfdisk")
    if sfdisk is None:
        pytest.skip("sfdisk is not installed")
    with pytest.raises(Surroundings, match="sfdisk: "):
        partitions.write(tmp_path / "disk.raw", 64, GUID, sfdisk)


def test_the_key_is_stable_and_changes_with_everything_that_matters(recipe: base.Recipe) -> None:
    seen = {base.key(recipe, MIRRORS)}
    assert base.key(base.read("debian-12"), MIRRORS) in seen

    def now_new() -> None:
        key = base.key(base.read("debian-12"), MIRRORS)
        assert key not in seen
        seen.add(key)

    for name, before, after in (
        ("finish.sh", "set -eu", "set -euf"),
        ("common.toml", '"nano"', '"vim"'),
        ("debian-12.toml", "isc-dhcp-client", "udhcpc"),
    ):
        path = recipe.path.with_name(name)
        path.write_text(path.read_text().replace(before, after))
        now_new()
    neighbour = recipe.path.with_name("debian-13.toml")
    neighbour.write_text(neighbour.read_text() + "# more\n")
    assert base.key(base.read("debian-12"), MIRRORS) in seen
    assert base.key(recipe, replace(MIRRORS, main="http://b.example/debian")) not in seen
    assert base.key(recipe, replace(MIRRORS, security="http://b.example/s")) not in seen


def test_the_releases_differ_in_their_identities_and_share_the_rest() -> None:
    twelve, thirteen = base.read("debian-12"), base.read("debian-13")
    for name in ("title", "suite", "disk_guid", "root_uuid", "esp_id"):
        assert getattr(twelve, name) != getattr(thirteen, name), name
    assert twelve.packages == thirteen.packages
    assert twelve.shared == thirteen.shared
    assert all(path.is_file() for path in twelve.shared)


@pytest.mark.parametrize("name", ["common", "debian", "../debian-12"])
def test_an_unknown_recipe_is_answered_with_those_there_are(name: str) -> None:
    with pytest.raises(Unusable) as caught:
        base.ensure(name, print)
    assert caught.value.hint == "recipes: debian-12, debian-13"


def test_a_recipe_with_a_wrong_key_is_refused(recipe: base.Recipe) -> None:
    data = recipe.path
    data.write_text("pakcages = []\n" + data.read_text())
    with pytest.raises(Unusable, match="pakcages"):
        base.read("debian-12")


def test_a_cached_image_is_reused_and_said_so(cache: Path, recipe: base.Recipe) -> None:
    mirrors = apt.mirrors(recipe.mirror, recipe.security_mirror)
    image = cache / "base" / f"debian-12-{base.key(recipe, mirrors)}.qcow2"
    image.parent.mkdir(parents=True)
    image.touch()
    lines: list[str] = []
    assert base.ensure("debian-12", lines.append) == image
    assert lines == [f"base image debian-12: reused, {image}"]


def test_missing_tools_are_all_named_before_anything_is_made(
    cache: Path, stub: Callable[[str, str], Path], recipe: base.Recipe
) -> None:
    with pytest.raises(Surroundings) as caught:
        base.ensure("debian-12", print)
    for package in ("mmdebstrap", "e2fsprogs", "fdisk", "dosfstools", "mtools", "qemu-utils"):
        assert package in (caught.value.hint or "")


@pytest.mark.parametrize("end", [RuntimeError, KeyboardInterrupt])
def test_a_build_that_fails_or_is_interrupted_leaves_nothing(
    cache: Path,
    tmp_path: Path,
    recipe: base.Recipe,
    monkeypatch: pytest.MonkeyPatch,
    end: type[BaseException],
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise end

    if any(doctor.locate(doctor.BY_NAME[name]) is None for name in base.NEEDS):
        pytest.skip("a tool of base image recipes is not installed (vmoffer doctor names it)")
    shop = tmp_path / "shop"
    shop.mkdir()
    monkeypatch.setenv("TMPDIR", str(shop))
    monkeypatch.setattr(base, "_mmdebstrap", stop)
    with pytest.raises(end):
        base.ensure("debian-12", lambda _: None)
    assert list(shop.iterdir()) == []
    assert list((cache / "base").iterdir()) == []


DEB822 = """\
# a comment
Types: deb deb-src
# another
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm

Types: deb
URIs: https://tool.example/node
Suites: nodistro
"""
ONE_LINE = """\
deb [arch=amd64 signed-by=/k] http://mirror.example/debian bookworm main
deb-src http://src.example/debian bookworm main
# deb http://commented.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
deb https://tool.example/apt cloud-sdk main
deb cdrom:[Debian]/ bookworm main
"""


@pytest.mark.parametrize(("name", "text"), [("debian.sources", DEB822), ("debian.list", ONE_LINE)])
def test_a_debian_hosts_mirror_is_found_in_both_notations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.delenv("MIRROR", raising=False)
    monkeypatch.delenv("SECURITY_MIRROR", raising=False)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / name).write_text(text)
    found = apt.mirrors("http://default/debian", "http://default/security", tmp_path, "debian")
    assert found == apt.Mirrors("http://mirror.example/debian", "http://mirror.example/debian-security")
    other = apt.mirrors("http://default/debian", "http://default/security", tmp_path, "ubuntu")
    assert other == apt.Mirrors("http://default/debian", "http://default/security")


def test_the_environment_has_the_last_word_on_mirrors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRROR", "http://mine.example/debian")
    assert apt.mirrors("http://default/debian", "s", tmp_path, "debian").main == "http://mine.example/debian"


def test_security_and_updates_are_among_the_sources() -> None:
    lines = apt.sources("bookworm", ["main"], "/key", MIRRORS).splitlines()
    assert [line.split()[3] for line in lines] == ["bookworm", "bookworm-updates", "bookworm-security"]
    assert lines[2].split()[2] == MIRRORS.security
