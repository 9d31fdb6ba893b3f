# ruff: noqa: E501 - a row is a line
"""What is fuzzed: seeds, what reads them, and which exceptions are the clean way to refuse one.

A target that goes through the rules fails when a rule met something it does not understand: the engine
turns every exception inside a rule into that sentence, and here it is a defect.
"""

from __future__ import annotations

import atexit
import bz2
import gzip
import lzma
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import uuid
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "validators"))

sys.path.insert(0, str(Path(__file__).parents[1] / "provisioners"))

import lvm_images
import test_windows_hive_logs as hive_logs
from images import (
    GRUB_CFG,
    MIB,
    Content_,
    MemoryVolume,
    cpio,
    debian,
    efi_program,
    initramfs,
    lz4_blocks,
    os_disk,
    sku,
    unpack,
)
from rule_cases import program
from scratch import COMMON, LIKE
from windows_hive import checked, hive
from windows_images import BCD, CONFIG, FILES, hives, windows_disk

from generator import hcl_blocks, imported_text, packer_template, png
from generator.errors import Unusable
from generator.hcl_values import Scope
from publisher import sascheck
from validators import engine, lvm, pe
from validators.catalogue import DISK_SUBJECTS, rules
from validators.disk import open_disk
from validators.footer import NotAFooter, checksum, make_footer, parse_footer
from validators.formats import announced
from validators.guest import Undecidable, walk
from validators.inodes import Inodes
from validators.linux import boot, firewalld, fstab, rpmdb, signature, sshd
from validators.linux.initramfs import names
from validators.outcome import Outcome
from validators.partitions import read_table
from validators.tree import Tree
from validators.vhd import inspect
from validators.windows.hive import Hive
from vmoffer import scratch

Run = Callable[[bytes], object]


@dataclass(frozen=True)
class Target:
    """`repair` gives half of the inputs right checksums or a new compression, so that they get further.

    `weight`: the target's part of the time. `slow`: seconds that one input may take.
    """

    name: str
    seeds: Sequence[bytes]
    run: Run
    clean: tuple[type[Exception], ...] = ()
    repair: Callable[[bytes, Random], bytes] | None = None
    weight: int = 1
    slow: float = 5.0


class Defect(Exception):
    """A rule broke."""


class Bytes:
    """A disk that is these bytes, and zeros up to 1 GiB."""

    def __init__(self, data: bytes) -> None:
        self.size = 1 << 30
        self._data = data

    def read(self, offset: int, count: int) -> bytes:
        count = max(0, min(count, self.size - offset))
        assert count <= 64 * MIB, f"a read of {count} bytes"
        return self._data[offset : offset + count].ljust(count, b"\0")


# --- VHD -------------------------------------------------------------------------------------------------
def _footer_repaired(data: bytes, random: Random) -> bytes:
    data = data[:512].ljust(512, b"\0")
    return data[:64] + struct.pack(">I", checksum(data)) + data[68:]


def _footer(data: bytes) -> None:
    announced(data[:512], len(data))
    parse_footer(data[-512:])


@dataclass
class _File:
    """A file on memory, rewritten for every input."""

    path: Path = field(
        default_factory=lambda: (
            Path(
                tempfile.mkdtemp(
                    prefix="vmoffer-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None
                )
            )
            / "x.vhd"
        )
    )

    def put(self, data: bytes) -> Path:
        self.path.write_bytes(data)
        return self.path


def _container(file: _File) -> Run:
    def run(data: bytes) -> None:
        if data:
            inspect(file.put(data))

    return run


