# ruff: noqa: E501 - a row is a line
"""For every rule that decides: images that meet it and images that do not. A new rule needs new rows."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from struct import pack
from typing import Any

from images import (
    BIOS,
    COMMAND_LINE,
    EFI,
    ELF32,
    ELF_ARM64,
    GIB,
    GRUB_CFG,
    MIB,
    ROOT,
    SSHD_CONFIG,
    VERSION,
    WAAGENT_CONF,
    Content_,
    Device,
    Link,
    grub_cfg,
    initramfs,
    os_disk,
    sku,
)  # fmt: skip

from generator.model import Generation, Sku
from validators.disk import Disk
from validators.filesystems import Content
from validators.footer import make_footer
from validators.linux.signature import MODULE_END
from validators.partition_types import LINUX_LVM, LINUX_SWAP, MBR_SWAP
from validators.partitions import LOGICAL, Partition


@dataclass(frozen=True)
class Row:
    """`files` laid over the clean Debian, `disk` over the clean disk; `evidence` must be in the outcome."""

    rule: str
    status: str
    files: Mapping[str, Content_] = field(default_factory=dict)
    disk: Mapping[str, Any] = field(default_factory=dict)
    sku: Mapping[str, Any] | None = None
    profile: str = "strict"
    evidence: str = ""

    def image(self) -> Disk:
        return os_disk(self.files, **self.disk)

    def definition(self) -> Sku | None:
        return None if self.sku is None else sku(**self.sku)


def line(*remove: str, add: str = "") -> dict[str, Content_]:
    """The clean command line without the words that start like `remove`, and with `add`."""
    words = [word for word in COMMAND_LINE.split() if not word.startswith(remove or ("\0",))]
    return {"/boot/grub/grub.cfg": grub_cfg(" ".join([*words, add]).strip())}


def agent(*changes: str, drop: str = "\0") -> dict[str, Content_]:
    kept = [entry for entry in WAAGENT_CONF.splitlines() if not entry.startswith(drop)]
    return {"/etc/waagent.conf": "\n".join([*kept, *changes]) + "\n"}


def version(number: str) -> dict[str, Content_]:
    path = "/usr/lib/python3/dist-packages/azurelinuxagent/common/version.py"
    return {path: f"AGENT_VERSION = '{number}'\n"}


def rhel(files: Mapping[str, Content_], major: str = "8") -> dict[str, Content_]:
    return {"/usr/lib/os-release": f'ID="rhel"\nVERSION_ID="{major}.4"\n', **files}


RPM = Path(__file__).parent / "data/rpm"
DATABASES = {
    "rhel9": "/var/lib/rpm/rpmdb.sqlite", "sles15": "/usr/lib/sysimage/rpm/Packages.db", "rhel7": "/var/lib/rpm/Packages",
}  # fmt: skip


def rpm(name: str, files: Mapping[str, Content_] | None = None) -> dict[str, Content_]:
    """A system of this name whose packages are in a real database of rpm's, and the agent's version nowhere else."""
    path = DATABASES[name]
    distribution, version = name[:4], name[4:]
    return {
        "/usr/lib/os-release": f'ID="{distribution}"\nVERSION_ID="{version}"\n',
        "/var/lib/dpkg/status": None,
        "/usr/lib/python3/dist-packages/azurelinuxagent/common/version.py": None,
        path: gzip.decompress((RPM / f"{name}.{path.rpartition('/')[2]}.gz").read_bytes()),
        **(files or {}),
    }


def sshd(content: str) -> dict[str, Content_]:
    return {"/etc/ssh/sshd_config": content}


def grub(kernel: str, system: str, packages: str = "") -> dict[str, Content_]:
    """A system that boots `kernel`, which only its name tells."""
    identity, version = system.split()
    return {
        "/usr/lib/os-release": f'ID="{identity}"\nVERSION_ID="{version}"\n',
        "/boot/grub/grub.cfg": GRUB_CFG.format(version=kernel, line=COMMAND_LINE),
        f"/boot/vmlinuz-{kernel}": b"MZ",
        "/var/lib/dpkg/status": packages,
    }


def sources(
    content: str, system: str = "debian 12", path: str = "/etc/apt/sources.list"
) -> dict[str, Content_]:
    """A system whose only list of repositories is this one."""
    identity, version = system.split()
    return {
        "/usr/lib/os-release": f'ID="{identity}"\nVERSION_ID="{version}"\n',
        "/etc/apt/sources.list": None, path: content,
    }  # fmt: skip


def repos(*ids: str, system: str, folder: str = "/etc/yum.repos.d") -> dict[str, Content_]:
    content = "".join(f"[{one}]\nname={one}\nbaseurl=https://example.com/\n" for one in ids)
    return sources(content, system, f"{folder}/vendor.repo")


def program(*, signed: bool = True, folders: int = 16) -> bytes:
    """An EFI program that is nothing but its headers and, perhaps, something that looks like a signature."""
    head = b"MZ".ljust(60, b"\0") + pack("<I", 64) + b"PE\0\0" + pack("<HHIIIHH", 0x8664, 0, 0, 0, 0, 240, 0)
    optional = pack("<H", 0x20B).ljust(108, b"\0") + pack("<I", folders)
    certificate = pack("<IHH", 16, 0x200, 2) + b"pkcs7..."
    table = bytes(32) + (pack("<II", 512, len(certificate)) if signed else bytes(8))
    return (head + optional + table).ljust(512, b"\0") + (certificate if signed else b"")


SWAP = Partition(3, 20 * GIB, GIB, LINUX_SWAP, "", Content("unknown"))
UNTYPED_SWAP = Partition(3, 20 * GIB, GIB, ROOT.type, "", Content("swap"))


def logical(kind: str) -> Partition:
    return Partition(1000, 0, GIB, LOGICAL, "vg/one", Content(kind))


LVM = Partition(3, 20 * GIB, GIB, LINUX_LVM, "", Content("lvm"))
LUKS = Partition(3, 20 * GIB, GIB, ROOT.type, "", Content("luks"))
BITLOCKER = Partition(3, 20 * GIB, GIB, "x", "", Content("bitlocker"))
DATA = {"role": "data", "name": "debian-12-1.0.0-gen2-data-0.vhd", "system": None, "roots": ()}
SYSTEM = "/etc/systemd/system"
SWAPS = f"{SYSTEM}/swap.target.wants"
WANTS = f"{SYSTEM}/multi-user.target.wants"
NM = {
    "/usr/lib/systemd/system/NetworkManager.service": "[Unit]\n",
    f"{WANTS}/NetworkManager.service": Link("x"),
}
NO_CLOUD_INIT: dict[str, Content_] = {"/usr/bin/cloud-init": None}
RAW = {"kind": "raw", "footer": None, "footer_bytes": 0}
BROKEN = replace(make_footer(30 * GIB), checksum=1)
AUTO = agent("Provisioning.Agent=auto", drop="Provisioning.Agent")
NO_LINK: dict[str, Content_] = {
    f"{WANTS}/ssh.service": None,
    "/usr/lib/systemd/system/ssh.service": "[Install]\nWantedBy=multi-user.target\n",
}
STUB = (
    "no-port-forwarding,no-agent-forwarding,no-X11-forwarding,command=\"echo 'Please login as the user"
    ' \\"debian\\" rather than the user \\"root\\".\';echo;sleep 10;exit 142" ssh-ed25519 AAAA\n'
)
NVME = {"properties": {"nvme": True}}
ACCELERATED = {"properties": {"accelerated_networking": True}}
TRUSTED = {"properties": {"trusted_launch": True}}
CLOSED = {"properties": {"remote_connection": False}}
DISK_0 = {"data_disks": [{"lun": 0, "size_gib": 4}]}
SIGNED_SWAP = bytes(4086) + b"SWAPSPACE2"
CONFIG = f"/boot/config-{VERSION}"
KERNEL = f"/boot/vmlinuz-{VERSION}"
FOREIGN = f"/usr/lib/modules/{VERSION}/updates/dkms"
SIGNED: dict[str, Content_] = {"/EFI/BOOT/BOOTX64.EFI": program(), "/EFI/debian/grubx64.efi": program()}
SIGNED_KERNEL: dict[str, Content_] = {KERNEL: program()}
RHUI = [
    f"rhel-9-{name}-rhui-rpms" for name in ("baseos", "appstream", "crb", "debug", "source", "supplementary")
]
INITRD = f"/boot/initrd.img-{VERSION}"

ROWS = [
    # --- the disk ------------------------------------------------------------------------------------------
    Row("DSK-FMT-001", "pass"),
    Row("DSK-FMT-001", "fail", disk={"container": RAW}, evidence="raw"),
    Row("DSK-FMT-001", "fail", disk={"container": {"footer_bytes": 511}}),
    Row("DSK-FMT-002", "pass"),
    Row("DSK-FMT-002", "fail", disk={"container": {"kind": "vhd-dynamic"}}, evidence="dynamic"),
    Row("DSK-FMT-003", "pass"),
    Row("DSK-FMT-003", "fail", disk={"container": {"footer": BROKEN}}, evidence="0x00000001"),
    Row("DSK-FMT-004", "pass"),
    Row("DSK-FMT-004", "fail", disk={"container": {"file_bytes": 30 * GIB}}),
    Row("DSK-ALIGN-001", "pass"),
    Row("DSK-ALIGN-001", "fail", disk={"size": 30 * GIB + 512}, evidence="512 bytes"),
    Row("DSK-SIZE-001", "pass"),
    Row("DSK-SIZE-001", "fail", disk={"size": 19 * MIB}),
    Row("DSK-SIZE-002", "pass"),
    Row("DSK-SIZE-002", "pass", sku={}),
    Row("DSK-SIZE-002", "fail", disk={"size": 1024 * GIB}),
    Row("DSK-SIZE-002", "warn", disk={"size": 20 * GIB}, evidence="advised"),
    Row("DSK-SIZE-002", "fail", disk={"size": 20 * GIB}, profile="guide-2015"),
    Row("DSK-SIZE-002", "fail", disk={"size": 31 * GIB}, sku={}, evidence="definition says 30 GiB"),
    Row("DSK-SIZE-003", "pass", disk={"system": "windows", "size": 127 * GIB}),
    Row("DSK-SIZE-003", "fail", disk={"system": "windows", "size": 251 * GIB}),
    Row("DSK-SIZE-004", "pass"),
    Row("DSK-SIZE-004", "warn", disk={"size": 501 * GIB}),
    Row("DSK-SIZE-004", "warn", disk={"size": 260 * GIB}, evidence="empty"),
    Row("DSK-SIZE-005", "pass", disk={**DATA, "size": 4 * GIB}),
    Row("DSK-SIZE-005", "fail", disk={**DATA, "size": 1024 * GIB}),
    Row("DSK-SIZE-005", "pass", disk={**DATA, "size": 1024 * GIB}, profile="guide-2015"),
    Row("DSK-SIZE-005", "fail", disk={**DATA, "size": 5 * GIB}, sku=DISK_0, evidence="definition"),
    Row("DSK-SIZE-006", "pass", disk={"generation": Generation.GEN1}),
    Row("DSK-SIZE-006", "fail", disk={"generation": Generation.GEN1, "size": 2049 * GIB}),
    Row("DSK-SPARSE-001", "pass"),
    Row("DSK-SPARSE-001", "warn", disk={"container": {"allocated_bytes": 30 * GIB + 4096}}),
    Row("DSK-GPT-001", "pass"),
    Row("DSK-GPT-001", "fail", disk={"partitions": (ROOT, replace(BIOS, start=34 * 512), EFI)}),
    Row("DSK-GPT-001", "fail", disk={"data": {40 * 512: b"tag"}}, evidence="LBA 40"),
    Row("DSK-GPT-001", "pass", disk={"scheme": "mbr"}, evidence="LBA 1 to 2047"),
    Row("DSK-GPT-001", "fail", disk={"scheme": "mbr", "partitions": (replace(ROOT, start=63 * 512),)}, evidence="LBA 63"),
    Row("DSK-GPT-001", "fail", disk={"scheme": "mbr", "data": {512: b"core.img"}}, evidence="LBA 1 holds data"),
    Row("DSK-GPT-001", "pass", disk={"scheme": "mbr", "data": {0: b"boot code"}}),
    Row("DSK-GPT-001", "fail", disk={"scheme": "none", "partitions": (replace(ROOT, number=0, start=0),)}, evidence="the whole disk"),
    Row("DSK-GPT-001", "fail", disk={"scheme": "none", "partitions": (), "data": {4096: b"x"}}, evidence="LBA 8"),
    Row("DSK-GEN-001", "pass"),
    Row("DSK-GEN-001", "pass", disk={"generation": None}, evidence="no generation"),
    Row("DSK-GEN-001", "pass", disk={"generation": Generation.GEN1}),
    Row("DSK-GEN-001", "fail", disk={"generation": Generation.GEN1, "partitions": (ROOT, EFI)}),
    Row("DSK-GEN-001", "fail", disk={"generation": Generation.GEN1, "boot_code": False}),
    Row("DSK-GEN-001", "fail", disk={"partitions": (ROOT, BIOS)}),
    Row("DSK-GEN-001", "fail", disk={"partitions": (ROOT, replace(EFI, content=Content("ext")))}),
    Row("DSK-GEN-002", "pass"),
    Row("DSK-GEN-002", "fail", disk={"loader": {"/EFI/debian/shimx64.efi": b"MZ"}}),
    Row("DSK-GEN-002", "fail", disk={"loader": {"/EFI/BOOT/BOOTX64.EFI": b""}}),
    Row("DSK-GEN-002", "skip", disk={"generation": Generation.GEN1}),
    Row("DSK-GEN-003", "pass"),
    Row("DSK-GEN-003", "fail", {"/usr/lib/systemd/systemd": ELF_ARM64}),
    Row("DSK-GEN-003", "fail", disk={"generation": Generation.ARM64}),
    Row("DSK-PART-001", "pass"),
    Row("DSK-PART-001", "warn", disk={"roots": (ROOT, LUKS)}, evidence="2 root"),
    Row("DSK-PART-001", "undecidable", disk={"roots": ()}),
    Row("DSK-LVM-001", "pass"),
    Row("DSK-LVM-001", "warn", disk={"partitions": (ROOT, LVM)}),
    Row("DSK-FS-001", "pass"),
    Row("DSK-FS-001", "warn", {"/etc/fstab": "/dev/sda1 / ext4 defaults 0 1\n"}, evidence="/dev/sda1"),
    Row("DSK-FS-001", "fail", {"/etc/fstab": "/dev/sda1 / ext4 defaults 0 1\n"}, sku=NVME),
    Row("DSK-FS-001", "warn", {"/etc/fstab": "/dev//disk/by-path/pci-0000:00:07.0-scsi-0:0:0:0-part1 / ext4\n"}, evidence="by-path"),
    Row("DSK-FS-001", "warn", {"/etc/fstab": "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK-part1 / ext4\n"}, evidence="by-id"),
    Row("DSK-FS-001", "pass", {"/etc/fstab": "/dev/disk/by-id/dm-uuid-LVM-abc / ext4\n/dev/disk/by-uuid/1 /srv ext4\n"}),
    Row("DSK-FS-001", "warn", line("root=", add="root=/dev/vda1"), evidence="root=/dev/vda1"),
    Row("DSK-DATA-001", "pass", sku={}),
    Row("DSK-DATA-001", "fail", sku=DISK_0, evidence="debian-12-1.0.0-gen2-data-0.vhd"),
    Row("DSK-DATA-001", "fail", sku={"data_disks": [{"lun": 1, "size_gib": 4}]}, evidence="without gaps"),
    Row("DSK-DATA-001", "fail", sku={"data_disks": [{"lun": 1, "size_gib": 4}]}, profile="guide-2015", evidence="missing: "),
    Row("DSK-DATA-001", "fail", sku={"data_disks": [{"lun": 16, "size_gib": 4}]}, profile="guide-2015", evidence="below 16"),
    Row("DSK-DATA-001", "undecidable", disk={"name": "base.raw"}, sku=DISK_0),
    Row("DSK-BLOB-001", "pass", disk={"container": {"blob_type": "PageBlob"}}),
    Row("DSK-BLOB-001", "fail", disk={"container": {"blob_type": "BlockBlob"}}, evidence="it is a BlockBlob"),
    Row("DSK-BLOB-001", "undecidable", disk={"container": {"blob_type": ""}}, evidence="does not say"),
    Row("DSK-BLOB-001", "undecidable", evidence="sas check"),
    Row("DSK-BLOB-002", "pass"),
    Row("DSK-BLOB-002", "fail", disk={"name": "my disk.vhd"}),
    Row("DSK-BLOB-002", "fail", disk={"name": "a%20b.vhd"}),
    Row("DSK-BLOB-002", "fail", disk={"name": "os.raw"}),
    Row("DSK-ENC-001", "pass"),
    Row("DSK-ENC-001", "warn", disk={"partitions": (ROOT, LUKS)}),
    Row("DSK-ENC-001", "fail", disk={"partitions": (BITLOCKER,), "system": "windows"}),
    Row("DSK-OS-001", "pass", sku={}),
    Row("DSK-OS-001", "fail", disk={"system": "windows"}, sku={}),
    Row("DSK-OS-001", "warn", {"/usr/lib/os-release": "ID=fedora\n"}, sku={}),
    Row("DSK-OS-001", "warn", {"/usr/lib/os-release": 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian 13"\n'}, sku={}, evidence="debian 12, the disk holds Debian 13"),
    Row("DSK-OS-001", "pass", {"/usr/lib/os-release": 'ID=debian\nVERSION_ID="12.7"\n'}, sku={}),
    Row("DSK-OS-001", "pass", {"/usr/lib/os-release": 'ID=debian\nPRETTY_NAME="Debian sid"\n'}, sku={}),
    Row("DSK-OS-001", "undecidable", disk={"system": None}, sku={}),
    # --- the agent and provisioning --------------------------------------------------------------------
    Row("LNX-AGENT-001", "pass"),
    Row("LNX-AGENT-001", "fail", {"/usr/sbin/waagent": None}),
    Row("LNX-AGENT-002", "pass"),
    Row("LNX-AGENT-002", "pass", version("2.2.53.1")),
    Row("LNX-AGENT-002", "fail", {**version("2.2.52"), **agent("AutoUpdate.Enabled=n")}, evidence="lisa: 2.2.53.1"),
    Row("LNX-AGENT-002", "warn", version("2.2.45"), evidence="updates itself"),
    Row("LNX-AGENT-002", "pass", version("2.2.45"), profile="tool"),
    Row("LNX-AGENT-002", "pass", rpm("rhel9"), evidence="2.9.1.1-10.el9"),
    Row("LNX-AGENT-002", "fail", rpm("rhel7", agent("AutoUpdate.Enabled=n")), evidence="2.2.32-1.el7"),
    Row("LNX-AGENT-002", "undecidable", rpm("rhel7", {DATABASES["rhel7"]: b"x" * 4096}), evidence="no hash"),
    Row("LNX-AGENT-002", "fail", rpm("rhel7", {
        DATABASES["rhel7"]: None, "/usr/lib/python2.7/site-packages/WALinuxAgent-2.2.40-py2.7.egg-info": "",
        **agent("AutoUpdate.Enabled=n"),
    }), evidence="2.2.40"),
    Row("LNX-AGENT-002", "pass", rpm("rhel7", {
        DATABASES["rhel7"]: None, "/var/lib/waagent/WALinuxAgent-2.9.1.1/bin": "", "/var/lib/waagent/WALinuxAgent-2.11.1.4/bin": "",
    }), evidence="2.11.1.4"),
    Row("LNX-AGENT-003", "pass"),
    Row("LNX-AGENT-003", "warn", rpm("sles15"), evidence="2.12.0.4"),
    Row("LNX-AGENT-003", "warn", version("2.7.3.0")),
    Row("LNX-AGENT-004", "pass"),
    Row("LNX-AGENT-004", "fail", {f"{WANTS}/walinuxagent.service": None}),
    Row("LNX-AGENT-004", "fail", {"/etc/systemd/system/walinuxagent.service": Link("/dev/null")}),
    Row("LNX-AGENT-005", "pass"),
    Row("LNX-AGENT-005", "warn", agent("AutoUpdate.Enabled=n")),
    Row("LNX-AGENT-005", "warn", agent("AutoUpdate.UpdateToLatestVersion=n")),
    Row("LNX-AGENT-006", "pass"),
    Row("LNX-AGENT-006", "fail", agent("Extensions.Enabled=n", drop="Extensions")),
    Row("LNX-AGENT-006", "pass", agent("Extensions.Enabled=n"), sku={"properties": {"extensions": False}}),
    Row("LNX-AGENT-007", "pass"),
    Row("LNX-AGENT-007", "warn", {"/etc/waagent.conf": None}),
    Row("LNX-PROV-001", "pass"),
    Row("LNX-PROV-001", "fail", agent("Provisioning.Agent=disabled", drop="Provisioning.Agent")),
    Row("LNX-PROV-001", "fail", NO_CLOUD_INIT, evidence="does not start"),
    Row("LNX-PROV-001", "pass", {**NO_CLOUD_INIT, **agent(drop="Provisioning.Agent")}),
    # Nobody provisions: the agent leaves it to cloud-init, whose unit is enabled, and that finds nothing or never runs.
    Row("LNX-PROV-001", "fail", {**AUTO, "/etc/cloud/cloud.cfg.d/99.cfg": "datasource_list: [ NoCloud ]\n"}, evidence="NoCloud"),
    Row("LNX-PROV-001", "fail", {**AUTO, "/etc/cloud/ds-identify.cfg": "datasource: None\n"}, evidence="ds-identify.cfg"),
    Row("LNX-PROV-001", "fail", {**AUTO, "/etc/cloud/ds-identify.cfg": "policy: disabled\n"}, evidence="does not start"),
    Row("LNX-PROV-001", "fail", {**AUTO, "/etc/cloud/cloud-init.disabled": ""}, evidence="cloud-init.disabled"),
    Row("LNX-PROV-001", "fail", {**AUTO, "/etc/cloud/cloud-init.disabled": "", "/etc/netplan/50.yaml": "network: {ethernets: {eth0: {dhcp4: true}}}\n"}),
    Row("LNX-PROV-001", "fail", {**AUTO, **line(add="ds=nocloud")}, evidence="ds=nocloud"),
    Row("LNX-PROV-001", "fail", {**AUTO, **line(add="ds=nocloud;s=http://example.com/")}, evidence="NoCloud"),
    Row("LNX-PROV-001", "fail", {**AUTO, **line(add="ci.datasource=Ec2")}, evidence="Ec2"),
    Row("LNX-PROV-001", "fail", {**AUTO, **line(add="ci.di.policy=disabled")}),
    Row("LNX-PROV-001", "fail", {**AUTO, **line(add="cloud-init=disabled")}, evidence="cloud-init=disabled"),
    Row("LNX-PROV-001", "fail", {**AUTO, f"{SYSTEM}/cloud-init.target": Link("/dev/null")}, evidence="masked"),
    Row("LNX-PROV-001", "fail", {**AUTO, f"{SYSTEM}-generators/cloud-init-generator": Link("/dev/null")}, evidence="masked"),
    Row("LNX-PROV-001", "pass", {**AUTO, **line(add="ds=azure")}),
    Row("LNX-PROV-001", "pass", {**AUTO, "/etc/cloud/cloud-init.disabled": "", **line(add="cloud-init=enabled")}),
    Row("LNX-PROV-001", "pass", {**AUTO, "/etc/cloud/cloud.cfg.d/99.cfg": "datasource_list: [ NoCloud, Azure, None ]\n"}),
    Row("LNX-PROV-001", "fail", {**AUTO, "/etc/cloud/cloud.cfg.d/99.cfg": "datasource_list: [ NoCloud, None ]\n"}),
    Row("LNX-PROV-001", "pass", {**AUTO, f"{SYSTEM}/cloud-init-local.service": Link("/dev/null"), f"{SYSTEM}/cloud-init.service": Link("/dev/null")}, evidence="the agent provisions"),
    Row("LNX-PROV-001", "fail", {**AUTO, **NO_CLOUD_INIT, f"{WANTS}/walinuxagent.service": None}, evidence="nothing starts"),
    Row("LNX-PROV-001", "pass", {**agent("Provisioning.Agent=waagent", drop="Provisioning.Agent"), "/etc/cloud/cloud-init.disabled": ""}),
    Row("LNX-PROV-002", "warn", {"/etc/cloud/ds-identify.cfg": "datasource: NoCloud\n"}, evidence="NoCloud"),
    Row("LNX-PROV-002", "pass"),
    Row("LNX-PROV-002", "warn", {"/etc/cloud/cloud.cfg.d/91-azure_datasource.cfg": None}),
    Row("LNX-PROV-002", "warn", {"/etc/cloud/cloud.cfg.d/95.cfg": "datasource_list: [NoCloud, Azure]\n"}),
    Row("LNX-PROV-002", "fail", {"/etc/cloud/cloud-init.disabled": ""}, sku={"properties": {"cloud_init": True}}),
    Row("LNX-PROV-003", "pass"),
    Row("LNX-PROV-003", "fail", {"/etc/modprobe.d/cis.conf": "install udf /bin/true\n"}, evidence="udf"),
    Row("LNX-PROV-003", "fail", rpm("rhel9", {"/etc/modprobe.d/cis.conf": "blacklist udf\n"}), evidence="cloud-init 24.4-4.el9 does without"),
    Row("LNX-PROV-003", "fail", {
        "/etc/modprobe.d/cis.conf": "blacklist udf\n", "/usr/lib/python3/dist-packages/cloudinit/version.py": '__VERSION__ = "22.4.2"\n',
    }, evidence="cloud-init 22.4.2 does without"),
    Row("LNX-PROV-003", "fail", {f"/usr/lib/modules/{VERSION}/modules.dep": "kernel/fs/fat/vfat.ko:\n"}),
    Row("LNX-IO-001", "pass"),
    Row("LNX-IO-001", "warn", agent(drop="OS.Root")),
    Row("LNX-UDEV-001", "pass"),
    Row("LNX-UDEV-001", "warn", {"/usr/lib/udev/rules.d/66-azure-storage.rules": None}),
    Row("LNX-UDEV-002", "pass"),
    Row("LNX-UDEV-002", "fail", {"/usr/lib64/udev/rules.d/70-persistent-net.rules": ""}),
    Row("LNX-UDEV-002", "fail", {"/usr/lib64/udev/rules.d/75-persistent-net-generator.rules": ""}),
    Row("LNX-UDEV-002", "fail", {"/etc/udev/rules.d/70-persistent-net.rules": ""}),
    Row("LNX-UDEV-002", "fail", {"/lib/udev/rules.d/75-persistent-net-generator.rules": "", "/lib": None}),
    # --- the kernel ------------------------------------------------------------------------------------
    Row("LNX-KERN-001", "pass"),
    Row("LNX-KERN-001", "fail", line("console="), evidence="no console=ttyS0"),
    Row("LNX-KERN-001", "fail", disk={"generation": Generation.ARM64}, evidence="ttyAMA0"),
    Row("LNX-KERN-001", "undecidable", {"/boot/grub/grub.cfg": None}),
    Row("LNX-KERN-002", "pass"),
    Row("LNX-KERN-002", "fail", line("earlyprintk")),
    Row("LNX-KERN-002", "warn", line("earlyprintk"), profile="tool"),
    Row("LNX-KERN-003", "pass"),
    Row("LNX-KERN-003", "warn", line("rootdelay")),
    Row("LNX-KERN-003", "fail", line("rootdelay", add="rootdelay=30"), profile="guide-2015", evidence="=30"),
    Row("LNX-KERN-004", "pass"),
    Row("LNX-KERN-004", "pass", {**line("net."), "/etc/systemd/network/99-default.link": Link("/dev/null")}),
    Row("LNX-KERN-004", "warn", line("net.")),
    Row("LNX-KERN-005", "pass"),
    Row("LNX-KERN-005", "warn", line(add="quiet")),
    Row("LNX-KERN-006", "pass"),
    Row("LNX-KERN-006", "fail", line(add="libata.atapi_enabled=0")),
    Row("LNX-KERN-007", "pass"),
    Row("LNX-KERN-007", "pass", {CONFIG: "CONFIG_HYPERV=y\nCONFIG_HYPERV_STORAGE=y\nCONFIG_HYPERV_NET=y\n"
                                 "CONFIG_HYPERV_KEYBOARD=y\n", INITRD: b""}, evidence="built into"),
    Row("LNX-KERN-007", "fail", {INITRD: initramfs("hv_vmbus", "hv_netvsc")}, evidence="hv_storvsc"),
    Row("LNX-KERN-007", "warn", {INITRD: initramfs("hv_vmbus", "hv_storvsc", "hv_netvsc")}),
    Row("LNX-KERN-007", "undecidable", {INITRD: b"\x02\x21\x4c\x18 lz4"}, evidence="unknown method"),
    Row("LNX-KERN-007", "undecidable", {INITRD: None}, evidence="not in the image"),
    Row("LNX-KERN-008", "pass"),
    Row("LNX-KERN-008", "warn", {CONFIG: "CONFIG_WATCHDOG=y\n# CONFIG_CIFS is not set\n"}),
    Row("LNX-KERN-009", "pass"),
    Row("LNX-KERN-009", "undecidable", {
        "/boot/grub/grub.cfg": grub_cfg().replace(VERSION, "4.19.0-5-amd64"), "/boot/vmlinuz-4.19.0-5-amd64": b"MZ",
    }),
    Row("LNX-KERN-009", "fail", {
        "/boot/grub/grub.cfg": grub_cfg().replace(VERSION, "2.6.18-5"), "/boot/vmlinuz-2.6.18-5": b"MZ",
    }),
    Row("LNX-KERN-009", "fail", grub("3.10.0-957.21.2.el7.x86_64", "centos 7"), evidence="3.10.0-957.21.3"),
    Row("LNX-KERN-009", "pass", grub("3.10.0-957.21.3.el7.x86_64", "centos 7")),
    Row("LNX-KERN-009", "pass", grub("3.10.0-1160.el7.x86_64", "rhel 7.9")),
    Row("LNX-KERN-009", "fail", grub("3.10.0-229.el7.x86_64", "rhel 7.1")),
    Row("LNX-KERN-009", "undecidable", grub("3.10.0-900.el7.x86_64", "rhel 7.6")),
    Row("LNX-KERN-009", "pass", grub("4.18.0-553.el8_10.x86_64", "almalinux 8.10")),
    Row("LNX-KERN-009", "fail", grub("4.15.0-1048-azure", "ubuntu 16.04")),
    Row("LNX-KERN-009", "pass", grub("4.15.0-1049-azure", "ubuntu 16.04")),
    Row("LNX-KERN-009", "undecidable", grub("4.15.0-50-generic", "ubuntu 16.04"), evidence="no published table"),
    Row("LNX-KERN-009", "pass", grub("4.4.180-94.97-default", "sles 12.3")),
    Row("LNX-KERN-009", "fail", grub("4.4.178-94.91-default", "sles 12.3")),
    Row("LNX-KERN-009", "fail", grub("4.14.35-1818.5.4.el7uek.x86_64", "ol 7.6")),
    Row("LNX-KERN-009", "pass", grub("3.10.0-957.21.3.el7.x86_64", "ol 7.6")),
    Row("LNX-KERN-009", "pass", grub("4.19.56-flatcar", "flatcar 2135.4")),
    Row("LNX-KERN-009", "fail", grub("4.9.0-9-amd64", "debian 9", "Package: linux-image-4.9.0-9-amd64\nStatus: install ok installed\nVersion: 4.9.168-1+deb9u2\n")),
    Row("LNX-KERN-009", "pass", grub("4.9.0-9-amd64", "debian 9", "Package: linux-image-4.9.0-9-amd64\nStatus: install ok installed\nVersion: 4.9.168-1+deb9u3\n")),
    Row("LNX-KERN-009", "fail", grub("2.6.31-1", "x 1")),
    Row("LNX-KERN-010", "pass"),
    Row("LNX-KERN-010", "warn", {
        "/boot/grub/grub.cfg": grub_cfg().replace(VERSION, "2.6.32-5"), "/boot/vmlinuz-2.6.32-5": b"MZ",
    }),
    Row("LNX-ARCH-001", "pass"),
    Row("LNX-ARCH-001", "fail", {"/usr/lib/systemd/systemd": ELF32}, evidence="i386"),
    Row("LNX-NVME-001", "pass", line(add="nvme_core.io_timeout=240"), sku=NVME),
    Row("LNX-NVME-001", "fail", sku=NVME),
    Row("LNX-NVME-001", "fail", {**line(add="nvme_core.io_timeout=240"), CONFIG: "CONFIG_HYPERV=y\n"}, sku=NVME),
    Row("LNX-NVME-001", "fail", {**line(add="nvme_core.io_timeout=240"), "/usr/lib/os-release": "ID=opensuse-leap\nVERSION_ID=15.6\n"}, sku=NVME, evidence="list"),
    Row("LNX-NVME-001", "fail", {**line(add="nvme_core.io_timeout=240"), "/usr/lib/os-release": "ID=debian\nVERSION_ID=10\n"}, sku=NVME, evidence="list"),
    Row("LNX-NVME-001", "warn", {**line(add="nvme_core.io_timeout=240"), "/usr/lib/os-release": "ID=debian\nVERSION_ID=13\n"}, sku=NVME, evidence="newer"),
    Row("LNX-AN-001", "pass", sku=ACCELERATED),
    Row("LNX-AN-001", "warn", NM, sku=ACCELERATED, evidence="NetworkManager"),
    Row("LNX-AN-001", "pass", {**NM, "/etc/udev/rules.d/68-azure-sriov-nm-unmanaged.rules": ""}, sku=ACCELERATED),
    Row("LNX-AN-001", "pass", {**NM, "/etc/NetworkManager/conf.d/a.conf": "[keyfile]\nunmanaged-devices=driver:mlx4_core;driver:mlx5_core\n"}, sku=ACCELERATED),
    Row("LNX-AN-001", "fail", {f"/usr/lib/modules/{VERSION}/modules.dep": "kernel/mlx5_core.ko:\n"}, sku=ACCELERATED),
    Row("LNX-TL-001", "skip"),
    Row("LNX-TL-001", "fail", disk={"generation": Generation.GEN1}, sku=TRUSTED),
    Row("LNX-TL-001", "pass", SIGNED_KERNEL, disk={"loader": SIGNED}, sku=TRUSTED, evidence="/EFI/debian/grubx64.efi"),
    Row("LNX-TL-001", "fail", SIGNED_KERNEL, disk={"loader": {**SIGNED, "/EFI/BOOT/BOOTX64.EFI": program(signed=False)}}, sku=TRUSTED, evidence="BOOTX64"),
    Row("LNX-TL-001", "fail", SIGNED_KERNEL, disk={"loader": {**SIGNED, "/EFI/debian/grubx64.efi": program(folders=4)}}, sku=TRUSTED, evidence="grubx64"),
    Row("LNX-TL-001", "fail", {KERNEL: program()[:-1]}, disk={"loader": SIGNED}, sku=TRUSTED, evidence=KERNEL),
    Row("LNX-TL-001", "fail", {**SIGNED_KERNEL, f"{FOREIGN}/x.ko": b"module"}, disk={"loader": SIGNED}, sku=TRUSTED, evidence="x.ko"),
    Row("LNX-TL-001", "pass", {**SIGNED_KERNEL, f"{FOREIGN}/x.ko": b"module" + MODULE_END}, disk={"loader": SIGNED}, sku=TRUSTED),
    Row("LNX-TL-001", "undecidable", {**SIGNED_KERNEL, f"{FOREIGN}/x.ko.xz": b"broken"}, disk={"loader": SIGNED}, sku=TRUSTED, evidence="cannot be unpacked"),
    Row("LNX-TL-001", "fail", {**SIGNED_KERNEL, f"{FOREIGN}/x.ko.xz": lzma.compress(b"module")}, disk={"loader": SIGNED}, sku=TRUSTED, evidence="x.ko.xz"),
    Row("LNX-TL-001", "fail", {**SIGNED_KERNEL, f"{FOREIGN}/x.ko.gz": gzip.compress(b"module")}, disk={"loader": SIGNED}, sku=TRUSTED, evidence="x.ko.gz"),
    Row("LNX-TL-001", "pass", {**SIGNED_KERNEL, f"{FOREIGN}/x.ko.xz": lzma.compress(bytes(3 * MIB) + MODULE_END)}, disk={"loader": SIGNED}, sku=TRUSTED),
    Row("LNX-TL-001", "undecidable", disk={"loader": SIGNED}, sku=TRUSTED, evidence="end early"),
    Row("LNX-TL-001", "undecidable", disk={"loader": {}}, sku=TRUSTED, evidence="DSK-GEN-002"),
    Row("LNX-NVME-002", "skip"),
    Row("LNX-NVME-002", "pass", {"/usr/lib/udev/rules.d/80-azure-disk.rules": "", "/usr/sbin/azure-nvme-id": b""}, sku=NVME),
    Row("LNX-NVME-002", "warn", {"/usr/lib/udev/rules.d/80-azure-disk.rules": ""}, sku=NVME, evidence="azure-nvme-id"),
    Row("LNX-TIME-001", "pass", evidence="hv_utils"),
    Row("LNX-TIME-001", "pass", {"/etc/chrony/chrony.conf": "confdir /etc/chrony/conf.d\n", "/etc/chrony/conf.d/a.conf": "RefClock PHC /dev/ptp_hyperv:pps\n"}),
    Row("LNX-TIME-001", "warn", {"/etc/chrony/chrony.conf": "pool ntp.org\n! refclock PHC /dev/ptp_hyperv\n"}),
    Row("LNX-TIME-001", "warn", {"/etc/chrony/chrony.conf": "include /etc/chrony/*.conf\n" * 400}),
    Row("LNX-TIME-001", "undecidable", {f"/etc/chrony/{n:03}.conf": f"include /etc/chrony/{n + 1:03}.conf\n" for n in range(200)} | {"/etc/chrony/chrony.conf": "include /etc/chrony/000.conf\n"}, evidence="more than 100 files"),
    Row("LNX-TIME-001", "warn", {CONFIG: "CONFIG_HYPERV=y\n"}, evidence="no hv_utils"),
    Row("LNX-TIME-001", "warn", {"/usr/lib/udev/rules.d/50-udev-default.rules": "#\n"}, evidence="no udev rule"),
    Row("LNX-TIME-001", "pass", {
        "/usr/lib/udev/rules.d/50-udev-default.rules": "#\n", "/etc/udev/rules.d/66-a.rules": 'SYMLINK+="ptp_hyperv"\n',
    }),
    Row("LNX-TIME-001", "pass", {CONFIG: None, f"/usr/lib/modules/{VERSION}/config": "CONFIG_HYPERV_UTILS=y\n"}),
    # --- swap ------------------------------------------------------------------------------------------
    Row("LNX-SWAP-001", "pass"),
    Row("LNX-SWAP-001", "fail", disk={"partitions": (ROOT, SWAP)}),
    Row("LNX-SWAP-001", "fail", disk={"partitions": (ROOT, UNTYPED_SWAP)}),
    Row("LNX-SWAP-001", "fail", disk={"partitions": (ROOT, replace(SWAP, type=MBR_SWAP)), "scheme": "mbr"}),
    Row("LNX-SWAP-001", "pass", disk={"partitions": (ROOT, LVM), "logical": (logical("ext"),)}),
    Row("LNX-SWAP-001", "fail", disk={"partitions": (ROOT, LVM), "logical": (logical("swap"),)}, evidence="vg/one"),
    Row("LNX-SWAP-001", "undecidable", disk={"partitions": (ROOT, LVM), "logical": (logical("unreadable"),)}),
    Row("LNX-SWAP-001", "undecidable", disk={"partitions": (ROOT, replace(SWAP, type="", content=Content("luks")))}),
    Row("LNX-SWAP-002", "pass"),
    Row("LNX-SWAP-002", "pass", {"/swapfile": "not a signature"}),
    Row("LNX-SWAP-002", "fail", {"/swap.img": SIGNED_SWAP}),
    Row("LNX-SWAP-002", "fail", {"/etc/fstab": "/srv/x none swap sw 0 0\n", "/srv/x": "1"}, evidence="/srv/x"),
    Row("LNX-SWAP-002", "pass", {"/etc/fstab": "/mnt/resource/swapfile none swap sw 0 0\n"}),
    Row("LNX-SWAP-002", "fail", {"/etc/systemd/system/srv-x.swap": "[Swap]\nWhat=/srv/x\n", "/srv/x": "1"}),
    Row("LNX-SWAP-002", "pass", {"/etc/fstab": "/mnt/x none swap sw 0 0\n", "/mnt/x": "1"}),
    Row("LNX-SWAP-002", "fail", {"/etc/fstab": "/mnt/x none swap sw 0 0\n", "/mnt/x": "1", **NO_CLOUD_INIT}, evidence="/mnt/x"),
    Row("LNX-SWAP-002", "fail", {"/etc/fstab": "/mnt/x none swap sw 0 0\n", "/mnt/x": "1", "/etc/cloud/cloud.cfg.d/9.cfg": "mounts:\n- [ephemeral0, null]\n"}),
    Row("LNX-SWAP-002", "fail", {"/etc/fstab": "/mnt/x none swap\n", "/mnt/x": "1", "/etc/cloud/cloud.cfg.d/9.cfg": "mounts:\n- [ephemeral0.1, /data]\n"}),
    Row("LNX-SWAP-003", "pass"),
    Row("LNX-SWAP-003", "pass", {f"{SYSTEM}/mnt-x.swap": "[Swap]\nWhat=/mnt/resource/x\n", f"{SWAPS}/mnt-x.swap": Link("../mnt-x.swap")}),
    Row("LNX-SWAP-003", "pass", {"/etc/fstab": "/dev/disk/azure/resource-part2 none swap sw 0 0\n"}),
    Row("LNX-SWAP-003", "pass", {"/etc/fstab": "/dev/disk/cloud/azure_resource-part2 none swap sw 0 0\n"}),
    Row("LNX-SWAP-003", "pass", {"/etc/fstab": "/dev/disk/azure/scsi1/lun0-part2 none swap sw 0 0\n"}),
    Row("LNX-SWAP-003", "fail", {"/etc/fstab": "/dev/disk/azure/root-part3 none swap sw 0 0\n"}),
    Row("LNX-SWAP-003", "pass", {"/etc/fstab": "/dev/zram0 none swap defaults 0 0\n"}),
    Row("LNX-SWAP-003", "fail", {"/etc/fstab": "/zram.img none swap defaults 0 0\n"}),
    Row("LNX-SWAP-003", "fail", {"/etc/fstab": "/mnt/resource/x none swap sw 0 0\n", **NO_CLOUD_INIT}),
    Row("LNX-SWAP-003", "pass", {"/etc/fstab": "/mnt/resource/x none swap sw 0 0\n", **NO_CLOUD_INIT, **agent("ResourceDisk.Format=y", drop="ResourceDisk.Format")}),
    Row("LNX-SWAP-003", "fail", {"/etc/fstab": "/mnt/resource/x none swap sw 0 0\n", **NO_CLOUD_INIT, **agent("ResourceDisk.Format=y", "ResourceDisk.MountPoint=/data", drop="ResourceDisk.Format")}),
    Row("LNX-SWAP-003", "pass", {"/etc/fstab": "/dev/disk/azure/resource-part1 /data auto nofail 0 2\n/data/x none swap sw 0 0\n", **NO_CLOUD_INIT}),
    Row("LNX-SWAP-003", "fail", {"/usr/lib/systemd/system/swapfile.swap": "[Swap]\nWhat=/swapfile\n", f"{SWAPS}/swapfile.swap": Link("/usr/lib/systemd/system/swapfile.swap")}, evidence="swaps to /swapfile"),
    Row("LNX-SWAP-003", "pass", {"/usr/lib/systemd/system/swapfile.swap": "[Swap]\nWhat=/swapfile\n"}),
    Row("LNX-SWAP-003", "pass", {"/usr/lib/systemd/system/swapfile.swap": "[Swap]\nWhat=/swapfile\n", f"{SYSTEM}/swapfile.swap": Link("/dev/null"), f"{SWAPS}/swapfile.swap": Link("../swapfile.swap")}),
    Row("LNX-SWAP-003", "fail", {"/usr/lib/systemd/system/dphys-swapfile.service": "[Service]\n", f"{WANTS}/dphys-swapfile.service": Link("x")}),
    Row("LNX-SWAP-003", "pass", {"/etc/fstab": "# UUID=2222 none swap sw 0 0\n"}),
    Row("LNX-SWAP-003", "fail", {"/etc/fstab": "UUID=2222 none swap sw 0 0\n"}),
    Row("LNX-SWAP-003", "fail", {"/etc/cloud/cloud.cfg.d/99.cfg": "swap:\n  size: 1G\n"}),
    Row("LNX-SWAP-003", "pass", {"/etc/cloud/cloud.cfg.d/99.cfg": "swap:\n  filename: /mnt/swapfile\n  size: 1G\n"}),
    Row("LNX-SWAP-003", "fail", {
        "/etc/systemd/system/srv-x.swap": "[Swap]\nWhat=/srv/x\n", "/etc/systemd/system/swap.target.wants/srv-x.swap": Link("x"),
    }),
    Row("LNX-SWAP-004", "pass"),
    Row("LNX-SWAP-004", "warn", agent("ResourceDisk.EnableSwap=y", drop="ResourceDisk.EnableSwap")),
    Row("LNX-SWAP-004", "skip", agent("Provisioning.Agent=waagent", drop="Provisioning.Agent")),
    # --- the network -----------------------------------------------------------------------------------
    Row("LNX-NET-001", "undecidable", {"/etc/NetworkManager/system-connections/a": "[connection]\ntype=ethernet\nlost\n= x\n"}, evidence="line 4"),
    Row("LNX-NET-001", "pass", evidence="cloud-init"),
    Row("LNX-NET-001", "fail", NO_CLOUD_INIT, evidence="nothing asks"),
    Row("LNX-NET-001", "pass", {**NO_CLOUD_INIT, "/etc/network/interfaces.d/eth0": "auto eth0\niface eth0 inet dhcp\n"}),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/network/interfaces.d/eth0": "iface eth0 inet dhcp\n"}),
    Row("LNX-NET-001", "fail", {"/etc/network/interfaces": "auto eth0\niface eth0 inet static\n address 10.0.0.4\n"}),
    Row("LNX-NET-001", "fail", {"/etc/netplan/50.yaml": "network:\n  ethernets:\n    e:\n      match: {macaddress: '00:0d'}\n      dhcp4: true\n"}, evidence="00:0d"),
    Row("LNX-NET-001", "pass", {**NO_CLOUD_INIT, "/etc/netplan/50.yaml": "network: {ethernets: {eth0: {dhcp4: true}}}\n"}),
    Row("LNX-NET-001", "fail", {"/etc/systemd/network/10.network": "[Match]\nName=eth0\n[Network]\nAddress=10.0.0.4/24\n"}),
    Row("LNX-NET-001", "pass", {**NO_CLOUD_INIT, "/etc/systemd/network/10.network": "[Match]\nName=e*\n[Network]\nDHCP=yes\n"}),
    Row("LNX-NET-001", "fail", {"/etc/NetworkManager/system-connections/a.nmconnection": "[connection]\ntype=ethernet\n[ipv4]\nmethod=manual\n"}),
    Row("LNX-NET-001", "pass", {**NO_CLOUD_INIT, **NM}, evidence="NetworkManager"),
    # Configuration for a card that Azure does not have.
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/netplan/50.yaml": "network: {ethernets: {all: {match: {name: 'en*'}, dhcp4: true}}}\n"}, evidence="first card is eth0"),
    Row("LNX-NET-001", "pass", {**NO_CLOUD_INIT, "/etc/netplan/50.yaml": "network: {ethernets: {all: {match: {name: 'e*'}, dhcp4: true}}}\n"}),
    Row("LNX-NET-001", "pass", {**NO_CLOUD_INIT, "/etc/netplan/50.yaml": "network: {ethernets: {all: {match: {driver: hv_netvsc}, dhcp4: true}}}\n"}),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/netplan/50.yaml": "network: {ethernets: {all: {match: {driver: virtio_net}, dhcp4: true}}}\n"}),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/netplan/50.yaml": "network: {ethernets: {enp0s3: {dhcp4: true}}}\n"}, evidence="enp0s3"),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/netplan/50.yaml": "network: {ethernets: {eth0: {dhcp4: true}}}\n", "/etc/netplan/60.yaml": "network: {ethernets: {eth0: {dhcp4: false}}}\n"}),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/network/interfaces": "auto ens192\niface ens192 inet dhcp\n"}, evidence="ens192"),
    Row("LNX-NET-001", "fail", {"/etc/network/interfaces": "auto ens192\niface ens192 inet dhcp\n"}, evidence="does not read"),
    Row("LNX-NET-001", "pass", {"/etc/network/interfaces": "auto ens192\niface ens192 inet dhcp\nsource-directory interfaces.d\n"}, evidence="cloud-init"),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/network/interfaces": "auto lo\n", "/etc/network/interfaces.d/eth0": "auto eth0\niface eth0 inet dhcp\n"}),
    Row("LNX-NET-001", "pass", {**NO_CLOUD_INIT, "/etc/network/interfaces": "auto /eth*\niface eth0 inet dhcp\n"}),
    Row("LNX-NET-001", "pass", {**NO_CLOUD_INIT, "/etc/network/interfaces": "auto eth0=azure\niface azure inet dhcp\n"}),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/systemd/network/10.network": "[Match]\nName=enp0s3\n[Network]\nDHCP=yes\n"}, evidence="enp0s3"),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/systemd/network/10.network": "[Match]\nName=!eth*\n[Network]\nDHCP=yes\n"}),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/systemd/network/10.network": "[Network]\nDHCP=yes\n"}),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/systemd/network/10.network": "[Match]\nName=eth0\n[Network]\nDHCP=no\n", "/etc/systemd/network/20.network": "[Match]\nName=e*\n[Network]\nDHCP=yes\n"}),
    Row("LNX-NET-001", "pass", {**NO_CLOUD_INIT, "/etc/systemd/network/10.network": "[Match]\nName=ens3\n[Network]\nDHCP=no\n", "/usr/lib/systemd/network/20.network": "[Match]\nType=ether\n[Network]\nDHCP=ipv4\n"}),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/systemd/network/10.network": "[Match]\nName=eth0\n[Network]\nDHCP=yes\n", "/usr/lib/systemd/system/systemd-networkd.service": "[Service]\n"}),
    Row("LNX-NET-001", "pass", {**NO_CLOUD_INIT, "/etc/systemd/network/10-lan.link": "[Match]\nOriginalName=*\n[Link]\nName=lan0\n", "/etc/systemd/network/10.network": "[Match]\nName=lan0\n[Network]\nDHCP=yes\n"}),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/systemd/network/10-lan.link": "[Match]\nDriver=hv_netvsc\n[Link]\nName=lan0\n", "/etc/systemd/network/10.network": "[Match]\nName=eth0\n[Network]\nDHCP=yes\n"}, evidence="lan0"),
    Row("LNX-NET-001", "pass", {**NO_CLOUD_INIT, "/etc/systemd/network/10-lan.link": "[Match]\nPath=pci-*\n[Link]\nName=lan0\n", "/etc/systemd/network/10.network": "[Match]\nName=eth0\n[Network]\nDHCP=yes\n"}),
    Row("LNX-NET-001", "fail", {"/etc/cloud/cloud.cfg.d/99-custom-net.cfg": "network:\n  version: 1\n  config:\n  - {type: physical, name: eth0, subnets: [{type: static, address: 10.0.0.4/24}]}\n"}, evidence="static"),
    Row("LNX-NET-001", "fail", {"/etc/cloud/cloud.cfg.d/99-custom-net.cfg": "network:\n  version: 2\n  ethernets: {ens192: {dhcp4: true}}\n"}, evidence="ens192"),
    Row("LNX-NET-001", "fail", {"/etc/cloud/cloud.cfg.d/99-custom-net.cfg": "network:\n  version: 2\n  ethernets: {eth0: {addresses: [10.0.0.4/24]}}\n"}, evidence="static"),
    Row("LNX-NET-001", "pass", {"/etc/cloud/cloud.cfg.d/99-custom-net.cfg": "network:\n  version: 2\n  ethernets: {eth0: {dhcp4: true}}\n"}),
    Row("LNX-NET-001", "fail", {"/etc/cloud/cloud.cfg.d/99.cfg": "network: {config: disabled}\n"}, evidence="nothing asks"),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, "/etc/NetworkManager/system-connections/a.nmconnection": "[connection]\ntype=ethernet\ninterface-name=ens192\n[ipv4]\nmethod=auto\n"}, evidence="ens192"),
    Row("LNX-NET-001", "pass", {**NO_CLOUD_INIT, "/etc/NetworkManager/system-connections/a.nmconnection": "[connection]\ntype=ethernet\n[match]\ninterface-name=eth*;\n[ipv4]\nmethod=auto\n"}),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, **NM, "/etc/NetworkManager/conf.d/9.conf": "[keyfile]\nunmanaged-devices=interface-name:eth*\n"}),
    Row("LNX-NET-001", "fail", {**NO_CLOUD_INIT, **NM, "/usr/lib/NetworkManager/conf.d/00-server.conf": "[main]\nno-auto-default=*\n"}),
    Row("LNX-NET-001", "fail", rhel({**NO_CLOUD_INIT, "/etc/sysconfig/network-scripts/ifcfg-ens192": "DEVICE=ens192\nBOOTPROTO=dhcp\nONBOOT=yes\n"}), evidence="ens192"),
    Row("LNX-NET-001", "fail", rhel({**NO_CLOUD_INIT, "/etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=no\n"})),
    Row("LNX-NET-001", "fail", rhel({"/etc/sysconfig/network-scripts/ifcfg-eth0": "BOOTPROTO=dhcp\nHWADDR=00:11\n"})),
    Row("LNX-NET-002", "skip"),
    Row("LNX-NET-002", "pass", rhel({"/etc/sysconfig/network-scripts/ifcfg-eth0": "", "/etc/sysconfig/network": "NETWORKING=yes\n"})),
    Row("LNX-NET-002", "warn", rhel({"/etc/sysconfig/network-scripts/ifcfg-eth0": ""})),
    Row("LNX-NET-003", "pass", {"/usr/lib/os-release": "ID=sles\n", "/etc/sysconfig/network/dhcp": 'DHCLIENT_SET_HOSTNAME="no"\n'}),
    Row("LNX-NET-003", "warn", {"/usr/lib/os-release": "ID=sles\n"}),
    Row("LNX-NET-004", "pass", {
        "/usr/lib/os-release": "ID=azurelinux\nVERSION_ID=3.0\n", "/etc/systemd/networkd.conf": "", "/etc/dhcpcd.conf": "option host_name\n",
    }),
    Row("LNX-NET-004", "warn", {"/usr/lib/os-release": "ID=azurelinux\nVERSION_ID=3.0\n", "/etc/systemd/networkd.conf": ""}),
    Row("LNX-NET-005", "pass", rhel(NM)),
    Row("LNX-NET-005", "warn", rhel({})),
    Row("LNX-NET-005", "warn", rhel(NM, "6")),
    Row("LNX-NET-005", "warn", NM, profile="guide-2015"),
    Row("LNX-NET-005", "pass", profile="guide-2015"),
    Row("LNX-NET-006", "pass"),
    Row("LNX-NET-006", "pass", {"/etc/resolv.conf": Link("../run/systemd/resolve/stub-resolv.conf")}),
    Row("LNX-NET-006", "warn", {"/etc/resolv.conf": "nameserver 9.9.9.9\n"}),
    Row("LNX-NET-007", "pass", {"/var/lib/dhcp/dhclient.leases": ""}),
    Row("LNX-NET-007", "fail", {"/var/lib/dhcp/dhclient.eth0.leases": "lease {}\n"}),
    Row("LNX-NET-008", "pass"),
    Row("LNX-NET-008", "warn", {"/etc/ufw/ufw.conf": "ENABLED=yes\n"}),
    Row("LNX-NET-008", "warn", {"/etc/nftables.conf": "chain input { policy drop; }\n", f"{WANTS}/nftables.service": Link("x")}),
    Row("LNX-NET-008", "pass", {"/etc/nftables.conf": "chain input { policy drop; }\n"}),
    Row("LNX-NET-008", "warn", {"/usr/sbin/nft": None}, profile="guide-2015"),
    Row("LNX-NET-009", "skip", {"/usr/sbin/ifup": None}, evidence="only the guide"),
    Row("LNX-NET-009", "pass", profile="guide-2015"),
    Row("LNX-NET-009", "warn", {"/usr/sbin/ifdown": None}, profile="guide-2015", evidence="missing: ifdown"),
    Row("LNX-NET-010", "skip", {"/etc/sysconfig/network-scripts/ifcfg-eth0": "IPV6INIT=yes\n"}, evidence="only the guide"),
    Row("LNX-NET-010", "pass", {"/etc/sysconfig/network-scripts/ifcfg-eth0": "IPV6INIT=no\n"}, profile="guide-2015"),
    Row("LNX-NET-010", "warn", {"/etc/sysconfig/network-scripts/ifcfg-eth0": "IPV6INIT=yes\n"}, profile="guide-2015", evidence="IPV6INIT=yes in /etc/sysconfig"),
    Row("LNX-NET-010", "warn", {"/etc/network/interfaces": "auto eth0\niface eth0 inet dhcp\niface eth0 inet6 auto\n"}, profile="guide-2015", evidence="iface eth0 inet6 auto"),
    Row("LNX-NET-010", "pass", {"/etc/network/interfaces": "iface lo inet6 loopback\n"}, profile="guide-2015"),
    Row("LNX-NET-010", "warn", {"/etc/netplan/50.yaml": "network: {ethernets: {eth0: {dhcp4: true, dhcp6: true}}}\n"}, profile="guide-2015", evidence="dhcp6"),
    Row("LNX-NET-010", "warn", {"/etc/netplan/50.yaml": "network: {ethernets: {eth0: {addresses: ['fd00::4/64']}}}\n"}, profile="guide-2015", evidence="fd00::4"),
    Row("LNX-NET-010", "warn", {"/etc/systemd/network/a.network": "[Network]\nDHCP=yes\n"}, profile="guide-2015", evidence="DHCP=yes"),
    Row("LNX-NET-010", "pass", {"/etc/systemd/network/a.network": "[Network]\nDHCP=ipv4\n"}, profile="guide-2015"),
    Row("LNX-NET-010", "warn", {"/etc/NetworkManager/system-connections/a": "[connection]\ntype=ethernet\n[ipv6]\nmethod=auto\n"}, profile="guide-2015", evidence="method=auto"),
    Row("LNX-NET-010", "pass", {"/etc/NetworkManager/system-connections/a": "[ipv6]\nmethod=ignore\n"}, profile="guide-2015"),
    Row("LNX-NET-010", "pass", {"/etc/systemd/network/a.network": "[Network]\nDHCP=yes\n", "/etc/sysctl.d/9.conf": "net.ipv6.conf.all.disable_ipv6 = 1\n"}, profile="guide-2015", evidence="disables it"),
    Row("LNX-NET-010", "pass", {"/etc/systemd/network/a.network": "[Network]\nDHCP=yes\n", **line(add="ipv6.disable=1")}, profile="guide-2015", evidence="ipv6.disable=1"),
    Row("LNX-DHCP-001", "pass"),
    Row("LNX-DHCP-001", "warn", {"/etc/dhcp/dhclient.conf": "#timeout 300;\n"}),
    Row("LNX-DHCP-001", "warn", {"/etc/dhcp/dhclient.conf": "timeout 60;\n"}),
    # --- SSH -------------------------------------------------------------------------------------------
    Row("LNX-SSH-001", "pass"),
    Row("LNX-SSH-001", "fail", sshd("UsePAM yes\n"), evidence="not set"),
    Row("LNX-SSH-001", "fail", {"/etc/ssh/sshd_config": None}, evidence="not set"),
    Row("LNX-SSH-001", "fail", sshd("ClientAliveInterval 236\n")),
    Row("LNX-SSH-001", "fail", sshd("ClientAliveInterval 0\n")),
    Row("LNX-SSH-001", "warn", sshd("ClientAliveInterval 120\n"), evidence="180 is recommended"),
    Row("LNX-SSH-001", "pass", sshd("ClientAliveInterval 120\n"), profile="lisa"),
    Row("LNX-SSH-001", "pass", sshd("clientaliveinterval=3m\n")),
    Row("LNX-SSH-001", "fail", sshd("Match User x\nClientAliveInterval 180\n"), evidence="not set"),
    Row("LNX-SSH-001", "warn", sshd("ClientAliveInterval 180\nMatch User x\nClientAliveInterval 600\n")),
    Row("LNX-SSH-001", "fail", sshd("ClientAliveInterval 400\nClientAliveInterval 180\n"), evidence="400"),
    Row("LNX-SSH-001", "pass", {"/etc/ssh/sshd_config.d/1.conf": "ClientAliveInterval 180\n", **sshd("Include sshd_config.d/*.conf\n")}),
    Row("LNX-SSH-001", "skip", sshd(""), sku=CLOSED),
    Row("LNX-SSH-001", "undecidable", {"/etc/ssh/sshd_config": Device()}, evidence="never read"),
    Row("LNX-SSH-001", "undecidable", {"/etc/ssh/sshd_config": Link("a"), "/etc/ssh/a": Link("sshd_config")}),
    Row("LNX-SSH-002", "pass"),
    Row("LNX-SSH-002", "warn", {
        **sshd(SSHD_CONFIG.replace("ClientAliveInterval 180\n", "")), "/etc/ssh/sshd_config.d/1.conf": "ClientAliveInterval 180\n",
    }, evidence="1.conf:1 only"),
    Row("LNX-SSH-003", "pass"),
    Row("LNX-SSH-003", "fail", {"/usr/sbin/sshd": None}),
    Row("LNX-SSH-003", "fail", {f"{WANTS}/ssh.service": None}, evidence="nothing starts it"),
    Row("LNX-SSH-003", "pass", {**NO_LINK, "/etc/machine-id": None}, evidence="starts"),
    Row("LNX-SSH-003", "fail", {
        **NO_LINK, "/etc/machine-id": None, "/usr/lib/systemd/system-preset/99.preset": "disable *\n",
    }),
    Row("LNX-SSH-003", "skip", {"/usr/sbin/sshd": None}, sku=CLOSED),
    Row("LNX-SSH-004", "pass"),
    Row("LNX-SSH-004", "fail", {"/etc/profile.d/wizard.sh": 'read -p "Licence? " answer\n'}),
    Row("LNX-SSH-004", "fail", {"/root/.bashrc": "whiptail --yesno 'Set up?' 8 40\n"}),
    Row("LNX-SSH-004", "fail", sshd(SSHD_CONFIG + "ForceCommand /opt/menu\n")),
    Row("LNX-SSH-005", "pass"),
    Row("LNX-SSH-005", "fail", line("console="), sku=CLOSED),
    # --- accounts --------------------------------------------------------------------------------------
    Row("LNX-HIST-001", "pass"),
    Row("LNX-HIST-001", "pass", {"/root/.bash_history": ""}),
    Row("LNX-HIST-001", "fail", {"/root/.bash_history": "secret\n"}, evidence="7 bytes"),
    Row("LNX-HIST-001", "pass", {"/root/.bash_history": "x" * 1024}, profile="tool"),
    Row("LNX-HIST-001", "fail", {"/root/.bash_history": "x" * 1025}, profile="tool"),
    Row("LNX-HIST-001", "fail", {"/root/deep/er/.zsh_history": "secret\n"}),
    Row("LNX-CRED-001", "pass"),
    Row("LNX-CRED-001", "fail", {"/etc/shadow": "root:$6$salt$hash:19700::::::\ndaemon:*::::::\n"}, evidence="root"),
    Row("LNX-CRED-001", "fail", {"/etc/shadow": "root::19700::::::\n"}, evidence="no password at all"),
    Row("LNX-CRED-001", "undecidable", {"/etc/passwd": None}),
    Row("LNX-CRED-002", "pass"),
    Row("LNX-CRED-002", "pass", {"/root/.ssh/authorized_keys": STUB}),
    Row("LNX-CRED-002", "fail", {"/root/.ssh/authorized_keys": "ssh-ed25519 AAAA packer\n"}),
    Row("LNX-CRED-003", "pass"),
    Row("LNX-CRED-003", "fail", {"/etc/ssh/ssh_host_rsa_key": "-----BEGIN"}),
    Row("LNX-CRED-004", "pass"),
    Row("LNX-CRED-004", "fail", {"/etc/shadow": "root:$6$salt$hash:19700::::::\n"}),
    Row("LNX-CRED-005", "pass"),
    Row("LNX-CRED-005", "fail", {"/etc/passwd": "root:x:0:0::/root:/bin/sh\npacker:x:1000:1000::/home/packer:/bin/bash\n"}),
    Row("LNX-CRED-006", "pass"),
    Row("LNX-CRED-006", "warn", {"/root/.ssh/id_ed25519": "-----BEGIN OPENSSH PRIVATE KEY-----\n"}, evidence="id_ed25519"),
    Row("LNX-CRED-006", "warn", {"/root/.aws/credentials": ""}),
    Row("LNX-CRED-006", "warn", {"/root/deep/down/key": "\n-----BEGIN RSA PRIVATE KEY-----\n"}, evidence="deep/down/key"),
    Row("LNX-CRED-006", "warn", {"/root/.config/gcloud/application_default_credentials.json": "{}"}, evidence="gcloud"),
    Row("LNX-CRED-006", "pass", {"/root/notes": "how to make a key", "/root/.aws/config": "[default]\nregion=x\n"}),
    Row("LNX-CRED-006", "warn", {"/var/log/syslog": "line\n"}, evidence="syslog"),
    Row("LNX-SUDO-001", "pass"),
    Row("LNX-SUDO-001", "pass", {"/etc/sudoers": "# Defaults targetpw\n"}),
    Row("LNX-SUDO-001", "fail", {"/etc/sudoers": "Defaults targetpw   # ask for root's\n"}),
    # --- software --------------------------------------------------------------------------------------
    Row("LNX-SSL-001", "pass"),
    Row("LNX-SSL-001", "pass", {"/var/lib/dpkg/status": "Package: openssl\nStatus: install ok installed\nVersion: 1.1.1n-0\n"}),
    Row("LNX-SSL-001", "fail", {"/var/lib/dpkg/status": "Package: openssl\nStatus: install ok installed\nVersion: 1.1.0l-1\n"}),
    Row("LNX-SSL-001", "pass", {"/var/lib/dpkg/status": None, "/usr/lib64/libcrypto.so.3": b"\0OpenSSL 3.2.1 30 Jan\0"}, evidence="3.2.1"),
    Row("LNX-SSL-001", "pass", rpm("rhel9"), evidence="1:3.2.2-6.el9"),
    Row("LNX-SSL-001", "pass", rpm("sles15"), evidence="3.2.3-150700.3.2"),
    Row("LNX-SSL-001", "fail", rpm("rhel7"), evidence="1:1.0.1e-60.el7_3.1"),
    Row("LNX-SSL-001", "pass", {"/var/lib/dpkg/status": None, "/usr/lib/apk/db/installed": "P:openssl\nV:3.3.2-r0\n"}),
    Row("LNX-SSL-001", "fail", {"/var/lib/dpkg/status": None, "/usr/lib/apk/db/installed": "P:openssl\nV:1.1.0l-r1\n"}),
    Row("LNX-PY-001", "pass", evidence="3.11"),
    Row("LNX-PY-001", "warn", {"/usr/bin/python3": Link("python3.6"), "/usr/bin/python3.6": b""}, evidence="3.6"),
    Row("LNX-PY-001", "pass", {"/usr/bin/python3": Link("python3.6")}, profile="guide-2015"),
    Row("LNX-PY-002", "pass"),
    Row("LNX-PY-002", "warn", {"/usr/lib/python3/dist-packages/pyasn1/__init__.py": None, **version("2.0.8")}),
    Row("LNX-PY-002", "fail", {"/usr/lib/python3/dist-packages/pyasn1/__init__.py": None}, profile="guide-2015"),
    Row("LNX-REPO-001", "pass", evidence="deb.debian.org"),
    Row("LNX-REPO-001", "warn", sources("deb [arch=amd64] http://mirror.example.org/debian bookworm main\n"), evidence="mirror.example.org"),
    Row("LNX-REPO-001", "warn", sources("# deb http://deb.debian.org/debian bookworm main\n"), evidence="none at all"),
    Row("LNX-REPO-001", "undecidable", {"/etc/apt/sources.list": None}),
    Row("LNX-REPO-001", "skip", {"/usr/lib/os-release": "ID=arch\n"}),
    Row("LNX-REPO-001", "pass", {
        **sources("Types: deb deb-src\nURIs: mirror+file:/etc/apt/mirrors/debian.list\nSuites: trixie\n  trixie-updates\nComponents: main\n", path="/etc/apt/sources.list.d/debian.sources"),
        "/etc/apt/mirrors/debian.list": "https://deb.debian.org/debian priority:1\n",
    }, evidence="deb.debian.org"),
    Row("LNX-REPO-001", "warn", sources("Types: deb\nURIs: http://deb.debian.org/debian\nSuites: trixie\nEnabled: no\n", path="/etc/apt/sources.list.d/debian.sources")),
    Row("LNX-REPO-001", "pass", sources("".join(f"deb http://azure.archive.ubuntu.com/ubuntu noble{end} main\n" for end in ("", "-updates", "-security")), "ubuntu 24.04")),
    Row("LNX-REPO-001", "warn", sources("deb http://azure.archive.ubuntu.com/ubuntu noble main\n", "ubuntu 24.04"), evidence="no suite *-security"),
    Row("LNX-REPO-001", "warn", {**sources("deb http://azure.archive.ubuntu.com/ubuntu noble main\n", "ubuntu 24.04"), "/usr/lib/systemd/systemd": ELF_ARM64}, evidence="ports.ubuntu.com"),
    Row("LNX-REPO-001", "pass", repos(*RHUI, system="rhel 9.6")),
    Row("LNX-REPO-001", "warn", repos(*RHUI[:5], system="rhel 9.6"), evidence="6 repositories of RHUI"),
    Row("LNX-REPO-001", "pass", repos("baseos", "appstream", system="rocky 9.6")),
    Row("LNX-REPO-001", "warn", repos("baseos", "epel", system="rocky 9.6"), evidence="`appstream`"),
    Row("LNX-REPO-001", "pass", repos("ol9_baseos_latest", system="ol 9.6")),
    Row("LNX-REPO-001", "warn", repos("ol9_addons", system="ol 9.6")),
    Row("LNX-REPO-001", "pass", repos("azurelinux-official-base", "azurelinux-official-ms-oss", "azurelinux-official-ms-non-oss", system="azurelinux 3.0")),
    Row("LNX-REPO-001", "warn", repos("azurelinux-official-base", system="azurelinux 3.0")),
    Row("LNX-REPO-001", "pass", repos("SLES15-Pool", "SLES15-Updates", system="sles 15.7", folder="/etc/zypp/repos.d")),
    Row("LNX-REPO-001", "warn", repos("SLES15-Pool", system="sles 15.7", folder="/etc/zypp/repos.d"), evidence="`updates`"),
    Row("LNX-REPO-001", "undecidable", {**repos(system="sles 15.7", folder="/etc/zypp/repos.d"), "/etc/regionserverclnt.cfg": ""}, evidence="first boots"),
    Row("DSK-OS-002", "pass"),
    Row("DSK-OS-002", "undecidable", disk={"system": None, "role": "data"}, evidence="--role data"),
    Row("LNX-MDE-001", "pass"),
    Row("LNX-MDE-001", "fail", {"/etc/opt/microsoft/mdatp/mdatp_onboard.json": "{}"}, evidence="/etc/opt/microsoft/mdatp"),
    Row("LNX-MDE-001", "fail", {"/var/lib/waagent/Microsoft.Azure.AzureDefenderForServers.MDE.Linux-1.0.3.9/HandlerState": ""}, evidence="MDE.Linux-1.0.3.9"),
    Row("LNX-MDE-001", "fail", {"/var/log/microsoft/mdatp/install.log": ""}, evidence="/var/log/microsoft/mdatp"),
    Row("LNX-OMI-001", "pass"),
    Row("LNX-OMI-001", "fail", rpm("rhel7", {"/opt/omi/bin/omiserver": b""}), evidence="1.6.8-0"),
    Row("LNX-OMI-001", "undecidable", rpm("rhel9", {"/opt/omi/bin/omiserver": b""}), evidence="not as a package"),
    Row("LNX-OMI-001", "fail", {
        "/opt/omi/bin/omiserver": b"", "/var/lib/dpkg/status": "Package: omi\nStatus: install ok installed\nVersion: 1.6.8-0\n",
    }),
    # --- identity --------------------------------------------------------------------------------------
    Row("LNX-ID-001", "pass"),
    Row("LNX-ID-001", "fail", {"/etc/machine-id": "0123456789abcdef0123456789abcdef\n"}),
    Row("LNX-ID-001", "warn", {"/etc/hostname": "packer-debian\n"}, evidence="packer-debian"),
    Row("LNX-ID-001", "fail", {"/etc/hostname": "vendor-2015\n"}, profile="guide-2015", evidence="vendor-2015"),
    Row("LNX-ID-001", "fail", {"/var/lib/cloud/instances/i-1/sem": ""}),
    Row("LNX-ID-001", "fail", {"/var/lib/waagent/ovf-env.xml": "<x/>"}),
    # --- promises of the plan --------------------------------------------------------------------------
    Row("OFR-PROP-001", "skip", evidence="no definition"),
    Row("OFR-PROP-001", "pass", sku={}, evidence="extensions, remote_connection"),
    Row("OFR-PROP-001", "pass", sku={"properties": {"cloud_init": True, "accelerated_networking": True}}, evidence="cloud_init"),
    Row("OFR-PROP-001", "fail", sku=NVME, evidence="nvme: "),
    Row("OFR-PROP-001", "fail", {"/usr/bin/cloud-init": None, "/etc/systemd/system/cloud-init.target.wants/cloud-init.service": None}, sku={"properties": {"cloud_init": True}}, evidence="(LNX-PROV-002)"),
    Row("OFR-PROP-001", "fail", {"/usr/sbin/waagent": None}, sku={"properties": {"backup": True}}, evidence="backup: none of"),
    Row("OFR-PROP-001", "fail", {"/usr/sbin/sshd": None}, sku={}, evidence="remote_connection: sshd is not installed"),
    Row("OFR-PROP-001", "pass", {"/usr/sbin/sshd": None, "/usr/sbin/waagent": None}, sku={"properties": {"extensions": False, "remote_connection": False}}, evidence="nothing is declared"),
    Row("OFR-PROP-001", "pass", sku={"properties": {"network_virtual_appliance": True}}, evidence="network_virtual_appliance"),
    Row("OFR-PROP-001", "fail", {f"/usr/lib/modules/{VERSION}/modules.dep": "kernel/mlx5_core.ko:\n"}, sku={"properties": {"network_virtual_appliance": True}}, evidence="network_virtual_appliance: kernel"),
    Row("OFR-PROP-001", "fail", {"/usr/sbin/sshd": None}, sku={"properties": {"network_virtual_appliance": True, "remote_connection": False}}, evidence="network_virtual_appliance: sshd"),
    Row("OFR-PROP-001", "pass", {CONFIG: "CONFIG_HIBERNATION=y\n"}, sku={"properties": {"hibernation": True}}, evidence="hibernation"),
    Row("OFR-PROP-001", "fail", {CONFIG: "CONFIG_HYPERV=y\n"}, sku={"properties": {"hibernation": True}}, evidence="CONFIG_HIBERNATION"),
    Row("OFR-PROP-001", "undecidable", {"/boot/grub/grub.cfg": None}, sku=ACCELERATED | {"generations": ["gen2"]}, evidence="accelerated_networking: "),
]  # fmt: skip
