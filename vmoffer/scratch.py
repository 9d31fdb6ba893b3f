"""Provisioner steps run on a folder, and what each of them changed there."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from generator import steps
from generator.errors import NotMet, Surroundings, Unusable
from generator.model import Builder, Sku

# Where the signature of swap ends, in bytes: the page sizes of Linux (libblkid, superblocks/swap.c).
SWAP_FILE = "swap file"
PAGES = (4096, 8192, 16384, 32768, 65536)
SWAP = (b"SWAPSPACE2", b"SWAP-SPACE", b"S1SUSPEND", b"S2SUSPEND", b"ULSUSPEND", b"LINHIB0001")
# What a step that was killed left beside a file; lib.sh makes the names, and the next run removes them.
LEFTOVER = re.compile(r"\.vmoffer-[A-Za-z0-9]{10}")
LINKS = 40  # followed for one path, as by the kernel
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
    """One entry of the tree. `stamp` changes with every write; `text` is kept where a step may edit.

    `leads` is where a link leads in the tree; it is empty for all others.
    """

    kind: str
    mode: int
    owner: str
    stamp: tuple[int, int, int]
    text: str | None = None
    leads: str = field(default="", compare=False)

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
        patterns = list(declared(root, entries[step.id].touches))
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
    swap = "{swap}" in patterns
    found = {}
    for folder, names, files in os.walk(root):
        for name in [*names, *files]:
            place = Path(folder, name)
            path = _shown(f"/{place.relative_to(root)}")
            found[path] = _facts(root, place, keep=regex.fullmatch(path) is not None, swap=swap)
    return found


def declared(root: Path, touches: Sequence[str]) -> Iterator[str]:
    """The paths that `touches` of a step names, with the homes of this tree for `{home}`."""
    for pattern in touches:
        if "{home}" in pattern:
            for home in _homes(root):
                yield pattern.replace("{home}", home)
        else:
            yield pattern


def inside(root: Path, path: str) -> str:
    """Where `path` is in the tree, every link followed below `root` as a chroot does.

    Raises Unusable for a loop.
    """
    found: list[str] = []
    waiting, hops = path.split("/")[::-1], 0
    while waiting:
        name = waiting.pop()
        if name == "..":
            found = found[:-1]
        elif name not in ("", "."):
            place = root.joinpath(*found, name)
            if not place.is_symlink():
                found.append(name)
                continue
            if (hops := hops + 1) > LINKS:
                raise Unusable("a loop of symlinks", where=path)
            target = str(place.readlink())
            found = [] if target.startswith("/") else found
            waiting += target.split("/")[::-1]
    return "/" + "/".join(found)


def difference(
    before: Mapping[str, Facts], after: Mapping[str, Facts], patterns: Sequence[str]
) -> Iterator[Change]:
    """What changed, by path; a folder counts when it comes, goes, or changes mode or owner."""
    regex = _regex(patterns)
    parts = [pattern.split("/") for pattern in patterns]
    ways = _regex(["/".join(part[:end]) for part in parts for end in range(2, len(part))])
    links = {path: facts.leads for path, facts in before.items() if facts.leads}

    def names(path: str) -> Iterator[str]:
        """The path, and what it is called by way of links that were there."""
        yield path
        for link, leads in links.items():
            if path == leads or path.startswith(f"{leads}/"):
                yield link + path.removeprefix(leads)

    def allowed(path: str, old: Facts | None, new: Facts | None) -> bool:
        if any(regex.fullmatch(name) for name in names(path)):
            return True
        if old is None:
            # A folder on the way to a declared file comes into being with it.
            behind = (link for link, leads in links.items() if leads.startswith(f"{path}/"))
            way = ways.fullmatch(path) is not None or any(regex.fullmatch(link) for link in behind)
            return new is not None and new.kind == "folder" and way
        gone = new is None
        return gone and (
            (old.kind == SWAP_FILE and "{swap}" in patterns)
            or LEFTOVER.fullmatch(path.rpartition("/")[2]) is not None
        )

    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old != new:
            yield Change(path, old, new, allowed(path, old, new))


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


def _homes(root: Path) -> Iterator[str]:
    """The homes that the steps go through (`homes` of lib.sh), where they really are."""
    passwd = root.joinpath(inside(root, "/etc/passwd")[1:])
    lines = _read(passwd).decode("utf-8", "surrogateescape").split("\n") if passwd.is_file() else []
    fields = [line.split(":") for line in lines]
    named = [field[5] for field in fields if len(field) > 6 and field[6].endswith("sh")]
    for home in dict.fromkeys(["/root", *(home for home in named if re.match("/.", home))]):
        if (place := inside(root, home)) != "/":
            yield _shown(place)


def _read(place: Path, count: int = -1) -> bytes:
    """Bytes of a regular file, of no link, pipe or device that has come in its place."""
    with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return file.read(count)


def _is_swap(place: Path) -> bool:
    head = _read(place, PAGES[-1])
    return any(head[end - 10 : end] in SWAP for end in PAGES)


def _facts(root: Path, place: Path, keep: bool, swap: bool) -> Facts:
    info = place.lstat()
    kind, text, leads = "other", None, ""
    stamp = (info.st_ino, info.st_size, info.st_mtime_ns)
    if stat.S_ISLNK(info.st_mode):
        kind, text = "link", f"→ {_shown(str(place.readlink()))}"
        with contextlib.suppress(Unusable):
            leads = _shown(inside(root, f"/{place.relative_to(root)}"))
    elif stat.S_ISDIR(info.st_mode):
        kind, stamp = "folder", (0, 0, 0)
    elif stat.S_ISREG(info.st_mode):
        kind = SWAP_FILE if swap and info.st_size >= PAGES[0] and _is_swap(place) else "file"
        if keep and info.st_size <= TEXT_LIMIT:
            data = _read(place)
            text = None if b"\0" in data else data.decode("utf-8", "backslashreplace")
    return Facts(kind, stat.S_IMODE(info.st_mode), f"{info.st_uid}:{info.st_gid}", stamp, text, leads)


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


def _shown(path: str) -> str:
    """`path` with the bytes that are no UTF-8 spelled out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
