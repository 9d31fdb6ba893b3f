"""Rules on the file: its container, its name and its size."""

from __future__ import annotations

import re

from generator.generation import Generation
from validators.check import Answer, Case, elsewhere, met, rule, shown, skipped, undecided, unmet, warned
from validators.guest import Undecidable
from validators.remote import RemoteDisk

MIB, GIB = 1 << 20, 1 << 30
BAD_IN_BLOB_NAME = re.compile(r"[%'\"\s]")


@rule("DSK-FMT-001")
def is_vhd(case: Case) -> Answer:
    container = case.disk.container
    if container.is_vhd and container.footer_bytes == 512:
        return met("a VHD with its 512-byte footer")
    what = "a VHD" if container.is_vhd else container.kind
    problem = container.problems[0] if container.problems else "it has no VHD footer at its end"
    return unmet(f"the file is {what}: {problem}")


@rule("DSK-FMT-002")
def is_fixed(case: Case) -> Answer:
    container = case.disk.container
    if container.footer is None:
        return skipped("the file is no VHD (DSK-FMT-001)")
    if container.kind == "vhd-fixed":
        return met("disk type 2, fixed")
    return unmet(f"disk type {container.footer.disk_type}, {container.kind.removeprefix('vhd-')}")


@rule("DSK-FMT-003")
def has_checksum(case: Case) -> Answer:
    footer = case.disk.container.footer
    if footer is None:
        return skipped("the file is no VHD (DSK-FMT-001)")
    stored, computed = f"{footer.checksum:#010x}", f"{footer.expected_checksum:#010x}"
    if footer.checksum_ok:
        return met(f"checksum {stored}")
    return unmet(f"the footer says {stored}, its bytes give {computed}")


@rule("DSK-FMT-004")
def has_length(case: Case) -> Answer:
    container = case.disk.container
    if container.kind != "vhd-fixed" or container.footer is None:
        return skipped("the file is no fixed VHD (DSK-FMT-001, DSK-FMT-002)")
    size = container.footer.current_size
    evidence = f"the file has {container.file_bytes} bytes, the disk {size} + 512 for the footer"
    return met(evidence) if container.length_ok else unmet(evidence)


@rule("DSK-ALIGN-001")
def is_whole_mib(case: Case) -> Answer:
    size = _size(case)
    if size % MIB == 0:
        return met(f"{size // MIB} MiB")
    return unmet(f"{size} bytes are {size // MIB} MiB and {size % MIB} bytes")


@rule("DSK-SIZE-001")
def is_not_tiny(case: Case) -> Answer:
    minimum = case.rule.limits["min_mib"]
    evidence = f"{_mib(_size(case))}; at least {minimum} MiB"
    return met(evidence) if _size(case) >= minimum * MIB else unmet(evidence)


@rule("DSK-SIZE-002")
def linux_disk_size(case: Case) -> Answer:
    if case.disk.os == "windows":
        return skipped("DSK-SIZE-003 judges Windows disks")
    return _os_disk_size(case)


@rule("DSK-SIZE-003")
def windows_disk_size(case: Case) -> Answer:
    return _os_disk_size(case)


def _os_disk_size(case: Case) -> Answer:
    size = _size(case)
    declared = _differs(case)
    if declared:
        return unmet(declared)
    below = tuple(n for n, limit in case.thresholds.items() if size < limit.get("min_gib", 0) * GIB)
    above = tuple(n for n, limit in case.thresholds.items() if size > limit.get("max_gib", 1 << 40) * GIB)
    if below or above:
        bounds = (f"{n}: {t.get('min_gib', 0)}-{t.get('max_gib')} GiB" for n, t in case.thresholds.items())
        return unmet(f"{_gib(size)} is outside of {', '.join(bounds)}", graders=below + above)
    low, high = case.rule.limits.get("advised_gib", (0, 1 << 40))
    if not low * GIB <= size <= high * GIB:
        return warned(f"{_gib(size)}; {low}-{high} GiB are advised")
    return met(_gib(size))


