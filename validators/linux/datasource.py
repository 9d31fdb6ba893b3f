"""Where cloud-init looks for its data on Azure: what ds-identify and cloud-init make of their switches.

As ds-identify 22.4 (Debian 12) does it; from 23.1 on, `ds=` on the kernel command line names a source, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from validators.guest import Guest, exists, text
from validators.linux import cloudinit
from validators.linux.versions import at_least

CONFIGURATION = "/etc/cloud/ds-identify.cfg"
SEEDS = "/var/lib/cloud/seed"
# What both programs look through where nobody says anything; None is the last resort, which finds nothing.
DEFAULT = (
    "MAAS", "ConfigDrive", "NoCloud", "AltCloud", "Azure", "Bigstep", "CloudSigma", "CloudStack",
    "DigitalOcean", "Vultr", "AliYun", "Ec2", "GCE", "OpenNebula", "OpenStack", "OVF", "SmartOS", "Scaleway",
    "Hetzner", "IBMCloud", "Oracle", "Exoscale", "RbxCloud", "UpCloud", "VMware", "LXD", "NWCS",
)  # fmt: skip
NAMED_BY_KERNEL = "23.1"  # the first version that takes ds= of the kernel command line for any source
_KEY = "datasource_list"


@dataclass(frozen=True, slots=True)
class Sources:
    """Names in the order in which they are tried, what says so, and whether cloud-init runs at all."""

    names: tuple[str, ...]
    where: str
    runs: bool = True

    @property
    def azure(self) -> bool:
        return self.runs and "Azure" in self.names


def identify(guest: Guest, line: Sequence[str], *, has_dmi: bool = True) -> Sources:
    """The sources for a machine on Azure whose kernel command line is `line`; `has_dmi`: it is no arm64.

    Raises Undecidable for configuration that is no YAML.
    """
    given = _settings(guest, line)
    listed, where = _listed(guest, line)
    mode, found_first, on_none = _policy(given.get("policy", ("", ""))[0], has_dmi)
    if mode == "disabled":
        return Sources((), given["policy"][1], runs=False)
    own = _of_cloud_init(guest, where)
    if mode == "enabled":
        return own
    name, by = given.get("datasource", ("", ""))
    if name:
        chosen = Sources((name,), by)
    elif exists(guest, "/var/lib/cloud/instance/manual-clean"):
        return own
    elif len(listed) == 1 or (len(listed) == 2 and listed[1] == "None"):
        chosen = Sources(tuple(listed), where)
    else:
        found = [each for each in listed if _is_found(guest, each, line)]
        if not found:
            runs = on_none == "enabled" or mode == "report"
            return Sources((), where, runs=False) if not runs else own
        chosen = Sources(tuple(found[:1] if found_first else found), where)
    return own if mode == "report" else chosen


def _settings(guest: Guest, line: Sequence[str]) -> Mapping[str, tuple[str, str]]:
    """`datasource` and `policy` with what says so: the file, then the kernel command line."""
    found: dict[str, tuple[str, str]] = {}
    for raw in (text(guest, CONFIGURATION) or "").split("\n"):
        key, colon, value = raw.partition("#")[0].partition(":")
        if colon and key.strip() in ("datasource", "policy"):
            found[key.strip()] = (_unquoted(value), CONFIGURATION)
    new = at_least(cloudinit.version(guest) or NAMED_BY_KERNEL, NAMED_BY_KERNEL)
    for word in line:
        key, equals, value = word.partition("=")
        if equals and key in ("ci.ds", "ci.datasource"):
            found["datasource"] = (value, f"`{word}` on the kernel command line")
        elif equals and key == "ds" and new:
            name = value.partition(";")[0]
            named = next((each for each in (*DEFAULT, "None") if each.casefold() == name.casefold()), name)
            found["datasource"] = (named, f"`{word}` on the kernel command line")
        elif equals and key == "ci.di.policy":
            found["policy"] = (value, f"`{word}` on the kernel command line")
    return {key: value for key, value in found.items() if value[0]}


def _policy(policy: str, has_dmi: bool) -> tuple[str, bool, str]:
    """Mode, whether the first source that is found is enough, and what happens when none is."""
    mode, first, on_none = "search", False, "disabled" if has_dmi else "enabled"
    for token in policy.split(","):
        key, _, value = token.partition("=")
        if token in ("enabled", "disabled", "search", "report"):
            mode = token
        elif key == "found" and value in ("all", "first"):
            first = value == "first"
        elif key == "notfound" and value in ("enabled", "disabled"):
            on_none = value
    return mode, first, on_none


def _listed(guest: Guest, line: Sequence[str]) -> tuple[list[str], str]:
    """The list as ds-identify reads it: the last line of all files, which it does not parse as YAML."""
    whole = " ".join(line)
    if re.search(r"cc:.*datasource_list", whole):
        value = whole.rpartition(_KEY)[2].partition("]")[0].rpartition("[")[2]
        return _array(value), "the kernel command line"
    found = _lines(guest, _KEY)
    value, where = found[-1] if found else ("", "cloud-init's own list")
    return _array(value) or list(DEFAULT), where


def _lines(guest: Guest, key: str) -> list[tuple[str, str]]:
    """What stands behind `key` in any line of cloud-init's files, at whatever depth, and the file."""
    found = []
    for path in (path for pattern in cloudinit.FILES for path in guest.glob(pattern)):
        for raw in (text(guest, path) or "").split("\n"):
            bare = raw.strip(" \t").partition("#")[0]
            if bare.startswith(f"{key}: ") or bare == f"{key}:":
                found.append((bare.partition(":")[2], path))
    return found


def _of_cloud_init(guest: Guest, where: str) -> Sources:
    """The list as cloud-init itself reads it, where ds-identify leaves it none."""
    setting = cloudinit.setting(guest, _KEY)
    if setting is None or not isinstance(setting[1], list):
        return Sources(DEFAULT, where)
    return Sources(tuple(str(name) for name in setting[1]), setting[0])


def _is_found(guest: Guest, name: str, line: Sequence[str]) -> bool:
    """Whether ds-identify finds the source on a machine on Azure, whose chassis it knows."""
    if name == "Azure":
        return True
    if name == "NoCloud":
        seeds = (f"{SEEDS}/nocloud", f"{SEEDS}/nocloud-net")
        named = any(word.startswith("ds=nocloud") for word in line)
        named = named or all(_lines(guest, key) for key in ("NoCloud", "user-data", "meta-data"))
        return named or any(_holds(guest, seed, "meta-data", "user-data") for seed in seeds)
    if name == "ConfigDrive":
        return exists(guest, f"{SEEDS}/config_drive/openstack/latest/meta_data.json")
    if name == "OVF":
        return _holds(guest, f"{SEEDS}/ovf", "ovf-env.xml")
    return name == "MAAS" and bool(_lines(guest, "MAAS"))


def _holds(guest: Guest, folder: str, *names: str) -> bool:
    return all(exists(guest, f"{folder}/{name}") for name in names)


def _array(value: str) -> list[str]:
    bare = value.strip().removeprefix("[").removesuffix("]")
    names = (_unquoted(part) for part in bare.split(","))
    return [word for name in names for word in name.split()]


def _unquoted(value: str) -> str:
    bare = " ".join(value.split())
    quoted = len(bare) > 1 and bare[0] in "\"'" and bare[-1] == bare[0]
    return bare[1:-1] if quoted else bare
