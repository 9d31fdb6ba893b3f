"""Windows systems for the tests: the clean one as settings and files, in memory or on a real NTFS disk."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from images import EFI, ESP, GIB, MIB, Content_, MemoryVolume, Partition, need, os_disk, run, unpack
from windows_hive import Data, Expand, hive

from validators.disk import Disk
from validators.filesystems import Content
from validators.guest import Stat
from validators.windows.system import System

BASIC_DATA = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
CONFIG = "/Windows/System32/config"
BCD = "/EFI/Microsoft/Boot/BCD"
WINDOWS = Partition(3, 128 * MIB, 126 * GIB, BASIC_DATA, "", Content("ntfs"))
AGENT = "C:\\WindowsAzure\\GuestAgent\\WindowsAzureGuestAgent.exe"
ENTRY = "{b5e2b1d4-0000-11ee-8b1e-806e6f6e6963}"
PARTITION = b"\0" * 16 + b"\6\0\0\0\0\0\0\0\x48\0\0\0\0\0\0\0" + b"C" * 56
REMOTE = "v2.31|Action=Allow|Active={}|Dir=In|Protocol={}|LPort=3389|Name=@FirewallAPI.dll,-28775|"
REMOTE += "EmbedCtxt=@FirewallAPI.dll,-28752|"
Settings = Mapping[str, Data | None]  # full name of a value → data; None takes it away


def rule_text(way: str, more: str = "", *, active: bool = True) -> str:
    return f"v2.31|Action=Allow|Active={str(active).upper()}|Dir={way}|{more}"


def boot(objects: str, number: str) -> str:
    return rf"BCD\Objects\{objects}\Elements\{number}\Element"


def integer(number: int) -> bytes:
    return struct.pack("<Q", number)


BOOTMGR, EMS = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}", "{0ce4991b-e6b3-4b16-b23c-5e0d9250e5d9}"
CONTROL, SERVICES = r"SYSTEM\ControlSet001\Control", r"SYSTEM\ControlSet001\Services"
FIREWALL = rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy"
FEATURES = r"SOFTWARE\Microsoft\ServerManager\ServicingStorage\ServerComponentCache"
NT = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
LISTENER = rf"{CONTROL}\Terminal Server\WinStations\RDP-Tcp"
TERMINAL_POLICY = r"SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
SYSPREP_STATUS = r"SYSTEM\Setup\Status\SysprepStatus"
DUMPS = r"SOFTWARE\Microsoft\Windows\Windows Error Reporting\LocalDumps"
AUTOMATIC = "BFE Dhcp Dnscache IKEEXT iphlpsvc nsi mpssvc RemoteRegistry w32time sacsvr"
AUTOMATIC += " RdAgent WindowsAzureGuestAgent"
MANUAL = "Netlogon Netman TermService WerSvc wuauserv"
STATE = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"
CLEAN: dict[str, Data | None] = {
    r"SYSTEM\Select\Current": 1,
    r"SYSTEM\Setup\SetupType": 2,
    r"SYSTEM\Setup\CmdLine": "oobe\\windeploy.exe",
    rf"{SYSPREP_STATUS}\CleanupState": 2,
    rf"{SYSPREP_STATUS}\GeneralizationState": 7,
    rf"{STATE}\ImageState": "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE",
    rf"{NT}\ProductName": "Windows Server 2022 Datacenter",
    rf"{NT}\CurrentBuildNumber": "20348",
    rf"{NT}\InstallationType": "Server",
    rf"{SERVICES}\cdrom\Start": 1,
    **{rf"{SERVICES}\{name}\Start": 2 for name in AUTOMATIC.split()},
    **{rf"{SERVICES}\{name}\Start": 3 for name in MANUAL.split()},
    rf"{SERVICES}\WindowsAzureGuestAgent\ImagePath": Expand(AGENT),
    rf"{SERVICES}\stornvme\Parameters\IoTimeoutValue": 240,
    rf"{SERVICES}\partmgr\Parameters\SanPolicy": 1,
    rf"{CONTROL}\Terminal Server\fDenyTSConnections": 0,
    rf"{LISTENER}\PortNumber": 3389,
    rf"{LISTENER}\LanAdapter": 0,
    rf"{LISTENER}\UserAuthentication": 1,
    rf"{LISTENER}\KeepAliveTimeout": 1,
    rf"{LISTENER}\fInheritReconnectSame": 1,
    rf"{LISTENER}\fReconnectSame": 0,
    rf"{LISTENER}\MaxInstanceCount": 0xFFFFFFFF,
    rf"{TERMINAL_POLICY}\KeepAliveEnable": 1,
    rf"{TERMINAL_POLICY}\KeepAliveInterval": 1,
    rf"{TERMINAL_POLICY}\fDisableAutoReconnect": 0,
    **{rf"{FIREWALL}\{name}Profile\EnableFirewall": 1 for name in ("Domain", "Standard", "Public")},
    rf"{FIREWALL}\FirewallRules\RemoteDesktop-UserMode-In-TCP": REMOTE.format("TRUE", 6),
    rf"{FIREWALL}\FirewallRules\RemoteDesktop-UserMode-In-UDP": REMOTE.format("TRUE", 17),
    rf"{FIREWALL}\FirewallRules\FPS-ICMP4-ERQ-In": rule_text("In", "Protocol=1|ICMP4=8:*|"),
    rf"{FIREWALL}\FirewallRules\WINRM-HTTP-In-TCP": rule_text("In", "LPort=5985|"),
    rf"{FIREWALL}\FirewallRules\WINRM-HTTP-In-TCP-PUBLIC": rule_text("In", "LPort=5985|", active=False),
    rf"{FIREWALL}\FirewallRules\azure-in": rule_text("In", "RA4=168.63.129.16|"),
    rf"{FIREWALL}\FirewallRules\azure-out": rule_text("Out", "RA4=168.63.129.16/255.255.255.255|"),
    rf"{CONTROL}\TimeZoneInformation\RealTimeIsUniversal": 1,
    rf"{CONTROL}\Session Manager\Environment\TEMP": Expand("%SystemRoot%\\TEMP"),
    rf"{CONTROL}\Session Manager\Environment\TMP": Expand("%SystemRoot%\\TEMP"),
    rf"{CONTROL}\Session Manager\Memory Management\PagingFiles": ["D:\\pagefile.sys"],
    rf"{CONTROL}\CrashControl\CrashDumpEnabled": 2,
    rf"{CONTROL}\CrashControl\DumpFile": Expand("%SystemRoot%\\MEMORY.DMP"),
    rf"{CONTROL}\CrashControl\NMICrashDump": 1,
    rf"{DUMPS}\DumpFolder": Expand("C:\\CrashDumps"),
    rf"{DUMPS}\DumpType": 2,
    rf"{DUMPS}\CrashCount": 10,
    rf"{FEATURES}\FileAndStorage-Services\InstallState": 1,
    rf"{FEATURES}\DHCP\InstallState": 0,
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections\WinHttpSettings": (
        b"\x18\0\0\0\0\0\0\0\1\0\0\0" + bytes(8)
    ),
    boot(BOOTMGR, "23000003"): ENTRY,
    boot(BOOTMGR, "1500004b"): integer(1),
    boot(BOOTMGR, "26000020"): b"\1",
    boot(BOOTMGR, "25000004"): integer(5),
    boot(BOOTMGR, "16000020"): b"\1",
    boot(ENTRY, "11000001"): PARTITION,
    boot(ENTRY, "21000001"): PARTITION,
    boot(ENTRY, "1500004b"): integer(1),
    boot(ENTRY, "16000009"): b"\0",
    boot(ENTRY, "250000e0"): integer(1),
    boot(ENTRY, "260000b0"): b"\1",
    boot(EMS, "15000022"): integer(1),
    boot(EMS, "15000023"): integer(115200),
}


def program(version: str = "10.0.20348.1", machine: int = 0x8664) -> bytes:
    """A Windows program of nothing but headers and a version resource; without one if `version` is empty."""
    first, second, third, fourth = (int(part) for part in (version or "0.0.0.0").split("."))
    fixed = struct.pack("<13I", 0xFEEF04BD, 0x10000, first << 16 | second, third << 16 | fourth, *[0] * 9)
    info = struct.pack("<HHH", 40 + len(fixed), len(fixed), 0)
    info += "VS_VERSION_INFO\0".encode("utf-16-le").ljust(34, b"\0") + fixed
    address = 0x1000
    folders = b"".join(
        struct.pack("<12xHHII", 0, 1, name, place)
        for name, place in ((16, 0x80000018), (1, 0x80000030), (1033, 0x48))
    )
    section = folders + struct.pack("<IIII", address + 0x58, len(info), 0, 0) + info
    section = section.ljust(512, b"\0")
    wide = machine != 0x14C
    optional = struct.pack("<H", 0x20B if wide else 0x10B).ljust(108 if wide else 92, b"\0")
    optional += (
        struct.pack("<I", 16) + bytes(16) + struct.pack("<II", address if version else 0, 512) + bytes(104)
    )
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"PE\0\0"
    head += struct.pack("<HHIIIHH", machine, 1, 0, 0, 0, len(optional), 0x22) + optional
    head += struct.pack("<8sIIIIIIHHI", b".rsrc", 512, address, 512, 512, 0, 0, 0, 0, 0x40000040)
    return head.ljust(512, b"\0") + section


FILES: dict[str, Content_] = {
    "/Windows/System32/ntoskrnl.exe": program(),
    "/Windows/System32/drivers/srv2.sys": program(),
    "/Windows/System32/drivers/vmbus.sys": program(),
    "/Windows/System32/drivers/storvsc.sys": program(),
    "/Windows/System32/drivers/etc/hosts": "# sample\n#\t127.0.0.1 localhost\n",
    "/Windows/System32/Sysprep/Sysprep_succeeded.tag": "",
    "/Windows/System32/Sysprep/sysprep.exe": program(),
    "/Windows/System32/Tasks/Microsoft/Windows/Defrag/ScheduledDefrag": "<Task><TimeTrigger/></Task>",
    "/WindowsAzure/GuestAgent/WindowsAzureGuestAgent.exe": program("2.7.41491.1110"),
    "/Users/Default/NTUSER.DAT": b"regf",
}


def hives(changes: Settings | None = None) -> dict[str, bytes]:
    """SYSTEM, SOFTWARE and BCD of the clean Windows with some values changed; a change's name may say
    CurrentControlSet."""
    wanted = {**CLEAN}
    for name, data in (changes or {}).items():
        name = name.replace("CurrentControlSet", "ControlSet001")
        known = next((old for old in wanted if old.casefold() == name.casefold()), name)
        wanted[known] = data
    trees: dict[str, dict[str, dict[str, Data]]] = {"SYSTEM": {}, "SOFTWARE": {}, "BCD": {}}
    for name, data in wanted.items():
        if data is not None:
            top, _, rest = name.partition("\\")
            key, _, value = rest.rpartition("\\")
            trees[top].setdefault(key, {})[value] = data
    return {name: hive(keys) for name, keys in trees.items()}


class AnyCase(MemoryVolume):
    """A volume that finds names as Windows does."""

    def __init__(self, files: Mapping[str, Content_]) -> None:
        super().__init__(files)
        self._spelled = {path.casefold(): path for path in (*self.files, *self.folders)}

    def lstat(self, path: str) -> Stat | None:
        return super().lstat(self._spelling(path))

    def readlink(self, path: str) -> str:
        return super().readlink(self._spelling(path))

    def listdir(self, path: str) -> list[str]:
        return super().listdir(self._spelling(path))

    def read(self, path: str, count: int, offset: int = 0) -> bytes:
        return super().read(self._spelling(path), count, offset)

    def _spelling(self, path: str) -> str:
        return self._spelled.get(path.casefold(), path)


def tree(
    registry: Settings | None = None, files: Mapping[str, Content_] | None = None
) -> dict[str, Content_]:
    """All files of the Windows volume."""
    written = hives(registry)
    return {
        **FILES,
        f"{CONFIG}/SYSTEM": written["SYSTEM"],
        f"{CONFIG}/SOFTWARE": written["SOFTWARE"],
        **(files or {}),
    }


def windows_disk(
    registry: Settings | None = None,
    files: Mapping[str, Content_] | None = None,
    *,
    boot_files: Mapping[str, Content_] | None = None,
    **disk: Any,
) -> Disk:
    """The clean Windows on a clean gen2 disk, in memory; `registry` and `files` are laid over it."""
    from dataclasses import replace

    loader = {"/EFI/BOOT/BOOTX64.EFI": b"MZ", BCD: hives(registry)["BCD"], **(boot_files or {})}
    partitions = (WINDOWS, EFI)
    facts = {"name": "server-1.0.0-gen2-os.vhd", "size": 128 * GIB, "partitions": partitions, **disk}
    found = os_disk(system="windows", loader=loader, roots=(WINDOWS,), **facts)
    esp = AnyCase({path: content for path, content in loader.items() if content is not None})
    system = System(AnyCase(tree(registry, files)), {EFI.title: esp})
    return replace(found, guest=system, reason="")


def write_ntfs(path: Path, files: Mapping[str, Content_], size_mib: int = 24) -> Path:
    """An NTFS volume with these files, without root: mkntfs on a file, and wimlib, which fills it."""
    need("mkntfs", "wimlib-imagex")
    folder = path.with_suffix(".tree")
    unpack(files, folder)
    with path.open("wb") as file:
        file.truncate(size_mib * MIB)
    run("mkntfs", "-F", "-Q", "-q", "-s", "512", "-p", "2048", "-H", "255", "-S", "63", path)
    archive = path.with_suffix(".wim")
    run("wimlib-imagex", "capture", folder, archive, "--compress=none", "--no-acls", "--norpfix")
    run("wimlib-imagex", "apply", archive, "1", path, "--no-acls", "--norpfix")
    return path


def write_windows_disk(
    path: Path, registry: Settings | None = None, files: Mapping[str, Content_] | None = None, roots: int = 1
) -> Path:
    """A raw gen2 disk: GPT, a FAT32 EFI system partition with loader and BCD, and NTFS with Windows."""
    need("sfdisk", "mkfs.vfat", "mmd", "mcopy")
    start, sectors = 73728, 24 * 2048
    with path.open("wb") as file:
        file.truncate((37 + 24 * roots) * MIB)
    script = f"label: gpt\nunit: sectors\nfirst-lba: 2048\n1 : start=2048, size=69632, type={ESP}\n"
    for number in range(roots):
        script += f"{number + 2} : start={start + number * sectors}, size={sectors}, type={BASIC_DATA}\n"
    run("sfdisk", "--quiet", path, text=script)
    run("mkfs.vfat", "-i", "12345678", "-F", "32", "--offset", "2048", path, str(34 * 1024))
    esp = f"{path}@@{2048 * 512}"
    run("mmd", "-i", esp, "::/EFI", "::/EFI/BOOT", "::/EFI/Microsoft", "::/EFI/Microsoft/Boot")
    for name, content in (("BOOT/BOOTX64.EFI", b"MZ"), ("Microsoft/Boot/BCD", hives(registry)["BCD"])):
        piece = path.with_suffix(".piece")
        piece.write_bytes(content)
        run("mcopy", "-i", esp, piece, f"::/EFI/{name}")
    volume = write_ntfs(path.with_suffix(".ntfs"), tree(registry, files)).read_bytes()
    with path.open("r+b") as file:
        for number in range(roots):
            file.seek((start + number * sectors) * 512)
            file.write(volume)
    return path
