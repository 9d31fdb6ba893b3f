"""A builder's raw output to the VHDs that a SKU declares; what is finished already is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from generator.errors import NotMet
from generator.model import DataDisk, Disk, Generation, Sku
from validators import datadisk, remains, secret_search
from validators.convert import disk_size, in_place, is_finished
from validators.vhd import Container, inspect

GIB = 1 << 30


@dataclass(frozen=True)
class Made:
    """One VHD of the SKU and how it came about: `made` or `kept`, in words for people."""

    disk: Disk
    vhd: Container
    how: str


def finalize(
    sku: Sku,
    generation: Generation,
    raw: Path,
    out: Path,
    content_root: Path,
    *,
    data_only: bool = False,
    definition: Path | None = None,
    secrets: Mapping[str, str] | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[Made]:
    """Make the VHDs of `generation` in `out` from the builder's folder `raw`, one by one.

    `os.raw` becomes the OS disk and `os.raw-1`, `os.raw-2` … the blank data disks in LUN order, in
    place, emptied of what deleted files left behind. A blank disk the builder did not attach, filled
    ones and images are made here. Relative content is looked up in `content_root`. A second run keeps
    finished VHDs whose source is gone (it became the VHD) or older than they are (content, image,
    `definition`). With `data_only` the OS disk is left out.

    Raises NotMet (DSK-SIZE-002, -003 or -005) when a disk has another size than declared, or when the value
    of one of `secrets` is on a disk that the build wrote to; Unusable and Surroundings as converting and
    filling do.
    """
    secrets = secrets or {}
    out.mkdir(parents=True, exist_ok=True)
    attached = 0
    for disk in sku.disks(generation):
        target, size = out / disk.filename, disk.size_gib * GIB
        if disk.data is None:
            if not data_only:
                rule = "DSK-SIZE-002" if sku.os.family == "linux" else "DSK-SIZE-003"
                yield _from_raw(disk, raw / "os.raw", target, size, rule, secrets)
        elif disk.data.blank:
            attached += 1
            yield _blank(disk, raw / f"os.raw-{attached}", target, size, secrets)
        else:
            yield _filled(disk, disk.data, target, size, content_root, definition, advance)


def _from_raw(disk: Disk, raw: Path, target: Path, size: int, rule: str, secrets: Mapping[str, str]) -> Made:
    if not raw.exists() and (kept := _kept(target, size, rule)):
        return Made(disk, kept, "kept: it is finished")
    datadisk.check_size(disk_size(inspect(raw)), size, raw, rule)
    emptied = remains.empty(raw, size)
    how = "footer appended in place"
    if emptied.size:
        how += f", {emptied.size / (1 << 20):.1f} MiB of deleted data emptied"
    if emptied.kept:
        how += f" (not emptied: {'; '.join(emptied.kept)})"
    if places := secret_search.search(raw, secrets) if secrets else []:
        evidence = ", ".join(f"{name} at byte {offset}" for name, offset in places)
        hint = "a step wrote it down: use it from its variable only"
        raise NotMet(f"the disk holds a secret of the build: {evidence}", where=str(raw), hint=hint)
    if secrets:
        how += f", {len(secrets)} secrets found nowhere"
    # a raw disk is newer than any VHD: the builder made it, and finishing it takes it away
    return Made(disk, in_place(raw, target, force=True), how)


def _blank(disk: Disk, raw: Path, target: Path, size: int, secrets: Mapping[str, str]) -> Made:
    if raw.exists() or _kept(target, size, datadisk.SIZE_RULE):
        return _from_raw(disk, raw, target, size, datadisk.SIZE_RULE, secrets)
    return Made(disk, datadisk.blank(target, size, force=True), "blank")


def _filled(
    disk: Disk,
    data: DataDisk,
    target: Path,
    size: int,
    content_root: Path,
    definition: Path | None,
    advance: Callable[[int], None],
) -> Made:
    source = content_root / (data.content or data.image or "")
    sources = [source, *([definition] if definition else [])]
    if target.exists() and target.stat().st_mtime > max(map(_newest, sources)):
        kept = _kept(target, size, datadisk.SIZE_RULE)
        if kept:
            return Made(disk, kept, f"kept: newer than {source.name}")
    if data.image:
        done = datadisk.image(target, size, source, force=True, advance=advance)
        return Made(disk, done, f"converted from {source.name}")
    done = datadisk.filled(target, size, source, data.label, force=True)
    return Made(disk, done, f"filled from {source.name}")


def _kept(target: Path, size: int, rule: str) -> Container | None:
    """The finished VHD at `target`; None when there is none or it is unfinished."""
    if not target.is_file() or not is_finished(found := inspect(target)):
        return None
    if found.size_bytes != size:
        hint = "the size_gib of the definition changed: remove this VHD and build again"
        what = f"the disk has {(found.size_bytes or 0) / GIB:g} GiB, the SKU declares {size / GIB:g} GiB"
        raise NotMet(what, where=str(target), rule=rule, hint=hint)
    return found


def _newest(path: Path) -> float:
    """When anything in `path` last changed, in Unix seconds; links are not followed, ctime counts."""
    latest = path.stat().st_ctime if path.exists() else float("inf")
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            latest = max(latest, os.lstat(Path(folder) / name).st_ctime)
    return latest
