"""Rules on what is on the disk: its partitions, how it boots, and what the plan says of it."""

from __future__ import annotations

from generator.disk_rules import submits_vhds
from generator.generation import Generation
from validators import devices, pe
from validators.check import Answer, Case, met, rule, shown, skipped, undecided, unmet, warned
from validators.disk import Disk
from validators.guest import Guest, Kind, Undecidable, text
from validators.linux import boot, elf, fstab, release
from validators.linux.versions import numbers
from validators.outcome import Severity
from validators.partition_types import FIRMWARE, ROOT_TYPES
from validators.partitions import SECTOR, Partition
from validators.windows import release as windows_release

FIRST_FREE_LBA = 2048  # everything below is kept empty on an OS disk, but for the table itself
FALLBACK_LOADERS = {
    Generation.GEN2: "/EFI/BOOT/BOOTX64.EFI",
    Generation.ARM64: "/EFI/BOOT/BOOTAA64.EFI",
}
KERNEL = "/Windows/System32/ntoskrnl.exe"


@rule("DSK-GPT-001")
def first_mib_is_empty(case: Case) -> Answer:
    _needs_blocks(case)
    table, blocks = case.disk.table, case.disk.blocks
    assert blocks is not None
    early = [part for part in table.partitions if part.start < FIRST_FREE_LBA * SECTOR]
    if early:
        first = ", ".join(f"{part.title} starts at LBA {part.start // SECTOR}" for part in early)
        return unmet(f"{first}; the first is allowed at {FIRST_FREE_LBA}")
    # An MBR is one sector, with the boot code in it; without a table, that sector may hold boot code alone.
    begin = max(34, table.entries[1]) if table.scheme == "gpt" else 1
    data = blocks.read(begin * SECTOR, max(0, FIRST_FREE_LBA - begin) * SECTOR)
    if any(data):
        at = begin + (len(data) - len(data.lstrip(b"\0"))) // SECTOR
        ends = "the partition table and the first partition"
        where = f"between {ends}" if table.partitions else "and there is no partition table that is read"
        return unmet(f"LBA {at} holds data {where}")
    return met(f"LBA {begin} to {FIRST_FREE_LBA - 1} are empty")


@rule("DSK-GEN-001")
def boots_on_its_firmware(case: Case) -> Answer:
    _needs_blocks(case)
    table = case.disk.table
    boots = " and ".join(FIRMWARE[each] for each in case.disk.firmware)
    problems = f" ({'; '.join(table.problems)})" if table.problems else ""
    evidence = f"{table.scheme} partition table, boots on {boots or 'neither BIOS nor UEFI'}{problems}"
    if case.generation is None:
        return met(f"{evidence}; no generation was declared") if boots else unmet(evidence)
    needed = "bios" if case.generation is Generation.GEN1 else "uefi"
    return met(evidence) if needed in case.disk.firmware else unmet(f"declared {case.generation}: {evidence}")


@rule("DSK-GEN-002")
def has_fallback_loader(case: Case) -> Answer:
    _needs_blocks(case)
    esps = _esps(case.disk)
    if case.generation is Generation.GEN1 or (case.generation is None and not esps):
        return skipped("the image boots on BIOS")
    if not esps:
        return unmet("there is no EFI system partition (DSK-GEN-001)")
    wanted = [FALLBACK_LOADERS[case.generation]] if case.generation else list(FALLBACK_LOADERS.values())
    for esp in esps:
        volume = case.disk.volumes[esp.number]
        for path in wanted:
            facts = volume.lstat(path)
            if facts is not None and facts.kind is Kind.FILE and facts.size > 0:
                return met(f"{path} has {facts.size} bytes", esp.title)
    return unmet(f"{' and '.join(wanted)} missing", esps[0].title)


@rule("DSK-GEN-003")
def arm64_is_gen2(case: Case) -> Answer:
    if case.generation is None:
        return skipped("no generation was declared")
    machine, where = _machine(case)
    matches = (machine == "aarch64") == (case.generation is Generation.ARM64)
    evidence = f"{machine} programs in an image declared {case.generation}"
    return met(evidence, where) if matches else unmet(evidence, where)


@rule("DSK-PART-001")
def has_one_root(case: Case) -> Answer:
    roots = case.disk.roots
    typed = [p for p in case.disk.table.partitions if p.type in ROOT_TYPES and p not in roots]
    titles = ", ".join(part.title for part in (*roots, *typed))
    if len(roots) + len(typed) == 1:
        return met(titles)
    if not titles:
        raise Undecidable(case.disk.reason)
    return unmet(f"{len(roots) + len(typed)} root partitions: {titles}")


@rule("DSK-LVM-001")
def has_no_lvm(case: Case) -> Answer:
    _needs_blocks(case)
    found = [part.title for part in case.disk.table.partitions if part.is_lvm]
    return unmet(f"LVM on {', '.join(found)}") if found else met("no LVM physical volume")


