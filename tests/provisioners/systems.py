"""Models of unprepared systems, one per family and release, from the files that each distribution documents.

They are models: folders with the files that steps edit and rules read, not installed systems. Programs are
empty ELF headers; package tools are the stubs of stock.py, and `make_initramfs` does what the tools document.
The versions are examples of what a release has, not what its mirror has today.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stock import ELF, UNITS, WANTS, PackageTool, lay

sys.path.insert(0, str(Path(__file__).parents[1] / "validators"))
import images

LINE = "root=UUID=1111 ro console=tty0 rhgb quiet crashkernel=auto resume=UUID=2222"
ELF_ARM64 = "\x7fELF\x02\x01\x01" + "\0" * 9 + "\x03\0\xb7\0"


@dataclass(frozen=True)
class System:
    """One model: the row of families.yaml, the machine, and what is different about its files."""

    distribution: str
    version: str
    id: str
    like: str
    loader: str  # which files say what boots: grub, grub2, bls, bls-grubenv, systemd-boot
    network: str  # netplan, ifupdown, ifcfg, nm, wicked, networkd
    release: str  # versions of Python, OpenSSL, agent, kernel; `links` where azure-vm-utils is in stock
    machine: str = "x86_64"
    bare: bool = False  # comes without agent, cloud-init and sshd; the others with an agent of long ago
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        arm = "" if self.machine == "x86_64" else " aarch64"
        return f"{self.distribution} {self.version}{arm}"

    @property
    def versions(self) -> dict[str, str]:
        python, openssl, agent, kernel, *links = self.release.split()
        found = {"python": python, "openssl": openssl, "agent": agent, "kernel": kernel}
        return found | dict.fromkeys(links, "yes")


RHEL_POINT = (("8", 10), ("9", 6), ("10", 0))
BOTH = ("x86_64", "aarch64")
# VERSION_ID of /etc/os-release, where it says more than the release's name here.
POINT = {
    **{
        f"{name} {major}": f"{major}.{minor}"
        for name in ("rhel", "alma", "rocky", "oracle")
        for major, minor in RHEL_POINT
    },
    "sles 12": "12.5",
    "sles 15": "15.7",
    "sles 16": "16.0",
    "opensuse Leap 15": "15.6",
    "opensuse Leap 16": "16.0",
    "fedora 43 UKI": "43",
    "opensuse Tumbleweed": "20261101",
    "azurelinux 3": "3.0",
    "azurelinux 4": "4.0",
}
DEBIAN = {
    "11": "3.9 1.1.1w-0+deb11u1 2.2.45-4+deb11u1 5.10.0-30-cloud",
    "12": "3.11 3.0.17-1~deb12u3 2.7.3.0-4.1 6.1.0-40-cloud",
    "13": "3.13 3.5.1-1 2.12.0.2-3 6.12.48+deb13-cloud",
}
UBUNTU = {
    "20.04": "3.8 1.1.1f-1ubuntu2.24 2.11.1.4-0ubuntu0 5.15.0-1089-azure",
    "22.04": "3.10 3.0.2-0ubuntu1.19 2.11.1.4-0ubuntu0 6.8.0-1030-azure",
    "24.04": "3.12 3.0.13-0ubuntu3.5 2.11.1.4-0ubuntu1 6.11.0-1015-azure links",
    "26.04": "3.14 3.5.3-1ubuntu2 2.14.0.1-0ubuntu1 6.17.0-1003-azure links",
}
RHEL = {
    "8": "3.6 1:1.1.1k-14.el8 2.7.0.6-9.el8 4.18.0-553.el8_10",
    "9": "3.9 1:3.2.2-6.el9 2.9.1.1-10.el9 5.14.0-570.12.1.el9_6 links",
    "10": "3.12 1:3.2.2-16.el10 2.11.1.12-1.el10 6.12.0-55.9.1.el10_0 links",
}
SUSE = {
    "12": "3.4 1.0.2p-3.91.1 2.9.1.1-40.1 4.12.14-122.255-default",
    "15": "3.6 3.2.3-150700.3.2 2.12.0.4-150700.1.1 6.4.0-150700.51-default links",
    "16": "3.13 3.5.0-160000.2.1 2.12.0.4-160000.1.1 6.12.0-160000.5-default links",
    "Tumbleweed": "3.13 3.5.3-1.1 2.14.0.1-1.1 6.17.1-1-default links",
}
FEDORA = "3.14 1:3.5.1-2.fc43 2.12.0.4-2.fc43 6.17.1-300.fc43 links"
AZURELINUX = {
    "3": "3.12 3.3.3-3.azl3 2.11.1.4-2.azl3 6.6.92.2-2.azl3 links",
    "4": "3.14 3.5.1-2.azl4 2.14.0.1-1.azl4 6.12.40-1.azl4 links",
}
UKI = {"kernel-cmdline": {"LOADER": "systemd-boot"}}


def _one(*row: str, bare: bool = False) -> list[System]:
    return [System(*row, bare=bare)]


def _both(*row: str) -> list[System]:
    """The last release of a distribution, on both machines; the steps differ between them in one line."""
    return [System(*row, machine) for machine in BOTH]


def _rhel(name: str, os_id: str) -> list[System]:
    """What has RHEL's steps has its last release on arm64 only."""
    like = "rhel fedora"
    last = System(name, "10", os_id, like, "bls", "nm", RHEL["10"], "aarch64")
    return [
        System(name, "8", os_id, like, "bls-grubenv", "ifcfg", RHEL["8"], bare=True),
        System(name, "9", os_id, like, "bls", "nm", RHEL["9"]),
        *([replace(last, machine="x86_64")] if name == "rhel" else []),
        last,
    ]


