"""Rules on the Azure Linux Agent and on who provisions the machine."""

from __future__ import annotations

import re

from validators.check import Answer, Case, met, rule, shown, skipped, unmet, warned
from validators.guest import Undecidable, exists, lines
from validators.linux import agent, boot, cloudinit, kernel, packages, provisioning
from validators.linux.versions import at_least
from validators.outcome import Severity

STORAGE_RULES = ("66-azure-storage.rules", "99-azure-product-uuid.rules")
PERSISTENT_NET = (
    "/etc/udev/rules.d/70-persistent-net.rules",
    "/etc/udev/rules.d/85-persistent-net-cloud-init.rules",
    "/usr/lib64/udev/rules.d/70-persistent-net.rules",
)
NET_GENERATOR = "75-persistent-net-generator.rules"
UDEV_FOLDERS = ("/etc/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d", "/usr/lib64/udev/rules.d")


@rule("LNX-AGENT-001")
def agent_is_installed(case: Case) -> Answer:
    found = agent.program(case.guest)
    return met("the agent is installed", found) if found else unmet(f"none of {', '.join(agent.PROGRAMS)}")


@rule("LNX-AGENT-002")
def agent_is_recent(case: Case) -> Answer:
    version, where = _version(case)
    old = tuple(n for n, limit in case.thresholds.items() if not at_least(version, limit["min"]))
    if not old:
        return met(f"version {version}", where)
    wanted = ", ".join(f"{name}: {case.thresholds[name]['min']}" for name in old)
    if _updates_itself(case):
        return warned(f"version {version} is older than {wanted}; it updates itself", where, graders=old)
    return unmet(f"version {version}; wanted: {wanted}", where, graders=old)


@rule("LNX-AGENT-003")
def agent_has_margin(case: Case) -> Answer:
    version, where = _version(case)
    wanted = case.rule.limits["min"]
    if at_least(version, wanted):
        return met(f"version {version}", where)
    return unmet(f"version {version}; one publisher saw rejections below {wanted}", where)


@rule("LNX-AGENT-004")
def agent_starts(case: Case) -> Answer:
    by = agent.started_by(case.guest)
    return met("the agent starts at boot", by) if by else unmet(f"nothing starts {' or '.join(agent.UNITS)}")


@rule("LNX-AGENT-005")
def agent_updates_itself(case: Case) -> Answer:
    path, settings = _settings(case)
    for key in ("AutoUpdate.Enabled", "AutoUpdate.UpdateToLatestVersion"):
        if settings.get(key, "y").casefold() == "n":
            graders = None if key == "AutoUpdate.Enabled" else ("tool",)
            return unmet(f"{key}=n", path, graders=graders)
    return met("automatic update is not turned off", path)


@rule("LNX-AGENT-006")
def agent_runs_extensions(case: Case) -> Answer:
    path, settings = _settings(case)
    if settings.get("Extensions.Enabled", "y").casefold() != "n":
        return met("extensions are not turned off", path)
    if case.sku is not None and not case.sku.properties.extensions:
        return met("extensions are off, and the plan does not promise them", path)
    return unmet("Extensions.Enabled=n", path)


@rule("LNX-AGENT-007")
def agent_is_configured(case: Case) -> Answer:
    found = agent.settings(case.guest)
    return met("the agent's configuration", found[0]) if found else unmet(f"none of {agent.CONFIGURATIONS}")


@rule("LNX-PROV-001")
def one_provisions(case: Case) -> Answer:
    path, settings = _settings(case)
    found = provisioning.provisioner(case.guest, path, settings)
    return met(found.reason, found.where) if found.by else unmet(found.reason, found.where)


@rule("LNX-PROV-002")
def cloud_init_uses_azure(case: Case) -> Answer:
    declared = case.sku is not None and case.sku.properties.cloud_init
    severity = Severity.MANDATORY if declared else Severity.RECOMMENDATION
    found = agent.settings(case.guest)
    by_agent = found is not None and found[1].get("Provisioning.Agent", "auto").casefold() == "waagent"
    if not cloudinit.starts(case.guest):
        if by_agent and not declared:
            return skipped("the agent provisions")
        return unmet("cloud-init is not there or does not start", severity=severity)
    sources = cloudinit.setting(case.guest, "datasource_list")
    if sources is None:
        return unmet("datasource_list is not set", "/etc/cloud", severity=severity)
    names = [str(name) for name in sources[1]] if isinstance(sources[1], list) else [str(sources[1])]
    # `None` is cloud-init's own last resort, not a place it looks at.
    found_by = provisioning.sources(case.guest)
    if not found_by.azure:
        looked = ", ".join(found_by.names) or "nothing"
        return unmet(f"cloud-init looks for {looked} ({found_by.where})", severity=severity)
    if [name for name in names if name.casefold() != "none"] == ["Azure"]:
        return met(f"datasource_list: {', '.join(names)}", sources[0])
    return unmet(f"datasource_list: {', '.join(names)}", sources[0], severity=severity)