# --- partition tables ------------------------------------------------------------------------------------
def gpt(*parts: tuple[int, int]) -> bytes:
    """LBA 0 to 33 of a disk with these partitions (first and last LBA)."""
    entries = b"".join(
        uuid.UUID("0FC63DAF-8483-4772-8E79-3D69D8477DE4").bytes_le
        + uuid.UUID(int=number + 1).bytes_le
        + struct.pack("<QQQ", first, last, 0)
        + f"part {number}".encode("utf-16-le").ljust(72, b"\0")
        for number, (first, last) in enumerate(parts)
    ).ljust(128 * 128, b"\0")
    header = struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, (1 << 21) - 1, 34, 1 << 20,
                         bytes(16), 2, 128, 128, zlib.crc32(entries))  # fmt: skip
    header = header[:16] + struct.pack("<I", zlib.crc32(header)) + header[20:]
    return mbr((0xEE, 1, 1 << 21))[:512] + header.ljust(512, b"\0") + entries


def mbr(*entries: tuple[int, int, int]) -> bytes:
    """A master boot record; entries are type, first LBA, sectors."""
    table = b"".join(
        struct.pack("<4sBBBBII", b"\0" * 4, kind, 0, 0, 0, start, size) for kind, start, size in entries
    )
    return (bytes(446) + table).ljust(510, b"\0") + b"\x55\xaa"


def _gpt_repaired(data: bytes, random: Random) -> bytes:
    """Checksums that are right, so that what the entries say counts."""
    data = data.ljust(34 * 512, b"\0")
    header, entries = data[512:604], data[1024 : 1024 + 128 * 128]
    header = header[:16] + bytes(4) + header[20:88] + struct.pack("<I", zlib.crc32(entries))
    header = header[:16] + struct.pack("<I", zlib.crc32(header)) + header[20:]
    return data[:512] + header + data[604:]


def _extended() -> bytes:
    """An MBR with two logical partitions."""
    second = mbr((0x83, 63, 2048), (0x05, 4096, 4096))
    return mbr((0x83, 64, 64), (0x05, 128, 8192)).ljust(128 * 512, b"\0") + second


# --- file systems in whole images ------------------------------------------------------------------------
def _tool(*command: str | Path) -> None:
    environment = {**os.environ, "PATH": f"/usr/sbin:/sbin:{os.environ['PATH']}"}
    subprocess.run(command, check=True, capture_output=True, env=environment)


