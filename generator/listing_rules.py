"""What the Marketplace asks of an offer's page: the LST rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from generator import png
from generator.breach import Breach
from generator.catalogue import Definition
from generator.listing import Contact, Listing
from generator.load import FieldPath
from generator.model import Sku

MAX_NAME = 200  # LST-NAME-001
MAX_SUMMARY = 100  # LST-SUM-001
MAX_PICTURES = 5  # LST-SHOT-001, of screenshots and of videos
PICTURE = (1280, 720)  # pixels, LST-SHOT-001
LOGOS = {"large": range(216, 351), "medium": range(90, 91), "small": range(48, 49)}  # pixels, LST-LOGO-001
VIDEO_HOSTS = ("youtube.com", "youtu.be", "vimeo.com")  # LST-SHOT-001
EMOJI = re.compile("[\u231a\u231b\u23e9-\u23fa\u2600-\u27bf\u2b50\u2b55\ufe0f\u20e3\U0001f000-\U0001faff]")
EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
PHONE = re.compile(r"\+?[0-9 ()./-]{5,}")
MARKUP = re.compile(r"\s+|<[^>]*>")


def listing(definition: Definition) -> Iterator[Breach]:
    """What the LST rules say of the names, and of the listing if the definition has one."""
    sku = definition.sku
    yield from _names(sku)
    if sku.listing:
        yield from _language(sku.listing)
        yield from _links(sku.listing)
        yield from _logos(sku.listing, definition.root)
        yield from _pictures(sku.listing, definition.root)


def _names(sku: Sku) -> Iterator[Breach]:
    titles: list[tuple[FieldPath, str]] = [
        (("offer", "title"), sku.offer.title),
        (("plan", "title"), sku.plan.title),
    ]
    for field, title in titles:
        if not 1 <= len(title) <= MAX_NAME:
            fix = f"use 1-{MAX_NAME} characters"
            yield Breach("LST-NAME-001", field, f"{len(title)} characters", fix)
        if EMOJI.search(title):
            yield Breach("LST-NAME-001", field, repr(title), "leave emoji out of names")
    if len(sku.offer.summary) > MAX_SUMMARY:
        found = f"{len(sku.offer.summary)} characters"
        yield Breach("LST-SUM-001", ("offer", "summary"), found, f"use at most {MAX_SUMMARY} characters")


def _language(page: Listing) -> Iterator[Breach]:
    if page.language.casefold() == "english":
        return
    wanted = f"This application is available only in {page.language}."
    text = page.description
    while markup := MARKUP.match(text):  # a paragraph's own tags may come before its text
        text = text[markup.end() :]
    if not text.startswith(wanted):
        found = f"{text[:60]!r} for a listing in {page.language}"
        yield Breach("LST-LANG-001", ("listing", "description"), found, f"begin it with: {wanted}")


def _links(page: Listing) -> Iterator[Breach]:
    if not _is_url(page.privacy_policy):
        fix = "give the http(s) address of your privacy policy"
        yield Breach("LST-LINK-001", ("listing", "privacy_policy"), repr(page.privacy_policy), fix)
    for who in ("support", "engineering"):
        contact: Contact = getattr(page.contacts, who)
        good = {
            "name": bool(contact.name.strip()),
            "email": EMAIL.fullmatch(contact.email) is not None,
            "phone": PHONE.fullmatch(contact.phone) is not None,
        }
        if wrong := [f"{name} {getattr(contact, name)!r}" for name, met in good.items() if not met]:
            fix = "give a name, an e-mail address and a telephone number"
            yield Breach("LST-LINK-001", ("listing", "contacts", who), ", ".join(wrong), fix)


def _logos(page: Listing, root: Path) -> Iterator[Breach]:
    if page.logos.large is None:
        fix = "name a square PNG of 216-350 pixels"
        yield Breach("LST-LOGO-001", ("listing", "logos", "large"), "no large logo", fix)
    for name, allowed in LOGOS.items():
        file = getattr(page.logos, name)
        if file is None or not (root / file).is_file():  # what is not there, `generator.lint.unusable` names
            continue
        size = png.size(root / file)
        if size is None or size[0] != size[1] or size[0] not in allowed:
            edge = f"{allowed[0]}-{allowed[-1]}" if len(allowed) > 1 else str(allowed[0])
            fix = f"export a square PNG of {edge} pixels"
            yield Breach("LST-LOGO-001", ("listing", "logos", name), _in_words(size, file), fix)


def _pictures(page: Listing, root: Path) -> Iterator[Breach]:
    for kind, count in (("screenshots", len(page.screenshots)), ("videos", len(page.videos))):
        if count > MAX_PICTURES:
            yield Breach("LST-SHOT-001", ("listing", kind), f"{count} {kind}", f"show at most {MAX_PICTURES}")
    files: list[tuple[FieldPath, str]] = []
    for index, shot in enumerate(page.screenshots):
        files.append((("listing", "screenshots", index, "file"), shot.file))
        if not shot.caption.strip():
            field: FieldPath = ("listing", "screenshots", index, "caption")
            yield Breach("LST-SHOT-001", field, "no caption", "say what the screenshot shows")
    for index, video in enumerate(page.videos):
        files.append((("listing", "videos", index, "thumbnail"), video.thumbnail))
        host = urlsplit(video.url).hostname or "" if _is_url(video.url) else ""
        if not any(host == known or host.endswith(f".{known}") for known in VIDEO_HOSTS):
            fix = "link to a video on YouTube or Vimeo"
            yield Breach("LST-SHOT-001", ("listing", "videos", index, "url"), repr(video.url), fix)
    for field, file in files:
        if (root / file).is_file() and (size := png.size(root / file)) != PICTURE:
            fix = "export a PNG of 1280x720 pixels"
            yield Breach("LST-SHOT-001", field, _in_words(size, file), fix)


def _in_words(size: tuple[int, int] | None, file: str) -> str:
    return f"{file!r}: {size[0]}x{size[1]} pixels" if size else f"{file!r}: not a readable PNG"


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)