def _suse(version: str, network: str, bare: bool = False) -> list[System]:
    release = SUSE[version.removeprefix("Leap ")]
    name, like = ("sles", "suse") if version in ("12", "15", "16") else ("opensuse", "suse opensuse")
    os_id = name if name == "sles" else f"opensuse-{version.split()[0].lower()}"
    row = (name, version, os_id, like, "grub2", network, release)
    return _both(*row) if version in ("16", "Tumbleweed") else _one(*row, bare=bare)


SYSTEMS = [
    *_one("debian", "11", "debian", "", "grub", "ifupdown", DEBIAN["11"], bare=True),
    *_one("debian", "12", "debian", "", "grub", "ifupdown", DEBIAN["12"]),
    *_both("debian", "13", "debian", "", "grub", "netplan", DEBIAN["13"]),
    *_one("ubuntu", "20.04", "ubuntu", "debian", "grub", "netplan", UBUNTU["20.04"], bare=True),
    *_one("ubuntu", "22.04", "ubuntu", "debian", "grub", "netplan", UBUNTU["22.04"]),
    *_one("ubuntu", "24.04", "ubuntu", "debian", "grub", "netplan", UBUNTU["24.04"]),
    *_both("ubuntu", "26.04", "ubuntu", "debian", "grub", "netplan", UBUNTU["26.04"]),
    *_rhel("rhel", "rhel"),
    *_rhel("alma", "almalinux"),
    *_rhel("rocky", "rocky"),
    *_rhel("oracle", "ol"),
    *_rhel("centos", "centos"),
    *_both("fedora", "43", "fedora", "", "bls", "nm", FEDORA),
    System("fedora", "43 UKI", "fedora", "", "systemd-boot", "nm", FEDORA, bare=True, settings=UKI),
    *_suse("12", "wicked", bare=True),
    *_suse("15", "wicked"),
    *_suse("16", "nm"),
    *_suse("Leap 15", "wicked", bare=True),
    *_suse("Leap 16", "nm"),
    *_suse("Tumbleweed", "nm"),
    *_one("azurelinux", "3", "azurelinux", "", "grub2", "networkd", AZURELINUX["3"], bare=True),
    *_both("azurelinux", "4", "azurelinux", "", "grub2", "networkd", AZURELINUX["4"]),
]
# Part of the kernel, or modules that have to be in the initramfs; as the distributions build theirs.
BUILT_IN = ("ubuntu", "azurelinux")
HYPERV = ("hv_vmbus", "hv_storvsc", "hv_netvsc", "hyperv-keyboard")
OPTIONS = ("CONFIG_HYPERV", "CONFIG_HYPERV_STORAGE", "CONFIG_HYPERV_NET", "CONFIG_HYPERV_KEYBOARD")
MODULES = ("mlx4_core", "mlx5_core", "mana", "hv_utils", "nvme", "nvme_core", "udf", "vfat")
# Where each distribution's own image, not Azure's, takes packages from.
APT = {
    "debian": "deb http://deb.debian.org/debian stable main\n",
    "ubuntu": "".join(
        f"deb http://archive.ubuntu.com/ubuntu lts{pocket} main\n" for pocket in ("", "-updates", "-security")
    ),
}
REPOSITORIES = {
    "rhel": "rhel-baseos-rpms rhel-appstream-rpms",
    "alma": "baseos appstream",
    "rocky": "baseos appstream",
    "oracle": "ol_baseos_latest ol_appstream",
    "centos": "baseos appstream",
    "fedora": "fedora updates",
    "sles": "SLES-Pool SLES-Updates",
    "opensuse": "repo-oss repo-update",
    "azurelinux": "azurelinux-official-base azurelinux-official-ms-oss azurelinux-official-ms-non-oss",
}
COMMON = {
    "etc/fstab": "UUID=1111 / ext4 defaults 0 1\n/swapfile none swap sw 0 0\n",
    "swapfile": "\0" * 64,
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\npacker:x:1000:1000::/home/packer:/bin/bash\n",
    "etc/shadow": "root:$6$salt$hash:19000:0:99999:7:::\npacker:$6$salt$hash:19000::::::\n",
    "etc/group": "root:x:0:\npacker:x:1000:\n",
    "etc/sudoers": "Defaults targetpw\nroot ALL=(ALL) ALL\n",
    "etc/hostname": "buildhost\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/resolv.conf": "nameserver 10.0.2.3\n",
    "etc/modprobe.d/CIS.conf": "install udf /bin/true\nblacklist vfat\n",
    "etc/ssh/sshd_config": "UsePAM yes\nClientAliveInterval 900\n",
    "etc/ssh/ssh_host_rsa_key": "private\n",
    "root/.bash_history": "x" * 2000,
    "root/.ssh/authorized_keys": "ssh-ed25519 AAAA build\n",
    "root/.ssh/id_rsa": "-----BEGIN OPENSSH PRIVATE KEY-----\n",
    "home/packer/.ssh/authorized_keys": "ssh-ed25519 AAAA build\n",
    "var/lib/cloud/data/instance-id": "i-1\n",
    "etc/udev/rules.d/70-persistent-net.rules": 'ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n',
    "usr/lib/udev/rules.d/75-persistent-net-generator.rules": "# writes 70-persistent-net.rules\n",
    "usr/sbin/dhclient": ELF,
    "etc/dhcp/dhclient.conf": "timeout 60;\n",
    "etc/iptables/rules.v4": "-A INPUT -j DROP\n",
    "etc/ufw/ufw.conf": "ENABLED=yes\n",
    "usr/lib/systemd/systemd": ELF,
    "var/log/auth.log": "packer logged in\n",
    "var/lib/dhclient/dhclient.leases": "lease {}\n",
}
FAMILY = {
    "debian": {
        "etc/initramfs-tools/modules": "# one per line\n",
        "var/lib/dhcp/dhclient.eth0.leases": "lease {}\n",
    },
    "rhel": {
        "etc/selinux/config": "SELINUX=enforcing\n",
        "etc/pki/consumer/key.pem": "key\n",
    },
    "suse": {
        "etc/sysconfig/network/dhcp": 'DHCLIENT_SET_HOSTNAME="yes"\n',
        "etc/zypp/credentials.d/SCCcredentials": "username=x\n",
        "etc/udev/rules.d/85-persistent-net-cloud-init.rules": "# card\n",
    },
    "azurelinux": {
        "etc/systemd/networkd.conf": "[Network]\n",
        "etc/dhcpcd.conf": "option host_name\n",
    },
}
MENU = (
    "set default=0\nmenuentry 'Linux' --id linux {{\n\tlinux\t/boot/vmlinuz-{kernel} {line}\n"
    "\tinitrd\t/boot/initrd-{kernel}\n}}\n"
)
NETWORK = {
    "ifupdown": {
        "etc/network/interfaces": "auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet static\n"
        "  address 10.0.2.15\n  hwaddress ether 52:54:00:12:34:56\n"
    },
    "netplan": {
        "etc/netplan/50-cloud-init.yaml": "network:\n  version: 2\n  ethernets:\n    eth0:\n"
        "      dhcp4: true\n      match: {macaddress: '52:54:00:12:34:56'}\n"
    },
    "ifcfg": {
        "etc/sysconfig/network-scripts/ifcfg-eth0": "DEVICE=eth0\nBOOTPROTO=none\nIPADDR=10.0.2.15\n"
        "HWADDR=52:54:00:12:34:56\n",
        "etc/sysconfig/network": "NETWORKING=no\n",
    },
    "nm": {
        "etc/NetworkManager/system-connections/enp1s0.nmconnection": "[connection]\nid=enp1s0\n"
        "type=ethernet\n[ethernet]\nmac-address=52:54:00:12:34:56\n[ipv4]\nmethod=auto\n",
        f"{UNITS}/NetworkManager.service": "[Service]\n",
    },
    "wicked": {
        "var/lib/wicked/lease-eth0-dhcp-ipv4.xml": "<lease/>\n",
        "etc/sysconfig/network/ifcfg-eth0": "BOOTPROTO='static'\nIPADDR='10.0.2.15/24'\nSTARTMODE='auto'\n",
    },
    "networkd": {
        "etc/systemd/network/10-static.network": "[Match]\nMACAddress=52:54:00:12:34:56\n"
        "[Network]\nAddress=10.0.2.15/24\n"
    },
}


