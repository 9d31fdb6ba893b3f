"""What the Marketplace asks of a definition, one small function per group of rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from generator.load import FieldPath
from generator.model import Generation, Sku

Status = Literal["warn", "fail"]

MAX_OS_GIB = 1023  # DSK-SIZE-002
ADVISED_LINUX_GIB = range(30, 51)  # DSK-SIZE-002
WINDOWS_GIB = range(30, 251)  # DSK-SIZE-003
MAX_DATA_GIB = 1023  # DSK-SIZE-005
MAX_DATA_DISKS = 16  # DSK-DATA-001
MAX_SIZES = 6  # OFR-SIZE-001
MAX_PORTS = 100  # OFR-PORT-001
MAX_NAME = 200  # LST-NAME-001
MAX_SUMMARY = 100  # LST-SUM-001
VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
OFFER_ID = re.compile(r"[a-z0-9][a-z0-9_-]{2,49}")
PLAN_ID = re.compile(r"[a-z0-9_-]{1,50}")
EMOJI = re.compile("[\u231a\u231b\u23e9-\u23fa\u2600-\u27bf\u2b50\u2b55\ufe0f\u20e3\U0001f000-\U0001faff]")
PORT = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


@dataclass(frozen=True)
class Breach:
    """A finding before it knows its file: what the rule functions yield."""

    rule: str
    field: FieldPath
    evidence: str
    fix: str
    status: Status = "fail"


def sku_ids(sku: Sku) -> dict[Generation, str]:
    """Partner Center's SKU id per image type: the plan id for the first, with a suffix for the others.

    OFR-SKU-001: one id per image type, at least one equal to the plan id.
    """
    first, *others = sku.generations
    return {first: sku.plan.id, **{generation: f"{sku.plan.id}-{generation}" for generation in others}}


def _version(sku: Sku) -> Iterator[Breach]:
    if not VERSION.fullmatch(sku.version) or len(sku.version) > 32:
        fix = "write three whole numbers, X.Y.Z, in at most 32 characters"
        yield Breach("OFR-VER-001", ("version",), repr(sku.version), fix)


def _ids(sku: Sku) -> Iterator[Breach]:
    if not OFFER_ID.fullmatch(sku.offer.id):
        fix = "use 3-50 characters a-z 0-9 - _, the first a letter or a digit"
        yield Breach("OFR-ID-001", ("offer", "id"), repr(sku.offer.id), fix)
    if not PLAN_ID.fullmatch(sku.plan.id):
        yield Breach("OFR-ID-001", ("plan", "id"), repr(sku.plan.id), "use 1-50 characters a-z 0-9 - _")
    if len(set(sku.generations)) < len(sku.generations):
        fix = "name each generation once: every image type has one SKU id"
        yield Breach("OFR-SKU-001", ("generations",), ", ".join(sku.generations), fix)


def _disks(sku: Sku) -> Iterator[Breach]:
    size, field = sku.os_disk.size_gib, ("os_disk", "size_gib")
    if sku.os.family == "windows":
        if size not in WINDOWS_GIB:
            yield Breach("DSK-SIZE-003", field, f"{size} GiB", "choose 30-250 GiB for a Windows OS disk")
    elif size > MAX_OS_GIB:
        yield Breach("DSK-SIZE-002", field, f"{size} GiB", f"choose at most {MAX_OS_GIB} GiB")
    elif size not in ADVISED_LINUX_GIB:
        fix = "30-50 GiB is advised for a Linux OS disk; customers can grow it"
        yield Breach("DSK-SIZE-002", field, f"{size} GiB", fix, "warn")
    for index, disk in enumerate(sku.data_disks):
        if disk.size_gib > MAX_DATA_GIB:
            where: FieldPath = ("data_disks", index, "size_gib")
            yield Breach("DSK-SIZE-005", where, f"{disk.size_gib} GiB", f"choose at most {MAX_DATA_GIB} GiB")


def _luns(sku: Sku) -> Iterator[Breach]:
    luns = [disk.lun for disk in sku.data_disks]
    if len(luns) > MAX_DATA_DISKS:
        fix = f"ship at most {MAX_DATA_DISKS} data disks"
        yield Breach("DSK-DATA-001", ("data_disks",), f"{len(luns)} data disks", fix)
    for index, lun in enumerate(luns):
        if lun in luns[:index]:
            fix = "give every data disk its own LUN"
            yield Breach("DSK-DATA-001", ("data_disks", index, "lun"), f"LUN {lun} a second time", fix)
    distinct = sorted(set(luns))
    if distinct != list(range(len(distinct))):
        fix = "number LUNs 0, 1, 2 … without gaps"
        yield Breach("DSK-DATA-001", ("data_disks",), f"LUNs {', '.join(map(str, distinct))}", fix)


def _sizes(sku: Sku) -> Iterator[Breach]:
    if len(sku.recommended_sizes) > MAX_SIZES:
        found = f"{len(sku.recommended_sizes)} sizes"
        yield Breach("OFR-SIZE-001", ("recommended_sizes",), found, f"recommend at most {MAX_SIZES} VM sizes")


def _ports(sku: Sku) -> Iterator[Breach]:
    if len(sku.ports) > MAX_PORTS:
        fix = f"open at most {MAX_PORTS} port ranges"
        yield Breach("OFR-PORT-001", ("ports",), f"{len(sku.ports)} ranges", fix)
    for index, port in enumerate(sku.ports):
        if not 3 <= len(port.label) <= 20:
            fix = "use 3-20 characters"
            yield Breach("OFR-PORT-001", ("ports", index, "label"), repr(port.label), fix)
        match = PORT.fullmatch(port.range)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not first <= last <= 65535:
            fix = "write one port or `first-last`, up to 65535"
            yield Breach("OFR-PORT-001", ("ports", index, "range"), repr(port.range), fix)


def _system(sku: Sku) -> Iterator[Breach]:
    if not 1 <= len(sku.os.friendly_name) <= 100:
        found = f"{len(sku.os.friendly_name)} characters"
        yield Breach("OFR-OS-001", ("os", "friendly_name"), found, "use 1-100 characters")
    if (sku.os.family == "windows") != (sku.os.distribution == "windows-server"):
        found = f"family {sku.os.family} with distribution {sku.os.distribution}"
        fix = "windows goes with windows-server, linux with the others"
        yield Breach("OFR-OS-001", ("os", "distribution"), found, fix)


def _texts(sku: Sku) -> Iterator[Breach]:
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


def _generations(sku: Sku) -> Iterator[Breach]:
    market = sku.base.azure_arm.marketplace if sku.base.azure_arm else None
    if market is None or isinstance(market.sku, dict) or len(set(sku.generations)) < 2:
        return
    field = ("base", "azure-arm", "marketplace", "sku")
    rule = "DSK-GEN-003" if Generation.ARM64 in sku.generations else "DSK-GEN-001"
    found = f"one base image {market.sku!r} for {', '.join(sku.generations)}"
    yield Breach(rule, field, found, "an image is made for one generation: give one SKU per generation")


def _properties(sku: Sku) -> Iterator[Breach]:
    said = sku.properties
    gen1, only_gen1 = Generation.GEN1 in sku.generations, set(sku.generations) == {Generation.GEN1}
    contradictions = [
        ("nvme", said.nvme and only_gen1, "NVMe needs a gen2 or arm64 image"),
        ("trusted_launch", said.trusted_launch and gen1, "Trusted Launch takes gen2 images only: drop gen1"),
        (
            "hibernation",
            said.hibernation and said.trusted_launch and sku.os.family == "linux",
            "Linux cannot hibernate under Trusted Launch: declare one of the two",
        ),
        (
            "cloud_init",
            said.cloud_init and sku.os.family == "windows",
            "cloud-init is declared for Linux only",
        ),
    ]
    for name, broken, fix in contradictions:
        if broken:
            found = f"true, with {', '.join(sku.generations)} on {sku.os.family}"
            yield Breach("OFR-PROP-001", ("properties", name), found, fix)


RULES: tuple[Callable[[Sku], Iterator[Breach]], ...] = (
    _version, _ids, _disks, _luns, _sizes, _ports, _system, _texts, _generations, _properties,
)  # fmt: skip
