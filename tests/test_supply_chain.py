"""What comes from elsewhere is named by its content: packages by hash, actions by commit."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {
    "run": ["build"],
    "dev": ["dev"],
    "docs": ["docs"],
}  # requirements/*.txt → groups


def locked(name: str) -> dict[str, str]:
    """Package → version in requirements/<name>.txt; each with its hashes."""
    text = (ROOT / f"requirements/{name}.txt").read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line and not line.lstrip().startswith("#"):
            head = re.match(r"(?P<name>[a-z0-9.-]+)==(?P<version>[^ ;]+)", line)
            assert head, line
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", line), line
            assert canonicalize_name(head["name"]) not in found
            found[canonicalize_name(head["name"])] = head["version"]
    return found


def wanted(group: str) -> list[Requirement]:
    found = []
    for entry in PROJECT["dependency-groups"][group]:
        found += wanted(entry["include-group"]) if isinstance(entry, dict) else [Requirement(entry)]
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_row_31_lock_has_every_dependency_with_its_hash(name: str) -> None:
    versions = locked(name)
    needed = [one for group in LOCKS[name] for one in wanted(group)]
    if name != "docs":
        needed += [Requirement(one) for one in PROJECT["project"]["dependencies"]]
    for one in needed:
        if one.marker is None or one.marker.evaluate(default_environment()):
            version = versions.get(canonicalize_name(one.name))
            assert version is not None and one.specifier.contains(version, prereleases=True), (
                f"{one}: locked is {version}; run `make lock`"
            )


@pytest.mark.parametrize("name", LOCKS)
def test_row_31_lock_names_no_place_to_fetch_from(name: str) -> None:
    text = (ROOT / f"requirements/{name}.txt").read_text()
    assert not re.search(r"://|index-url|find-links|trusted-host| @ ", text)


def test_row_31_locks_agree() -> None:
    every = [locked(name) for name in LOCKS]
    for package in set().union(*every):
        assert len({one[package] for one in every if package in one}) == 1, package


def test_row_31_the_set_up_installs_nothing_without_a_hash() -> None:
    text = (ROOT / "Makefile").read_text().splitlines()
    lines = [line for line in text if "$(PIP) " in line or "pip install" in line]
    assert len(lines) >= 5
    for line in lines:
        own = "--no-deps --no-build-isolation --editable ." in line
        assert "--require-hashes" in line or own or line.startswith("PIP :="), line


WORKFLOWS = [*(ROOT / ".github/workflows").glob("*.yml"), *(ROOT / "templates/ci").glob("*.j2")]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_row_31_actions_are_named_by_commit(path: Path) -> None:
    for used in re.findall(r"^\s*(?:- )?uses: (.*)$", path.read_text(), re.MULTILINE):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), used