def images() -> list[bytes]:
    """A bare ext4 with a whole Debian tree, the same as qcow2, and a bare FAT."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpack({path: content for path, content in debian().items() if "initrd" not in path}, folder / "tree")
        ext, fat = folder / "ext.raw", folder / "fat.raw"
        for path, size in ((ext, 3 * MIB), (fat, 2 * MIB)):
            with path.open("wb") as file:
                file.truncate(size)
        _tool("mke2fs", "-q", "-t", "ext4", "-b", "1024", "-O", "^has_journal", "-d", folder / "tree", ext)
        _tool("mkfs.vfat", fat)
        _tool("qemu-img", "convert", "-O", "qcow2", ext, folder / "ext.qcow2")
        return [path.read_bytes() for path in (ext, folder / "ext.qcow2", fat)]


def _image(file: _File) -> Run:
    """Open, judge by every rule, and walk the tree."""
    engine.load_checks()

    def run(data: bytes) -> None:
        if not data:
            return
        disk = open_disk(file.put(data))
        _judge(disk)
        if disk.guest is not None:
            for path, _ in walk(disk.guest, "/", 2000):
                disk.guest.readlink(path)

    return run


def _judge(disk: Any, only: Sequence[str] | None = None) -> None:
    for rule in rules().values():
        if rule.subject in DISK_SUBJECTS and (only is None or rule.id in only):
            _whole(engine.decide(rule, disk, [disk], sku(), "strict"))


def _whole(outcome: Outcome) -> None:
    if "does not understand" in outcome.evidence:
        raise Defect(f"{outcome.rule}: {outcome.evidence}")


# --- files in the guest ----------------------------------------------------------------------------------
def _guest(path: str, ids: Sequence[str]) -> Run:
    """The clean Debian with this file changed, judged by the rules that read it."""
    engine.load_checks()

    def run(data: bytes) -> None:
        _judge(os_disk({path: data}), ids)

    return run


def _windows(path: str, ids: Sequence[str]) -> Run:
    """The clean Windows with this file changed, judged by the rules that read it."""
    engine.load_checks()
    where = "boot_files" if path == BCD else "files"

    def run(data: bytes) -> None:
        _judge(windows_disk(**{where: {path: data}}), ids)  # type: ignore[arg-type]

    return run


ZONE = b"""<zone target='x'><service name='ssh'/><port port='1-9' protocol='tcp'/>
<rule priority='1'><accept/></rule></zone>"""


def _zone(data: bytes) -> None:
    """A zone of firewalld, and a port that is asked for."""
    files: dict[str, Content_] = {"/etc/firewalld/zones/public.xml": data}
    firewalld.lets_in(Tree({"/": MemoryVolume(files)}), 22, "tcp")


class _Logs:
    """A hive that was not written to its end, and what may lie beside it."""

    def __init__(self) -> None:
        before, after = hive({"a": {"b": 1}}), hive({"a": {"b": 2}, "c": {"d": "x" * 300}})
        pages = hive_logs.changes(before, after, 4096)
        self.dirty = hive_logs.dirty(before)
        self.old = hive_logs.old_log(before, after)
        self.new = hive_logs.new_log(after, hive_logs.entry(pages, 7, len(after) - 4096))

    def opened(self, data: bytes) -> None:
        hive_logs.seen(hive_logs.opened(self.dirty, data))


LOGS = _Logs()


def _hive(data: bytes) -> None:
    """Every key and value of a hive, as far as a damaged one lets itself be read; a key may be its own child."""
    hive, waiting = Hive(lambda offset, count: data[offset : offset + count], len(data), "hive"), [""]
    for path in waiting:
        hive.values(path)
        if len(waiting) < 60:
            waiting += [f"{path}\\{name}" for name in hive.subkeys(path)][:60]


def _hive_repaired(data: bytes, random: Random) -> bytes:
    """A header that adds up, so that what the cells say counts."""
    return checked(data[:4096].ljust(4096, b"\0")) + data[4096:]


def _ids(*starts: str) -> list[str]:
    return [name for name in rules() if name.startswith(starts)]


def _compressed(data: bytes, random: Random) -> bytes:
    pack = random.choice((gzip.compress, bz2.compress, lzma.compress))
    return cpio("kernel/x86/microcode") + bytes(256) + pack(data)


def _rpm(file: str) -> Target:
    """One of rpm's databases, a real one as seed."""
    name = file.partition(".")[2].removesuffix(".gz")
    seed = gzip.decompress((Path(__file__).parents[1] / "validators/data/rpm" / file).read_bytes())

    def run(data: bytes) -> None:
        rpmdb.packages(Tree({"/": MemoryVolume({f"/var/lib/rpm/{name}": data})}))

    return Target(f"rpm {name}", [seed], run, (Undecidable,))


def _modules(data: bytes) -> None:
    """The same bytes as modules in every compression."""
    for suffix in ("gz", "xz", "zst"):
        with suppress(Undecidable):
            signature.unsigned_modules(
                Tree({"/": MemoryVolume({f"/lib/modules/6/extra/a.ko.{suffix}": data})}), "6"
            )


def _rpm_log() -> Target:
    """The write-ahead log beside the sqlite database: pages of it, and one that is changed."""
    packed = Path(__file__).parents[1] / "validators/data/rpm/rhel9.rpmdb.sqlite.gz"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rpmdb.sqlite")
        path.write_bytes(gzip.decompress(packed.read_bytes()))
        database = sqlite3.connect(path)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("DELETE FROM Packages WHERE hnum = 1")
        database.commit()
        main, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
        database.close()

    def run(data: bytes) -> None:
        files = {"/var/lib/rpm/rpmdb.sqlite": main, "/var/lib/rpm/rpmdb.sqlite-wal": data}
        rpmdb.packages(Tree({"/": MemoryVolume(files)}))

    return Target("rpm rpmdb.sqlite-wal", [log], run, (Undecidable,))


