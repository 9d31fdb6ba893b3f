"""OFR-PROP-001: what a plan promises its customers, held against what is on its OS disk.

Each promise is read by the rules that look at it anyway; this one says which promise breaks with them.
"""

from __future__ import annotations

from dataclasses import replace

from validators import catalogue
from validators.check import CHECKS, Answer, Case, elsewhere, met, rule, shown, skipped, undecided, unmet
from validators.guest import Undecidable
from validators.linux import boot, kernel
from validators.outcome import Status

LINUX_AGENT = ("LNX-AGENT-001", "LNX-AGENT-004", "LNX-AGENT-006")  # what runs extensions
WINDOWS_AGENT = ("WIN-AGENT-001",)
HIBERNATION = "CONFIG_HIBERNATION"  # of the kernel
# Property of the definition → the rules that read it, on Linux and on Windows.
PROMISES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "extensions": (LINUX_AGENT, WINDOWS_AGENT),
    "backup": (LINUX_AGENT, WINDOWS_AGENT),  # Azure Backup and signing in with Entra ID are extensions
    "aad_login": (LINUX_AGENT, WINDOWS_AGENT),
    "accelerated_networking": (("LNX-AN-001",), ()),
    # Tried with an accelerated card, and by whether port 22 answers (NVA-AN-001, NVA-REBOOT-001).
    "network_virtual_appliance": (("LNX-AN-001", "LNX-SSH-003"), ()),
    "nvme": (("LNX-NVME-001",), ("WIN-NVME-001",)),
    "cloud_init": (("LNX-PROV-002",), ()),
    "remote_connection": (("LNX-SSH-003",), ("WIN-RDP-001",)),
    "trusted_launch": (("LNX-TL-001",), ()),
    "hibernation": ((HIBERNATION,), ()),
}


@rule("OFR-PROP-001")
def promises_are_kept(case: Case) -> Answer:
    if case.sku is None:
        return skipped("no definition was given to compare with")
    said = case.sku.properties
    # What is asked below was promised, if not by the property that its rule looks at: an appliance's drivers.
    meant = said.model_copy(update={"accelerated_networking": True, "remote_connection": True})
    asking = replace(case, sku=case.sku.model_copy(update={"properties": meant}))
    broken, unknown, kept, here = [], [], [], False
    for name, systems in PROMISES.items():
        asked = systems[case.disk.os == "windows"] if getattr(said, name) else ()
        for one in asked:
            answer = _ask(asking, one)
            if answer.status is Status.FAIL:
                broken.append(f"{name}: {answer.evidence} ({one})")
            elif answer.status is Status.UNDECIDABLE:
                unknown.append(f"{name}: {answer.evidence} ({one})")
                here = here or not answer.elsewhere
        kept += [name] if asked else []
    if broken:
        return unmet(shown(broken, 8))
    if unknown:
        return (undecided if here else elsewhere)(shown(unknown, 8))
    return met(f"declared and found: {', '.join(kept)}" if kept else "nothing is declared that a disk shows")


def _ask(case: Case, name: str) -> Answer:
    """What the rule `name` says of the same disk; HIBERNATION is no rule of its own."""
    try:
        if name == HIBERNATION:
            return _hibernates(case)
        asked = catalogue.find(name)
        return CHECKS[name](replace(case, rule=asked, graders=tuple(asked.graders)))
    except Undecidable as reason:
        return undecided(str(reason))


def _hibernates(case: Case) -> Answer:
    """Whether the kernel that boots can (inference: no source names it)."""
    for entry in boot.defaults(case.guest):
        version = boot.kernel_version(case.guest, entry)
        options = kernel.configuration(case.guest, version) if version else {}
        if options and HIBERNATION not in options:
            return unmet(f"kernel {version} was built without it")
    return met("")
