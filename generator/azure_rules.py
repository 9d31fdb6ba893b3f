"""What Azure asks of the machine of the build, of recommended sizes and of the places that images go to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from generator import azure_facts
from generator.breach import Breach
from generator.build_machine import DEFAULT_SIZE
from generator.limits import Limits
from generator.load import FieldPath
from generator.marketplace import systems
from generator.model import Builder, Generation, Sku
from generator.vm_sizes import arm_name

# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
ASK = "not known, not checked"
LOOK_UP = "compare architecture, data disks and NVMe with what `az vm list-skus --size {} --all` says"


def recommended(sku: Sku, limits: Limits) -> Iterator[Breach]:
    """OFR-SIZE-002: the plan runs on every size that customers are offered first."""
    for index, name in enumerate(sku.recommended_sizes):
        field: FieldPath = ("recommended_sizes", index)
        size = azure_facts.size(name)
        if size is None:
            if arm_name(name):  # else it is no size at all, which OFR-SIZE-001 says
                yield Breach("OFR-SIZE-002", field, f"{name}: {ASK}", LOOK_UP.format(name), "warn")
            continue
        if not any(size.boots(generation) for generation in sku.generations):
            found = f"{name} is {size.architecture}, the plan has {', '.join(sku.generations)}"
            yield Breach("OFR-SIZE-002", field, found, "recommend sizes of the images' architecture")
        if len(sku.data_disks) > size.data_disks:
            found = f"{name} takes {size.data_disks} data disks, the plan has {len(sku.data_disks)}"
            yield Breach("OFR-SIZE-002", field, found, "recommend larger sizes, or ship fewer data disks")
        if "SCSI" not in size.controllers and not sku.properties.nvme:
            found = f"{name} attaches disks by NVMe, and properties.nvme is false"
            fix = "declare properties.nvme, if the image has the driver; else recommend a size with SCSI"
            yield Breach("OFR-SIZE-002", field, found, fix, "warn")


def machine(sku: Sku, limits: Limits) -> Iterator[Breach]:
    """OFR-BUILD-001: each image is built on a machine that boots it and takes its disks."""
    if Builder.AZURE_ARM not in sku.builders:
        return
    blank = sum(disk.blank for disk in sku.data_disks)
    for generation in sku.generations:
        for name in sku.build.vm_sizes(generation):
            for found, fix, status in _unfit(sku, generation, name, blank):
                yield Breach("OFR-BUILD-001", ("build", "vm_size"), found, fix, status)


def _unfit(
    sku: Sku, generation: Generation, name: str, blank: int
) -> Iterator[tuple[str, str, Literal["warn", "fail"]]]:
    size = azure_facts.size(name)
    if size is None:
        yield f"{name}: {ASK}", LOOK_UP.format(name), "warn"
        return
    if not size.boots(generation):
        fix = f"give a size per generation, such as {{{generation}: {DEFAULT_SIZE[generation]}}}"
        yield f"{name} is {size.architecture}, which boots no {generation} image", fix, "fail"
    if blank > size.data_disks:
        yield (
            f"{name} takes {size.data_disks} data disks, the build attaches {blank}",
            "take a larger size",
            "fail",
        )
    if sku.properties.nvme and generation is not Generation.GEN1 and "NVMe" not in size.controllers:
        fix = "build on a size with NVMe, such as Standard_D2s_v6, or leave properties.nvme false"
        yield f"{name} has no NVMe, and properties.nvme asks for it", fix, "fail"


def base_disk(sku: Sku, limits: Limits) -> Iterator[Breach]:
    """OFR-BUILD-002: the OS disk is not smaller than that of the image that the build starts from."""
    base, size = sku.base.azure_arm, sku.os_disk.size_gib
    if base is None:
        return
    field: FieldPath = ("os_disk", "size_gib")
    if base.marketplace is None:
        found = f"{size} GiB; how large the base image's disk is: {ASK}"
        yield Breach(
            "OFR-BUILD-002", field, found, "make it at least as large as the base image's OS disk", "warn"
        )
        return
    for generation in sku.generations:
        needed = azure_facts.os_disk_gib(base.marketplace, generation)
        name = ":".join([base.marketplace.publisher, base.marketplace.offer, _image_sku(sku, generation)])
        if needed is None and size < _enough(name):
            found = f"{size} GiB; how large the disk of {name} is: {ASK}"
            fix = f"`az vm image show --urn {name}:latest` says it as osDiskImage.sizeInGb"
            yield Breach("OFR-BUILD-002", field, found, fix, "warn")
        elif needed is not None and size < needed:
            found = f"{size} GiB, and the disk of {name} has {needed} GiB"
            yield Breach("OFR-BUILD-002", field, found, f"write os_disk: {{size_gib: {needed}}}, or more")


def _image_sku(sku: Sku, generation: Generation) -> str:
    image = sku.base.azure_arm.marketplace if sku.base.azure_arm else None
    if image is None:
        return ""
    return image.sku if isinstance(image.sku, str) else image.sku.get(generation, "")


def _enough(name: str) -> int:
    """A size in GiB that is known to do for an image: that of `vmoffer new`; else more than any disk has."""
    for system in systems().values():
        for image in system.images.values():
            if f"{image.publisher}:{image.offer}:{image.sku}".lower() == name.lower():
                return system.gib
    return 2**31


def storage(sku: Sku, limits: Limits) -> Iterator[Breach]:
    """OFR-BUILD-003: an account that can exist, and what azure-arm has to know of it."""
    account, group = sku.storage.account, sku.storage.resource_group
    if account is not None and not ACCOUNT.fullmatch(account):
        fix = "storage accounts have 3-24 small letters and digits, nothing else"
        yield Breach("OFR-BUILD-003", ("storage", "account"), repr(account), fix)
    azure = Builder.AZURE_ARM in sku.builders and sku.makes_vhds(Builder.AZURE_ARM)
    if account and not group and azure:
        fix = f"name the group: az storage account show --name {account} --query resourceGroup"
        yield Breach("OFR-BUILD-003", ("storage", "account"), "an account without resource_group", fix)


def gallery(sku: Sku, limits: Limits) -> Iterator[Breach]:
    """OFR-BUILD-004: a gallery version is made of the machine, which has no filled disks and one caching."""
    if sku.gallery is None or Builder.AZURE_ARM not in sku.builders:
        return
    for index, disk in enumerate(sku.data_disks):
        if not disk.blank:
            fix = "publish from VHDs, without gallery; or let a step fill a blank disk"
            found = f"LUN {disk.lun} is filled, and a gallery version has only what the machine had"
            yield Breach("OFR-BUILD-004", ("data_disks", index), found, fix)
        elif "caching" in disk.model_fields_set and disk.caching != sku.os_disk.caching:
            fix = f"write {sku.os_disk.caching}, the caching of os_disk that all get, or leave it out"
            found = f"caching {disk.caching} of LUN {disk.lun}, which a gallery version does not get"
            yield Breach("OFR-BUILD-004", ("data_disks", index, "caching"), found, fix)


RULES = (recommended, machine, base_disk, storage, gallery)
