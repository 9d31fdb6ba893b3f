"""From where packages come: what apt, dnf, tdnf and zypper are configured to ask."""

from __future__ import annotations

import re
from dataclasses import dataclass

from validators.guest import Guest, exists, lines, text

APT = ("/etc/apt/sources.list", "/etc/apt/sources.list.d")
RPM = ("/etc/yum.repos.d", "/etc/zypp/repos.d", "/etc/distro.repos.d")
OFF = ("no", "false", "0", "off", "without", "disable")


@dataclass(frozen=True, slots=True)
class Repository:
    """`id` is the suite for apt, the section for the others; `name` and `uri` as they are written."""

    id: str
    name: str
    uri: str
    enabled: bool
    where: str

    @property
    def site(self) -> str:
        """The URI as far as it may be shown: without a user, a password or a token in it."""
        return re.sub(r"//[^/]*@", "//", self.uri).partition("?")[0]


def configured(guest: Guest) -> list[Repository] | None:
    """All of them, of every manager; None where the image has no place in which they would be configured."""
    if not any(exists(guest, place) for place in (*APT, *RPM)):
        return None
    files = [path for folder in RPM for path in guest.glob(f"{folder}/*.repo")]
    return [*_apt(guest), *(one for path in files for one in _sections(guest, path))]


def _apt(guest: Guest) -> list[Repository]:
    found = []
    for path in [APT[0], *guest.glob(f"{APT[1]}/*.list")]:
        for line in lines(guest, path):
            # deb [options] uri suite components
            entry = re.match(r"deb\s+(?:\[[^\]]*\]\s*)?(\S+)\s+(\S+)", line)
            if entry:
                found += [Repository(entry[2], "", uri, True, path) for uri in _mirrors(guest, entry[1])]
    for path in guest.glob(f"{APT[1]}/*.sources"):
        for stanza in re.split(r"\n[ \t]*\n", text(guest, path) or ""):
            fields = _fields(stanza)
            if "deb" in fields.get("types", "").split():
                enabled = fields.get("enabled", "yes").casefold() not in OFF
                found += [
                    Repository(suite, "", uri, enabled, path)
                    for word in fields.get("uris", "").split()
                    for uri in _mirrors(guest, word)
                    for suite in fields.get("suites", "").split()
                ]
    return found


def _mirrors(guest: Guest, uri: str) -> list[str]:
    """The URIs in the file that `mirror+file:` names, as Debian's cloud images use it; else `uri` itself."""
    scheme, _, path = uri.partition(":")
    if scheme != "mirror+file":
        return [uri]
    return [line.split()[0] for line in lines(guest, f"/{path.lstrip('/')}")]


def _fields(stanza: str) -> dict[str, str]:
    """`Name: value` lines, continued by lines that begin with a blank."""
    found: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in (" ", "\t") and name:
            found[name] += f" {line.strip()}"
            continue
        name, _, value = line.partition(":")
        name = name.strip().casefold()
        found[name] = value.strip()
    return found


def _sections(guest: Guest, path: str) -> list[Repository]:
    found: list[tuple[str, dict[str, str]]] = []
    for line in lines(guest, path):
        section = re.match(r"\[([^\]]+)\]", line)
        if section:
            found.append((section[1], {}))
        elif found:
            key, _, value = line.partition("=")
            found[-1][1][key.strip().casefold()] = value.strip()
    return [
        Repository(
            id_,
            settings.get("name", ""),
            next((settings[key] for key in ("baseurl", "mirrorlist", "metalink") if key in settings), ""),
            settings.get("enabled", "1").casefold() not in OFF,
            path,
        )
        for id_, settings in found
    ]
