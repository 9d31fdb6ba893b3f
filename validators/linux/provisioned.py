"""What provisioning changes on the first machine, before anybody can look at it."""

from __future__ import annotations

from validators.guest import Guest, Undecidable
from validators.linux import agent, provisioning, release, sshd

KEYWORD = "ClientAliveInterval"
SETTING = "OS.SshClientAliveInterval"
DEFAULT = "180"  # seconds; azurelinuxagent/common/conf.py of 2.7.3.0 and later
# Where the agent leaves sshd_config alone: `conf_sshd` in azurelinuxagent/common/osutil/{alpine, arch,
# clearlinux, coreos, fedora, mariner, photonos}.py, chosen by ID in factory.py (agent of November 2025).
LEFT_ALONE = (
    "alpine", "alpaquita", "arch", "azurelinux", "clear-linux-os", "coreos", "fedora", "flatcar", "mariner",
    "photon",
)  # fmt: skip
MAIN = "/etc/ssh/sshd_config"


def by_agent(guest: Guest) -> bool:
    """Whether the agent provisions, not cloud-init; if that cannot be told, the image is taken as it is."""
    found = agent.settings(guest)
    if found is None:
        return False
    try:
        return provisioning.provisioner(guest, *found).by == "agent"
    except Undecidable:
        return False


def alive_interval(guest: Guest) -> tuple[str, str] | None:
    """The ClientAliveInterval that the agent writes, in seconds, and the file that says so; None if none."""
    found = agent.settings(guest)
    if found is None or release.read(guest).id in LEFT_ALONE or not by_agent(guest):
        return None
    return found[1].get(SETTING, DEFAULT), found[0]


def sshd_configuration(guest: Guest) -> sshd.Config | None:
    """sshd's configuration as it is when the first machine is provisioned; None if there is none."""
    written = alive_interval(guest)
    config = sshd.read(guest)
    if written is None or config is None or config.main != MAIN:
        return config
    return sshd.read(guest, lambda content: with_setting(content, KEYWORD, written[0]))


def with_setting(content: str, name: str, value: str) -> str:
    """The text after the agent has put `name value` in: for lines that begin so, or before a Match."""
    rows = content.split("\n")
    first_match, found, at = -1, False, 0
    for at, row in enumerate(rows):
        if row.startswith(name) and first_match < 0:
            rows[at] = f"{name} {value}"
            found = True
        elif row.lower().startswith("match"):
            if row.lower().startswith("match all"):
                first_match = -1
            elif first_match < 0:
                first_match = at
    if not found:
        rows.insert(at if first_match < 0 else first_match, f"{name} {value}")
    return "\n".join(rows)
