"""The offer's page: texts, links, contacts, and pictures measured from their files."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from conftest import changed, define
from hypothesis import given
from hypothesis import strategies as st

from generator import png
from generator.lint import lint, unusable
from validators.catalogue import rules

CONTACT = {"name": "Help desk", "email": "help@contoso.com", "phone": "+1 425 555 0100"}
PAGE: dict[str, Any] = {
    "description": "Sells what you make.",
    "privacy_policy": "https://contoso.com/privacy",
    "contacts": {"support": dict(CONTACT), "engineering": dict(CONTACT)},
    "logos": {"large": "300.png", "medium": "90.png", "small": "48.png"},
    "screenshots": [{"file": "wide.png", "caption": "The shop"}],
    "videos": [{"title": "Tour", "url": "https://www.youtube.com/watch?v=1", "thumbnail": "wide.png"}],
}
PICTURES = {
    "48.png": (48, 48), "90.png": (90, 90), "215.png": (215, 215), "216.png": (216, 216),
    "300.png": (300, 300),
    "350.png": (350, 350), "351.png": (351, 351), "oblong.png": (300, 216), "wide.png": (1280, 720),
    "large.png": (1920, 1080),
}  # fmt: skip
SHOT = {"file": "wide.png", "caption": "The shop"}
VIDEO = {"url": "https://vimeo.com/1", "thumbnail": "wide.png"}
GERMAN = "This application is available only in German."

# Rule, field, what of the page changes; None: the page stays clean.
ROWS: list[tuple[str, str | None, dict[str, Any]]] = [
    ("LST-NAME-001", None, {}),
    ("LST-SUM-001", None, {}),
    ("LST-LANG-001", None, {}),
    ("LST-LANG-001", None, {"language": "German", "description": f"{GERMAN} Verkauft."}),
    ("LST-LANG-001", None, {"language": "German", "description": f"<div>\n <p>{GERMAN}</p>"}),
    ("LST-LANG-001", "listing.description", {"language": "German"}),
    ("LST-LANG-001", "listing.description", {"language": "French", "description": GERMAN}),
    ("LST-LANG-001", "listing.description", {"language": "German", "description": f"Neu! {GERMAN}"}),
    ("LST-LINK-001", None, {"privacy_policy": "http://contoso.com"}),
    ("LST-LINK-001", "listing.privacy_policy", {"privacy_policy": ""}),
    ("LST-LINK-001", "listing.privacy_policy", {"privacy_policy": "contoso.com/privacy"}),
    ("LST-LINK-001", "listing.privacy_policy", {"privacy_policy": "https://[contoso/"}),
    ("LST-LINK-001", "listing.contacts.support", {"contacts__support__name": " "}),
    ("LST-LINK-001", "listing.contacts.engineering", {"contacts__engineering__email": "ann@contoso"}),
    ("LST-LINK-001", "listing.contacts.engineering", {"contacts__engineering__phone": "ask me"}),
    ("LST-LOGO-001", None, {"logos": {"large": "216.png"}}),
    ("LST-LOGO-001", None, {"logos": {"large": "350.png"}}),
    ("LST-LOGO-001", "listing.logos.large", {"logos": {}}),
    ("LST-LOGO-001", "listing.logos.large", {"logos": {"large": "215.png"}}),
    ("LST-LOGO-001", "listing.logos.large", {"logos": {"large": "351.png"}}),
    ("LST-LOGO-001", "listing.logos.large", {"logos": {"large": "oblong.png"}}),
    ("LST-LOGO-001", "listing.logos.large", {"logos": {"large": "logo.jpg"}}),
    ("LST-LOGO-001", "listing.logos.medium", {"logos__medium": "48.png"}),
    ("LST-LOGO-001", "listing.logos.small", {"logos__small": "90.png"}),
    ("LST-SHOT-001", None, {"screenshots": [SHOT] * 5, "videos": [VIDEO] * 5}),
    ("LST-SHOT-001", "listing.screenshots", {"screenshots": [SHOT] * 6}),
    ("LST-SHOT-001", "listing.screenshots[0].caption", {"screenshots": [{"file": "wide.png"}]}),
    ("LST-SHOT-001", "listing.screenshots[0].file", {"screenshots": [{**SHOT, "file": "large.png"}]}),
    ("LST-SHOT-001", "listing.screenshots[0].file", {"screenshots": [{**SHOT, "file": "logo.jpg"}]}),
    ("LST-SHOT-001", "listing.videos", {"videos": [VIDEO] * 6}),
    ("LST-SHOT-001", "listing.videos[0].url", {"videos": [{**VIDEO, "url": "https://notvimeo.com/1"}]}),
    ("LST-SHOT-001", "listing.videos[0].url", {"videos": [{**VIDEO, "url": "youtube.com/1"}]}),
    ("LST-SHOT-001", "listing.videos[0].thumbnail", {"videos": [{**VIDEO, "thumbnail": "90.png"}]}),
]  # fmt: skip


def _png(width: int, height: int) -> bytes:
    """A whole grey picture, as any program writes it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((width + 1) * height))
    return png.SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for name, size in PICTURES.items():
        (folder / name).write_bytes(_png(*size))
    (folder / "logo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(60))
    return folder


@pytest.mark.parametrize(("rule", "field", "changes"), ROWS)
def test_a_page_is_judged_as_its_row_says(
    pictures: Path, rule: str, field: str | None, changes: dict[str, Any]
) -> None:
    found = [(one.rule, one.field) for one in lint([define(pictures, listing=changed(PAGE, **changes))])]
    assert found == ([] if field is None else [(rule, field)])


def test_every_rule_of_the_listing_has_a_row_for_yes_and_one_for_no() -> None:
    met = {rule for rule, field, _ in ROWS if field is None}
    unmet = {rule for rule, field, _ in ROWS if field is not None}
    # The names are in the definition proper: test_lint.py breaks them.
    unmet |= {"LST-NAME-001", "LST-SUM-001"}
    assert met == unmet == {rule.id for rule in rules().values() if rule.subject == "listing"}


def test_an_empty_page_is_told_everything_that_it_lacks(tmp_path: Path) -> None:
    found = [(one.rule, one.field) for one in lint([define(tmp_path, listing={})])]
    assert len(found) == 4
    assert {rule for rule, _ in found} == {"LST-LINK-001", "LST-LOGO-001"}


def test_a_picture_that_is_not_there_is_named_once_and_as_unusable(tmp_path: Path) -> None:
    gone = {"screenshots": [{"file": "x.png", "caption": "x"}], "logos": {"large": "../x.png"}}
    definition = define(tmp_path, listing={**PAGE, "videos": [], **gone})
    assert [one.field for one in unusable([definition])] == [
        "listing.logos.large",
        "listing.screenshots[0].file",
    ]
    assert lint([definition]) == []


def test_a_damaged_header_is_no_png(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.png", _png(300, 300)
    for cut in range(len(png.SIGNATURE) + png.HEADER.size):
        path.write_bytes(whole[:cut])
        assert png.size(path) is None
    for at in range(len(png.SIGNATURE) + png.HEADER.size):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert png.size(path) is None
    path.write_bytes(_png(0, 300))
    assert png.size(path) is None


@given(st.binary(max_size=64))
def test_any_bytes_are_read_without_an_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.png"
    path.write_bytes(data)
    assert png.size(path) is None
