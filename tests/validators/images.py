"""Guests and disks for the tests: a clean Debian-like tree in memory, and real images made without root."""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lz4.block
import pytest

from generator.model import Generation, Sku
from validators import engine
from validators.catalogue import rules
from validators.disk import Disk
from validators.filesystems import Content
from validators.footer import make_footer
from validators.guest import Kind, Stat
from validators.outcome import Outcome
from validators.partition_types import BIOS_BOOT, ESP, LINUX_DATA
from validators.partitions import Partition, Table
from validators.tree import Tree
from validators.vhd import Container

MIB, GIB = 1 << 20, 1 << 30
VERSION = "6.1.0-13-cloud-amd64"
COMMAND_LINE = "root=UUID=1111 ro console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0,115200"
COMMAND_LINE += " rootdelay=300 net.ifnames=0"


@dataclass(frozen=True)
class Link:
    target: str


class Device:
    """An entry that must never be read."""


Content_ = str | bytes | Link | Device | None  # None: the entry is taken out of the tree


class MemoryVolume:
    """A file system of a dict from path to content; folders come into being with what they hold."""

    def __init__(self, files: Mapping[str, Content_]) -> None:
        self.files = {path: content for path, content in files.items() if content is not None}
        self.folders = {"/"}
        for path in self.files:
            parts = path.strip("/").split("/")[:-1]
            self.folders |= {"/" + "/".join(parts[: depth + 1]) for depth in range(len(parts))}

    def lstat(self, path: str) -> Stat | None:
        found = self.files.get(path)
        if found is None:
            return Stat(Kind.DIRECTORY, mode=0o755) if path in self.folders else None
        if isinstance(found, Link):
            return Stat(Kind.LINK)
        return Stat(Kind.OTHER) if isinstance(found, Device) else Stat(Kind.FILE, len(_bytes(found)))

    def readlink(self, path: str) -> str:
        found = self.files[path]
        assert isinstance(found, Link)
        return found.target

    def listdir(self, path: str) -> list[str]:
        start = path.rstrip("/") + "/"
        inside = (entry for entry in (*self.files, *self.folders) if entry.startswith(start) and entry != "/")
        return sorted({entry[len(start) :].partition("/")[0] for entry in inside} - {""})

    def read(self, path: str, count: int, offset: int = 0) -> bytes:
        found = self.files[path]
        assert isinstance(found, str | bytes), f"{path} must not be read"
        return _bytes(found)[offset : offset + count]


class MemoryBlocks:
    """A disk of zeros with some bytes in it."""

    def __init__(self, size: int, data: Mapping[int, bytes] | None = None) -> None:
        self.size = size
        self.data = data or {}

    def read(self, offset: int, count: int) -> bytes:
        count = max(0, min(count, self.size - offset))
        piece = bytearray(count)
        for start, data in self.data.items():
            for at, byte in enumerate(data, start - offset):
                if 0 <= at < count:
                    piece[at] = byte
        return bytes(piece)


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def cpio(*names: str, data: bytes = b"module") -> bytes:
    """A newc archive with these files."""
    result = bytearray()
    for name in (*names, "TRAILER!!!"):
        body = b"" if name == "TRAILER!!!" else data
        fields = (0, 0o100644, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name) + 1, 0)
        result += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        result += bytes(-len(result) % 4)
        result += body + bytes(-len(body) % 4)
    return bytes(result)


def initramfs(*modules: str) -> bytes:
    """What update-initramfs leaves: early microcode, then the compressed rest."""
    paths = [f"usr/lib/modules/{VERSION}/kernel/drivers/hv/{name}.ko" for name in modules]
    early = cpio("kernel/x86/microcode/AuthenticAMD.bin")
    return early + bytes(512 - len(early) % 512) + gzip.compress(cpio("init", *paths))


ELF64 = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, 62)
ELF32 = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HH", 3, 3)
ELF_ARM64 = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, 183)

