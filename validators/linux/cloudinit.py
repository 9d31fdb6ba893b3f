"""cloud-init: whether it is there and starts, and what its configuration says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from validators.guest import Guest, Undecidable, exists, text
from validators.linux import boot, packages, systemd

PROGRAMS = ("/usr/bin/cloud-init", "/usr/local/bin/cloud-init")
UNITS = ("cloud-init.service", "cloud-init-main.service", "cloud-init-network.service")
# Without these nothing of it runs; the source for Azure is looked for by the local unit alone.
TARGET = "cloud-init.target"
NEEDED = (TARGET, "cloud-init-local.service")
ENABLED, DISABLED = "/etc/cloud/cloud-init.enabled", "/etc/cloud/cloud-init.disabled"
GENERATOR = "/etc/systemd/system-generators/cloud-init-generator"
VERSION_FILES = (
    "/usr/lib/python*/*-packages/cloudinit/version.py",
    "/usr/local/lib/python*/*-packages/cloudinit/version.py",
)
_VERSION = re.compile(r"^__VERSION__\s*=\s*['\"]([0-9.]+)", re.MULTILINE)
FILES = ("/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*.cfg")


def installed(guest: Guest) -> bool:
    return any(exists(guest, path) for path in PROGRAMS)


def version(guest: Guest) -> str | None:
    """What the package says, or else cloud-init's own file; None if neither does."""
    try:
        package = packages.installed(guest, "cloud-init")
    except Undecidable:
        package = None
    if package:
        return package.version
    for pattern in VERSION_FILES:
        for path in guest.glob(pattern):
            found = _VERSION.search(text(guest, path) or "")
            if found:
                return found[1]
    return None


def starts(guest: Guest) -> bool:
    """Whether it runs at boot: nothing disables it, and its units are enabled."""
    return installed(guest) and not disabled_by(guest) and systemd.started_by(guest, *UNITS) is not None


def disabled_by(guest: Guest) -> str:
    """What keeps its generator and units from starting it, or nothing; the kernel command line wins."""
    for entry in boot.defaults(guest)[:1]:
        words = [word for word in entry.value("cloud-init") if word in ("enabled", "disabled")]
        if words:
            return f"cloud-init=disabled in {entry.where}" if words[-1] == "disabled" else ""
    if exists(guest, DISABLED) and not exists(guest, ENABLED):
        return DISABLED
    masked = [unit for unit in NEEDED if systemd.is_masked(guest, unit)]
    if masked:
        return f"{masked[0]} is masked"
    if guest.readlink(GENERATOR) == "/dev/null" and not systemd.started_by(guest, TARGET):
        return f"{GENERATOR} is masked"
    return ""


def configuration(guest: Guest) -> list[tuple[str, Mapping[str, Any]]]:
    """Every configuration file with its content, in the order in which later ones win.

    Raises Undecidable for a file that is no YAML mapping.
    """
    return [(path, mapping(guest, path)) for pattern in FILES for path in guest.glob(pattern)]


def setting(guest: Guest, key: str) -> tuple[str, Any] | None:
    """The value that counts and its file."""
    found = [(path, content[key]) for path, content in configuration(guest) if key in content]
    return found[-1] if found else None


def renders_network(guest: Guest) -> bool:
    """Whether cloud-init configures the network at first boot."""
    if not starts(guest):
        return False
    network = setting(guest, "network")
    return not (network and isinstance(network[1], Mapping) and network[1].get("config") == "disabled")


def mapping(guest: Guest, path: str) -> Mapping[str, Any]:
    """The YAML mapping in a file; empty for an empty or missing file."""
    content = text(guest, path)
    if not content:
        return {}
    from ruamel.yaml.error import YAMLError

    try:
        loaded = _loaded(content)
    except (YAMLError, ValueError, RecursionError) as error:
        raise Undecidable(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, Mapping):
        raise Undecidable(f"{path} holds no mapping")
    return loaded


@lru_cache(maxsize=64)
def _loaded(content: str) -> Any:
    """The document in `content`; several rules ask for the same files. Nobody changes what is returned."""
    from generator.bounded_yaml import compose

    document = compose(content, strict=False)
    if document.repeated:
        raise ValueError(f"the key {document.repeated[0].path[-1]} a second time")
    return document.data