def _physical_volume() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pv")
        path.touch()
        lvm_images.write(path, 0, 64 << 20, lvm_images.metadata({"root": [(0, 6), (9, 2)], "swap": [(6, 3)]}))
        return path.read_bytes()[: lvm_images.AREA + 4096]


def _inline_ext() -> bytes:
    """The beginning of an ext4 file system whose inode 12 holds its file."""
    head = bytearray(16384)
    struct.pack_into("<IIIIII", head, 1024, 64, 16, 0, 0, 0, 1)
    struct.pack_into("<IIIII", head, 1024 + 0x18, 0, 0, 8192, 8192, 32)
    struct.pack_into("<H", head, 1024 + 0x58, 256)
    struct.pack_into("<III", head, 1024 + 0x5C, 0, 0x8000 | 0x40, 1)
    struct.pack_into("<I", head, 2048 + 8, 4)
    inode = 4096 + 11 * 256
    struct.pack_into("<I", head, inode + 4, 70)
    struct.pack_into("<I", head, inode + 0x20, 0x10000000)
    struct.pack_into("<HHI", head, inode + 128, 32, 0, 0)
    struct.pack_into("<IBBHIII", head, inode + 160, 0xEA020000, 4, 7, 60, 0, 10, 0)
    head[inode + 180 : inode + 184] = b"data"
    head[inode + 224 : inode + 234] = b"0123456789"
    return bytes(head)


def _lvm_repaired(data: bytes, random: Random) -> bytes:
    """Mostly with checksums that fit, so that what comes behind them is reached."""
    at = lvm_images.AREA
    if random.random() < 0.2 or len(data) < at + 1024:
        return data
    found = bytearray(data)
    size = int.from_bytes(found[at + 48 : at + 56], "little")
    found[at + 56 : at + 60] = struct.pack(
        "<I", lvm_images.crc(bytes(found[at + 512 : at + 512 + min(size, 1 << 16)]))
    )
    found[at : at + 4] = struct.pack("<I", lvm_images.crc(bytes(found[at + 4 : at + 512])))
    found[528:532] = struct.pack("<I", lvm_images.crc(bytes(found[532:1024])))
    return bytes(found)


# --- trees that steps work on ----------------------------------------------------------------------------
TREE_FILES = {
    "/etc/fstab": ("swap", "fstab"),
    "/etc/default/grub": ("kernel-cmdline",),
    "/boot/grub/grub.cfg": ("kernel-cmdline",),
    "/etc/passwd": ("accounts", "history", "generalize"),
    "/etc/shadow": ("accounts",),
    "/etc/group": ("generalize",),
    "/etc/sudoers": ("sudoers", "generalize"),
    "/etc/ssh/sshd_config": ("sshd", "login"),
    "/etc/waagent.conf": ("waagent-conf",),
    "/etc/cloud/cloud.cfg": ("cloud-init", "swap", "network"),
    "/etc/network/interfaces": ("network",),
    "/etc/systemd/system/data.swap": ("swap",),
    "/etc/initramfs-tools/modules": ("kernel-modules",),
}


