"""Repositories as apt, dnf and zypper are told of them."""

from __future__ import annotations

from images import MemoryVolume, decide, os_disk

from validators.linux.repositories import Repository, configured
from validators.tree import Tree


def read(files: dict[str, str]) -> list[Repository] | None:
    return configured(Tree({"/": MemoryVolume(files)}))


def test_a_token_in_a_uri_is_not_in_the_outcome() -> None:
    line = "deb https://user:s3cret-4711@mirror.example.org/debian?sig=t0ken bookworm main\n"
    outcome = decide("LNX-REPO-001", os_disk({"/etc/apt/sources.list": line}))
    assert outcome.status == "warn"
    assert "mirror.example.org/debian" in outcome.evidence
    assert "s3cret-4711" not in repr(outcome)
    assert "t0ken" not in repr(outcome)


def test_every_suite_and_uri_of_a_stanza_is_a_repository() -> None:
    stanza = "# comment\nTypes: deb\nURIs: http://a http://b\nSuites: x\n y\n\n"
    stanza += "Types: deb-src\nURIs: http://c\nSuites: z\n"
    found = read({"/etc/apt/sources.list.d/a.sources": stanza}) or []
    assert [(one.uri, one.id) for one in found] == [
        ("http://a", "x"),
        ("http://a", "y"),
        ("http://b", "x"),
        ("http://b", "y"),
    ]


def test_sections_of_repo_files_are_repositories_and_may_be_off() -> None:
    content = "lost = 1\n[a]\nname=Base\nmirrorlist=http://m\n[b]\nenabled = 0\nbaseurl=http://b\n"
    found = read({"/etc/yum.repos.d/a.repo": content}) or []
    assert [(one.id, one.name, one.uri, one.enabled) for one in found] == [
        ("a", "Base", "http://m", True),
        ("b", "", "http://b", False),
    ]


def test_no_place_for_repositories_is_not_the_same_as_none() -> None:
    assert read({"/etc/hostname": "x"}) is None
    assert read({"/etc/apt/sources.list": "# none\n"}) == []
