"""The native tools: what each is needed for, whether this machine has it, and what brings it in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from generator.errors import Surroundings

# Debian leaves these out of the PATH of ordinary users.
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Native:
    """A command (or a file) of this machine. `packages` are Debian's and Ubuntu's names."""

    name: str
    use: str
    packages: tuple[str, ...]
    version: tuple[str, ...] | None = ("--version",)
    file: bool = False
    build: bool = True  # `vmoffer build` of a SKU with a recipe base cannot do without it
    mend: str | None = None  # instead of apt-get


# `vmoffer build` also needs Packer, which tools.packer finds or builds; `go` stands for it here.
NATIVE = (
    Native("qemu-system-x86_64", "boots the guest", ("qemu-system-x86",)),
    Native("qemu-img", "disk images", ("qemu-utils",)),
    Native("OVMF", "UEFI firmware of gen2 guests", ("ovmf",), None, file=True),
    Native("mmdebstrap", "base image recipes", ("mmdebstrap",)),
    Native(
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "base image recipes: Debian's signatures",
        ("debian-archive-keyring",),
        None,
        file=True,
    ),
    Native("mke2fs", "ext4 of base images and data disks", ("e2fsprogs",), ("-V",)),
    Native("mkfs.xfs", "XFS data disks", ("xfsprogs",), ("-V",), build=False),
    Native("sfdisk", "partition tables", ("fdisk",)),
    Native("mkfs.vfat", "the EFI system partition", ("dosfstools",), ("--help",)),
    Native("mcopy", "files in the EFI system partition", ("mtools",)),
    Native("xorriso", "the cloud-init seed of a build", ("xorriso",)),
    Native(
        "go",
        "builds Packer and its plugins where none is found",
        (),
        ("version",),
        mend="install Go 1.21 or newer from https://go.dev/dl/ (it fetches the release it needs by itself)",
    ),
    Native(
        "node",
        "the local blob store (Azurite)",
        (),
        mend="install Node.js 20 or newer from https://nodejs.org/",
    ),
    Native(
        "npm",
        "installs the local blob store",
        (),
        mend="install Node.js 20 or newer from https://nodejs.org/",
    ),
    Native("newuidmap", "base image recipes without root", ("uidmap",), None, build=False),
    Native("git", "versions, and `make lint`", ("git",), build=False),
    Native("curl", "tests of SAS URIs", ("curl",), build=False),
)
BY_NAME = {native.name: native for native in NATIVE}


@dataclass(frozen=True)
class Found:
    """One tool as this machine has it; `path` is None where it is missing."""

    native: Native
    path: Path | None
    version: str


def which(name: str) -> Path | None:
    """The command `name` on PATH or in an sbin folder."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}")
    return Path(found) if found else None


def locate(native: Native) -> Path | None:
    """Where this machine has `native`."""
    if not native.file:
        return which(native.name)
    if native.name == "OVMF":
        from tools.machine import firmware

        pair = firmware()
        return pair[0] if pair else None
    path = Path(native.name)
    return path if path.exists() else None


def look() -> list[Found]:
    """Every native tool, found or not, with the version it states."""
    found = []
    for native in NATIVE:
        path = locate(native)
        found.append(Found(native, path, stated_version(path, native.version) if path else ""))
    return found


def stated_version(path: Path, arguments: Iterable[str] | None) -> str:
    """The first thing in a tool's own words that looks like a version; empty if there is none."""
    if arguments is None:
        return ""
    try:
        done = subprocess.run(
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return match.group() if match else ""


def mend(missing: Iterable[Native]) -> str:
    """What to run, on as few lines as it takes, to bring in all of `missing`."""
    natives = list(missing)
    packages = dict.fromkeys(package for native in natives for package in native.packages)
    lines = list(dict.fromkeys(native.mend for native in natives if native.mend))
    if packages:
        sudo = "" if os.geteuid() == 0 else "sudo "
        lines.insert(0, f"{sudo}apt-get install --yes --no-install-recommends {' '.join(packages)}")
    return "; ".join(lines)


def missing_packages() -> list[str]:
    """Debian's and Ubuntu's packages with the tools that this machine lacks."""
    missing = [native for native in NATIVE if locate(native) is None]
    return list(dict.fromkeys(package for native in missing for package in native.packages))


def judge(found: Iterable[Found], packer_built: bool) -> None:
    """Raises Surroundings if something is missing that `vmoffer build` of a recipe base needs.

    Go is not missed once it has done its work (`packer_built`).
    """
    missing = [tool.native for tool in found if tool.path is None and tool.native.build]
    missing = [native for native in missing if not (native.name == "go" and packer_built)]
    if missing:
        raise Surroundings(f"missing for `vmoffer build`: {_listed(missing)}", hint=mend(missing))


def require(*names: str) -> dict[str, Path]:
    """The paths of the named tools. Raises Surroundings that names all missing ones and one mend."""
    paths = {name: locate(BY_NAME[name]) for name in names}
    missing = [BY_NAME[name] for name, path in paths.items() if path is None]
    if missing:
        raise Surroundings(f"missing on this machine: {_listed(missing)}", hint=mend(missing))
    return {name: path for name, path in paths.items() if path is not None}


def _listed(natives: Iterable[Native]) -> str:
    return ", ".join(f"{native.name} ({native.use})" for native in natives)
