"""Definitions to test with, steps that stand still for golden files, and the real Packer."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from generator import steps
from generator.catalogue import Definition, open_file
from generator.errors import Surroundings
from generator.model import Sku
from tools.packer import Packer, ensure

GUID = "00000000-0000-4000-8000-000000000000"
LINUX: dict[str, Any] = {
    "publisher": "contoso",
    "offer": {"id": "shop", "title": "Shop", "summary": "A shop"},
    "plan": {"id": "basic", "title": "Basic", "summary": "The basic shop"},
    "version": "1.2.3",
    "generations": ["gen2"],
    "os": {"family": "linux", "distribution": "debian", "version": "12", "friendly_name": "Debian 12"},
    "base": {
        "qemu": {"recipe": "debian-12"},
        "azure-arm": {"marketplace": {"publisher": "Debian", "offer": "debian-12", "sku": "12-gen2"}},
    },
    "storage": {"account": "images", "resource_group": "group", "container": "vhds"},
}
WINDOWS: dict[str, Any] = {
    **LINUX,
    "os": {
        "family": "windows",
        "distribution": "windows-server",
        "version": "2022",
        "friendly_name": "Windows Server 2022",
    },
    "os_disk": {"size_gib": 127},
    "base": {
        "azure-arm": {
            "marketplace": {
                "publisher": "MicrosoftWindowsServer",
                "offer": "WindowsServer",
                "sku": {"gen1": "2022-datacenter", "gen2": "2022-datacenter-g2"},
            }
        }
    },
}


def changed(base: dict[str, Any], /, **changes: Any) -> dict[str, Any]:
    """`base` with fields set; a double underscore goes one level down."""
    data = copy.deepcopy(base)
    for name, value in changes.items():
        *parents, last = name.split("__")
        at = data
        for parent in parents:
            at = at.setdefault(parent, {})
        at[last] = value
    return data


def sku(base: dict[str, Any] = LINUX, /, **changes: Any) -> Sku:
    return Sku.model_validate(changed(base, **changes))


def write(path: Path, data: dict[str, Any]) -> Path:
    """A definition file; JSON is YAML, nearly."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, indent=2, ensure_ascii=False)
    # What YAML takes only as an escape. (JSON's own escapes would cut an emoji into surrogates.)
    text = re.sub("[\x7f-\x9f\u2028\u2029\ufeff]", lambda match: f"\\u{ord(match[0]):04x}", text)
    path.write_text(text, encoding="utf-8")
    return path


def define(folder: Path, base: dict[str, Any] = LINUX, /, **changes: Any) -> Definition:
    return open_file(write(folder / "sku.yaml", changed(base, **changes)))


@pytest.fixture
def still_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps that do not change when vmoffer's own do."""

    def plan(sku: Sku, builder: object) -> list[steps.RenderedStep]:
        suffix = ".ps1" if sku.os.family == "windows" else ".sh"
        return [
            steps.RenderedStep(
                id=phase,
                name=f"The {phase} step",
                phase=phase,
                filename=f"{phase}{suffix}",
                text=f"echo {phase}\n",
                env={"LEVEL": "1"} if phase == "prepare" else {},
                timeout="5m",
                last=phase == "generalize",
            )
            for phase in ("prepare", "cleanup", "generalize")
        ]

    monkeypatch.setattr(steps, "plan", plan)


def unquoted(value: Any) -> Any:
    """What python-hcl2 read, with strings as the text they stand for."""
    if isinstance(value, list):
        return [unquoted(item) for item in value]
    if isinstance(value, dict):
        return {unquoted(key): unquoted(item) for key, item in value.items() if key[:2] != "__"}
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return _ESCAPE.sub(_character, value[1:-1])
    return value


def unguarded(value: Any) -> Any:
    """Text the way a plugin sees it: Go templates have turned the guard back into braces."""
    return value.replace('{{"{{"}}', "{{") if isinstance(value, str) else value


_ESCAPE = re.compile(r'\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|([nrt"\\]))|([$%])\4\{')


def _character(match: re.Match[str]) -> str:
    if match[4]:
        return f"{match[4]}{{"
    if match[3]:
        return {"n": "\n", "r": "\r", "t": "\t"}.get(match[3], match[3])
    return chr(int(match[1] or match[2], 16))


@pytest.fixture(scope="session")
def packer() -> Packer:
    try:
        return ensure(["qemu", "azure"], lambda text: None)
    except Surroundings as missing:
        pytest.skip(f"packer: {missing.what}")


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_packer(packer: Packer) -> Run:
    """Call the real Packer: `run_packer("fmt", …, cwd=…, input=…)`."""

    def run(
        *arguments: str | Path, more: dict[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        names = ("SUBSCRIPTION_ID", "TENANT_ID", "CLIENT_ID", "CLIENT_SECRET")
        env = {**os.environ, **packer.env, **{f"ARM_{name}": GUID for name in names}, **(more or {})}
        env |= {"VMOFFER_ALLOWED_INBOUND": "203.0.113.7"}
        env |= options.pop("env", {})
        return subprocess.run(
            [packer.path, *map(str, arguments)],
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            **options,
        )

    return run
