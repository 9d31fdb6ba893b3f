"""What the package tools of the models have, and stubs of those tools that hand it out.

The library of the steps runs for real and calls the stubs in the distribution's own words; what it asked for
is then laid into the model. A name that the distribution does not have is refused, as its own tool would.
"""

from __future__ import annotations

import shutil
import sqlite3
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

from generator.steps import RenderedStep, script

ELF = "\x7fELF\x02\x01\x01" + "\0" * 9 + "\x03\0\x3e\0"
UNITS = "usr/lib/systemd/system"
WANTS = "etc/systemd/system/multi-user.target.wants"
LIBRARIES = {"debian": "usr/lib/python3/dist-packages"}
OLD_AGENT = "2.2.41"
TOOLS = {"debian": "apt-get", "rhel": "dnf", "suse": "zypper", "azurelinux": "tdnf"}
SHELL = ("sh", "awk", "sed", "env", "timeout", "sleep", "cat", "tr", "rm", "sort", "grep", "id")
# The words by which a tool updates everything; `update` is for apt only the lists.
UPGRADES = {"apt-get": "full-upgrade", "dnf": "upgrade", "zypper": "update|dist-upgrade", "tdnf": "update"}
STUB = """#!/bin/sh
here={here}
echo "{tool} $*" >>$here/calls
install=no
for word; do
    [ $install = no ] || grep -qx -- "$word" $here/stock || exit 100
    [ "$word" != install ] || install=yes
done
for word; do
    case $word in
        {upgrade}) : >$here/upgraded ;;
        install) seen=yes ;;
        *) [ -z "${{seen:-}}" ] || echo "$word" >>$here/installed ;;
    esac
done
"""
ASK = """#!/bin/sh
for word; do :; done
case $* in *-qa* | "-W") cat {here}/installed {here}/upgraded 2>/dev/null || : ;; *) {answer} ;; esac
"""
SYSTEMCTL = """#!/bin/sh
[ "$1" != is-enabled ] || exit 1
[ "$1" != enable ] || echo "$3" >>{here}/enabled
"""


def agent(family: str, name: str, version: str) -> dict[str, str]:
    """Files of the Azure Linux Agent's package."""
    unit = "walinuxagent" if family == "debian" else "waagent"
    library = LIBRARIES.get(family, "usr/lib/python3/site-packages")
    return {
        "usr/sbin/waagent": "#!/usr/bin/python3\n",
        f"{UNITS}/{unit}.service": "[Service]\n",
        f"{library}/azurelinuxagent/common/version.py": f"AGENT_VERSION = '{version}'\n",
        "usr/lib/udev/rules.d/66-azure-storage.rules": "#\n",
        "usr/lib/udev/rules.d/99-azure-product-uuid.rules": "#\n",
        "etc/waagent.conf": "Provisioning.Agent=disabled\nResourceDisk.EnableSwap=y\n"
        "ResourceDisk.Format=y\nAutoUpdate.Enabled=n\nExtensions.Enabled=n\n",
    }


def cloud_init() -> dict[str, str]:
    return {
        "usr/bin/cloud-init": "#!/usr/bin/python3\n",
        **{f"{UNITS}/{name}.service": "[Service]\n" for name in CLOUD_UNITS},
        "etc/cloud/cloud.cfg": "users: [default]\n",
        "etc/cloud/cloud.cfg.d/90_base.cfg": "datasource_list: [ NoCloud, None ]\n",
    }


CLOUD_UNITS = ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final")


def files_of(family: str, name: str, versions: Mapping[str, str]) -> dict[str, str]:
    """The files of a package that anything here looks at; `versions` are the release's own."""
    pool = {"rhel": "2.rhel.pool.ntp.org", "suse": "2.suse.pool.ntp.org"}.get(family, "time.windows.com")
    ssh = "ssh" if family == "debian" else "sshd"
    known = {
        "python3": {f"usr/bin/python{versions['python']}": ELF},
        "python3-pyasn1": {f"{LIBRARIES.get(family, '')}/pyasn1/__init__.py": ""},
        "cloud-init": cloud_init(),
        "chrony": {
            f"etc/{'chrony/' if family == 'debian' else ''}chrony.conf": f"pool {pool} iburst\n",
            f"{UNITS}/chrony{'' if family == 'debian' else 'd'}.service": "[Service]\n",
        },
        "openssh-server": {"usr/sbin/sshd": ELF, f"{UNITS}/{ssh}.service": "[Service]\n"},
        "nftables": {"usr/sbin/nft": ELF},
        "iptables": {"usr/sbin/iptables": ELF},
        "azure-vm-utils": {
            "usr/lib/udev/rules.d/80-azure-disk.rules": "#\n",
            "usr/sbin/azure-nvme-id": ELF,
        },
    }
    known["openssh"] = known["openssh-server"]
    if name in AGENTS:
        return agent(family, name, versions["agent"])
    return known.get(name, {})


AGENTS = ("waagent", "walinuxagent", "WALinuxAgent", "python-azure-agent")
STOCK = {
    "debian": "openssl python3 python3-pyasn1 ca-certificates cloud-init cloud-guest-utils openssh-server"
    " iptables nftables chrony",
    "rhel": "openssl python3 ca-certificates cloud-init cloud-utils-growpart gdisk hyperv-daemons chrony"
    " openssh-server nftables WALinuxAgent",
    "suse": "openssl python3 ca-certificates cloud-init chrony openssh iptables",
    "azurelinux": "openssl python3 ca-certificates cloud-init chrony openssh-server iptables WALinuxAgent",
}
OWN = {
    "debian": "waagent",
    "ubuntu": "walinuxagent",
    "sles": "python-azure-agent",
    "opensuse": "WALinuxAgent",
}