@rule("LNX-PROV-003")
def provisioning_media_can_be_read(case: Case) -> Answer:
    for path in case.guest.glob("/etc/modprobe.d/*.conf"):
        for line in lines(case.guest, path):
            words = line.split()
            if words[0] in ("blacklist", "install") and words[1:2] in (["udf"], ["vfat"]):
                return unmet(f"`{line}`{_waiver(case, words[1:2])}", path)
    version = _kernel(case)
    have = kernel.on_disk(case.guest, version) | kernel.built_in(case.guest, version)
    if not have:
        raise Undecidable(f"the modules of kernel {version} are not listed in the image")
    missing = [name for name in ("udf", "vfat") if name not in have]
    if missing:
        return unmet(f"{' and '.join(missing)} missing in kernel {version}{_waiver(case, missing)}")
    return met("udf and vfat")


def _waiver(case: Case, missing: list[str]) -> str:
    """Who could still be served, which no image can promise: the customer chooses how to log in."""
    version = cloudinit.version(case.guest) if missing == ["udf"] and cloudinit.starts(case.guest) else None
    if version is None or not at_least(version, case.rule.limits["udf_needless_from"]):
        return ""
    return f"; cloud-init {version} does without udf for logins with a key and without custom data"


@rule("LNX-IO-001")
def disk_timeout(case: Case) -> Answer:
    path, settings = _settings(case)
    value = settings.get("OS.RootDeviceScsiTimeout", "")
    evidence = f"OS.RootDeviceScsiTimeout={value or '(not set)'}"
    return met(evidence, path) if value == str(case.rule.limits["seconds"]) else unmet(evidence, path)


@rule("LNX-UDEV-001")
def storage_links(case: Case) -> Answer:
    missing = [name for name in STORAGE_RULES if not _in_force(case, name)]
    return unmet(f"missing: {shown(missing)}") if missing else met(", ".join(STORAGE_RULES))


@rule("LNX-UDEV-002")
def no_persistent_net(case: Case) -> Answer:
    for path in PERSISTENT_NET:
        if exists(case.guest, path):
            return unmet("a network card of the build machine is remembered", path)
    generator = _in_force(case, NET_GENERATOR)
    if generator:
        return unmet("the first card of every machine would be remembered", generator)
    return met("no card is remembered")


def _in_force(case: Case, name: str) -> str | None:
    """The file of udev's rules of that name which counts, in the order of folders; None if masked."""
    for folder in UDEV_FOLDERS:
        path = f"{folder}/{name}"
        if case.guest.stat(path, follow=False) is not None:
            return path if exists(case.guest, path) else None
    return None


def _version(case: Case) -> tuple[str, str]:
    found = agent.version(case.guest)
    if found is None:
        packages.installed(case.guest, *agent.PACKAGES)  # says why, where the records cannot be read
        raise Undecidable("the agent's version was not found (LNX-AGENT-001 says whether it is installed)")
    return found


def _settings(case: Case) -> tuple[str, dict[str, str]]:
    found = agent.settings(case.guest)
    if found is None:
        raise Undecidable("there is no waagent.conf (LNX-AGENT-007)")
    return found


def _updates_itself(case: Case) -> bool:
    found = agent.settings(case.guest)
    return found is not None and found[1].get("AutoUpdate.Enabled", "y").casefold() != "n"


def _kernel(case: Case) -> str:
    for entry in boot.defaults(case.guest):
        version = boot.kernel_version(case.guest, entry)
        if version:
            return version
    names = case.guest.listdir("/lib/modules")
    if len(names) == 1 and re.match(r"\d", names[0]):
        return names[0]
    raise Undecidable("which kernel boots was not found")
