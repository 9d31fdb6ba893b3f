"""What the boot loader starts: kernel, initramfs and command line of the default entry."""

from __future__ import annotations

import re
import shlex
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import cast

from validators.guest import Guest, exists, text
from validators.linux import grub as grub_menu
from validators.linux import uki
from validators.linux.release import assignments

GRUB_FILES = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
GRUB_ON_ESP = ("/boot/efi/EFI/*/grub.cfg", "/efi/EFI/*/grub.cfg")
GRUBENV = ("/boot/efi/EFI/*/grubenv", "/efi/EFI/*/grubenv", "/boot/grub/grubenv", "/boot/grub2/grubenv")
LOADER_CONF = ("/boot/loader/loader.conf", "/boot/efi/loader/loader.conf", "/efi/loader/loader.conf")
BLS_FOLDERS = ("/boot/loader/entries", "/boot/efi/loader/entries", "/efi/loader/entries")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a boot menu. `path` is its place in the menu: `0`, or `1>0` inside a submenu."""

    title: str
    path: str
    id: str
    kernel: str
    arguments: tuple[str, ...]
    initrds: tuple[str, ...]
    where: str
    default: bool = False
    version: str = ""  # of the kernel, where the entry says it
    unified: bool = False  # `kernel` is a unified kernel image, which holds its own initramfs
    unsure: tuple[str, ...] = ()  # GRUB's variables in it that only a running machine knows

    def value(self, name: str) -> list[str]:
        """Every value given to `name`, in order."""
        return [word.partition("=")[2] for word in self.arguments if word.partition("=")[0] == name]


def entries(guest: Guest) -> tuple[Entry, ...]:
    """All entries of all boot configurations; of each configuration one is the default."""
    return _entries(cast(Hashable, guest))


@lru_cache(maxsize=4)  # a dozen rules ask for the entries of the same guest
def _entries(hashable: Hashable) -> tuple[Entry, ...]:
    guest = cast(Guest, hashable)
    environment = _environment(guest)
    found: list[Entry] = []
    beside: grub_menu.Menu | None = None  # the one that also shows the entries of the specification
    for file in (*GRUB_FILES, *(path for pattern in GRUB_ON_ESP for path in guest.glob(pattern))):
        content = text(guest, file, 4 << 20)
        if content is None:
            continue
        menu = grub_menu.Menu(content, file, environment, lambda path: _of_grub(guest, path), GRUB_FILES)
        if beside is None and re.search(r"^\s*blscfg\b", content, re.MULTILINE):
            beside = menu
        found += _with_default(_from(menu), menu.default)
    # Without GRUB it is systemd-boot that reads these entries.
    if beside or not found:
        found += _bls(guest, beside or grub_menu.Menu("", "", environment), _unified(guest))
    return tuple(found)


def _of_grub(guest: Guest, path: str) -> str | None:
    """The file that a path of GRUB means, on whichever of the file systems."""
    places = [place for place in located(path) if exists(guest, place)]
    return text(guest, places[0], 4 << 20) if places else None


def defaults(guest: Guest) -> list[Entry]:
    """The entries that boot when nobody touches the menu: one per configuration."""
    return [entry for entry in entries(guest) if entry.default]


def grub(content: str, file: str, environment: dict[str, str]) -> list[Entry]:
    """The entries of a grub.cfg; `environment` is what grubenv holds."""
    menu = grub_menu.Menu(content, file, environment)
    return _with_default(_from(menu), menu.default)


def _from(menu: grub_menu.Menu) -> list[Entry]:
    return [
        Entry(
            each.title,
            each.path,
            each.id,
            each.words[0] if each.words else "",
            each.words[1:],
            each.initrds,
            each.where,
            unsure=each.unsure,
        )
        for each in menu.entries
    ]


def _with_default(found: list[Entry], wanted: str) -> list[Entry]:
    """Mark the entry that `wanted` names by place, id or title; the first one if it names none."""
    last = wanted.rpartition(">")[2]
    names = (wanted, last) if ">" in wanted else (wanted,)
    chosen = next((e for e in found if e.path == wanted), None)
    chosen = chosen or next((e for e in found if e.id in names or e.title in names), None)
    chosen = chosen or next((e for e in found if e.path.startswith(f"{wanted}>")), None)
    chosen = chosen or (found[0] if found else None)
    return [replace(entry, default=entry is chosen) for entry in found]


def _unified(guest: Guest) -> list[Entry]:
    """The unified kernel images; systemd-boot lists them beside the entries of files."""
    found = []
    for image in uki.images(guest):
        name = image.path.rpartition("/")[2].removesuffix(".efi")
        words = tuple(_words(image.line))
        found.append(
            Entry(name, name, name, image.path, words, (), image.path, version=image.version, unified=True)
        )
    return found


def _bls(guest: Guest, menu: grub_menu.Menu, found: list[Entry]) -> list[Entry]:
    """Boot Loader Specification entries after those `found`; the default is the saved one, or the newest.

    systemd-boot's own choice is a pattern in loader.conf.
    """
    for folder in BLS_FOLDERS:
        for path in guest.glob(f"{folder}/*.conf"):
            fields: dict[str, list[str]] = {}
            for line in (text(guest, path) or "").splitlines():
                key, _, value = line.strip().partition(" ")
                fields.setdefault(key, []).append(value.strip())
            # As GRUB's blscfg does it: an entry without options has the default ones.
            options, unsure = menu.expand(" ".join(fields.get("options", [])) or "$default_kernelopts")
            words = _words(options)
            initrds = tuple(word for value in fields.get("initrd", []) for word in value.split()[:1])
            name = path.rpartition("/")[2].removesuffix(".conf")
            title = " ".join(fields.get("title", [name]))
            kernel = " ".join(fields.get("linux", []))
            found.append(Entry(title, name, name, kernel, tuple(words), initrds, path, unsure=unsure))
    if not found:
        return []
    saved = menu.state.variables.get("saved_entry", "")
    pattern = next((word for path in LOADER_CONF for word in _chosen(text(guest, path) or "")), "")
    chosen = next((entry for entry in found if saved in (entry.id, entry.title)), None)
    chosen = chosen or next(
        (e for e in found if pattern and fnmatchcase(e.where.rpartition("/")[2], pattern)), None
    )
    chosen = chosen or max(found, key=lambda entry: ("rescue" not in entry.id, _version_key(entry.id)))
    return [replace(entry, default=entry is chosen) for entry in found]


def _chosen(content: str) -> list[str]:
    """The `default` of a loader.conf; `@saved` and the like are no file."""
    return re.findall(r"^default[ \t]+([^@\s]\S*)", content, re.MULTILINE)


def _environment(guest: Guest) -> dict[str, str]:
    found: dict[str, str] = {}
    for pattern in GRUBENV:
        for path in guest.glob(pattern):
            found.update(grub_menu.environment(text(guest, path) or ""))
    return found


def default_grub(guest: Guest) -> str | None:
    """What /etc/default/grub (and grub.d) would put on the command line at the next update-grub."""
    files = [path for path in ("/etc/default/grub",) if exists(guest, path)]
    files += guest.glob("/etc/default/grub.d/*.cfg")
    if not files:
        return None
    found: dict[str, str] = {}
    for path in files:
        found.update(assignments(text(guest, path) or ""))
    parts = (found.get("GRUB_CMDLINE_LINUX", ""), found.get("GRUB_CMDLINE_LINUX_DEFAULT", ""))
    return " ".join(part for part in parts if part)


def kernel_version(guest: Guest, entry: Entry) -> str:
    """The version that the entry or the kernel's file name says, through one link; empty if none does."""
    if entry.version:
        return entry.version
    for path in located(entry.kernel):
        target = guest.readlink(path)
        name = (target or path).rpartition("/")[2]
        if exists(guest, path) and "-" in name:
            return name.partition("-")[2].removesuffix(".efi")
    return ""


def located(path: str) -> Iterator[str]:
    """Where a path of the boot loader may lie in the tree: /boot can be a file system of its own."""
    bare = re.sub(r"^\([^)]*\)", "", path)
    if bare:
        yield bare
        yield f"/boot{bare}"


def _words(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()


def _version_key(name: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"\d+|[^\d]+", name)
    return [(1, int(part[:18]), "") if part.isdecimal() else (0, 0, part) for part in parts]
