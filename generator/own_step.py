"""The publisher's own steps: what a build does in the guest besides vmoffer's steps."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from generator.closed import Closed, OneOf

Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?")
LONGEST = 24 * 60 * 60  # seconds; a build that waits longer is hung


def seconds(duration: str) -> int:
    """`90m`, `1h30m` or `45s` in seconds; raises ValueError for text that is no such duration."""
    match = DURATION.fullmatch(duration)
    if match is None or not duration:
        raise ValueError("hours, minutes and seconds, as 90m, 1h30m or 45s")
    hours, minutes, rest = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + rest


def _bounded(duration: str) -> str:
    if not 1 <= seconds(duration) <= LONGEST:
        raise ValueError("from 1s to 24h")
    return duration


class FileUpload(Closed):
    """A file or folder for the guest; missing parents are made, on Linux it belongs to root."""

    source: str = Field(
        description="File or folder, relative to the definition", examples=["files/shop.conf"]
    )
    destination: str = Field(description="Absolute path in the guest", examples=["/etc/shop/shop.conf"])


class Restart(Closed):
    """A restart of the guest; the build goes on when it is back."""


class Ansible(Closed):
    """A playbook that Packer's ansible provisioner runs from your machine, as root in the guest (Linux)."""

    playbook: str = Field(
        description="Playbook file, relative to the definition", examples=["ansible/site.yml"]
    )
    folder: str | None = Field(
        None,
        description="Folder that the playbook is in and needs (roles, templates); default: the file alone",
        examples=["ansible"],
    )
    variables: dict[Name, str] = Field(
        {}, description="Extra variables of the playbook; no secrets", examples=[{"shop_port": "8443"}]
    )


class KeyVault(Closed):
    """Where `vmoffer build` reads a secret that the environment does not hold."""

    vault: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]$",
        description="Name of the Key Vault",
        examples=["contoso-build"],
    )
    secret: str = Field(
        pattern=r"^[A-Za-z0-9-]{1,127}$",
        description="Name of the secret in it; its newest version counts",
        examples=["license-key"],
    )


class Secret(Closed):
    """A value that a step needs and that no file, log or disk may hold."""

    name: Name = Field(
        description="Environment variable, on your machine and in the step", examples=["LICENSE_KEY"]
    )
    key_vault: KeyVault | None = Field(
        None,
        description="Read from there where the environment has no such variable",
        examples=[{"vault": "contoso-build", "secret": "license-key"}],
    )


class Step(OneOf):
    """One of your own provisioner steps: exactly one of script, inline, file, restart, ansible, packer."""

    choices = ("script", "inline", "file", "restart", "ansible", "packer")

    name: str | None = Field(None, description="Shown in the log", examples=["shop"])
    script: str | None = Field(
        None, description="Script file, relative to the definition", examples=["files/install.sh"]
    )
    inline: list[str] | None = Field(
        None,
        min_length=1,
        description="Lines of shell (Linux) or PowerShell (Windows); the first that fails ends the build",
        examples=[["apt-get update", "apt-get install --yes nginx"]],
    )
    file: FileUpload | None = Field(
        None,
        description="An upload; missing parents are made, on Linux it belongs to root",
        examples=[{"source": "files/shop.conf", "destination": "/etc/shop/shop.conf"}],
    )
    restart: Restart | None = Field(
        None, description="Restarts the guest and waits until it has booted again", examples=[{}]
    )
    ansible: Ansible | None = Field(
        None,
        description="A playbook, run from your machine (Linux); needs ansible-playbook there",
        examples=[{"playbook": "ansible/site.yml"}],
    )
    packer: str | None = Field(
        None,
        description="*.pkr.hcl file of provisioner blocks, relative to the definition; taken as it is",
        examples=["files/own.pkr.hcl"],
    )
    env: dict[Name, str] = Field(
        {},
        description="Environment of a script or of lines. No secrets: it is written into the project",
        examples=[{"SHOP_PORT": "8443"}],
    )
    secrets: list[Name | Secret] = Field(
        [],
        description="Variables of a script or of lines (Linux) that reach no file, log or disk",
        examples=[["LICENSE_KEY"], [{"name": "DB", "key_vault": {"vault": "contoso", "secret": "db"}}]],
    )
    timeout: Annotated[str, AfterValidator(_bounded)] | None = Field(
        None,
        pattern=r"^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$",
        description="Longest duration, 1s to 24h; default 1h, for a restart 30m",
        examples=["90m", "1h30m"],
    )
    when: Literal["before-prepare", "before-generalize"] = Field(
        "before-generalize",
        description="Before or after vmoffer prepares the guest; both before it is generalized",
        examples=["before-prepare", "before-generalize"],
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        runs = self.script is not None or self.inline is not None
        for field in ("env", "secrets"):
            if getattr(self, field) and not runs:
                raise ValueError(f"{field} is for script and inline")
        if self.packer is not None and (self.timeout or self.name):
            raise ValueError("a packer step takes no name and no timeout: write them into its file")
        if any("\0" in value for value in self.env.values()):
            raise ValueError("no variable of the environment holds a NUL")
        names = [secret.name for secret in self.hidden]
        if twice := {name for name in names if names.count(name) > 1 or name in self.env}:
            raise ValueError(f"{', '.join(sorted(twice))} stands there twice")
        return self

    @property
    def hidden(self) -> list[Secret]:
        """The secrets of the step, all in the long form."""
        return [Secret(name=one) if isinstance(one, str) else one for one in self.secrets]
