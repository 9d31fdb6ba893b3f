"""What the guide of 2015 alone asks of a Linux system's network; nobody asks for it today."""

from __future__ import annotations

from validators.check import Answer, Case, met, rule, shown, skipped, unmet
from validators.guest import exists
from validators.linux import ipv6

FOLDERS = ("/sbin", "/usr/sbin", "/bin", "/usr/bin")
ONLY = "only the guide of 2015 asks for this"


@rule("LNX-NET-009")
def has_ifup_and_ifdown(case: Case) -> Answer:
    if "guide-2015" not in case.graders:
        return skipped(ONLY)
    missing = [
        name
        for name in case.rule.limits["programs"]
        if not any(exists(case.guest, f"{folder}/{name}") for folder in FOLDERS)
    ]
    return unmet(f"missing: {shown(missing)}") if missing else met("both are there")


@rule("LNX-NET-010")
def does_not_ask_for_ipv6(case: Case) -> Answer:
    if "guide-2015" not in case.graders:
        return skipped(ONLY)
    found = ipv6.asked_for(case.guest)
    if not found:
        return met("no card is configured for it")
    if off := ipv6.turned_off(case.guest):
        return met(off)
    return unmet(shown([f"{what} in {where}" for where, what in found]), found[0][0])
