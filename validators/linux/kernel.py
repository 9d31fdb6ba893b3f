"""What a kernel has: its build configuration, its modules, and those in its initramfs."""

from __future__ import annotations

import re

from validators.guest import Guest, Undecidable, text
from validators.linux import boot, initramfs

MODULE = re.compile(r"([^/]+)\.ko(?:\.(?:xz|gz|zst|bz2))?$")


def configuration(guest: Guest, version: str) -> dict[str, str]:
    """The `CONFIG_…` options that are set; empty if the kernel's configuration is not in the image."""
    places = (f"/boot/config-{version}", f"/lib/modules/{version}/config")
    for path in places:
        content = text(guest, path)
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
    for image in entry.initrds:
        path = next((place for place in boot.located(image) if guest.stat(place)), None)
        if path is None:
            raise Undecidable(f"{entry.where} names the initramfs {image}, which is not in the image")
        for name in initramfs.names(guest.read(path, initramfs.COMPRESSED_LIMIT) or b""):
            if MODULE.search(name):
                found |= {_plain(name)} & wanted
                if found == wanted:
                    return found
    return found


def _plain(path: str) -> str:
    """`kernel/drivers/hv/hv_vmbus.ko.xz` → `hv_vmbus`; `-` and `_` are the same to the kernel."""
    name = path.rpartition("/")[2]
    known = MODULE.search(name)
    return (known[1] if known else name).replace("-", "_")