class PackageTool:
    """The stubs of one model: what is in stock, what is installed, and what was called."""

    def __init__(self, folder: Path, family: str, distribution: str, versions: Mapping[str, str]) -> None:
        self.folder, self.family, self.versions = folder, family, versions
        self.name = TOOLS[family]
        self.agent = OWN.get(distribution, "WALinuxAgent")
        self.sshd = "openssh" if family == "suse" else "openssh-server"
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        for tool in SHELL:
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)
        upgrade = UPGRADES[self.name]
        stock = f"{STOCK[family]} {OWN.get(distribution, '')}"
        stock += " azure-vm-utils" if versions.get("links") else ""
        (folder / "stock").write_text("\n".join(stock.split()) + "\n")
        (folder / "installed").touch()
        installed = f'grep -qx -- "$word" {folder}/installed'
        status = f"! {installed} || printf installed"
        self._stub(self.name, STUB.format(here=folder, tool=self.name, upgrade=upgrade))
        if family == "debian":
            self._stub("dpkg-query", ASK.format(here=folder, answer=status))
        else:
            self._stub("rpm", ASK.format(here=folder, answer=installed))
        self._stub("systemctl", SYSTEMCTL.format(here=folder))
        for tool in ("openssl", "python3"):
            self._stub(tool, "#!/bin/sh\n")
        (self.bin / "id").unlink()
        self._stub("id", "#!/bin/sh\necho 0\n")

    def _stub(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def installed(self) -> list[str]:
        return (self.folder / "installed").read_text().split()

    def preinstall(self, root: Path, *names: str) -> None:
        """Packages that the base brings; an agent of long ago among them."""
        old = {**self.versions, "agent": OLD_AGENT}
        for name in names:
            lay(root, files_of(self.family, name, old))
        with (self.folder / "installed").open("a") as file:
            file.writelines(f"{name}\n" for name in names)
        self.record(root, old)

    def serve(self, root: Path, step: RenderedStep) -> str:
        """Run what `step` asks of package tool and systemd, lay the result into the model; what it said."""
        if not {"PACKAGE", "PACKAGES", "UNIT", "UNITS", "VERB"} & step.env.keys():
            return ""
        text = step.text if step.id in ("updates", "agent", "libraries") else _only_tools(step)
        have = set(self.installed())
        enabled = self.folder / "enabled"
        enabled.unlink(missing_ok=True)
        environment = {**step.env, "PATH": str(self.bin), "RETRY_WAIT": "0", "PACKAGE_WAIT": "10"}
        done = subprocess.run(
            [self.bin / "sh", "-c", text, step.filename], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, (step.id, done.stderr, (self.folder / "calls").read_text())
        new = [name for name in self.installed() if name not in have]
        if step.id == "updates" and (self.folder / "upgraded").exists():
            new += [name for name in have if name in AGENTS]
        for name in new:
            lay(root, files_of(self.family, name, self.versions))
        for unit in enabled.read_text().split() if enabled.exists() else []:
            link(root, unit)
        if new:
            self.record(root, self.versions)
        return done.stderr

    def record(self, root: Path, versions: Mapping[str, str]) -> None:
        """The package manager's own records of what is installed."""
        numbered = {name: self._version(name, versions) for name in self.installed()}
        if self.family == "debian":
            entry = "Package: {}\nStatus: install ok installed\nVersion: {}\n"
            text = "\n".join(entry.format(*pair) for pair in sorted(numbered.items()))
            lay(root, {"var/lib/dpkg/status": text})
            return
        path = root / "var/lib/rpm/rpmdb.sqlite"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        database.executemany(
            "INSERT INTO Packages (blob) VALUES (?)", [(_header(*pair),) for pair in sorted(numbered.items())]
        )
        database.commit()
        database.close()

    @staticmethod
    def _version(name: str, versions: Mapping[str, str]) -> str:
        key = "agent" if name in AGENTS else name
        return versions.get(key, "1.0")


def lay(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("latin-1"))
        if name.startswith("usr/bin/python"):
            (root / "usr/bin/python3").unlink(missing_ok=True)
            (root / "usr/bin/python3").symlink_to(path.name)


def link(root: Path, unit: str) -> None:
    """What `systemctl enable` makes, where the unit exists."""
    if (root / UNITS / unit).exists():
        place = root / WANTS / unit
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(f"/{UNITS}/{unit}")


def _only_tools(step: RenderedStep) -> str:
    """The library with what `step` asks of the tools; its files are edited by the step itself, later."""
    library = script("agent", "linux").rpartition("\ninstall_packages")[0]
    return f"""{library.replace("STEP=agent", f"STEP={step.id}")}
install_packages ${{PACKAGES:-${{PACKAGE:-}}}}
for unit in ${{UNITS:-${{UNIT:-}}}}; do enable_unit "$unit"; done
"""


def _header(name: str, version: str) -> bytes:
    """A header of rpm with a name, a version and a release."""
    number, _, release = version.partition("-")
    data, index = b"", b""
    for tag, text in ((1000, name), (1001, number), (1002, release or "1")):
        index += struct.pack(">IIII", tag, 6, len(data), 1)
        data += text.encode() + b"\0"
    return struct.pack(">II", len(index) // 16, len(data)) + index + data
