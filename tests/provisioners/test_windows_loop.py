"""Closed loop for Windows: rules fail on a fresh registry, the steps' tables are written, the rules pass.

No PowerShell runs here. What a row of a table means to Windows is in `applied`; the rules judge real hives.
The table of it is docs/windows.md; VMOFFER_GOLDEN=1 writes it anew.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from validators.catalogue import rules

sys.path.insert(0, str(Path(__file__).parents[1] / "validators"))
import images
import windows_cases
from windows_hive import Data, Expand
from windows_images import (
    BOOTMGR,
    CLEAN,
    CONTROL,
    DUMPS,
    EMS,
    ENTRY,
    FIREWALL,
    LISTENER,
    PARTITION,
    REMOTE,
    SERVICES,
    TERMINAL_POLICY,
    Settings,
    boot,
    integer,
    rule_text,
    windows_disk,
)

PAGE = Path(__file__).parents[2] / "docs/windows.md"
SCRIPTS = Path(__file__).parents[2] / "provisioners/windows"
RULES = [
    rule.id
    for rule in rules().values()
    if rule.id.startswith("WIN-") and "offline" in rule.decidable and not rule.offline
]
ROUTES = rf"{SERVICES}\Tcpip\Parameters\PersistentRoutes"
PROXY = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections\WinHttpSettings"
DENY = r"SOFTWARE\Policies\Microsoft\Windows\RemovableStorageDevices\Deny_All"
# What no table makes true, and why.
ELSEWHERE = {
    "WIN-ARCH-001": "which Windows was installed",
    "WIN-GEN-001": "sysprep itself writes it",
    "WIN-GEN-002": "sysprep itself writes it",
    "WIN-GEN-003": "sysprep itself writes it",
    "WIN-GEN-004": "sysprep itself writes it",
    "WIN-GEN-005": "the script of the step sysprep deletes files",
    "WIN-GEN-006": "the step blockers stops the build; it changes nothing",
    "WIN-ROLE-001": "the step blockers stops the build; it changes nothing",
    "WIN-TASK-001": "a task deletes itself when it runs",
    "WIN-AGENT-001": "the agent's installer",
    "WIN-PATCH-002": "Windows Update replaces files",
    "WIN-PATCH-003": "Windows Update replaces files",
    "WIN-PATCH-004": "how the base image was set up",
    "WIN-CRED-001": "the script of the step clean deletes files",
    "WIN-IC-001": "which Windows was installed",
}
# An installation that nobody prepared, where it differs from the prepared one of the rules' tests.
FRESH: dict[str, Data | None] = {
    rf"{CONTROL}\Terminal Server\fDenyTSConnections": 1,
    **{
        rf"{LISTENER}\{name}": None
        for name in ("KeepAliveTimeout", "fInheritReconnectSame", "MaxInstanceCount")
    },
    rf"{LISTENER}\UserAuthentication": 0,
    rf"{LISTENER}\SSLCertificateSHA1Hash": b"of the build machine",
    **{rf"{TERMINAL_POLICY}\{name}": None for name in ("KeepAliveEnable", "KeepAliveInterval")},
    rf"{TERMINAL_POLICY}\fDisableAutoReconnect": 1,
    rf"{TERMINAL_POLICY}\fDenyTSConnections": 1,
    rf"{SERVICES}\cdrom\Start": 4,
    DENY: 1,
    rf"{SERVICES}\RemoteRegistry\Start": 4,
    rf"{SERVICES}\w32time\Start": 3,
    rf"{SERVICES}\sacsvr\Start": 3,
    rf"{SERVICES}\stornvme\Parameters\IoTimeoutValue": 30,
    rf"{SERVICES}\partmgr\Parameters\SanPolicy": 2,
    rf"{ROUTES}\10.0.0.0,255.0.0.0,10.1.1.1,1": "",
    PROXY: windows_cases.proxy(3, b"proxy.build:3128")[PROXY],
    rf"{CONTROL}\TimeZoneInformation\RealTimeIsUniversal": None,
    rf"{CONTROL}\Session Manager\Environment\TEMP": "C:\\Temp",
    rf"{CONTROL}\Session Manager\Memory Management\PagingFiles": ["?:\\pagefile.sys"],
    rf"{CONTROL}\CrashControl\CrashDumpEnabled": 7,
    rf"{CONTROL}\CrashControl\NMICrashDump": None,
    **{rf"{DUMPS}\{name}": None for name in ("DumpFolder", "DumpType", "CrashCount")},
    rf"{FIREWALL}\PublicProfile\EnableFirewall": 0,
    rf"{FIREWALL}\FirewallRules\RemoteDesktop-UserMode-In-TCP": REMOTE.format("FALSE", 6),
    rf"{FIREWALL}\FirewallRules\RemoteDesktop-UserMode-In-UDP": REMOTE.format("FALSE", 17),
    rf"{FIREWALL}\FirewallRules\FPS-ICMP4-ERQ-In": rule_text("In", "Protocol=1|ICMP4=8:*|", active=False),
    rf"{FIREWALL}\FirewallRules\azure-in": None,
    rf"{FIREWALL}\FirewallRules\azure-out": None,
    **{boot(BOOTMGR, number): None for number in ("1500004b", "26000020", "25000004", "16000020")},
    **{boot(ENTRY, number): None for number in ("1500004b", "16000009", "250000e0", "260000b0")},
    **{boot(EMS, number): None for number in ("15000022", "15000023")},
}
PROFILES = {"Domain": "DomainProfile", "Private": "StandardProfile", "Public": "PublicProfile"}
# What bcdedit writes for its words: the element, and the data.
ELEMENTS = {
    ("integrityservices", "enable"): ("1500004b", integer(1)),
    ("device", "partition=C:"): ("11000001", PARTITION),
    ("osdevice", "partition=C:"): ("21000001", PARTITION),
    ("recoveryenabled", "off"): ("16000009", b"\0"),
    ("bootstatuspolicy", "IgnoreAllFailures"): ("250000e0", integer(1)),
    ("displaybootmenu", "yes"): ("26000020", b"\1"),
    ("timeout", "5"): ("25000004", integer(5)),
    ("bootems", "yes"): ("16000020", b"\1"),
}


def _yaml(path: Path) -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(path)


def written(rows: list[Mapping[str, Any]], known: Settings) -> dict[str, Data | None]:
    """The rows of a registry table as `Set-Table` writes them; a service that is missing stays so."""
    changes: dict[str, Data | None] = {}
    for row in rows:
        key = f"{row['hive']}\\{row['key']}".replace("CurrentControlSet", "ControlSet001")
        if "\\Services\\" in key and not any(name.startswith(f"{key}\\") for name in known):
            continue
        data = row.get("data")
        changes[f"{key}\\{row['value']}"] = Expand(data) if row["type"] == "ExpandString" else data
    return changes


def fired(wanted: Mapping[str, Any], known: Settings) -> dict[str, Data | None]:
    """What the firewall's cmdlets write for the table."""
    changes: dict[str, Data | None] = {}
    for profile in wanted["profiles"]:
        changes[rf"{FIREWALL}\{PROFILES[profile]}\EnableFirewall"] = 1
    for name, data in known.items():
        meant = name.rpartition("\\")[2] in wanted["rules"]
        meant |= isinstance(data, str) and any(f"EmbedCtxt={group}|" in data for group in wanted["groups"])
        if meant and name.startswith(rf"{FIREWALL}\FirewallRules") and isinstance(data, str):
            changes[name] = data.replace("Active=FALSE", "Active=TRUE")
    for way in ("In", "Out"):
        changes[rf"{FIREWALL}\FirewallRules\vmoffer-azure-host-{way}bound"] = rule_text(
            way, f"RA4={wanted['host']}|"
        )
    return changes