@rule("DSK-SIZE-004")
def needs_no_exception(case: Case) -> Answer:
    size, used, limits = _size(case), case.disk.container.allocated_bytes, case.rule.limits
    if size > limits["large_gib"] * GIB:
        return unmet(f"{_gib(size)} is over {limits['large_gib']} GiB: ask support for an exception first")
    if size > limits["middle_gib"] * GIB and size - used > limits["slack_gib"] * GIB:
        return unmet(f"{_gib(size)} with {_gib(used)} in use: more than {limits['slack_gib']} GiB are empty")
    return met(_gib(size))


@rule("DSK-SIZE-005")
def data_disk_size(case: Case) -> Answer:
    size = _size(case)
    declared = _differs(case)
    if declared:
        return unmet(declared)
    too_large = tuple(n for n, limit in case.thresholds.items() if size > limit["max_gib"] * GIB)
    return unmet(f"{_gib(size)} is too large", graders=too_large) if too_large else met(_gib(size))


@rule("DSK-SIZE-006")
def gen1_disk_size(case: Case) -> Answer:
    limit = case.rule.limits["gen1_max_gib" if case.generation is Generation.GEN1 else "gen2_max_gib"]
    evidence = f"{_gib(_size(case))}; at most {limit} GiB"
    return met(evidence) if _size(case) <= limit * GIB else unmet(evidence)


@rule("DSK-SPARSE-001")
def is_sparse(case: Case) -> Answer:
    container = case.disk.container
    if isinstance(container.path, RemoteDisk):
        return skipped("it is uploaded already")
    allocated, size = container.allocated_bytes, container.file_bytes
    evidence = f"{_mib(allocated)} of {_mib(size)} are allocated"
    return unmet(f"{evidence}: there are no holes to skip") if allocated >= size else met(evidence)


@rule("DSK-BLOB-001")
def is_a_page_blob(case: Case) -> Answer:
    kind = case.disk.container.blob_type
    if kind is None:
        return elsewhere("the type of a blob is known once it is uploaded; `vmoffer sas check` looks")
    if not kind:
        return elsewhere("the server does not say of which type the blob is, as Azure's does")
    return met("a page blob") if kind == "PageBlob" else unmet(f"it is a {kind}")


@rule("DSK-BLOB-002")
def has_a_blob_name(case: Case) -> Answer:
    name = case.disk.path.name
    bad = BAD_IN_BLOB_NAME.search(name)
    if bad:
        return unmet(f"the name holds {bad[0]!r}")
    return met(name) if name.endswith(".vhd") else unmet("the name does not end in .vhd")


@rule("DSK-OS-002")
def has_an_os_disk(case: Case) -> Answer:
    if any(disk.role == "os" for disk in case.disks):
        return met("there is one")
    # Without the names of files, which differ between two versions that are compared.
    seen = dict.fromkeys(disk.reason or "no system was found" for disk in case.disks)
    hint = "--role os says that it is one, --role data that none is meant to be"
    return undecided(f"no disk was recognised as an OS disk: {shown(list(seen))}; {hint}")


def _size(case: Case) -> int:
    size = case.disk.container.size_bytes
    if size is None and case.disk.blocks is not None:
        size = case.disk.blocks.size
    if size is None:
        raise Undecidable(case.disk.reason or "the size of the disk inside is not known")
    return size


def _differs(case: Case) -> str:
    """How the size differs from what the definition declares for this file; empty if it does not."""
    if case.sku is None or case.generation is None:
        return ""
    for planned in case.sku.disks(case.generation):
        given = planned.data is not None and planned.data.image  # taken as it is, whatever its size
        if planned.filename != case.disk.path.name or given or _size(case) == planned.size_gib * GIB:
            continue
        return f"the definition says {planned.size_gib} GiB, the disk has {_gib(_size(case))}"
    return ""


def _gib(size: int) -> str:
    return f"{size / GIB:g} GiB" if size % MIB == 0 and size * 100 % GIB == 0 else f"{size / GIB:.2f} GiB"


def _mib(size: int) -> str:
    return f"{size / MIB:.0f} MiB"