@rule("DSK-FS-001")
def names_are_stable(case: Case) -> Answer:
    entries = fstab.parse(text(case.guest, "/etc/fstab") or "")
    bad = [
        (f"{entry.source} on {entry.point}", f"/etc/fstab:{entry.line}")
        for entry in entries
        if devices.UNSTABLE.fullmatch(devices.plain(entry.source))
    ]
    bad += [
        (f"root={root}", entry.where)
        for entry in boot.defaults(case.guest)
        for root in entry.value("root")[-1:]
        if devices.UNSTABLE.fullmatch(devices.plain(root))
    ]
    if not bad:
        return met("no device name as a source", "/etc/fstab" if entries else "")
    nvme = case.sku is not None and case.sku.properties.nvme
    severity = Severity.MANDATORY if nvme else Severity.RECOMMENDATION
    named = shown([what for what, _ in bad])
    return unmet(f"{named} may have another name on Azure", bad[0][1], severity=severity)


@rule("DSK-DATA-001")
def has_all_data_disks(case: Case) -> Answer:
    if case.sku is None:
        return skipped("no definition was given to compare with")
    luns, most = sorted(disk.lun for disk in case.sku.data_disks), case.rule.limits["max_disks"]
    if len(set(luns)) != len(luns) or len(luns) > most or any(lun >= most for lun in luns):
        return unmet(f"LUNs {luns}: at most {most} disks, each at its own LUN below {most}")
    in_sequence = submits_vhds(case.sku) and not all(one["gaps"] for one in case.thresholds.values())
    if in_sequence and luns != list(range(len(luns))):
        return unmet(f"LUNs {luns}: Partner Center takes 0, 1, 2 without gaps")
    if case.generation is None or case.disk.path.name not in _names(case):
        raise Undecidable(f"the files are not named as the plan's disks, such as {_names(case)[0]}")
    given = {disk.path.name for disk in case.disks}
    missing = [name for name in _names(case)[1:] if name not in given]
    return unmet(f"missing: {shown(missing)}") if missing else met(f"{len(luns)} data disks, one VHD each")


@rule("DSK-ENC-001")
def is_not_encrypted(case: Case) -> Answer:
    _needs_blocks(case)
    found = [part for part in case.disk.table.partitions if part.content.kind in ("luks", "bitlocker")]
    if not found:
        return met("no encrypted volume")
    windows = any(part.content.kind == "bitlocker" for part in found)
    severity = Severity.MANDATORY if windows else Severity.RECOMMENDATION
    return unmet(", ".join(f"{p.title} is {p.content.kind}" for p in found), severity=severity)


@rule("DSK-OS-001")
def is_the_declared_system(case: Case) -> Answer:
    if case.sku is None:
        return skipped("no definition was given to compare with")
    if case.disk.os is None:
        return undecided(case.disk.reason)
    declared = case.sku.os
    if case.disk.os != declared.family:
        return unmet(f"the plan says {declared.family}, the disk holds {case.disk.os}")
    if case.disk.guest is None:
        return met(f"{declared.family}, as declared")
    if declared.family == "windows":
        return _is_the_declared_windows(case.guest, declared.version)
    found = release.read(case.guest)
    known = {"alma": "almalinux", "oracle": "ol"}.get(declared.distribution, declared.distribution)
    other = declared.distribution == "other" or not found.id
    if other or (found.id.startswith(known) and _same_release(found.version, declared.version)):
        return met(f"{found.name or declared.family}, as declared")
    return warned(f"the plan says {declared.distribution} {declared.version}, the disk holds {found.name}")


def _same_release(found: str, declared: str) -> bool:
    """Whether the versions agree as far as both say: 9 and 9.4 do, 12 and 13 do not."""
    return all(one == other for one, other in zip(numbers(found), numbers(declared), strict=False))


def _is_the_declared_windows(guest: Guest, version: str) -> Answer:
    found = windows_release.read(guest)
    evidence = f"{found.name} (build {found.build})"
    if not found.server or version.casefold().startswith(found.server.casefold()):
        return met(f"{evidence}, as declared")
    return warned(f"the plan says windows-server {version}, the disk holds {evidence}")


def _machine(case: Case) -> tuple[str, str]:
    """The architecture, and the program that says so."""
    if case.disk.os == "windows":
        kernel = pe.machine(case.guest, KERNEL)
        found = (kernel[0], KERNEL) if kernel else None
    else:
        program = elf.machine(case.guest)
        found = (program[0], program[2]) if program else None
    if found is None:
        raise Undecidable("no program was found that tells the architecture")
    return found


def _names(case: Case) -> list[str]:
    assert case.sku is not None
    generation = case.generation or case.sku.generations[0]
    return [disk.filename for disk in case.sku.disks(generation)]


def _esps(disk: Disk) -> list[Partition]:
    return [part for part in disk.table.partitions if part.is_esp]


def _needs_blocks(case: Case) -> None:
    if case.disk.blocks is None:
        raise Undecidable(case.disk.reason)
