"""What Partner Center asks of the offer and the plan: the OFR rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from generator import azure_rules, disk_rules
from generator.breach import Breach, Status
from generator.limits import Limits
from generator.model import Generation, Sku
from generator.vm_sizes import partner_center_name

MAX_PORTS = 100  # OFR-PORT-001
MAX_VERSIONS, MANY_VERSIONS = 100, 95  # OFR-VER-003: of one SKU
LISTED_BY_DEFAULT = (22, 3389)  # OFR-PORT-002
MAX_ALIAS = 125  # OFR-ID-001
VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
OFFER_ID = re.compile(r"[a-z0-9][a-z0-9_-]{2,49}")
PLAN_ID = re.compile(r"[a-z0-9_-]{1,50}")
PREVIEW = "-preview"  # OFR-ID-003
PORT = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
PORT_LABEL = re.compile(r"[a-zA-Z_0-9.\- ]{2,19}[a-zA-Z_0-9]")
LOGIN_PORTS = {"linux": 22, "windows": 3389}


def sku_ids(sku: Sku) -> dict[Generation, str]:
    """Partner Center's SKU id per image type: the plan id for the first, with a suffix for the others.

    OFR-SKU-001: one id per image type, at least one equal to the plan id.
    """
    first, *others = sku.generations
    return {first: sku.plan.id, **{generation: f"{sku.plan.id}-{generation}" for generation in others}}


def _version(sku: Sku, limits: Limits) -> Iterator[Breach]:
    numbers = _numbers(sku.version)
    if numbers is None:
        fix = "write three whole numbers, X.Y.Z, in at most 32 characters"
        yield Breach("OFR-VER-001", ("version",), repr(sku.version), fix)
    for index, version in enumerate(sku.published):
        before = _numbers(version)
        if before is None:
            yield Breach("OFR-VER-001", ("published", index), repr(version), "write it as X.Y.Z")
        elif numbers and numbers <= before:
            fix = "count up: a version is larger than every one that was published"
            yield Breach("OFR-VER-001", ("version",), f"{sku.version} after {version}", fix)
        elif numbers and limits.patches_only and numbers[:2] != before[:2]:
            fix = "only Z of X.Y.Z changes within a SKU: make a new SKU for another X.Y"
            yield Breach("OFR-VER-001", ("version",), f"{sku.version} after {version}", fix)
    count = len({*sku.published, sku.version})
    if count > MANY_VERSIONS:
        fix = "deprecate the oldest in Partner Center and take them out of published"
        status: Status = "fail" if count > MAX_VERSIONS else "warn"
        found = f"{count} versions; Partner Center keeps {MAX_VERSIONS}"
        yield Breach("OFR-VER-003", ("published",), found, fix, status)


def _numbers(version: str) -> tuple[int, ...] | None:
    if not VERSION.fullmatch(version) or len(version) > 32:
        return None
    return tuple(int(number) for number in version.split("."))


def _ids(sku: Sku, limits: Limits) -> Iterator[Breach]:
    if not OFFER_ID.fullmatch(sku.offer.id):
        fix = "use 3-50 characters a-z 0-9 - _, the first a letter or a digit"
        yield Breach("OFR-ID-001", ("offer", "id"), repr(sku.offer.id), fix)
    if not PLAN_ID.fullmatch(sku.plan.id):
        yield Breach("OFR-ID-001", ("plan", "id"), repr(sku.plan.id), "use 1-50 characters a-z 0-9 - _")
    for name, value, fix in taken(sku.offer.id, sku.plan.id):
        yield Breach("OFR-ID-003", (name, "id"), repr(value), fix)
    if len(sku.plan.alias) > MAX_ALIAS:
        found = f"{len(sku.plan.alias)} characters"
        yield Breach("OFR-ID-001", ("plan", "alias"), found, f"use at most {MAX_ALIAS} characters")
    if len(set(sku.generations)) < len(sku.generations):
        fix = "name each generation once: every image type has one SKU id"
        yield Breach("OFR-SKU-001", ("generations",), ", ".join(sku.generations), fix)


def taken(offer: str, plan: str) -> Iterator[tuple[str, str, str]]:
    """OFR-ID-003: `offer` or `plan`, the id, and the fix, for ids that cannot be names in Azure."""
    for name, value in (("offer", offer), ("plan", plan)):
        if value.endswith(PREVIEW):
            yield (
                name,
                value,
                "Azure appends -preview to the offer that is being tried: choose another ending",
            )
    if plan[:1] in ("-", "_"):
        yield (
            "plan",
            plan,
            "begin with a letter or a digit, as the disks in Azure that are called after the plan",
        )


def _sizes(sku: Sku, limits: Limits) -> Iterator[Breach]:
    if len(sku.recommended_sizes) > limits.sizes:
        found = f"{len(sku.recommended_sizes)} sizes"
        fix = f"recommend at most {limits.sizes} VM sizes"
        yield Breach("OFR-SIZE-001", ("recommended_sizes",), found, fix)
    seen: dict[str | None, str] = {}
    for index, size in enumerate(sku.recommended_sizes):
        name = partner_center_name(size)
        field = ("recommended_sizes", index)
        if name is None:
            fix = "write it as ARM does, Standard_D2s_v5, or as Partner Center does, d2s-standard-v5"
            yield Breach("OFR-SIZE-001", field, repr(size), fix)
        elif name in seen:
            fix = "recommend each size once"
            yield Breach("OFR-SIZE-001", field, f"{size}, which is {seen[name]} again", fix, "warn")
        seen.setdefault(name, size)


def _ports(sku: Sku, limits: Limits) -> Iterator[Breach]:
    if len(sku.ports) > MAX_PORTS:
        fix = f"open at most {MAX_PORTS} port ranges"
        yield Breach("OFR-PORT-001", ("ports",), f"{len(sku.ports)} ranges", fix)
    for index, port in enumerate(sku.ports):
        if not PORT_LABEL.fullmatch(port.label):
            fix = "use 3-20 letters, digits, spaces and . - _; the last a letter, a digit or _"
            yield Breach("OFR-PORT-001", ("ports", index, "label"), repr(port.label), fix)
        if not _span(port.range):
            fix = "write one port or `first-last`, 1 to 65535"
            yield Breach("OFR-PORT-001", ("ports", index, "range"), repr(port.range), fix)
        elif listed := [str(one) for one in LISTED_BY_DEFAULT if one in _span(port.range)]:
            found = f"{port.range} lists {' and '.join(listed)}"
            fix = "leave it out: Azure opens 22 and 3389 by default"
            yield Breach("OFR-PORT-002", ("ports", index, "range"), found, fix, "warn")


def _span(text: str) -> range:
    """The ports that `text` means; none if it is no port and no range."""
    match = PORT.fullmatch(text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    return range(first, last + 1) if first and last <= 65535 else range(0)


def _system(sku: Sku, limits: Limits) -> Iterator[Breach]:
    if not 1 <= len(sku.os.friendly_name) <= 100:
        found = f"{len(sku.os.friendly_name)} characters"
        yield Breach("OFR-OS-001", ("os", "friendly_name"), found, "use 1-100 characters")
    if (sku.os.family == "windows") != (sku.os.distribution == "windows-server"):
        found = f"family {sku.os.family} with distribution {sku.os.distribution}"
        fix = "windows goes with windows-server, linux with the others"
        yield Breach("OFR-OS-001", ("os", "distribution"), found, fix)


def _properties(sku: Sku, limits: Limits) -> Iterator[Breach]:
    said, linux = sku.properties, sku.os.family == "linux"
    gen1, only_gen1 = Generation.GEN1 in sku.generations, set(sku.generations) == {Generation.GEN1}
    contradictions = [
        ("nvme", said.nvme and only_gen1, "NVMe needs a gen2 or arm64 image"),
        ("trusted_launch", said.trusted_launch and gen1, "Trusted Launch takes gen2 images only: drop gen1"),
        (
            "hibernation",
            said.hibernation and said.trusted_launch and linux,
            "Linux cannot hibernate under Trusted Launch: declare one of the two",
        ),
        ("cloud_init", said.cloud_init and not linux, "cloud-init is declared for Linux only"),
        ("backup", said.backup and not said.extensions, "Azure Backup is an extension: declare extensions"),
        (
            "aad_login",
            said.aad_login and not said.extensions,
            "signing in with Entra ID is an extension: declare extensions",
        ),
        (
            "aad_login",
            said.aad_login and not said.remote_connection,
            "nobody signs in where remote connections are not supported",
        ),
    ]
    for name, broken, fix in contradictions:
        if broken:
            found = f"true, with {', '.join(sku.generations)} on {sku.os.family}"
            yield Breach("OFR-PROP-001", ("properties", name), found, fix)


def _locked(sku: Sku, limits: Limits) -> Iterator[Breach]:
    if sku.properties.remote_connection:
        return
    field = ("properties", "remote_connection")
    fix = "graders cannot log in: attach the certification tool's report to a support ticket"
    yield Breach("OFR-LOCK-001", field, "false: a locked-down image", fix, "warn")
    login = LOGIN_PORTS[sku.os.family]
    for index, port in enumerate(sku.ports):
        if login in _span(port.range):
            fix = "close the port, or declare remote_connection: true"
            found = f"port {login} is open, and remote connections are declared not supported"
            yield Breach("OFR-PROP-001", ("ports", index, "range"), found, fix, "warn")


RULES: tuple[Callable[[Sku, Limits], Iterator[Breach]], ...] = (
    _version, _ids, _sizes, _ports, _system, _properties, _locked,
    disk_rules.sizes, disk_rules.luns, disk_rules.base_images, *azure_rules.RULES,
)  # fmt: skip
