"""Where Debian's packages come from: the host's own mirror on Debian, else what the recipe says."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mirrors:
    """URIs of the main archive and of the security archive."""

    main: str
    security: str


def mirrors(
    main: str, security: str, etc: Path = Path("/etc/apt"), distribution: str | None = None
) -> Mirrors:
    """The environment's MIRROR and SECURITY_MIRROR, else the host's if it is Debian, else the defaults."""
    if (distribution or _distribution()) == "debian":
        for uri, suite in configured(etc):
            if re.search(r"-security$|/updates$", suite):
                security = uri
            elif re.fullmatch(r"[a-z]+", suite) and uri.rstrip("/").endswith("/debian"):
                main = uri
    return Mirrors(os.environ.get("MIRROR") or main, os.environ.get("SECURITY_MIRROR") or security)


def configured(etc: Path) -> list[tuple[str, str]]:
    """(URI, suite) of every binary source under `etc`, in both of apt's notations."""
    found = []
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        if path.suffix == ".sources" and path.is_file():
            found += _deb822(path.read_text(errors="replace"))
        elif path.suffix == ".list" and path.is_file():
            found += _one_line(path.read_text(errors="replace"))
    return [(uri, suite) for uri, suite in found if re.match(r"https?://", uri)]


def _one_line(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^deb\s+(?:\[[^]]*\]\s*)?(\S+)\s+(\S+)", text, re.MULTILINE)


def _deb822(text: str) -> list[tuple[str, str]]:
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        plain = "\n".join(line for line in stanza.splitlines() if not line.startswith("#"))
        values = {
            name.lower(): value.split() for name, value in re.findall(r"^([\w-]+):(.*)$", plain, re.MULTILINE)
        }
        if "deb" in values.get("types", []) and values.get("enabled") != ["no"]:
            found += [(uri, suite) for uri in values.get("uris", []) for suite in values.get("suites", [])]
    return found


def sources(suite: str, components: list[str], keyring: str, where: Mirrors) -> str:
    """A sources.list with the suite, its updates and its security updates."""
    lines = ((where.main, suite), (where.main, f"{suite}-updates"), (where.security, f"{suite}-security"))
    return "".join(f"deb [signed-by={keyring}] {uri} {name} {' '.join(components)}\n" for uri, name in lines)


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("ID", "")
    except OSError:
        return ""
