"""Base images that vmoffer makes itself, from a recipe in tools/recipes/ and Debian's packages."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from generator.errors import Surroundings, Unusable
from tools import apt, cache, doctor, grub, partitions, work
from tools.cache import Say

RECIPES = Path(__file__).parent / "recipes"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
NEEDS = ("mmdebstrap", "mke2fs", "sfdisk", "mkfs.vfat", "mcopy", "qemu-img", KEYRING)


@dataclass(frozen=True)
class Recipe:
    """A release's file, and what its folder shares with other releases (common.toml, finish.sh)."""

    path: Path
    title: str
    suite: str
    components: list[str]
    keyring: str
    mirror: str
    security_mirror: str
    size_mib: int
    disk_guid: str
    root_uuid: str
    esp_id: str
    packages: list[str]
    own_packages: list[str]  # of this release alone
    debconf: list[str]

    @property
    def shared(self) -> tuple[Path, Path]:
        return self.path.with_name("common.toml"), self.path.with_name("finish.sh")


def names() -> list[str]:
    """The recipes there are."""
    return sorted(_paths())


def _paths() -> dict[str, Path]:
    return {path.stem: path for path in RECIPES.glob("*/*.toml") if path.stem != "common"}


def read(name: str) -> Recipe:
    """The recipe `name`. Raises Unusable, naming those there are."""
    path = _paths().get(name)
    if path is None:
        raise Unusable(f"there is no base image recipe {name!r}", hint=f"recipes: {', '.join(names())}")
    data = tomllib.loads(path.with_name("common.toml").read_text()) | tomllib.loads(path.read_text())
    known = {field.name for field in fields(Recipe)} - {"path"}
    if set(data) != known:
        raise Unusable(f"recipe keys: {', '.join(sorted(set(data) ^ known))}", where=str(path))
    return Recipe(path=path, **data)


def key(recipe: Recipe, mirrors: apt.Mirrors) -> str:
    """Changes with the recipe, with the mirrors, and with the code that makes the disk."""
    code = [Path(module.__file__) for module in (grub, partitions) if module.__file__]
    return cache.key(recipe.path, *recipe.shared, mirrors.main, mirrors.security, Path(__file__), *code)


def ensure(name: str, say: Say) -> Path:
    """The base image of recipe `name` as qcow2, from the cache or made now (some minutes).

    The mirror is the host's own if the host is Debian; the environment's MIRROR overrides it.
    Raises Unusable for an unknown recipe, Surroundings if a tool, the network or space is missing.
    """
    recipe = read(name)
    mirrors = apt.mirrors(recipe.mirror, recipe.security_mirror)
    image = _image(name, recipe, mirrors)
    with cache.locked(f"base-{name}", say):
        if image.exists():
            say(f"base image {name}: reused, {image}")
            return image
        paths = _tools()
        image.parent.mkdir(parents=True, exist_ok=True)
        say(f"base image {name}: {recipe.title} from {mirrors.main}")
        began = time.monotonic()
        with _workshop() as shop:
            _make(recipe, mirrors, shop, paths, say)
            partial = image.with_suffix(".partial")
            try:
                convert: list[str | Path] = [
                    paths["qemu-img"],
                    "convert",
                    "-O",
                    "qcow2",
                    shop / "disk.raw",
                    partial,
                ]
                work.run("packing the image", convert, log=shop / "log", say=say)
                partial.replace(image)
            finally:
                partial.unlink(missing_ok=True)
        say(f"base image {name}: made in {time.monotonic() - began:.0f} s, {image}")
        return image


def require(name: str) -> None:
    """Raise what `ensure` would raise of a recipe or a tool that is missing, without making anything."""
    recipe = read(name)
    if not _image(name, recipe, apt.mirrors(recipe.mirror, recipe.security_mirror)).exists():
        _tools()


def _image(name: str, recipe: Recipe, mirrors: apt.Mirrors) -> Path:
    return cache.root() / "base" / f"{name}-{key(recipe, mirrors)}.qcow2"


def _tools() -> dict[str, Path]:
    return doctor.require(*NEEDS, *(() if _mode() == "root" else ("newuidmap",)))


