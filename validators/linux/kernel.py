"""What a kernel has: its build configuration, its modules, and those in its initramfs."""

from __future__ import annotations

import re

from validators.guest import Guest, Undecidable, text
from validators.linux import boot, initramfs, uki
from validators.linux.versions import numbers

MODULE = re.compile(r"([^/]+)\.ko(?:\.(?:xz|gz|zst|bz2))?$")
# Where distributions keep the configuration: beside the kernel, beside its modules, with its headers.
CONFIGURATIONS = (
    "/boot/config-{}",
    "/lib/modules/{}/config",
    "/usr/lib/modules/{}/config",
    "/usr/boot/config-{}",
    "/lib/modules/{}/build/.config",
    "/usr/src/linux-headers-{}/.config",
    "/usr/src/kernels/{}/.config",
)


def booted(guest: Guest) -> tuple[boot.Entry, str]:
    """What boots when nobody touches the menu, and its kernel's version. Raises Undecidable if unknown."""
    for entry in boot.defaults(guest):
        version = boot.kernel_version(guest, entry)
        if numbers(version):
            return entry, version
    raise Undecidable("which kernel boots was not found")


def configuration(guest: Guest, version: str) -> dict[str, str]:
    """The `CONFIG_…` options that are set; empty if the kernel's configuration is not in the image."""
    for place in CONFIGURATIONS:
        content = text(guest, place.format(version))
        if content:
            return dict(re.findall(r"^(CONFIG_\w+)=(.*)$", content, re.MULTILINE))
    return {}


def built_in(guest: Guest, version: str) -> set[str]:
    """Module names that are part of the kernel, from modules.builtin."""
    content = text(guest, f"/lib/modules/{version}/modules.builtin", 4 << 20) or ""
    return {_plain(line) for line in content.splitlines() if line}


def on_disk(guest: Guest, version: str) -> set[str]:
    """Module names under /lib/modules, from depmod's own list."""
    content = text(guest, f"/lib/modules/{version}/modules.dep", 16 << 20) or ""
    return {_plain(line.partition(":")[0]) for line in content.splitlines() if ":" in line}


def loaded_early(guest: Guest, entry: boot.Entry, wanted: set[str]) -> set[str]:
    """Those of `wanted` that are in the entry's initramfs; stops reading when all are found."""
    found: set[str] = set()
    if entry.unified:
        return _found(guest, entry.kernel, *uki.initramfs(guest, entry.kernel), wanted)
    for image in entry.initrds:
        path = next((place for place in boot.located(image) if guest.stat(place)), None)
        facts = guest.stat(path) if path else None
        if path is None or facts is None:
            raise Undecidable(f"{entry.where} names the initramfs {image}, which is not in the image")
        found |= _found(guest, path, 0, facts.size, wanted - found)
        if found == wanted:
            break
    return found


def _found(guest: Guest, path: str, start: int, size: int, wanted: set[str]) -> set[str]:
    """Those of `wanted` in the initramfs at `start` of a file; it is read no further than needed."""
    if size > initramfs.COMPRESSED_LIMIT:
        raise Undecidable(
            f"the initramfs in {path} has {size} bytes; at most {initramfs.COMPRESSED_LIMIT} are read"
        )

    def read(offset: int, count: int) -> bytes:
        return guest.piece(path, start + offset, max(0, min(count, size - offset))) or b""

    found: set[str] = set()
    for name in initramfs.walk(read, size):
        if MODULE.search(name):
            found |= {_plain(name)} & wanted
            if found == wanted:
                break
    return found


def _plain(path: str) -> str:
    """`kernel/drivers/hv/hv_vmbus.ko.xz` → `hv_vmbus`; `-` and `_` are the same to the kernel."""
    name = path.rpartition("/")[2]
    known = MODULE.search(name)
    return (known[1] if known else name).replace("-", "_")
