"""The site of docs/ is built without a warning, has every anchor that errors print, and needs no network."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vmoffer import topics

ROOT = Path(__file__).parent.parent
# What a browser fetches by itself; links that a reader follows are something else.
FETCHED = re.compile(
    r"<(?:script|img|iframe|source)[^>]* src=[\"']?(https?:)?//|<link[^>]* href=[\"']?(https?:)?//"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "true"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return folder


def _ids(page: Path) -> set[str]:
    return set(re.findall(r'\bid="([^"]+)"', page.read_text(encoding="utf-8")))


def test_every_anchor_that_an_error_prints_is_on_the_site(site: Path) -> None:
    from validators import catalogue

    assert {*topics.TOPICS.values(), *topics.BY_ERRNO.values()} <= _ids(site / "troubleshooting.html")
    assert {f"status-{number}" for number in (1, 2, 3)} <= _ids(site / "troubleshooting.html")
    assert {rule.lower() for rule in catalogue.rules()} <= _ids(site / "rules.html")


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = [*site.rglob("*.html")]
    assert len(pages) > 15
    assert not [page.name for page in pages if FETCHED.search(page.read_text(encoding="utf-8"))]
