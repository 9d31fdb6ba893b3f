"""Go programs built from pinned modules: every version and every checksum is in tools/go/<name>."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from generator.errors import Surroundings
from tools import cache, doctor, work
from tools.cache import Say

OLDEST_GO = (1, 21)  # the first that fetches the release a go.mod asks for
MODULES = Path(__file__).parent / "go"


@dataclass(frozen=True)
class Pin:
    """A Go program: go.mod and go.sum in tools/go/<name> hold its version and every checksum."""

    name: str
    prerelease: str = ""  # the variable that would mark the build as a development version
    owner: str = "hashicorp"
    command: str = ""  # the folder of its main package below the module

    @property
    def folder(self) -> Path:
        return MODULES / self.name

    @property
    def module(self) -> str:
        return f"github.com/{self.owner}/{self.name}"

    @property
    def version(self) -> str:
        """From go.mod, without the `v`."""
        found = re.search(rf"{re.escape(self.module)} v(\S+)", (self.folder / "go.mod").read_text())
        assert found, f"{self.folder}/go.mod does not require {self.module}"
        return found.group(1)


def cached(pin: Pin, folder: Path | None = None) -> Path:
    """Where the build of `pin` is, or will be."""
    name = f"{pin.name}-{pin.version}-{cache.key(pin.folder, pin.prerelease)}"
    return (folder or cache.root() / "tools") / name / pin.name


def built(pin: Pin, say: Say, *, because: str = "", instead: str = "") -> Path:
    """The program of `pin`, reused or built (seconds to minutes); one process at a time may call this.

    Raises Surroundings without a usable Go; it says why (`because`) and what would do `instead`.
    """
    binary = cached(pin)
    if binary.exists():
        say(f"{pin.name} {pin.version}: reused, {binary}")
        return binary
    go = _go(pin, because, instead)
    folder = binary.parent.parent
    folder.mkdir(parents=True, exist_ok=True)
    say(f"{pin.name} {pin.version}: building from Go modules")
    stamp = f" -X {pin.prerelease}=" if pin.prerelease else ""
    with tempfile.TemporaryDirectory(prefix=f".{pin.name}-", dir=folder) as name:
        partial = Path(name)
        flags: list[str | Path] = ["-trimpath", "-ldflags", f"-s -w{stamp}", "-o", partial / pin.name]
        work.run(
            f"go build {pin.name}",
            [go, "build", *flags, pin.module + pin.command],
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


def _go(pin: Pin, because: str, instead: str) -> Path:
    go = doctor.which("go")
    hint = instead + (doctor.BY_NAME["go"].mend or "")
    if go is None:
        raise Surroundings(f"{because}{pin.name} is not here, and no Go to build it with", hint=hint)
    version = doctor.stated_version(go, ("version",))
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST_GO:
        oldest = ".".join(map(str, OLDEST_GO))
        text = f"{because}{pin.name} is not here, and Go {version} is older than {oldest}"
        raise Surroundings(text, hint=hint)
    return go
