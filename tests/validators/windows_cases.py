# ruff: noqa: E501 - a row is a line
"""For every Windows rule that decides: images that meet it and images that do not. A new rule needs new rows."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from images import Content_, sku
from windows_hive import Expand
from windows_images import (
    BOOTMGR,
    CONTROL,
    EMS,
    ENTRY,
    FEATURES,
    FIREWALL,
    LISTENER,
    NT,
    REMOTE,
    SERVICES,
    SYSPREP_STATUS,
    TERMINAL_POLICY,
    Settings,
    boot,
    integer,
    program,
    rule_text,
    windows_disk,
)  # fmt: skip

from generator.model import Generation, Sku
from validators.disk import Disk

DOCUMENT = {
    "plan": {"id": "server", "title": "Server", "summary": "A server"},
    "os": {
        "family": "windows",
        "distribution": "windows-server",
        "version": "2022",
        "friendly_name": "Windows Server 2022",
    },
    "base": {
        "azure-arm": {
            "marketplace": {
                "publisher": "MicrosoftWindowsServer",
                "offer": "WindowsServer",
                "sku": "2022-datacenter-g2",
            }
        }
    },
    "os_disk": {"size_gib": 128},
}


@dataclass(frozen=True)
class WindowsRow:
    """`registry` and `files` laid over the clean Windows; `evidence` must be in the outcome."""

    rule: str
    status: str
    registry: Settings = field(default_factory=dict)
    files: Mapping[str, Content_] = field(default_factory=dict)
    boot_files: Mapping[str, Content_] = field(default_factory=dict)
    disk: Mapping[str, Any] = field(default_factory=dict)
    sku: Mapping[str, Any] | None = None
    profile: str = "strict"
    evidence: str = ""

    def image(self) -> Disk:
        return windows_disk(self.registry, self.files, boot_files=self.boot_files, **self.disk)

    def definition(self) -> Sku | None:
        return None if self.sku is None else sku(**{**DOCUMENT, **self.sku})


def proxy(flags: int, server: bytes = b"", bypass: bytes = b"") -> dict[str, bytes]:
    key = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections\WinHttpSettings"
    data = struct.pack("<III", 0x28, 0, flags) + struct.pack("<I", len(server)) + server
    return {key: data + struct.pack("<I", len(bypass)) + bypass}


def server(name: str, build: str) -> dict[str, str]:
    return {rf"{NT}\ProductName": f"Windows Server {name}", rf"{NT}\CurrentBuildNumber": build}


def task(content: str) -> dict[str, Content_]:
    return {"/Windows/System32/Tasks/Product": b"\xff\xfe" + f"<Task>{content}</Task>".encode("utf-16-le")}


SMB = "/Windows/System32/drivers/srv2.sys"
KERNEL, STORPORT = "/Windows/System32/ntoskrnl.exe", "/Windows/System32/drivers/storport.sys"
AGENT_FILE = "/WindowsAzure/GuestAgent/WindowsAzureGuestAgent.exe"
STATE = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State\ImageState"
DENY = r"SOFTWARE\Policies\Microsoft\Windows\RemovableStorageDevices"
UPDATES = r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU"
MEMORY = rf"{CONTROL}\Session Manager\Memory Management"
ENVIRONMENT = rf"{CONTROL}\Session Manager\Environment"
NVME = {"properties": {"nvme": True}}
CLOSED = {"properties": {"remote_connection": False}}
FIRST_BOOT = (Path(__file__).parents[2] / "provisioners/windows/first-boot-task.ps1").read_bytes()
ONCE = "<Triggers><TimeTrigger><StartBoundary>2026-01-01T00:00:00</StartBoundary></TimeTrigger></Triggers>"
AT_START = "<Triggers><BootTrigger/></Triggers><Exec><Command>powershell</Command><Arguments>-File &quot;C:\\setup\\first.ps1&quot;</Arguments></Exec>"

WINDOWS_ROWS = [
    # --- the disk ------------------------------------------------------------------------------------------
    WindowsRow("DSK-OS-001", "pass", sku={}),
    WindowsRow("DSK-OS-001", "warn", server("2019 Datacenter", "17763"), sku={}, evidence="2019"),
    WindowsRow("DSK-GEN-003", "pass"),
    WindowsRow("DSK-GEN-003", "fail", files={"/Windows/System32/ntoskrnl.exe": program(machine=0xAA64)}),
    WindowsRow("DSK-GEN-003", "pass", files={"/Windows/System32/ntoskrnl.exe": program(machine=0xAA64)}, disk={"generation": Generation.ARM64}),
    # --- the system and sysprep -----------------------------------------------------------------------------
    WindowsRow("WIN-ARCH-001", "pass", evidence="x86_64, 64 bit"),
    WindowsRow("WIN-ARCH-001", "fail", files={"/Windows/System32/ntoskrnl.exe": program(machine=0x14C)}, evidence="32 bit"),
    WindowsRow("WIN-ARCH-001", "undecidable", files={"/Windows/System32/ntoskrnl.exe": b"MZ"}),
    WindowsRow("WIN-GEN-001", "pass"),
    WindowsRow("WIN-GEN-001", "fail", {STATE: "IMAGE_STATE_COMPLETE"}, evidence="IMAGE_STATE_COMPLETE"),
    WindowsRow("WIN-GEN-001", "fail", {STATE: None}, evidence="is not set"),
    WindowsRow("WIN-GEN-002", "pass"),
    WindowsRow("WIN-GEN-002", "fail", files={"/Windows/System32/Sysprep/Sysprep_succeeded.tag": None}),
    WindowsRow("WIN-GEN-003", "pass"),
    WindowsRow("WIN-GEN-003", "pass", {r"SYSTEM\Setup\CmdLine": "C:\\Windows\\System32\\OOBE\\WinDeploy.exe"}),
    WindowsRow("WIN-GEN-003", "fail", {r"SYSTEM\Setup\SetupType": 0}, evidence="SetupType is 0, wanted 2"),
    WindowsRow("WIN-GEN-003", "fail", {r"SYSTEM\Setup\CmdLine": ""}, evidence="windeploy"),
    WindowsRow("WIN-GEN-004", "pass"),
    WindowsRow("WIN-GEN-004", "warn", {rf"{SYSPREP_STATUS}\GeneralizationState": 3}),
    WindowsRow("WIN-GEN-005", "pass"),
    WindowsRow("WIN-GEN-005", "warn", files={"/Windows/Panther/setupact.log": "log\n"}, evidence="setupact.log"),
    WindowsRow("WIN-GEN-005", "warn", files={"/Windows/System32/Sysprep/Unattend.xml": "<x/>"}, evidence="answer file"),
    WindowsRow("WIN-GEN-005", "warn", {r"SYSTEM\Setup\UnattendFile": "D:\\a.xml"}, evidence="D:\\a.xml"),
    WindowsRow("WIN-GEN-006", "pass"),
    WindowsRow("WIN-GEN-006", "warn", files={"/Packages/Plugins/Microsoft.Compute.BGInfo/x": ""}, evidence="BGInfo"),
    WindowsRow("WIN-GEN-006", "warn", {rf"{FEATURES}\AD-Domain-Services\InstallState": 1}, evidence="AD-Domain"),
    # --- devices, services and remote access ----------------------------------------------------------------
    WindowsRow("WIN-DVD-001", "pass"),
    WindowsRow("WIN-DVD-001", "pass", {rf"{DENY}\Deny_All": 0}),
    WindowsRow("WIN-DVD-001", "fail", {rf"{SERVICES}\cdrom\Start": 4}, evidence="cdrom\\Start is 4, wanted 1"),
    WindowsRow("WIN-DVD-001", "fail", {rf"{DENY}\Deny_All": 1}),
    WindowsRow("WIN-SVC-001", "pass"),
    WindowsRow("WIN-SVC-001", "warn", {rf"{SERVICES}\w32time\Start": 3, rf"{SERVICES}\Netlogon\Start": 2}, evidence="Netlogon\\Start is 2"),
    WindowsRow("WIN-SAC-001", "pass"),
    WindowsRow("WIN-SAC-001", "warn", {rf"{SERVICES}\sacsvr\Start": 3}),
    WindowsRow("WIN-RDP-001", "pass"),
    WindowsRow("WIN-RDP-001", "fail", {rf"{CONTROL}\Terminal Server\fDenyTSConnections": 1}),
    WindowsRow("WIN-RDP-001", "fail", {rf"{TERMINAL_POLICY}\fDenyTSConnections": 1}),
    WindowsRow("WIN-RDP-001", "skip", {rf"{CONTROL}\Terminal Server\fDenyTSConnections": 1}, sku=CLOSED),
    WindowsRow("OFR-PROP-001", "pass", sku={"properties": {"nvme": True}}, evidence="extensions, nvme, remote_connection"),
    WindowsRow("OFR-PROP-001", "fail", {rf"{CONTROL}\Terminal Server\fDenyTSConnections": 1}, sku={}, evidence="(WIN-RDP-001)"),
    WindowsRow("WIN-RDP-002", "pass"),
    WindowsRow("WIN-RDP-002", "warn", {rf"{LISTENER}\PortNumber": 3390}, evidence="3390"),
    WindowsRow("WIN-RDP-002", "warn", {rf"{LISTENER}\SSLCertificateSHA1Hash": b"x" * 20}, evidence="is set"),
    WindowsRow("WIN-RDP-003", "pass"),
    WindowsRow("WIN-RDP-003", "warn", {rf"{TERMINAL_POLICY}\KeepAliveEnable": None}),
    WindowsRow("WIN-FW-001", "pass"),
    WindowsRow("WIN-FW-001", "warn", {rf"{FIREWALL}\PublicProfile\EnableFirewall": 0}, evidence="PublicProfile"),
    WindowsRow("WIN-FW-001", "warn", {r"SOFTWARE\Policies\Microsoft\WindowsFirewall\PublicProfile\EnableFirewall": 0}),
    WindowsRow("WIN-FW-001", "warn", {rf"{FIREWALL}\FirewallRules\RemoteDesktop-UserMode-In-UDP": REMOTE.format("FALSE", 17)}, evidence="Remote Desktop is not let in (RemoteDesktop-UserMode-In-UDP)"),
    WindowsRow("WIN-FW-001", "warn", {rf"{FIREWALL}\FirewallRules\WINRM-HTTP-In-TCP": None}, evidence="WinRM is not let in"),
    WindowsRow("WIN-FW-001", "warn", {rf"{FIREWALL}\FirewallRules\FPS-ICMP4-ERQ-In": None}, evidence="ping is not let in (there is no rule)"),
    WindowsRow("WIN-FW-001", "warn", {rf"{FIREWALL}\FirewallRules\azure-out": rule_text("In", "RA4=168.63.129.16|")}, evidence="168.63.129.16 out"),
    # --- the boot configuration -----------------------------------------------------------------------------
    WindowsRow("WIN-BCD-001", "pass"),
    WindowsRow("WIN-BCD-001", "warn", {boot(EMS, "15000023"): integer(9600)}, evidence="emsbaudrate of ems is 9600"),
    WindowsRow("WIN-BCD-001", "warn", {boot(ENTRY, "260000b0"): None}, evidence="ems of default is not set"),
    WindowsRow("WIN-BCD-001", "warn", {boot(ENTRY, "21000001"): b"another"}, evidence="osdevice"),
    WindowsRow("WIN-BCD-001", "warn", {boot(BOOTMGR, "23000003"): None}, evidence="of default is not set"),
    WindowsRow("WIN-BCD-001", "undecidable", boot_files={"/EFI/Microsoft/Boot/BCD": None}, evidence="no boot configuration"),
    WindowsRow("WIN-BCD-001", "undecidable", boot_files={"/EFI/Microsoft/Boot/BCD": b"regf"}, evidence="broken at"),
    # --- settings ------------------------------------------------------------------------------------------
    WindowsRow("WIN-NET-001", "pass"),
    WindowsRow("WIN-NET-001", "pass", proxy(3, b"proxy:8080", b"<local>;168.63.*")),
    WindowsRow("WIN-NET-001", "warn", proxy(3, b"user:word@proxy:8080", b"<local>"), evidence="the proxy proxy:8080, but for <local>"),
    WindowsRow("WIN-NET-001", "warn", proxy(3, b"proxy:8080")),
    WindowsRow("WIN-NET-001", "warn", {rf"{SERVICES}\Tcpip\Parameters\PersistentRoutes\10.0.0.0,255.0.0.0,10.1.1.1,1": ""}, evidence="10.1.1.1"),
    WindowsRow("WIN-TIME-001", "pass"),
    WindowsRow("WIN-TIME-001", "warn", {rf"{CONTROL}\TimeZoneInformation\RealTimeIsUniversal": None}),
    WindowsRow("WIN-ENV-001", "pass"),
    WindowsRow("WIN-ENV-001", "pass", {rf"{ENVIRONMENT}\TEMP": Expand("%systemroot%\\temp")}),
    WindowsRow("WIN-ENV-001", "warn", {rf"{ENVIRONMENT}\TEMP": Expand("D:\\temp")}),
    WindowsRow("WIN-ENV-001", "warn", {rf"{ENVIRONMENT}\TMP": "%SystemRoot%\\TEMP"}, evidence="REG_EXPAND_SZ"),
    WindowsRow("WIN-SAN-001", "pass"),
    WindowsRow("WIN-SAN-001", "warn", {rf"{SERVICES}\partmgr\Parameters\SanPolicy": 2}),
    WindowsRow("WIN-SAN-001", "warn", {rf"{SERVICES}\partmgr\Parameters\SanPolicy": None}),
    WindowsRow("WIN-DUMP-001", "pass"),
    WindowsRow("WIN-DUMP-001", "warn", {rf"{CONTROL}\CrashControl\CrashDumpEnabled": 7}),
    WindowsRow("WIN-PAGE-001", "pass"),
    WindowsRow("WIN-PAGE-001", "pass", {rf"{MEMORY}\PagingFiles": ["d:\\pagefile.sys 0 0"]}),
    WindowsRow("WIN-PAGE-001", "warn", {rf"{MEMORY}\PagingFiles": ["?:\\pagefile.sys"]}),
    WindowsRow("WIN-PAGE-001", "warn", {rf"{MEMORY}\PagingFiles": None}, evidence="none is set"),
    WindowsRow("WIN-NVME-001", "pass", sku=NVME),
    WindowsRow("WIN-NVME-001", "skip"),
    WindowsRow("WIN-NVME-001", "fail", {rf"{SERVICES}\stornvme\Parameters\IoTimeoutValue": 30}, sku=NVME),
    WindowsRow("WIN-NVME-001", "fail", server("2016 Datacenter", "14393"), sku=NVME, evidence="2019 or later"),
    # --- software and updates -------------------------------------------------------------------------------
    WindowsRow("WIN-AGENT-001", "pass", evidence="2.7.41491.1110"),
    WindowsRow("WIN-AGENT-001", "warn", {rf"{SERVICES}\RdAgent\Start": None}, evidence="RdAgent is not installed"),
    WindowsRow("WIN-AGENT-001", "warn", {rf"{SERVICES}\RdAgent\Start": 4}, evidence="RdAgent is disabled"),
    WindowsRow("WIN-AGENT-001", "warn", files={AGENT_FILE: None}, evidence="missing"),
    WindowsRow("WIN-AGENT-001", "warn", files={AGENT_FILE: program("2.7.41491.1009")}),
    WindowsRow("WIN-AGENT-001", "undecidable", files={AGENT_FILE: program("")}, evidence="no version resource"),
    WindowsRow("WIN-AGENT-001", "pass", {rf"{SERVICES}\WindowsAzureGuestAgent\ImagePath": '"C:\\WindowsAzure\\GuestAgent\\WindowsAzureGuestAgent.exe" -service'}),
    WindowsRow("WIN-PATCH-002", "pass"),
    WindowsRow("WIN-PATCH-002", "pass", server("2016", "14393"), {SMB: program("10.0.14393.953")}),
    WindowsRow("WIN-PATCH-002", "fail", server("2016", "14393"), {SMB: program("10.0.14393.952")}, evidence="10.0.14393.952"),
    WindowsRow("WIN-PATCH-002", "pass", server("2012 R2", "9600"), {SMB: program("6.3.9600.1"), "/Windows/System32/drivers/srv.sys": program("6.3.9600.18604")}),
    WindowsRow("WIN-PATCH-002", "undecidable", server("2016", "14393"), {SMB: None}),
    WindowsRow("WIN-PATCH-002", "undecidable", server("", "6003"), evidence="not in the published table"),
    WindowsRow("WIN-PATCH-003", "pass", evidence="came after the table"),
    WindowsRow("WIN-PATCH-003", "pass", server("2016", "14393"), {KERNEL: program("10.0.14393.1358"), STORPORT: program("10.0.14393.2000")}, evidence="2 files"),
    WindowsRow("WIN-PATCH-003", "warn", server("2016", "14393"), {KERNEL: program("10.0.14393.1358"), STORPORT: program("10.0.14393.1357")}, evidence="drivers/storport.sys 10.0.14393.1357, at least 10.0.14393.1358"),
    WindowsRow("WIN-PATCH-003", "undecidable", server("", "6003"), evidence="not in the published table"),
    WindowsRow("WIN-PATCH-003", "undecidable", server("2016", "14393"), {KERNEL: None}, evidence="none of the"),
    WindowsRow("WIN-PATCH-004", "pass"),
    WindowsRow("WIN-PATCH-004", "warn", {rf"{UPDATES}\NoAutoUpdate": 1}),
    WindowsRow("WIN-PATCH-004", "warn", {rf"{SERVICES}\wuauserv\Start": 4}, evidence="wanted 2 or 3"),
    WindowsRow("WIN-ROLE-001", "pass"),
    WindowsRow("WIN-ROLE-001", "fail", {rf"{FEATURES}\Failover-Clustering\InstallState": 1}, evidence="Failover-Clustering"),
    WindowsRow("WIN-ROLE-001", "undecidable", {rf"{FEATURES}\DHCP\InstallState": None, rf"{FEATURES}\FileAndStorage-Services\InstallState": None}),
    WindowsRow("WIN-IC-001", "skip"),
    WindowsRow("WIN-IC-001", "warn", server("2012 R2", "9600"), {"/Windows/System32/drivers/vmbus.sys": None}),
    WindowsRow("WIN-IC-001", "undecidable", server("2012 R2", "9600")),
    # --- what is left behind --------------------------------------------------------------------------------
    WindowsRow("WIN-TASK-001", "pass"),
    WindowsRow("WIN-TASK-001", "warn", files=task(ONCE)),
    WindowsRow("WIN-TASK-001", "pass", files=task(ONCE + "<Settings><DeleteExpiredTaskAfter>PT0S</DeleteExpiredTaskAfter></Settings>")),
    WindowsRow("WIN-TASK-001", "pass", files=task(ONCE.replace("</TimeT", "<Repetition/></TimeT"))),
    WindowsRow("WIN-TASK-001", "undecidable", files=task(AT_START), evidence="Product"),
    WindowsRow("WIN-TASK-001", "pass", files={**task(AT_START), "/Setup/First.ps1": "Unregister-ScheduledTask -TaskName Product\n"}),
    WindowsRow("WIN-TASK-001", "pass", files={**task(AT_START.replace("C:\\setup\\first.ps1", "C:\\Program Files\\vmoffer\\first-boot.ps1")), "/Program Files/vmoffer/first-boot.ps1": FIRST_BOOT}, evidence="1 tasks"),
    WindowsRow("WIN-CRED-001", "pass"),
    WindowsRow("WIN-CRED-001", "fail", {rf"{NT}\Winlogon\DefaultPassword": "word"}, evidence="automatic logon"),
    WindowsRow("WIN-CRED-001", "fail", files={"/Users/packer/.ssh/id_rsa": "-----BEGIN"}, evidence="id_rsa"),
    WindowsRow("WIN-CRED-001", "warn", files={"/Windows/System32/drivers/etc/hosts": "10.0.0.1 build # x\n127.0.0.1 localhost\n"}, evidence="10.0.0.1 build"),
    WindowsRow("WIN-CRED-001", "warn", files={"/Users/packer/AppData/Roaming/Microsoft/Windows/PowerShell/PSReadLine/ConsoleHost_history.txt": "x"}),
    WindowsRow("WIN-CRED-001", "warn", {r"SOFTWARE\Microsoft\SystemCertificates\MY\Certificates\0123\Blob": b"x"}, evidence="1 certificates"),
    # --- the control set, and hives that cannot be read -----------------------------------------------------
    WindowsRow("WIN-SAC-001", "warn", {r"SYSTEM\Select\Current": 2, r"SYSTEM\ControlSet002\Services\sacsvr\Start": 4}, evidence="is 4"),
    WindowsRow("WIN-SAC-001", "undecidable", {r"SYSTEM\Select\Current": 3}, evidence="ControlSet003"),
    WindowsRow("WIN-SAC-001", "undecidable", {r"SYSTEM\Select\Current": None}, evidence="Select"),
    WindowsRow("WIN-GEN-001", "undecidable", files={"/Windows/System32/config/SOFTWARE": None}, evidence="no hive"),
    WindowsRow("WIN-GEN-001", "undecidable", files={"/Windows/System32/config/SOFTWARE": b"regf" + bytes(8000)}, evidence="broken at 0x1fc"),
]  # fmt: skip
