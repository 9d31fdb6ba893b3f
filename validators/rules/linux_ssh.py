"""Rules on the SSH server and on what happens at login."""

from __future__ import annotations

import re

from validators.check import Answer, Case, met, rule, skipped, unmet, warned
from validators.guest import Undecidable, lines
from validators.linux import provisioned, sshd, systemd

KEYWORD = "clientaliveinterval"
LOGIN_FILES = (
    "/etc/profile",
    "/etc/profile.d/*",
    "/etc/bash.bashrc",
    "/etc/bashrc",
    "/etc/skel/.bashrc",
    "/etc/skel/.profile",
    "/etc/skel/.bash_profile",
    "/root/.bashrc",
    "/root/.profile",
    "/root/.bash_profile",
)
# What stops and waits for a person. A `read` in a loop, from a file or a pipe reads data instead.
PROMPTS = re.compile(
    r"(?:^|[;&|\s])(?:whiptail|dialog|zenity)\s+-|^\s*select\s+\w+\s+in\b|\bread\s+(?:-\w+\s+)*-\w*p\b"
)
PLAIN_READ = re.compile(r"^\s*read\s+(?:-\w+\s+)*\w+\s*$")


@rule("LNX-SSH-001")
def keeps_alive(case: Case) -> Answer:
    if _closed(case):
        return skipped("the plan declares that SSH is closed")
    config = _config(case)
    if config.refused:
        return unmet(f"sshd does not start with this configuration: {config.refused}", config.main)
    found = config.effective(KEYWORD)
    if found is None:
        return unmet("ClientAliveInterval is not set, so idle sessions are cut", config.main)
    seconds = sshd.seconds(found.value) or 0
    evidence = f"ClientAliveInterval {seconds}{_written(case, config)}"
    complain = tuple(n for n, t in case.thresholds.items() if not t["min"] <= seconds <= t["max"])
    if complain:
        limits = [(name, case.thresholds[name]) for name in complain]
        bounds = ", ".join(f"{name}: {limit['min']}-{limit['max']}" for name, limit in limits)
        return unmet(f"{evidence}; {bounds}", found.where, graders=complain)
    other = next(
        (line for line in config.all(KEYWORD) if line.match and sshd.seconds(line.value) != seconds), None
    )
    if other:
        return warned(f"{evidence}, but {other.value} for Match {other.match}", other.where)
    advised = tuple(n for n, t in case.thresholds.items() if t.get("want", seconds) != seconds)
    if advised:
        return warned(f"{evidence}; 180 is recommended", found.where, graders=advised)
    return met(evidence, found.where)


@rule("LNX-SSH-002")
def says_so_in_the_main_file(case: Case) -> Answer:
    if _closed(case):
        return skipped("the plan declares that SSH is closed")
    config = _config(case)
    own = [line for line in config.all(KEYWORD) if line.file == config.main and not line.match]
    if own:
        return met(f"ClientAliveInterval {own[0].value}{_written(case, config)}", own[0].where)
    found = config.effective(KEYWORD)
    if found is None:
        return unmet("ClientAliveInterval is not set (LNX-SSH-001)", config.main)
    return unmet(f"ClientAliveInterval is set in {found.where} only", config.main)


@rule("LNX-SSH-003")
def starts(case: Case) -> Answer:
    program = sshd.program(case.guest)
    by = sshd.started_by(case.guest) if program else None
    if by:
        return met("sshd starts at boot", by)
    if _closed(case):
        return skipped("the plan declares that SSH is closed")
    if program:
        for unit in sshd.UNITS:
            condition = systemd.unmet_condition(case.guest, unit)
            if condition:
                return unmet(f"{unit} does not start, since this is not met: {condition}", program)
        return unmet("sshd is installed but nothing starts it", program)
    return unmet("sshd is not installed")


@rule("LNX-SSH-004")
def login_does_not_ask(case: Case) -> Answer:
    config = sshd.read(case.guest)
    forced = config.effective("forcecommand") if config else None
    if forced and forced.value.casefold() not in ("none", "internal-sftp"):
        return unmet(f"ForceCommand {forced.value}", forced.where)
    for pattern in LOGIN_FILES:
        for path in case.guest.glob(pattern):
            for line in lines(case.guest, path):
                if PROMPTS.search(line) or PLAIN_READ.match(line):
                    return unmet(f"waits for input: `{line[:80]}`", path)
    return met("nothing was found that asks at login")


def _closed(case: Case) -> bool:
    return case.sku is not None and not case.sku.properties.remote_connection


def _written(case: Case, config: sshd.Config) -> str:
    """That the value is the agent's doing, if it is."""
    written = provisioned.alive_interval(case.guest)
    if written is None or config.main != provisioned.MAIN:
        return ""
    return f", once the agent has written {written[0]} into it ({provisioned.SETTING} in {written[1]})"


def _config(case: Case) -> sshd.Config:
    """The configuration as it is once the first machine is provisioned."""
    config = provisioned.sshd_configuration(case.guest)
    if config is None:
        if sshd.program(case.guest):
            return sshd.Config(sshd.MAIN_FILES[0], ())
        raise Undecidable("sshd is not installed (LNX-SSH-003)")
    return config
