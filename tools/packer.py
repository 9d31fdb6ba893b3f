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

from generator.errors import Surroundings
from tools import cache, doctor, work
from tools.cache import Say

Plugin = Literal["qemu", "azure"]

OLDEST = (1, 11)  # the first that loads plugins only from the tree that `plugins install` fills
OLDEST_GO = (1, 21)  # the first that fetches the release a go.mod asks for
PROJECT_PATIENCE = 300  # seconds for `packer init` of a whole project
INIT_PATIENCE = 30  # seconds for `packer init`, which has no time limit of its own
MODULES = Path(__file__).parent / "go"


@dataclass(frozen=True)
class Pin:
    """A Go program: go.mod and go.sum in tools/go/<name> hold its version and every checksum."""

    name: str
    prerelease: str  # the variable that would mark the build as a development version

    @property
    def folder(self) -> Path:
        return MODULES / self.name

    @property
    def module(self) -> str:
        return f"github.com/hashicorp/{self.name}"

    @property
    def version(self) -> str:
        """From go.mod, without the `v`."""
        found = re.search(rf"{re.escape(self.module)} v(\S+)", (self.folder / "go.mod").read_text())
        assert found, f"{self.folder}/go.mod does not require {self.module}"
        return found.group(1)


PACKER = Pin("packer", "github.com/hashicorp/packer/version.VersionPrerelease")
PLUGINS: Mapping[Plugin, Pin] = {
    name: Pin(f"packer-plugin-{name}", f"github.com/hashicorp/packer-plugin-{name}/version.VersionPrerelease")
    for name in ("qemu", "azure")
}
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
        path = path or _built(PACKER, folder, say, note)
        packer = Packer(path, stated(path), _environment(folder, "built" if ours else "path"))
        for name in plugins:
            _install(packer, name, folder, say, online=not ours)
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


def cached(pin: Pin, folder: Path | None = None) -> Path:
    """Where the build of `pin` is, or will be."""
    name = f"{pin.name}-{pin.version}-{cache.key(pin.folder, pin.prerelease)}"
    return (folder or cache.root() / "tools") / name / pin.name


def _built(pin: Pin, folder: Path, say: Say, note: str = "") -> Path:
    binary = cached(pin, folder)
    if binary.exists():
        say(f"{pin.name} {pin.version}: reused, {binary}")
        return binary
    go = _go(f"{note}; " if note else "")
    folder.mkdir(parents=True, exist_ok=True)
    say(f"{pin.name} {pin.version}: building from Go modules")
    with tempfile.TemporaryDirectory(prefix=f".{pin.name}-", dir=folder) as name:
        partial = Path(name)
        flags = f"-s -w -X {pin.prerelease}="
        command: list[str | Path] = [
            go,
            "build",
            "-trimpath",
            "-ldflags",
            flags,
            "-o",
            partial / pin.name,
            pin.module,
        ]
        work.run(
            f"go build {pin.name}",
            command,
            log=partial / "build.log",
            say=say,
            cwd=pin.folder,
            # go.sum is complete: a module that is not in it is an error, not a question to a server.
            env={"GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "auto", "GOWORK": "off", "CGO_ENABLED": "0"},
            hint="the Go module proxy could not be reached? `go env GOPROXY` names it; then run this again",
        )
        binary.parent.mkdir(exist_ok=True)
        (partial / pin.name).replace(binary)
    return binary


def _go(because: str) -> Path:
    go = doctor.which("go")
    hint = f"install Packer {_dotted(OLDEST)} or newer (https://developer.hashicorp.com/packer/install), or "
    hint += doctor.BY_NAME["go"].mend or ""
    if go is None:
        raise Surroundings(f"{because}no usable packer on PATH, and no Go to build it with", hint=hint)
    version = doctor.stated_version(go, ("version",))
    if _numbers(version) < OLDEST_GO:
        text = f"no usable packer on PATH, and Go {version} is older than {_dotted(OLDEST_GO)}"
        raise Surroundings(because + text, hint=hint)
    return go


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


def _install(packer: Packer, name: Plugin, folder: Path, say: Say, *, online: bool) -> None:
    """Bring in one plugin: `packer init` first where `online`, then the pinned build."""
    if online and _init(packer, name, say):
        return
    pin = PLUGINS[name]
    where = Path(packer.env["PACKER_PLUGIN_PATH"]) / "github.com" / "hashicorp" / name
    file = f"packer-plugin-{name}_v{pin.version}_x5.0_{_platform()}"
    binary = _built(pin, folder, say)
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


def _platform() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(
        platform.machine(), platform.machine()
    )
    return f"{platform.system().lower()}_{machine}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