SSHD_CONFIG = """\
ClientAliveInterval 180
Include /etc/ssh/sshd_config.d/*.conf
KbdInteractiveAuthentication no
UsePAM yes
"""
GRUB_CFG = """\
if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${{next_entry}}" ] ; then
   set default="${{next_entry}}"
   set next_entry=
else
   set default="0"
fi
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-1111' {{
\tload_video
\tif [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi
\techo\t'Loading Linux {version} ...'
\tlinux\t/boot/vmlinuz-{version} {line}
\tinitrd\t/boot/initrd.img-{version}
}}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-1111' {{
\tmenuentry 'Debian GNU/Linux, with Linux {version}' $menuentry_id_option 'gnulinux-{version}' {{
\t\tlinux\t/boot/vmlinuz-{version} {line}
\t\tinitrd\t/boot/initrd.img-{version}
\t}}
\tmenuentry 'Debian GNU/Linux, with Linux {version} (recovery mode)' --class debian {{
\t\tlinux\t/boot/vmlinuz-{version} root=UUID=1111 ro single
\t\tinitrd\t/boot/initrd.img-{version}
\t}}
}}
"""
DPKG_STATUS = """\
Package: openssl
Status: install ok installed
Architecture: amd64
Version: 3.0.11-1~deb12u2

Package: removed
Status: deinstall ok config-files
Version: 1.0

Package: waagent
Status: install ok installed
Version: 2.7.3.0-4.1
"""
WAAGENT_CONF = """\
Extensions.Enabled=y
Provisioning.Agent=cloud-init
Provisioning.DeleteRootPassword=y
ResourceDisk.Format=n
ResourceDisk.EnableSwap=n
OS.RootDeviceScsiTimeout=300
# AutoUpdate.Enabled=y
"""


def lz4_blocks(data: bytes) -> bytes:
    """As `lz4 -l` writes it for kernels: the length of each block before it, and no end."""
    found = b"\x02\x21\x4c\x18"
    for at in range(0, len(data), 8 << 20):
        block = lz4.block.compress(data[at : at + (8 << 20)], store_size=False)
        found += len(block).to_bytes(4, "little") + block
    return found