def _trees(path: str, ids: Sequence[str]) -> Run:
    """A Debian tree with these bytes as a file of it, or as what a link of that name says; the steps that read it.

    A step ends by itself, says in one line why if it fails, leaves nothing behind, changes only what it declares,
    and nothing outside of the tree.
    """
    plan = [step for step in scratch.planned("debian") if step.id in ids]
    folder = Path(tempfile.mkdtemp(prefix="vmoffer-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    def run(data: bytes) -> None:
        root = folder / "tree"
        shutil.rmtree(root, ignore_errors=True)
        for name, text in {
            **COMMON,
            **LIKE["debian"],
            "boot/grub/grub.cfg": "\tlinux /vmlinuz root=x\n",
        }.items():
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        target, outside = root / path[1:], folder / "outside"
        outside.write_text("kept")
        link = data.translate(None, b"\0\n")[:200]
        if zlib.crc32(data) % 4 == 0 and link:
            target.unlink()
            with suppress(OSError):
                target.symlink_to(os.fsdecode(link))
        else:
            target.write_bytes(data)
        for result in scratch.run(root, plan):
            if result.status not in (0, 1) or (
                result.status and f"vmoffer: {result.step}: failed: " not in result.complained
            ):
                raise Defect(f"{result.step} ended with {result.status}: {result.complained}")
            if wrong := [change.path for change in result.changes if not change.declared]:
                raise Defect(f"{result.step} changed {wrong}, which it does not declare")
        if outside.read_text() != "kept" or {one.name for one in folder.iterdir()} != {"outside", "tree"}:
            raise Defect("something outside of the tree changed")
        if left := list(root.rglob(".vmoffer-*")):
            raise Defect(f"left: {left}")

    return run


def _text(run: Callable[[str], object]) -> Run:
    return lambda data: run(data.decode("utf-8", "replace"))


TEMPLATES = Path(__file__).parents[1] / "generator" / "templates"


def _template(text: str) -> None:
    block = hcl_blocks.parse(text, Path("t.pkr.hcl"))
    whole = packer_template.Template([block], Scope.of([block], []), Path("nowhere"), "t.pkr.hcl")
    imported_text.definition(whole, packer_template.source(whole, None), "shop/web", Path("nowhere"))


PNG = bytes.fromhex("89504e470d0a1a0a0000000d494844520000012c0000012c08000000005c16d1a9")  # of 300x300 pixels
SAS = (
    "https://contoso.blob.core.windows.net/vhds/os.vhd?sv=2024-11-04&ss=b&srt=sco&sp=rl&st=2026-01-01T00:00:00Z"
    "&se=2026-03-01T00:00:00Z&spr=https&sr=c&sig=" + "A" * 43 + "%3D"
)


def targets(*, with_images: bool = True) -> list[Target]:
    """All of them; the images need mke2fs, mkfs.vfat and qemu-img."""
    clean = debian()
    footer = make_footer(1 << 30, timestamp=946684800).pack()
    tables = [gpt((2048, 4095), (8192, 1 << 20)), mbr((0x83, 2048, 4096), (0x82, 8192, 64)), _extended()]
    unpacked = cpio("init", "usr/lib/modules/6.1/kernel/drivers/hv/hv_vmbus.ko")
    grub = GRUB_CFG.format(version="6.1", line="root=UUID=1 ro console=ttyS0").encode()
    found = [
        Target("footer", [footer], _footer, (NotAFooter,), _footer_repaired),
        Target("container", [bytes(4096) + footer, footer + bytes(4096) + footer], _container(_File())),
        Target("partitions", tables, lambda data: read_table(Bytes(data)), (Undecidable,), _gpt_repaired, 2),
        Target("initramfs", [initramfs("hv_vmbus", "nvme"), unpacked, gzip.compress(unpacked)],
               lambda data: list(names(data)), (Undecidable,), _compressed, 2),
        Target("sshd_config", [str(clean["/etc/ssh/sshd_config"]).encode(), b"Match user x\n ForceCommand y\n"],
               _text(lambda text: list(sshd.parse(text, "/etc/ssh/sshd_config"))), (Undecidable,)),
        Target("grub.cfg", [grub], _text(lambda text: boot.grub(text, "/boot/grub/grub.cfg", {})), (Undecidable,)),
        Target("signature", [program()],
               lambda data: pe.signed(Tree({"/": MemoryVolume({"/x.efi": data})}), "/x.efi"), (Undecidable,)),
        Target("modules", [pack(bytes(4096) + signature.MODULE_END) for pack in (gzip.compress, lzma.compress)],
               _modules),
        Target("LVM", [_physical_volume()], lambda data: lvm.volumes(Bytes(data), 0, len(data)), (Undecidable,),
               _lvm_repaired, 2),
        _rpm_log(),
        *(_rpm(file) for file in ("rhel9.rpmdb.sqlite.gz", "sles15.Packages.db.gz", "rhel7.Packages.gz")),
        Target("inodes", [_inline_ext()], lambda data: Inodes(Bytes(data), 0).inline(12), (Undecidable,), None, 2),
        Target("fstab", [str(clean["/etc/fstab"]).encode() + b"/swap none swap sw 0 0\n"], _text(fstab.parse)),
        Target("firewalld", [ZONE], _zone, (Undecidable,)),
        Target("hive log", [LOGS.old, LOGS.new], LOGS.opened, (Undecidable,), None, 2),
        Target("hive", list(hives().values()), _hive, (Undecidable,), _hive_repaired, 2),
        Target("png", [PNG], png.measured, ()),
        Target("template", [path.read_bytes() for path in TEMPLATES.rglob("*.pkr.hcl")], _text(_template),
               (Unusable,), None, 2),
        Target("sas", [SAS.encode(), SAS.replace("sr=c", "sr=b&skoid=x&sktid=y").encode()],
               _text(lambda text: sascheck.check(text, live=False)), (), None, 2),
        *(
            Target(f"rules on {path}", [seed if isinstance(seed, bytes) else str(seed).encode()],
                   _guest(path, ids), weight=1)
            for path, seed, ids in _guest_files(clean)
        ),
        *(
            Target(f"rules on {path}", [seed], _windows(path, ids), (), repair, 2)
            for path, seed, ids, repair in _windows_files()
        ),
    ]  # fmt: skip
    seeds = {**COMMON, **LIKE["debian"], "boot/grub/grub.cfg": "\tlinux /vmlinuz root=x ro quiet\n"}
    found += [
        Target(f"tree {path}", [seeds[path[1:]].encode(), b"../../../outside", b"/etc/passwd"], _trees(path, ids),
               (Unusable,), slow=30.0)
        for path, ids in TREE_FILES.items()
    ]  # fmt: skip
    if with_images:
        found.append(Target("disk images", images(), _image(_File()), (Undecidable,), weight=6, slow=20.0))
    return found


def _guest_files(clean: dict[str, Any]) -> list[tuple[str, Any, list[str]]]:
    network = "network:\n ethernets:\n  eth0:\n   dhcp4: true\n"
    keyfile = "[connection]\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=auto\n"
    for_card = "[Match]\nName=eth* \\\n en*\nType=ether\n[Network]\nDHCP=yes\nAddress=10.0.0.4/24\n"
    script = (
        "load_env -f $prefix/a.cfg x\nif [ -s /b -o $grub_platform = efi ]; then set y='1 2'; else y=3; fi\n"
    )
    script += "function f { search --set=root x; }\nf; submenu a --id b { menuentry c { linux /k $x ${y} z; initrd /i } }\n"
    return [
        ("/etc/ssh/sshd_config", clean["/etc/ssh/sshd_config"], _ids("LNX-SSH", "LNX-CRED")),
        (
            "/usr/lib/systemd/system/ssh.service",
            "[Unit]\nConditionPathExists=!/x\n[Service]\nExecStart=/a b\n",
            _ids("LNX-SSH", "LNX-AGENT"),
        ),
        ("/boot/grub/grub.cfg", clean["/boot/grub/grub.cfg"], _ids("LNX-KERN", "LNX-SSH-005", "DSK-FS")),
        ("/boot/grub2/grub.cfg", script, _ids("LNX-KERN", "LNX-PROV")),
        ("/etc/systemd/network/10-card.network", for_card, _ids("LNX-NET")),
        (
            "/etc/systemd/network/10-card.link",
            "[Match]\nDriver=hv_*\n[Link]\nName=lan0\nNamePolicy=mac\n",
            _ids("LNX-NET"),
        ),
        (
            "/etc/cloud/ds-identify.cfg",
            "datasource: Azure\npolicy: search,found=first\n",
            _ids("LNX-PROV", "LNX-NET"),
        ),
        (
            "/etc/cloud/cloud.cfg.d/99.cfg",
            f"{network}datasource_list: [ NoCloud, Azure ]\n",
            _ids("LNX-PROV", "LNX-NET"),
        ),
        ("/etc/systemd/system/a.swap", "[Swap]\nWhat=/dev/disk/by-label/a\\x20b\n", _ids("LNX-SWAP")),
        ("/etc/fstab", clean["/etc/fstab"], _ids("LNX-SWAP", "DSK-FS", "DSK-PART")),
        ("/etc/waagent.conf", clean["/etc/waagent.conf"], _ids("LNX-AGENT", "LNX-SWAP", "LNX-PROV")),
        ("/etc/cloud/cloud.cfg", clean["/etc/cloud/cloud.cfg"], _ids("LNX-PROV", "LNX-SWAP", "LNX-CRED")),
        ("/etc/netplan/50.yaml", network, _ids("LNX-NET")),
        (
            "/etc/network/interfaces",
            f"{clean['/etc/network/interfaces']}auto /eth*=a\niface a \\\n inet dhcp\nsource interfaces\n",
            _ids("LNX-NET"),
        ),
        ("/etc/NetworkManager/system-connections/a.nmconnection", keyfile, _ids("LNX-NET")),
        (
            "/etc/sysconfig/network-scripts/ifcfg-eth0",
            "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\n",
            _ids("LNX-NET"),
        ),
        (
            "/boot/efi/EFI/Linux/x-6.12.efi",
            efi_program(
                cmdline=b"root=x console=ttyS0", uname=b"6.12", initrd=lz4_blocks(initramfs("hv_vmbus"))
            ),
            _ids("LNX-KERN", "LNX-TL"),
        ),
        ("/etc/passwd", clean["/etc/passwd"], _ids("LNX-CRED", "LNX-HIST")),
        ("/etc/shadow", clean["/etc/shadow"], _ids("LNX-CRED")),
        (
            "/etc/sudoers",
            "Defaults:a,%b env_reset, \\\n !targetpw,rootpw # x\n@include x\n",
            _ids("LNX-SUDO"),
        ),
        ("/etc/apt/sources.list", clean["/etc/apt/sources.list"], _ids("LNX-REPO")),
        (
            "/etc/apt/sources.list.d/debian.sources",
            "Types: deb\nURIs: http://deb.debian.org/debian mirror+file:/etc/fstab\nSuites: a\n b\n\nEnabled: no\n",
            _ids("LNX-REPO"),
        ),
        (
            "/etc/chrony/chrony.conf",
            f"{clean['/etc/chrony/chrony.conf']}include /etc/chrony/*.conf\n",
            _ids("LNX-TIME"),
        ),
        ("/var/lib/dpkg/status", clean["/var/lib/dpkg/status"], _ids("LNX-SSL", "LNX-OMI", "LNX-AGENT")),
        ("/usr/lib/os-release", clean["/usr/lib/os-release"], _ids("DSK-OS", "LNX-AGENT-001")),
    ]


def _windows_files() -> list[tuple[str, bytes, list[str], Callable[[bytes, Random], bytes] | None]]:
    kernel, agent = "/Windows/System32/ntoskrnl.exe", "/WindowsAzure/GuestAgent/WindowsAzureGuestAgent.exe"
    task = "<Task><TimeTrigger/><Command>C:\\a.ps1</Command></Task>".encode("utf-16")
    written = hives()
    return [
        (f"{CONFIG}/SYSTEM", written["SYSTEM"], _ids("WIN"), _hive_repaired),
        (f"{CONFIG}/SOFTWARE", written["SOFTWARE"], _ids("WIN", "DSK-OS"), _hive_repaired),
        (BCD, written["BCD"], _ids("WIN-BCD"), _hive_repaired),
        (kernel, bytes(FILES[kernel]), _ids("WIN-ARCH", "DSK-GEN-003"), None),  # type: ignore[arg-type]
        (agent, bytes(FILES[agent]), _ids("WIN-AGENT"), None),  # type: ignore[arg-type]
        ("/Windows/System32/Tasks/Product", task, _ids("WIN-TASK"), None),
        ("/Windows/System32/drivers/etc/hosts", b"10.0.0.1 a\n", _ids("WIN-CRED"), None),
    ]
