"""Packer and its plugins: what PATH offers if it is new enough, else built from pinned Go modules."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from generator.errors import Surroundings, Unusable
from tools import cache
from tools.cache import Say
from tools.golang import Pin, built, cached

Plugin = Literal["qemu", "azure"]

OLDEST = (1, 11)  # the first that loads plugins only from the tree that `plugins install` fills
PROJECT_PATIENCE = 300  # seconds for `packer init` of a whole project
INIT_PATIENCE = 30  # seconds for `packer init`, which has no time limit of its own

PACKER = Pin("packer", "github.com/hashicorp/packer/version.VersionPrerelease")
PLUGINS: Mapping[Plugin, Pin] = {
    name: Pin(f"packer-plugin-{name}", f"github.com/hashicorp/packer-plugin-{name}/version.VersionPrerelease")
    for name in ("qemu", "azure")
}
INSTEAD = "install Packer 1.11 or newer (https://developer.hashicorp.com/packer/install), or "
# What the templates ask for; `packer init` brings the newest that fits.
CONSTRAINTS: Mapping[Plugin, str] = {"qemu": ">= 1.0.9", "azure": ">= 2.6.3"}


@dataclass(frozen=True)
class Packer:
    """A usable Packer; run it with `env` added to the environment."""

    path: Path
    version: str
    env: dict[str, str] = field(default_factory=dict)


def ensure(plugins: Sequence[Plugin], say: Say) -> Packer:
    """A Packer of at least 1.11 with `plugins` installed, found, reused or built (minutes).

    Nothing of the user's own Packer configuration is read or changed. Raises Surroundings, naming
    what mends it, if Packer can neither be found nor built.
    """
    folder = cache.root() / "tools"
    with cache.locked("packer", say):
        path, note = on_path()
        if note:
            say(note)
        ours = path is None
        path = path or built(PACKER, say, because=f"{note}; " if note else "", instead=INSTEAD)
        packer = Packer(path, stated(path), _environment(folder, "built" if ours else "path"))
        for name in plugins:
            _install(packer, name, say, online=not ours)
    return packer


def init(packer: Packer, project: Path, say: Say) -> None:
    """Bring in the plugins that `project` requires, where the pins here are too old for it.

    Raises Surroundings, with what Packer said, if they cannot be fetched within PROJECT_PATIENCE.
    """
    say(f"packer init: looking for the plugins of {project}")
    try:
        done = subprocess.run(
            [packer.path, "init", project],
            env={**os.environ, **packer.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROJECT_PATIENCE,
        )
        said = (done.stderr or done.stdout).strip()
    except subprocess.TimeoutExpired:
        said = f"no answer in {PROJECT_PATIENCE} s"
    else:
        if done.returncode == 0:
            return
    hint = "packer init needs the network; or install the plugins and run packer build there yourself"
    raise Surroundings(f"the project's plugins could not be fetched: {said}", where=str(project), hint=hint)


def require_formatted(packer: Packer, files: Sequence[Path]) -> None:
    """Raise Unusable for the first of `files` that `packer fmt` would write another way, or cannot read."""
    for path in files:
        done = subprocess.run(
            [packer.path, "fmt", "-check", "-diff", path],
            env={**os.environ, **packer.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INIT_PATIENCE,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise Unusable(
                f"not formatted as packer fmt does it\n{said}", where=str(path), hint=f"packer fmt {path}"
            )


def on_path() -> tuple[Path | None, str]:
    """The Packer on PATH if it is usable; a statement about it, empty if there is none."""
    found = shutil.which("packer")
    if found is None:
        return None, ""
    version = stated(Path(found))
    if not version:
        return None, f"{found} is not HashiCorp's Packer: ignored"
    if _numbers(version) < OLDEST:
        return None, f"packer {version} on PATH ({found}) is older than {_dotted(OLDEST)}: ignored"
    return Path(found), f"packer {version} from PATH, {found}"


def state() -> str:
    """What `ensure` would use, in words; nothing is built."""
    path, note = on_path()
    if path is not None:
        return note
    ready = "built" if cached(PACKER).exists() else "will be built from Go modules"
    return f"{PACKER.version} {ready}" + (f" ({note})" if note else "")


def available() -> bool:
    """Whether `ensure` needs no Go for Packer and the qemu plugin: both are in the cache."""
    return cached(PACKER).exists() and cached(PLUGINS["qemu"]).exists()


def stated(path: Path) -> str:
    """The version that `path` states of itself; empty if it is not Packer (cracklib has one too)."""
    env = {**os.environ, "CHECKPOINT_DISABLE": "1"}
    try:
        done = subprocess.run(
            [path, "version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, env=env
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = re.match(r"Packer v(\d+\.\d+\S*)", done.stdout)
    return match.group(1) if match else ""


def _environment(folder: Path, kind: str) -> dict[str, str]:
    """Plugins and configuration of our own; no call home. One plugin tree per kind of Packer."""
    plugins, config = folder / f"plugins-{kind}", folder / "packer-config"
    for path in (plugins, config):
        path.mkdir(parents=True, exist_ok=True)
    return {
        "PACKER_PLUGIN_PATH": str(plugins),
        "PACKER_CONFIG_DIR": str(config),
        "CHECKPOINT_DISABLE": "1",
    }


def _install(packer: Packer, name: Plugin, say: Say, *, online: bool) -> None:
    """Bring in one plugin: `packer init` first where `online`, then the pinned build."""
    if online and _init(packer, name, say):
        return
    pin = PLUGINS[name]
    where = Path(packer.env["PACKER_PLUGIN_PATH"]) / "github.com" / "hashicorp" / name
    file = f"packer-plugin-{name}_v{pin.version}_x5.0_{platform_name()}"
    binary = built(pin, say, instead=INSTEAD)
    if (where / file).exists() and (where / f"{file}_SHA256SUM").exists():
        return
    done = subprocess.run(
        [packer.path, "plugins", "install", "--path", binary, f"github.com/hashicorp/{name}"],
        env={**os.environ, **packer.env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Surroundings(f"packer plugins install {name}: {(done.stderr or done.stdout).strip()}")


def _init(packer: Packer, name: Plugin, say: Say) -> bool:
    """Whether `packer init` has the plugin, within 30 s; without network if it is installed already."""
    with tempfile.TemporaryDirectory(prefix="vmoffer-init-") as work_folder:
        source = f'{name} = {{ source = "github.com/hashicorp/{name}", version = "{CONSTRAINTS[name]}" }}'
        template = Path(work_folder) / "plugins.pkr.hcl"
        template.write_text(f"packer {{\n  required_plugins {{\n    {source}\n  }}\n}}\n")
        command: list[str | Path] = [packer.path, "init", template]
        env = {**os.environ, **packer.env}
        try:
            done = subprocess.run(
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=INIT_PATIENCE,
            )
        except subprocess.TimeoutExpired:
            say(f"packer init: no answer for the {name} plugin in {INIT_PATIENCE} s; using the pinned build")
            return False
    if done.returncode:
        say(f"packer init: could not bring the {name} plugin; using the pinned build")
    return done.returncode == 0


def platform_name() -> str:
    """This machine as the names of plugins have it: linux_amd64."""
    machine = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(
        platform.machine(), platform.machine()
    )
    return f"{platform.system().lower()}_{machine}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
