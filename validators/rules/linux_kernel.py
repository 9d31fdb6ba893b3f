"""Rules on the kernel that boots, beyond its command line: fixes, signatures, disks and clock of the host."""

from __future__ import annotations

from collections.abc import Iterator

from generator.generation import Generation
from validators import pe
from validators.check import Answer, Case, met, rule, shown, skipped, unmet
from validators.guest import Guest, Undecidable, exists, text
from validators.linux import backports, boot, chrony, kernel, ordering, packages, release, signature
from validators.linux.versions import at_least, numbers
from validators.tree import Tree

LOADERS = ("/EFI/BOOT/BOOTX64.EFI", "/EFI/BOOT/BOOTAA64.EFI")
SECOND_LOADERS = ("grubx64.efi", "grubaa64.efi", "systemd-bootx64.efi", "systemd-bootaa64.efi")
HOST_CLOCK = "/dev/ptp_hyperv"
HOST_CLOCK_NAME = "ptp_hyperv"
UDEV_DEFAULTS = ("/usr/lib/udev/rules.d/50-udev-default.rules", "/lib/udev/rules.d/50-udev-default.rules")
UDEV_RULES = ("/etc/udev/rules.d/*.rules", "/usr/lib/udev/rules.d/*.rules", "/lib/udev/rules.d/*.rules")
UTILS = ("hv_utils", "CONFIG_HYPERV_UTILS")
DISK_RULES = ("/usr/lib/udev/rules.d/80-azure-disk.rules", "/lib/udev/rules.d/80-azure-disk.rules")
DISK_NAMES = ("/usr/sbin/azure-nvme-id", "/sbin/azure-nvme-id", "/usr/bin/azure-nvme-id")


@rule("LNX-KERN-009")
def kernel_resists_sack(case: Case) -> Answer:
    _, version = kernel.booted(case.guest)
    limits = case.rule.limits
    if at_least(version, limits["fixed_in"]):
        return met(f"kernel {version}")
    if not at_least(version, limits["oldest_fixed"]):
        return unmet(f"kernel {version}; no release this old was fixed")
    system = release.read(case.guest)
    first = backports.minima(limits["first_fixed"], system)
    fixed = _debian_fixed(case, version, first) if system.id == "debian" else backports.fixed(version, first)
    if fixed is None:
        raise Undecidable(
            f"kernel {version}: no published table says from when {system.name or 'it'} is fixed"
        )
    evidence = f"kernel {version}; fixed for {system.name or system.id} from {shown(first, 9)}"
    return met(evidence) if fixed else unmet(evidence)


def _debian_fixed(case: Case, version: str, first: list[str]) -> bool | None:
    """Debian's file names do not change with a fix; its packages do, within a series such as 4.9."""
    package = packages.installed(case.guest, f"linux-image-{version}", f"linux-image-{version}-unsigned")
    if package is None:
        return None
    series = [least for least in first if numbers(least)[:2] == numbers(package.version)[:2]]
    return ordering.dpkg(package.version) >= ordering.dpkg(series[0]) if series else None


@rule("LNX-NVME-002")
def nvme_links_are_made(case: Case) -> Answer:
    if case.sku is None or not case.sku.properties.nvme:
        return skipped("the plan does not declare NVMe")
    made = next((path for path in DISK_RULES if exists(case.guest, path)), None)
    named = next((path for path in DISK_NAMES if exists(case.guest, path)), None)
    if made and named:
        return met("azure-vm-utils is installed", made)
    missing = [what for what, found in (("80-azure-disk.rules", made), ("azure-nvme-id", named)) if not found]
    return unmet(f"missing: {' and '.join(missing)}")


@rule("LNX-TIME-001")
def time_comes_from_the_host(case: Case) -> Answer:
    where = next((f for words, f in chrony.directives(case.guest) if _is_host_clock(words)), None)
    if where is None:
        return unmet(f"chrony is not configured with refclock PHC {HOST_CLOCK}")
    if not any(HOST_CLOCK_NAME in (text(case.guest, path) or "") for path in _udev_rules(case)):
        return unmet(f"no udev rule names {HOST_CLOCK}, and chronyd does not start without it", where)
    _, version = kernel.booted(case.guest)
    module, option = UTILS
    have = kernel.built_in(case.guest, version) | kernel.on_disk(case.guest, version)
    options = kernel.configuration(case.guest, version)
    if module in have or options.get(option) in ("y", "m"):
        return met(f"refclock PHC {HOST_CLOCK}; kernel {version} has {module}", where)
    if not have and not options:
        raise Undecidable(f"neither configuration nor module list of kernel {version} is in the image")
    return unmet(f"chrony asks {HOST_CLOCK}, but kernel {version} has no {module}", where)


def _udev_rules(case: Case) -> Iterator[str]:
    """Every file of rules, systemd's own first, which has the name since version 246."""
    yield from (path for path in UDEV_DEFAULTS if exists(case.guest, path))
    for pattern in UDEV_RULES:
        yield from case.guest.glob(pattern)


def _is_host_clock(words: list[str]) -> bool:
    return words[0] == "refclock" and len(words) > 2 and words[2].partition(":")[0] == HOST_CLOCK


@rule("LNX-TL-001")
def is_signed(case: Case) -> Answer:
    if case.sku is None or not case.sku.properties.trusted_launch:
        return skipped("the plan does not declare Trusted Launch")
    if case.generation is Generation.GEN1:
        return unmet("Trusted Launch needs generation 2")
    esps = [Tree({"/": case.disk.volumes[p.number]}) for p in case.disk.table.partitions if p.is_esp]
    loaders = [(esp, path) for esp in esps for path in _loaders(esp)]
    if not loaders:
        raise Undecidable("no boot loader was found on an EFI system partition (DSK-GEN-002)")
    entry, version = kernel.booted(case.guest)
    places = [place for place in boot.located(entry.kernel) if exists(case.guest, place)]
    if not places:
        raise Undecidable(f"{entry.where} names the kernel {entry.kernel}, which is not in the image")
    programs = [*loaders, (case.guest, places[0])]
    unsigned = [path for guest, path in programs if not pe.signed(guest, path)]
    unsigned += signature.unsigned_modules(case.guest, version)
    if unsigned:
        return unmet(f"without a signature: {shown(unsigned)}", unsigned[0])
    named = shown([path for _, path in programs])
    return met(f"signed: {named}; whose signatures they are is not looked at")


def _loaders(esp: Guest) -> list[str]:
    """The loader that firmware takes, and those that it hands over to."""
    folders = [f"/EFI/{name}" for name in esp.listdir("/EFI")]
    found = [path for path in LOADERS if exists(esp, path)]
    return found + [
        f"{f}/{name}" for f in folders for name in esp.listdir(f) if name.casefold() in SECOND_LOADERS
    ]