def booted(rows: list[Mapping[str, Any]], known: Settings) -> dict[str, Data | None]:
    """What the tools of the step boot write for their words; power plans are not in a rule of the disk."""
    changes: dict[str, Data | None] = {rf"{SERVICES}\partmgr\Parameters\SanPolicy": 1}
    changes |= {name: None for name in known if name.startswith(f"{ROUTES}\\")}
    for row in rows:
        match row["tool"], row["arguments"]:
            case "bcdedit.exe", ["/set", whom, setting, data]:
                number, value = ELEMENTS[setting, data]
                changes[boot(BOOTMGR if whom == "{bootmgr}" else ENTRY, number)] = value
            case "bcdedit.exe", ["/ems", "{current}", "on"]:
                changes[boot(ENTRY, "260000b0")] = b"\1"
            case "bcdedit.exe", ["/emssettings", "EMSPORT:1", "EMSBAUDRATE:115200"]:
                changes |= {boot(EMS, "15000022"): integer(1), boot(EMS, "15000023"): integer(115200)}
            case "netsh.exe", ["winhttp", "reset", "proxy"]:
                changes[PROXY] = CLEAN[PROXY]
            case "powercfg.exe", ["/setactive", _]:
                pass
            case other:
                pytest.fail(f"what does {other} write?")
    return changes


