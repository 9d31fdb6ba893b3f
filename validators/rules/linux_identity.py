"""Rules on what makes one machine that machine: an image has none of it."""

from __future__ import annotations

from validators.check import Answer, Case, met, rule, unmet
from validators.guest import Kind, text
from validators.outcome import Severity

MACHINE_IDS = ("/etc/machine-id", "/var/lib/dbus/machine-id")
NO_ID = ("", "uninitialized")
HOST_NAMES = ("", "localhost", "localhost.localdomain")
CLOUD_INIT_STATE = (
    "/var/lib/cloud/instance",
    "/var/lib/cloud/instances/*",
    "/var/lib/cloud/data/instance-id",
)
AGENT_STATE = ("/var/lib/waagent/ovf-env.xml", "/var/lib/waagent/provisioned", "/var/lib/waagent/*.prv")


@rule("LNX-ID-001")
def has_no_identity(case: Case) -> Answer:
    guest = case.guest
    for path in MACHINE_IDS:
        facts = guest.stat(path, follow=False)
        if facts is None or facts.kind is not Kind.FILE:
            continue
        if (text(guest, path) or "").strip() not in NO_ID:
            return unmet("the machine id of the build machine", path)
    for pattern in (*CLOUD_INIT_STATE, *AGENT_STATE):
        found = guest.glob(pattern)
        if found:
            return unmet("the state of an earlier boot", found[0])
    name = (text(guest, "/etc/hostname") or "").strip()
    if name not in HOST_NAMES:
        return unmet(f"the host name is {name}", "/etc/hostname", severity=_severity(case))
    return met("no machine id, no state of an earlier boot, no host name")


def _severity(case: Case) -> Severity:
    """Of a host name: today whoever provisions the machine sets it, whatever the image holds."""
    return Severity.MANDATORY if "guide-2015" in case.graders else Severity.RECOMMENDATION