def efi_program(**sections: bytes) -> bytes:
    """An EFI program of nothing but headers and sections, as objcopy makes one from a stub."""
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"PE\0\0"
    head += struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, 112, 0x22)
    head += struct.pack("<H", 0x20B).ljust(112, b"\0")
    body, at = b"", 1024
    for name, data in sections.items():
        size = -(-len(data) // 512) * 512
        named = f".{name}".encode().ljust(8, b"\0")
        head += struct.pack("<8sIIII16x", named, len(data), 0x10000, size, at + len(body))
        body += data.ljust(size, b"\0")
    return head.ljust(at, b"\0") + body


def grub_cfg(line: str = COMMAND_LINE) -> str:
    return GRUB_CFG.format(version=VERSION, line=line)


def debian() -> dict[str, Content_]:
    """A generalized Debian 12 as the provisioner steps leave it: every rule passes or does not apply."""
    modules = "\n".join(
        f"kernel/fs/{name}/{name}.ko:" for name in ("udf", "vfat", "mlx4_core", "mlx5_core", "mana")
    )
    units = "/usr/lib/systemd/system"
    wants = "/etc/systemd/system/multi-user.target.wants"
    return {
        "/bin": Link("usr/bin"),
        "/sbin": Link("usr/sbin"),
        "/lib": Link("usr/lib"),
        "/etc/os-release": Link("../usr/lib/os-release"),
        "/usr/lib/os-release": 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
        "/etc/fstab": "UUID=1111 / ext4 rw,discard,errors=remount-ro 0 1\n",
        "/etc/hostname": "localhost.localdomain\n",
        "/etc/machine-id": "",
        "/var/lib/dbus/machine-id": Link("/etc/machine-id"),
        "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        "/etc/shadow": "root:*:19700:0:99999:7:::\ndaemon:*:19700::::::\nnobody:!:19700::::::\n",
        "/etc/sudoers": "Defaults\tenv_reset\nroot ALL=(ALL:ALL) ALL\n",
        "/root/.bashrc": "# ~/.bashrc\nPS1='# '\n",
        "/etc/profile.d/lines.sh": 'while read -r line; do echo "$line"; done </etc/motd\n',
        "/etc/ssh/sshd_config": SSHD_CONFIG,
        "/usr/sbin/sshd": ELF64,
        f"{units}/ssh.service": "[Service]\n",
        f"{wants}/ssh.service": Link("/lib/systemd/system/ssh.service"),
        "/usr/sbin/waagent": "#!/usr/bin/python3\n",
        "/etc/waagent.conf": WAAGENT_CONF,
        "/usr/lib/python3/dist-packages/azurelinuxagent/common/version.py": "AGENT_VERSION = '2.15.0.1'\n",
        "/usr/lib/python3/dist-packages/pyasn1/__init__.py": "",
        f"{units}/walinuxagent.service": "[Service]\n",
        f"{wants}/walinuxagent.service": Link("/lib/systemd/system/walinuxagent.service"),
        "/usr/lib/udev/rules.d/66-azure-storage.rules": "#\n",
        "/usr/lib/udev/rules.d/99-azure-product-uuid.rules": "#\n",
        "/usr/lib/udev/rules.d/50-udev-default.rules": 'ATTR{clock_name}=="hyperv", SYMLINK+="ptp_hyperv"\n',
        "/usr/bin/cloud-init": "#!/usr/bin/python3\n",
        f"{units}/cloud-init.service": "[Service]\n",
        "/etc/systemd/system/cloud-init.target.wants/cloud-init.service": Link(
            "/lib/systemd/system/cloud-init.service"
        ),
        "/etc/cloud/cloud.cfg": "users:\n - default\ndisable_root: true\n",
        "/etc/cloud/cloud.cfg.d/91-azure_datasource.cfg": "datasource_list: [ Azure ]\n",
        "/usr/sbin/ifup": b"",
        "/usr/sbin/ifdown": b"",
        "/etc/network/interfaces": "auto lo\niface lo inet loopback\nsource /etc/network/interfaces.d/*\n",
        "/etc/apt/sources.list": "deb http://deb.debian.org/debian bookworm main\n",
        "/etc/chrony/chrony.conf": "refclock PHC /dev/ptp_hyperv poll 3 dpoll -2 offset 0 stratum 2\n",
        "/usr/sbin/dhclient": ELF64,
        "/usr/sbin/nft": ELF64,
        "/etc/dhcp/dhclient.conf": "timeout 300;\n",
        "/boot/grub/grub.cfg": grub_cfg(),
        "/boot/grub/grubenv": "# GRUB Environment Block\n####\n",
        f"/boot/vmlinuz-{VERSION}": b"MZ",
        f"/boot/initrd.img-{VERSION}": initramfs("hv_vmbus", "hv_storvsc", "hv_netvsc", "hyperv-keyboard"),
        f"/boot/config-{VERSION}": "CONFIG_HYPERV=m\nCONFIG_HYPERV_STORAGE=m\nCONFIG_HYPERV_NET=m\n"
        "CONFIG_HYPERV_UTILS=m\n"
        "CONFIG_HYPERV_KEYBOARD=m\nCONFIG_WATCHDOG=y\nCONFIG_CIFS=m\nCONFIG_BLK_DEV_NVME=y\nCONFIG_NVME_CORE=y\n",
        f"/usr/lib/modules/{VERSION}/modules.dep": modules,
        f"/usr/lib/modules/{VERSION}/modules.builtin": "kernel/fs/ext4/ext4.ko\n",
        "/usr/bin/python3": Link("python3.11"),
        "/usr/bin/python3.11": ELF64,
        "/usr/lib/systemd/systemd": ELF64,
        "/usr/sbin/init": Link("/lib/systemd/systemd"),
        "/var/lib/dpkg/status": DPKG_STATUS,
        "/var/log/wtmp": "",
    }


def sku(**changes: Any) -> Sku:
    document: dict[str, Any] = {
        "publisher": "contoso",
        "offer": {"id": "demo", "title": "Demo"},
        "plan": {"id": "debian-12", "title": "Debian 12", "summary": "A server"},
        "version": "1.0.0",
        "os": {"family": "linux", "distribution": "debian", "version": "12", "friendly_name": "Debian 12"},
        "base": {"qemu": {"recipe": "debian-12"}},
        **changes,
    }
    return Sku.model_validate(document)


ROOT = Partition(1, 128 * MIB, 29 * GIB, LINUX_DATA, "", Content("ext", "1111"))
BIOS = Partition(14, MIB, MIB, BIOS_BOOT, "", Content("unknown"))
EFI = Partition(15, 2 * MIB, 126 * MIB, ESP, "", Content("fat"))
LOADER = {"/EFI/BOOT/BOOTX64.EFI": b"MZ"}
NAME = "debian-12-1.0.0-gen2-os.vhd"


def os_disk(
    files: Mapping[str, Content_] | None = None,
    *,
    name: str = NAME,
    size: int = 30 * GIB,
    generation: Generation | None = Generation.GEN2,
    partitions: tuple[Partition, ...] = (ROOT, BIOS, EFI),
    scheme: Any = "gpt",
    boot_code: bool = True,
    loader: Mapping[str, Content_] | None = None,
    data: Mapping[int, bytes] | None = None,
    role: Any = "os",
    system: Any = "linux",
    container: Mapping[str, Any] | None = None,
    roots: tuple[Partition, ...] = (ROOT,),
    logical: tuple[Partition, ...] = (),
) -> Disk:
    """The clean Debian on a clean disk, with `files` laid over the tree."""
    tree = {**debian(), **(files or {})}
    facts: dict[str, Any] = {
        "kind": "vhd-fixed",
        "size_bytes": size,
        "file_bytes": size + 512,
        "allocated_bytes": 600 * MIB,
        "footer": make_footer(size, timestamp=946684800),
        "footer_bytes": 512,
        **(container or {}),
    }
    return Disk(
        path=Path("/images") / name,
        container=Container(path=Path("/images") / name, **facts),
        table=Table(scheme, partitions, boot_code),
        blocks=MemoryBlocks(size, data),
        logical=logical,
        volumes={EFI.number: MemoryVolume(LOADER if loader is None else loader)},
        roots=roots,
        os=system,
        guest=Tree({"/": MemoryVolume(tree)}) if system == "linux" and role == "os" else None,
        reason="" if system == "linux" else "the system is not Linux",
        role=role,
        generation=generation,
    )


def decide(
    rule: str, disk: Disk, *, sku: Sku | None = None, profile: str = "strict", others: tuple[Disk, ...] = ()
) -> Outcome:
    engine.load_checks()
    return engine.decide(rules()[rule], disk, (disk, *others), sku, profile)


def need(*tools: str) -> None:
    """Skip the test where a tool is missing."""
    for tool in tools:
        if shutil.which(tool) is None and not Path("/usr/sbin", tool).exists():
            pytest.skip(f"{tool} is missing")


def run(*command: str | Path, text: str | None = None) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MTOOLS_SKIP_CHECK": "1"}
    subprocess.run(command, input=text, text=True, check=True, capture_output=True, env=environment)


def unpack(files: Mapping[str, Content_], folder: Path) -> None:
    """Lay the tree out on the host, for mke2fs to take."""
    for path, content in files.items():
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            place.symlink_to(content.target)
        elif isinstance(content, str | bytes):
            place.write_bytes(_bytes(content))
    (folder / "usr").mkdir(exist_ok=True)


def write_disk(path: Path, files: Mapping[str, Content_], *, size_mib: int = 128, swap: bool = False) -> Path:
    """A raw disk that looks bootable: GPT, BIOS boot, ESP, ext4 root; by sfdisk, mkfs.vfat and mke2fs."""
    need("mke2fs", "sfdisk", "mkfs.vfat", "mmd", "mcopy")
    tree = path.parent / f"{path.stem}.tree"
    tree.mkdir(parents=True)
    unpack(files, tree)
    with path.open("wb") as file:
        file.truncate(size_mib * MIB)
    swap_line = "3 : start=73728, size=8192, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F\n" if swap else ""
    script = (
        "label: gpt\nunit: sectors\nfirst-lba: 2048\n"
        f"1 : start=81920, size={(size_mib - 41) * 2048}, type={LINUX_DATA}\n{swap_line}"
        f"14 : start=2048, size=2048, type={BIOS_BOOT}\n15 : start=4096, size=69632, type={ESP}\n"
    )
    run("sfdisk", "--quiet", path, text=script)
    run("mkfs.vfat", "-i", "12345678", "-F", "32", "--offset", "4096", path, str(34 * 1024))
    esp = f"{path}@@{4096 * 512}"
    loader = tree.parent / "loader.efi"
    loader.write_bytes(b"MZ")
    run("mmd", "-i", esp, "::/EFI", "::/EFI/BOOT")
    run("mcopy", "-i", esp, loader, "::/EFI/BOOT/BOOTX64.EFI")
    root_kib = (size_mib - 41) * 1024
    run(
        "mke2fs",
        "-q",
        "-t",
        "ext4",
        "-E",
        f"offset={81920 * 512},root_owner=0:0",
        "-d",
        tree,
        path,
        f"{root_kib}k",
    )
    with path.open("r+b") as file:
        file.write(b"\xeb\x63")
        if swap:
            file.seek(73728 * 512 + 4086)
            file.write(b"SWAPSPACE2")
    return path