def applied(known: Settings) -> dict[str, Data | None]:
    """The registry after every table of the steps."""
    after = dict(known)
    for path in sorted(SCRIPTS.glob("*.yaml")):
        if path.stem in ("steps", "roles"):
            continue
        script = path.with_suffix(".ps1").read_text()
        assert f'"$PSScriptRoot\\{path.name}"' in script
        if "Set-Table -Rows $table" in script:
            after |= written(_yaml(path), after)
        elif path.stem == "firewall":
            after |= fired(_yaml(path), after)
        else:
            assert path.stem == "boot", f"how is {path.name} applied?"
            after |= booted(_yaml(path), after)
    return after


def judged(settings: Settings) -> dict[str, str]:
    disk = windows_disk({**dict.fromkeys(CLEAN), **settings})
    definition = windows_cases.sku(**{**windows_cases.DOCUMENT, **windows_cases.NVME})
    return {rule: images.decide(rule, disk, sku=definition).status.value for rule in RULES}


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return judged({**CLEAN, **FRESH})


@pytest.fixture(scope="module")
def after() -> dict[str, str]:
    return judged(applied({**CLEAN, **FRESH}))


def test_rules_of_a_table_fail_before_and_pass_after(before: dict[str, str], after: dict[str, str]) -> None:
    for rule in RULES:
        if rule not in ELSEWHERE:
            assert before[rule] in ("fail", "warn"), rule
            assert after[rule] == "pass", rule


def test_what_no_table_makes_true_is_as_it_was(before: dict[str, str], after: dict[str, str]) -> None:
    assert {rule: before[rule] for rule in ELSEWHERE} == {rule: after[rule] for rule in ELSEWHERE}


def test_a_second_time_changes_nothing() -> None:
    once = applied({**CLEAN, **FRESH})
    assert applied(once) == once


def test_every_row_is_needed(after: dict[str, str]) -> None:
    """A row that could be left out would be a row that no rule asks for."""
    fresh = {**CLEAN, **FRESH}
    done = applied(fresh)
    changed = [name for name in done if done[name] != fresh.get(name)]
    assert len(changed) >= 40
    for name in changed:
        without = judged({**done, name: fresh.get(name)})
        assert without != after, f"{name} is asked for by no rule"


def page(before: dict[str, str], after: dict[str, str]) -> str:
    rows = []
    for rule in RULES:
        step = rules()[rule].step or "none"
        what = ELSEWHERE[rule] if rule in ELSEWHERE else f"{before[rule]} → {after[rule]}"
        rows.append(f"| {rule} | {step} | {'elsewhere' if rule in ELSEWHERE else 'fixed'} | {what} |\n")
    fixed = len(RULES) - len(ELSEWHERE)
    return f"""\
# Windows settings and rules

<!-- Written by `VMOFFER_GOLDEN=1 pytest tests/provisioners/test_windows_loop.py`. -->

What the tables of the Windows steps do to the registry of an unprepared installation: the rules judge its
hives, every row is written, the same rules judge them again. The hives are real in format and made by the
tests; no PowerShell script ran, and Windows wrote none of them. What a tool of Windows writes for a row is
the test's, from its documents.

| rule | step | | before → after |
| --- | --- | --- | --- |
{"".join(rows)}
{len(RULES)} rules: {fixed} not met before and met after; {len(ELSEWHERE)} that no table makes true, and why.
"""


def test_page_is_what_the_tables_do(before: dict[str, str], after: dict[str, str]) -> None:
    if os.environ.get("VMOFFER_GOLDEN"):
        PAGE.write_text(page(before, after))
    text = PAGE.read_text()
    assert text == page(before, after), "VMOFFER_GOLDEN=1 writes it anew"
    cells = [
        cell.strip()
        for line in text.splitlines()
        if line.startswith("| WIN")
        for cell in line.split("|")[1:-1]
    ]
    assert cells
    assert all(cells)
