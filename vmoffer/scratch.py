"""Provisioner steps run on a folder, and what each of them changed there."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from generator import steps
from generator.errors import NotMet, Surroundings, Unusable
from generator.model import Builder, Sku

TEXT_LIMIT = 64 * 1024  # bytes; of a larger file only the facts are compared
EVERYTHING = "/**"  # what package tools may touch; they do not run on a folder
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# In a mount, process and host-name space of its own: what is mounted, started or named there ends with it.
ENTER = """
set -eu
mount -t proc proc "$1/proc"
mount -t sysfs -o ro sysfs "$1/sys"
mount --rbind /dev "$1/dev"
mount -t tmpfs -o mode=0755 tmpfs "$1/run"
exec chroot "$1" /bin/sh -c "$2" "$3"
"""
UNSHARE = ("unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child")


@dataclass(frozen=True)
class Facts:
    """One entry of the tree. `stamp` changes with every write; `text` is kept where a step may edit."""

    kind: str
    mode: int
    owner: str
    stamp: tuple[int, int, int]
    text: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.mode:04o} {self.owner}"


@dataclass(frozen=True)
class Change:
    """One path that a step added, removed or changed. `declared`: the step's `touches` names it."""

    path: str
    before: Facts | None
    after: Facts | None
    declared: bool

    @property
    def word(self) -> str:
        """added, removed or changed."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


@dataclass(frozen=True)
class Result:
    """What one step said and did; `status` is its exit status."""

    step: str
    status: int
    said: str
    complained: str
    changes: tuple[Change, ...]


def planned(family: str, wanted: Sequence[str] = ()) -> list[steps.RenderedStep]:
    """The steps of `family` (a row of families.yaml), or those of them that are `wanted`, in their order.

    Raises Unusable for a family that no row names and for a step that the family does not have.
    """
    if family not in steps.distributions():
        raise Unusable(f"there is no family {family!r}", hint=f"one of {', '.join(steps.distributions())}")
    plan = steps.plan(_sku(family), Builder.QEMU)
    known = {step.id for step in plan}
    for name in wanted:
        if name not in known:
            exists = name in {entry.id for entry in steps.entries("linux")}
            what = f"the step {name} is not for {family}" if exists else f"there is no step {name!r}"
            raise Unusable(what, hint=f"one of {', '.join(step.id for step in plan)}")
    return [step for step in plan if not wanted or step.id in wanted]


def check_root(root: Path) -> Path:
    """`root` as a full path. Raises Unusable for no folder and for the running system, Surroundings if
    nothing can be written there."""
    if not root.is_dir():
        raise Unusable("not a folder", where=str(root))
    full = root.resolve()
    if full == Path("/"):
        raise Unusable("this is the running system", where=str(root), hint="give a folder that holds a tree")
    try:
        tempfile.TemporaryFile(dir=full).close()
    except OSError as error:
        raise Surroundings(f"cannot write there: {error.strerror}", where=str(root)) from None
    return full


def check_inside(root: Path) -> None:
    """Raises Surroundings if chroot into `root` is not possible, Unusable if it is no mounted image."""
    if os.geteuid() != 0:
        raise Surroundings("only root may work inside of a tree", hint="without --chroot no tool is run")
    if not os.path.ismount(root):
        # A boot loader's tools ask on which disk the root is, and would name this machine's.
        raise Unusable("nothing is mounted there", where=str(root), hint="mount the image's root file system")
    missing = [tool for tool in ("unshare", "chroot", "mount") if shutil.which(tool) is None]
    if missing:
        raise Surroundings(f"missing here: {', '.join(missing)}")


def run(root: Path, plan: Sequence[steps.RenderedStep], inside: bool = False) -> Iterator[Result]:
    """Run the steps on the folder `root`, which check_root has seen, one after the other.

    With `inside` (see check_inside) they run as in the live guest, with its own tools. A step that fails is
    yielded like the others, and is the last. Raises NotMet at a step's deadline.
    """
    entries = {entry.id: entry for entry in steps.entries("linux")}
    for step in plan:
        patterns = list(entries[step.id].touches)
        if inside and {"PACKAGE", "PACKAGES"} & step.env.keys():
            patterns.append(EVERYTHING)  # the list is the step's own; packages bring what they have
        before = snapshot(root, patterns)
        seconds = int(step.timeout.removesuffix("m")) * 60
        command = ["sh", "-c", step.text, step.filename]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "ROOT": str(root), **step.env}
        if inside:
            # Packages come over the network; what cleans up could change the firewall of this machine.
            apart = () if step.phase == "prepare" else ("--net",)
            command = [*UNSHARE, *apart, "sh", "-c", ENTER, "enter", str(root), step.text, step.filename]
            environment |= {"PATH": PATH, "ROOT": "", "POWEROFF": "no", "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="backslashreplace",
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            raise NotMet(f"step {step.id} was stopped after {step.timeout}", where=str(root)) from None
        changes = tuple(difference(before, snapshot(root, patterns), patterns))
        yield Result(step.id, done.returncode, done.stdout.strip(), done.stderr.strip(), changes)
        if done.returncode:
            return


def snapshot(root: Path, patterns: Sequence[str]) -> dict[str, Facts]:
    """Everything below `root`, links not followed, by absolute path in the tree."""
    regex = _regex([pattern for pattern in patterns if pattern != EVERYTHING])
    found = {}
    for folder, names, files in os.walk(root):
        for name in [*names, *files]:
            place = Path(folder, name)
            path = "/" + os.fsencode(place.relative_to(root)).decode("utf-8", "backslashreplace")
            found[path] = _facts(place, keep=regex.fullmatch(path) is not None)
    return found


def difference(
    before: Mapping[str, Facts], after: Mapping[str, Facts], patterns: Sequence[str]
) -> Iterator[Change]:
    """What changed, by path; a folder counts when it comes, goes, or changes mode or owner."""
    regex = _regex(patterns)
    parts = [pattern.split("/") for pattern in patterns]
    ways = _regex(["/".join(part[:end]) for part in parts for end in range(2, len(part))])
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old != new:
            # A folder on the way to a declared file comes into being with it.
            way = old is None and new is not None and new.kind == "folder" and ways.fullmatch(path)
            yield Change(path, old, new, bool(way or regex.fullmatch(path)))


def shown(change: Change) -> list[str]:
    """The change in one line, and a unified diff where text changed."""
    facts = " → ".join(dict.fromkeys(str(one) for one in (change.before, change.after) if one))
    note = "" if change.declared else "  NOT DECLARED by the step"
    lines = [f"  {change.word} {change.path} ({facts}){note}"]
    old = "" if change.before is None else change.before.text
    new = "" if change.after is None else change.after.text
    if old is not None and new is not None:
        diff = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "after", lineterm="", n=1)
        lines += [f"    {line}" for line in list(diff)[2:]]
    return lines


def _facts(place: Path, keep: bool) -> Facts:
    info = place.lstat()
    kind, text = "other", None
    stamp = (info.st_ino, info.st_size, info.st_mtime_ns)
    if stat.S_ISLNK(info.st_mode):
        kind, text = "link", f"→ {os.fsencode(place.readlink()).decode('utf-8', 'backslashreplace')}"
    elif stat.S_ISDIR(info.st_mode):
        kind, stamp = "folder", (0, 0, 0)
    elif stat.S_ISREG(info.st_mode):
        kind = "file"
        if keep and info.st_size <= TEXT_LIMIT:
            data = place.read_bytes()
            text = None if b"\0" in data else data.decode("utf-8", "backslashreplace")
    return Facts(kind, stat.S_IMODE(info.st_mode), f"{info.st_uid}:{info.st_gid}", stamp, text)


def _regex(patterns: Sequence[str]) -> re.Pattern[str]:
    """`*` stays within a folder, `**` does not; whatever is inside a declared folder is declared too."""
    words = {"**": ".*", "*": "[^/]*"}
    each = (
        "".join(words.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*)", pattern))
        for pattern in patterns
    )
    return re.compile(f"(?:{'|'.join(each)})(?:/.*)?", re.DOTALL)


def _sku(family: str) -> Sku:
    """A plan that declares nothing, for what a step does by default."""
    return Sku.model_validate(
        {
            "publisher": "scratch",
            "offer": {"id": "scratch", "title": "Scratch"},
            "plan": {"id": "scratch", "title": "Scratch", "summary": "A folder"},
            "version": "1.0.0",
            "os": {"family": "linux", "distribution": family, "version": "1", "friendly_name": family},
            "base": {"qemu": {"recipe": "debian-12"}},
        }
    )