def _boot(system: System) -> dict[str, str]:
    kernel = system.versions["kernel"]
    entry = (
        f"title Linux\nversion {kernel}\nlinux /boot/vmlinuz-{kernel}\ninitrd /boot/initrd-{kernel}\noptions "
    )
    if system.loader == "grub":
        menu = {"boot/grub/grub.cfg": MENU.format(kernel=kernel, line=LINE)}
        return {**menu, "etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="rhgb quiet"\n'}
    if system.loader == "grub2":
        menu = {"boot/grub2/grub.cfg": MENU.format(kernel=kernel, line=LINE)}
        return {**menu, "etc/default/grub": 'GRUB_CMDLINE_LINUX="rhgb quiet"\n'}
    if system.loader == "systemd-boot":
        return {"etc/kernel/cmdline": f"{LINE}\n", "boot/loader/entries/a.conf": f"{entry}{LINE}\n"}
    grub = {
        "boot/grub2/grub.cfg": "insmod blscfg\nblscfg\n",
        "etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet"\n',
    }
    if system.loader == "bls-grubenv":
        block = f"# GRUB Environment Block\nkernelopts={LINE}\n"
        return {
            **grub,
            "boot/grub2/grubenv": block.ljust(1024, "#"),
            "boot/loader/entries/a.conf": f"{entry}$kernelopts\n",
        }
    return {**grub, "etc/kernel/cmdline": f"{LINE}\n", "boot/loader/entries/a.conf": f"{entry}{LINE}\n"}


def _kernel(system: System) -> dict[str, str]:
    """The kernel with its configuration and its lists of modules."""
    kernel, built_in = system.versions["kernel"], system.distribution in BUILT_IN
    modules = MODULES if built_in else (*MODULES, *HYPERV)
    options = "".join(f"{option}={'y' if built_in else 'm'}\n" for option in OPTIONS)
    return {
        f"boot/config-{kernel}": f"{options}CONFIG_WATCHDOG=y\nCONFIG_CIFS=m\n",
        f"boot/vmlinuz-{kernel}": "MZ",
        f"boot/initrd-{kernel}": images.initramfs("ext4").decode("latin-1"),
        f"usr/lib/modules/{kernel}/modules.builtin": "kernel/fs/ext4/ext4.ko\n",
        f"usr/lib/modules/{kernel}/modules.dep": "".join(f"kernel/{name}.ko:\n" for name in modules),
    }


def _sources(system: System, family: str) -> dict[str, str]:
    """Where packages come from."""
    if family == "debian":
        return {"etc/apt/sources.list": APT[system.distribution]}
    folder = "etc/zypp/repos.d" if family == "suse" else "etc/yum.repos.d"
    names = REPOSITORIES[system.distribution].split()
    return {
        f"{folder}/own.repo": "".join(f"[{name}]\nbaseurl=https://example.org/{name}\n" for name in names)
    }


def make_initramfs(root: Path, system: System) -> None:
    """As update-initramfs and dracut document it: with the modules that their files name."""
    named = root / "etc/initramfs-tools/modules"
    wanted = named.read_text().split("\n") if named.exists() else []
    for file in sorted((root / "etc/dracut.conf.d").glob("*.conf")):
        lines = file.read_text().splitlines()
        wanted += " ".join(line.split('"')[1] for line in lines if line.startswith("add_drivers+=")).split()
    modules = [name for name in wanted if name and not name.startswith("#")]
    (root / f"boot/initrd-{system.versions['kernel']}").write_bytes(images.initramfs("ext4", *modules))


def build(system: System, family: str, root: Path) -> PackageTool:
    """Write the model's files below `root`, which does not exist yet; gives the model's package tool."""
    version = POINT.get(f"{system.distribution} {system.version}", system.version)
    release = f'ID="{system.id}"\nID_LIKE="{system.like}"\nVERSION_ID="{version}"\n'
    release += f'PRETTY_NAME="{system.id} {version}"\n'
    every = {
        **COMMON,
        **FAMILY[family],
        **NETWORK[system.network],
        **_sources(system, family),
        **_boot(system),
        **_kernel(system),
        "etc/os-release": release,
    }
    if system.machine == "aarch64":
        every = {path: ELF_ARM64 if text == ELF else text for path, text in every.items()}
    lay(root, every)
    for name in ("bin", "sbin", "lib"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "usr/sbin/init").symlink_to("/usr/lib/systemd/systemd")
    if system.network in ("nm", "ifcfg"):
        place = root / WANTS / "NetworkManager.service"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(f"/{UNITS}/NetworkManager.service")
    tool = PackageTool(root.parent / "tools", family, system.distribution, system.versions)
    tool.preinstall(
        root, *(() if system.bare else ("openssl", "python3", "cloud-init", tool.agent, tool.sshd))
    )
    return tool
