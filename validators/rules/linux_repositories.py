"""The rule on where packages come from: what LISA wants to see for the distributions that it knows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from validators.check import Answer, Case, elsewhere, met, rule, shown, skipped, unmet
from validators.guest import Guest, Undecidable, exists
from validators.linux import elf, release, repositories
from validators.linux.repositories import Repository

DEBIAN = ("deb.debian.org", "debian-archive.trafficmanager.net", "azure.deb.debian.cloud/debian")
POCKETS = ("-security", "-updates")
AZURE_LINUX = ("azurelinux-official-base", "azurelinux-official-ms-oss", "azurelinux-official-ms-non-oss")
REGISTERS = ("/etc/regionserverclnt.cfg", "/usr/lib/systemd/system/guestregister.service")
Expected = tuple[str, int, Callable[[Repository], bool]]


@rule("LNX-REPO-001")
def packages_come_from_azure(case: Case) -> Answer:
    system = release.read(case.guest)
    expected = _expected(case.guest, system)
    if expected is None:
        return skipped(f"nobody has a list for {system.name or system.id or 'an unknown distribution'}")
    found = repositories.configured(case.guest)
    if found is None:
        raise Undecidable("no configuration of repositories was found")
    if not found and any(exists(case.guest, path) for path in REGISTERS):
        return elsewhere("the repositories are registered when the machine first boots")
    missing = [what for what, count, test in expected if sum(map(test, found)) < count]
    where = found[0].where if found else ""
    if missing:
        seen = shown(sorted({f"{one.id} {one.site}".strip() for one in found})) or "none at all"
        return unmet(f"no {' and no '.join(missing)}; configured: {seen}", where)
    return met(", ".join(what for what, _, _ in expected), where)


def _expected(guest: Guest, system: release.Release) -> list[Expected] | None:
    """What LISA wants to see, how often, and how it is recognised; None where it has no list."""
    if system.id == "ubuntu":
        machine = elf.machine(guest)
        host = "ports.ubuntu.com" if machine and machine[0] == "aarch64" else "azure.archive.ubuntu.com"
        return [(host, 1, partial(_on, (host,))), *((f"suite *{s}", 1, partial(_suite, s)) for s in POCKETS)]
    if system.id == "debian":
        return [(" or ".join(DEBIAN), 1, partial(_on, DEBIAN))]
    if system.id.startswith(("sles", "opensuse")):
        words = ("pool", "updates") if system.id.startswith("sles") else ("oss", "update")
        return [(f"repository `{word}`", 1, partial(_called, word)) for word in words]
    if system.id == "ol":
        return [("repository `latest`", 1, partial(_called, "latest"))]
    if system.id in ("rhel", "centos", "almalinux", "rocky"):
        wanted: list[Expected] = [("6 repositories of RHUI", 6, _of_rhui)] if system.id == "rhel" else []
        if system.major >= 8:
            wanted += [(f"repository `{word}`", 1, partial(_called, word)) for word in ("base", "appstream")]
        return wanted or None
    if system.id == "azurelinux" and system.major == 3:
        return [(f"repository `{name}`", 1, partial(_called, name)) for name in AZURE_LINUX]
    return None


def _on(hosts: tuple[str, ...], one: Repository) -> bool:
    return one.enabled and any(host in one.uri for host in hosts)


def _suite(end: str, one: Repository) -> bool:
    return one.enabled and one.id.endswith(end)


def _called(word: str, one: Repository) -> bool:
    return one.enabled and word in f"{one.id} {one.name}".casefold()


def _of_rhui(one: Repository) -> bool:
    return "rhui" in one.id  # LISA counts those that are turned off, too
