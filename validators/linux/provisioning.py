"""Who provisions a machine at its first boot: cloud-init, the agent, or nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from validators.guest import Guest, exists
from validators.linux import agent, boot, cloudinit, datasource, elf, systemd

LOCAL = "cloud-init-local.service"


@dataclass(frozen=True, slots=True)
class Provisioner:
    """`by` is empty for nobody; `reason` and `where` say why it is so."""

    by: Literal["cloud-init", "agent", ""]
    reason: str
    where: str = ""


def provisioner(guest: Guest, path: str, settings: dict[str, str]) -> Provisioner:
    """Who provisions with the agent's `settings`, which are in the file `path`.

    As the agent does it (pa/provision/factory.py of WALinuxAgent): with `auto` it leaves all to cloud-init
    where the unit of that is enabled, and never asks whether it runs or finds anything.
    """
    chosen = settings.get("Provisioning.Agent", "auto").casefold()
    told = "Provisioning.Agent" in settings or settings.get("Provisioning.Enabled", "y").casefold() != "n"
    if chosen not in ("auto", "cloud-init", "waagent"):
        return Provisioner("", f"Provisioning.Agent={chosen}", path)
    if chosen == "cloud-init" or (chosen == "auto" and (not told or _unit_is_enabled(guest))):
        given = (
            f"Provisioning.Agent={chosen} leaves it to cloud-init" if told else "the agent does not provision"
        )
        failing, where = _hindrance(guest)
        if failing:
            return Provisioner("", f"{given}, but {failing}", where or path)
        return Provisioner("cloud-init", given, path)
    if not agent.started_by(guest):
        return Provisioner(
            "", f"the agent would provision, but nothing starts {' or '.join(agent.UNITS)}", path
        )
    return Provisioner("agent", f"Provisioning.Agent={chosen}: the agent provisions", path)


def by_cloud_init(guest: Guest) -> bool:
    """Whether cloud-init runs and finds what Azure has for it."""
    return not _hindrance(guest)[0]


def runs(guest: Guest) -> bool:
    """Whether cloud-init runs; if it finds nothing for it, it configures the network all the same."""
    return cloudinit.starts(guest) and sources(guest).runs


def sources(guest: Guest) -> datasource.Sources:
    """Where cloud-init looks for data, with the kernel command line of what boots."""
    entries = boot.defaults(guest)
    found = elf.machine(guest)
    line = entries[0].arguments if entries else ()
    return datasource.identify(guest, line, has_dmi=found is None or found[0] != "aarch64")


def _hindrance(guest: Guest) -> tuple[str, str]:
    """Why cloud-init does not provision, and what says so; both empty if it does."""
    if not cloudinit.installed(guest):
        return "cloud-init is not there or does not start: it is not installed", ""
    disabled = cloudinit.disabled_by(guest)
    if disabled:
        return f"cloud-init does not start: {disabled}", disabled if exists(guest, disabled) else ""
    if not cloudinit.starts(guest):
        return "cloud-init is not there or does not start: no unit of it is enabled", ""
    found = sources(guest)
    if not found.runs:
        return f"cloud-init does not start: ds-identify finds nothing for it ({found.where})", ""
    if not found.azure:
        return f"cloud-init does not look for Azure: {', '.join(found.names)} ({found.where})", found.where
    return "", ""


def _unit_is_enabled(guest: Guest) -> bool:
    """What the agent asks: is cloud-init-local.service enabled, or does the service cloud-init run?"""
    if not cloudinit.installed(guest):
        return False
    if not systemd.is_masked(guest, LOCAL) and systemd.started_by(guest, LOCAL):
        return True
    return systemd.unit_file(guest, LOCAL) is None and systemd.started_by(guest, *cloudinit.UNITS) is not None
