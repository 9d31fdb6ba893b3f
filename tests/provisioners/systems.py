"""Models of unprepared systems, one per family and release, from the files that each distribution documents.

They are models: folders with the files that steps edit and rules read, not installed systems. Programs are
empty ELF headers, kernels have Hyper-V's drivers built in, and package tools are not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

LINE = "root=UUID=1111 ro console=tty0 rhgb quiet crashkernel=auto resume=UUID=2222"
ELF = "\x7fELF\x02\x01\x01" + "\0" * 9 + "\x03\0\x3e\0"
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
    machine: str = "x86_64"
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        arm = "" if self.machine == "x86_64" else " aarch64"
        return f"{self.distribution} {self.version}{arm}"


def _rhel(name: str, os_id: str) -> list[System]:
    return [
        System(name, "8", os_id, "rhel fedora", "bls-grubenv", "ifcfg"),
        System(name, "9", os_id, "rhel fedora", "bls", "nm"),
        System(name, "10", os_id, "rhel fedora", "bls", "nm", "aarch64"),
    ]


UKI = {"kernel-cmdline": {"LOADER": "systemd-boot"}}
SYSTEMS = [
    System("debian", "11", "debian", "", "grub", "ifupdown"),
    System("debian", "12", "debian", "", "grub", "ifupdown"),
    System("debian", "13", "debian", "", "grub", "netplan", "aarch64"),
    System("ubuntu", "20.04", "ubuntu", "debian", "grub", "netplan"),
    System("ubuntu", "22.04", "ubuntu", "debian", "grub", "netplan"),
    System("ubuntu", "24.04", "ubuntu", "debian", "grub", "netplan"),
    System("ubuntu", "26.04", "ubuntu", "debian", "grub", "netplan", "aarch64"),
    *_rhel("rhel", "rhel"),
    *_rhel("alma", "almalinux"),
    *_rhel("rocky", "rocky"),
    *_rhel("oracle", "ol"),
    *_rhel("centos", "centos"),
    System("fedora", "43", "fedora", "", "bls", "nm"),
    System("fedora", "43 UKI", "fedora", "", "systemd-boot", "nm", settings=UKI),
    System("sles", "12", "sles", "suse", "grub2", "wicked"),
    System("sles", "15", "sles", "suse", "grub2", "wicked"),
    System("sles", "16", "sles", "suse", "grub2", "nm"),
    System("opensuse", "Leap", "opensuse-leap", "suse opensuse", "grub2", "wicked"),
    System("opensuse", "Tumbleweed", "opensuse-tumbleweed", "suse opensuse", "grub2", "nm", "aarch64"),
    System("azurelinux", "3", "azurelinux", "", "grub2", "networkd"),
    System("azurelinux", "4", "azurelinux", "", "grub2", "networkd", "aarch64"),
]
KERNEL = "6.12.0-1"
UNITS = "usr/lib/systemd/system"
WANTS = "etc/systemd/system/multi-user.target.wants"
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
    "etc/waagent.conf": "Provisioning.Agent=disabled\nResourceDisk.EnableSwap=y\nResourceDisk.Format=y\n"
    "AutoUpdate.Enabled=n\nExtensions.Enabled=n\n",
    "usr/bin/cloud-init": "#!/usr/bin/python3\n",
    f"{UNITS}/cloud-init.service": "[Service]\n",
    "etc/cloud/cloud.cfg": "users: [default]\n",
    "etc/cloud/cloud.cfg.d/90_base.cfg": "datasource_list: [ NoCloud, None ]\n",
    "var/lib/cloud/data/instance-id": "i-1\n",
    "etc/udev/rules.d/70-persistent-net.rules": 'ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n',
    "usr/lib/udev/rules.d/75-persistent-net-generator.rules": "# writes 70-persistent-net.rules\n",
    "usr/sbin/dhclient": ELF,
    "etc/dhcp/dhclient.conf": "timeout 60;\n",
    "etc/iptables/rules.v4": "-A INPUT -j DROP\n",
    "etc/ufw/ufw.conf": "ENABLED=yes\n",
    f"boot/config-{KERNEL}": "CONFIG_HYPERV=y\nCONFIG_HYPERV_STORAGE=y\nCONFIG_HYPERV_NET=y\n"
    "CONFIG_HYPERV_KEYBOARD=y\nCONFIG_WATCHDOG=y\nCONFIG_CIFS=m\n",
    f"boot/vmlinuz-{KERNEL}": "MZ",
    f"usr/lib/modules/{KERNEL}/modules.builtin": "kernel/fs/udf/udf.ko\nkernel/fs/fat/vfat.ko\n",
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
        "etc/chrony.conf": "pool 2.rhel.pool.ntp.org iburst\n",
    },
    "suse": {
        "etc/sysconfig/network/dhcp": 'DHCLIENT_SET_HOSTNAME="yes"\n',
        "etc/zypp/credentials.d/SCCcredentials": "username=x\n",
        "etc/udev/rules.d/85-persistent-net-cloud-init.rules": "# card\n",
        "etc/chrony.conf": "pool 2.suse.pool.ntp.org iburst\n",
    },
    "azurelinux": {
        "etc/systemd/networkd.conf": "[Network]\n",
        "etc/dhcpcd.conf": "option host_name\n",
        "etc/chrony.conf": "pool time.windows.com iburst\n",
    },
}
MENU = "set default=0\nmenuentry 'Linux' --id linux {{\n\tlinux\t/boot/vmlinuz-{kernel} {line}\n}}\n"
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
        "etc/sysconfig/network/ifcfg-eth0": "BOOTPROTO='static'\nIPADDR='10.0.2.15/24'\nSTARTMODE='auto'\n"
    },
    "networkd": {
        "etc/systemd/network/10-static.network": "[Match]\nMACAddress=52:54:00:12:34:56\n"
        "[Network]\nAddress=10.0.2.15/24\n"
    },
}


def _boot(system: System) -> dict[str, str]:
    entry = f"title Linux\nversion {KERNEL}\nlinux /boot/vmlinuz-{KERNEL}\noptions "
    if system.loader == "grub":
        menu = {"boot/grub/grub.cfg": MENU.format(kernel=KERNEL, line=LINE)}
        return {**menu, "etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="rhgb quiet"\n'}
    if system.loader == "grub2":
        menu = {"boot/grub2/grub.cfg": MENU.format(kernel=KERNEL, line=LINE)}
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


def build(system: System, family: str, root: Path) -> Path:
    """Write the model's files below `root`, which does not exist yet."""
    release = f'ID="{system.id}"\nID_LIKE="{system.like}"\nVERSION_ID="{system.version.split()[0]}"\n'
    every = {
        **COMMON,
        **FAMILY[family],
        **NETWORK[system.network],
        **_boot(system),
        "etc/os-release": release,
    }
    ssh, agent = ("ssh", "walinuxagent") if family == "debian" else ("sshd", "waagent")
    every |= {"usr/sbin/sshd": ELF, "usr/sbin/waagent": "#!/usr/bin/python3\n"}
    every |= {f"{UNITS}/{ssh}.service": "[Service]\n", f"{UNITS}/{agent}.service": "[Service]\n"}
    if system.machine == "aarch64":
        every = {path: ELF_ARM64 if text == ELF else text for path, text in every.items()}
    for name, text in every.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("latin-1"))
    for name in ("bin", "sbin", "lib"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "usr/sbin/init").symlink_to("/usr/lib/systemd/systemd")
    manager = ["NetworkManager"] if system.network in ("nm", "ifcfg") else []
    for unit in (ssh, agent, *manager):
        link = root / WANTS / f"{unit}.service"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"/{UNITS}/{unit}.service")
    target = root / "etc/systemd/system/cloud-init.target.wants/cloud-init.service"
    target.parent.mkdir(parents=True)
    target.symlink_to(f"/{UNITS}/cloud-init.service")
    return root