def _make(recipe: Recipe, mirrors: apt.Mirrors, shop: Path, paths: dict[str, Path], say: Say) -> None:
    """Fill `shop/disk.raw`."""
    log, disk, root = shop / "log", shop / "disk.raw", shop / "root"
    table = partitions.write(disk, recipe.size_mib, recipe.disk_guid, paths["sfdisk"])
    disk.chmod(0o666)  # root of the namespace is another user; nobody else can name this file
    shutil.copyfile(recipe.path.with_name("finish.sh"), shop / "finish.sh")
    (shop / "debconf").write_text("\n".join(recipe.debconf) + "\n")
    (shop / "sources.list").write_text(apt.sources(recipe.suite, recipe.components, recipe.keyring, mirrors))
    try:
        count = len(recipe.packages) + len(recipe.own_packages)
        say(f"  {count} packages and what they depend on, as {_mode()}")
        work.run(
            "mmdebstrap", _mmdebstrap(recipe, shop, root, paths["mmdebstrap"]), log=log, say=say, env=_env()
        )
        _format_esp(disk, table.esp, recipe.esp_id, paths["mkfs.vfat"])
        finish = [*_inside(paths), "sh", shop / "finish.sh", root, disk]
        work.run(
            "boot loaders and file systems", finish, log=log, say=say, env=_finish_env(recipe, table, shop)
        )
        boot, core = (shop / "bios" / name for name in ("boot.img", "core.img"))
        bios = table.bios
        grub.install(disk, boot.read_bytes(), core.read_bytes(), start=bios.offset, size=bios.bytes)
    finally:
        if root.exists():
            # Its files belong to users of the namespace; and never into a mount that was left behind.
            empty: list[str | Path] = ["find", root, "-xdev", "-mindepth", "1", "-delete"]
            subprocess.run([*_inside(paths), *empty], check=False)


def _mode() -> str:
    return "root" if os.geteuid() == 0 else "unshare"


def _inside(paths: dict[str, Path]) -> list[str | Path]:
    """In front of a command that must own files of many users: nothing for root."""
    return [] if _mode() == "root" else [paths["mmdebstrap"], "--unshare-helper"]


def _mmdebstrap(recipe: Recipe, shop: Path, root: Path, binary: Path) -> list[str | Path]:
    preseed = f'chroot "$1" debconf-set-selections < {shlex.quote(str(shop / "debconf"))}'
    return [
        binary,
        f"--mode={_mode()}",
        "--variant=minbase",
        "--architectures=amd64",
        f"--include={','.join([*recipe.packages, *recipe.own_packages])}",
        f"--essential-hook={preseed}",
        '--aptopt=APT::Install-Recommends "false"',
        "--aptopt=Acquire::Retries 5",
        recipe.suite,
        root,
        shop / "sources.list",
    ]


def _env() -> dict[str, str]:
    return {
        "PATH": f"{os.environ.get('PATH', os.defpath)}:{doctor.SBIN}",
        "DEBIAN_FRONTEND": "noninteractive",
    }


def _finish_env(recipe: Recipe, table: partitions.Layout, shop: Path) -> dict[str, str]:
    bios = shop / "bios"
    bios.mkdir()
    bios.chmod(0o777)
    return _env() | {
        "ROOT_UUID": recipe.root_uuid,
        "ESP_ID": recipe.esp_id,
        "ESP_OFFSET": str(table.esp.offset),
        "ROOT_OFFSET": str(table.root.offset),
        "ROOT_KIB": str(table.root.bytes // 1024),
        "MIRROR": recipe.mirror,
        "SECURITY_MIRROR": recipe.security_mirror,
        "SUITE": recipe.suite,
        "BIOS_OUT": str(bios),
    }


def _format_esp(disk: Path, esp: partitions.Partition, identity: str, mkfs: Path) -> None:
    """FAT32 without the partition table that mformat would put into its boot sector: GRUB reads that."""
    start, blocks = str(esp.offset // partitions.SECTOR), str(esp.bytes // 1024)
    # One sector per cluster: with more, so small a file system has too few clusters to be FAT32.
    kind = ["-F", "32", "-s", "1", "-n", "ESP", "-i", identity, "--mbr=n"]
    command: list[str | Path] = [mkfs, *kind, f"--offset={start}", disk, blocks]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Surroundings(f"mkfs.vfat: {done.stderr.strip()}", where=str(disk))


@contextmanager
def _workshop() -> Iterator[Path]:
    """A folder that users of a namespace may pass through; 3 GB at the most, gone afterwards."""
    place = os.environ.get("TMPDIR", "/var/tmp")  # noqa: S108  # /tmp may be memory
    with tempfile.TemporaryDirectory(prefix="vmoffer-base-", dir=place) as name:
        shop = Path(name)
        shop.chmod(0o711)
        yield shop
