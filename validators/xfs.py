"""An XFS file system with given content, written into a disk image without root and without mounting.

mkfs.xfs takes a list of files, a prototype. What that cannot say is refused, but for times: all are those of
the making. The result is read back: some versions write a file that finds no room in one piece over others,
and say nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

from generator.errors import Surroundings, Unusable
from validators import content as seed
from validators import sparse
from validators.native import run
from validators.partfile import no_room

PACKAGE = "xfsprogs"
FORMAT = seed.Format("xfs", least=300 << 20, own=96 << 20, per_entry=1024, label=12, whole=True)
# What older guests cannot mount is left out; an option that mkfs.xfs does not know yet is not named to it.
FEATURES = {
    "-m": {"crc": 1, "finobt": 1, "rmapbt": 0, "reflink": 0, "bigtime": 0, "inobtcount": 0},
    "-i": {"sparse": 0, "nrext64": 0, "exchange": 0},
    "-n": {"parent": 0},
}
GROUPS = (4, 2)  # allocation groups: mkfs.xfs's own number, then larger ones, for large files
LARGEST_GROUP = 1 << 40
LARGEST_FILE = (1 << 31) - 1  # bytes; mkfs.xfs counts in an int
NAME = re.compile(r"(?!\$$)[^\s:\x00-\x1f\x7f\udc80-\udcff]+")  # the words of a prototype have no quotes
KEPT_ATTRIBUTES = ("user.", "trusted.", "security.capability", "system.posix_acl_")
COMPARED = 8 << 20  # bytes of a file at a time
Entries = dict[str, tuple[Path, os.stat_result]]


def make(disk: Path, offset: int, size: int, content: Path, label: str, ids: seed.Ids) -> None:
    """Write XFS of `size` bytes at `offset` of the image `disk`, holding `content`.

    The entries of a folder, or a single file, come into the root; all of it belongs to root:root. Raises
    Unusable when the content is missing, does not fit, or is something that a prototype cannot hold: names
    with spaces or colons, files of 2 GiB, extended attributes, the sticky bit; Surroundings when xfsprogs or
    room is missing.
    """
    need = seed.measure(content, holes=False)
    if max(need.size, FORMAT.least) > size:
        seed.too_small(content, size, need, FORMAT)
    entries = _entries(content.resolve())
    with tempfile.TemporaryDirectory(dir=disk.parent, prefix=".vmoffer-") as folder:
        image = Path(folder) / "image"
        (image.parent / "prototype").write_text(_prototype(entries, image.parent))
        for groups in GROUPS:
            with image.open("wb") as file:
                file.truncate(size)
            _format(image, size, content, max(groups, -(-size // LARGEST_GROUP)), label, ids, need)
            if not (wrong := _wrong(image, entries)):
                break
        else:
            hint = f"a disk of {FORMAT.disk(need) // seed.MIB} MiB is enough; or use --filesystem ext4"
            raise Unusable("mkfs.xfs found no room for it in one piece", where=str(wrong), hint=hint)
        sparse.copy_into(image, disk, size, offset)


def _entries(content: Path) -> Entries:
    """What comes into the root, by its path there, folders before what is in them."""
    found: Entries = {}
    pending = sorted(content.iterdir(), reverse=True) if content.is_dir() else [content]
    top = content if content.is_dir() else content.parent
    while pending:
        path = pending.pop()
        facts = path.lstat()
        _check(path, facts)
        found[str(path.relative_to(top))] = path, facts
        if stat.S_ISDIR(facts.st_mode):
            pending += sorted(path.iterdir(), reverse=True)
    return found


def _check(path: Path, facts: os.stat_result) -> None:
    """Raise Unusable for what a prototype cannot hold."""
    is_link = stat.S_ISLNK(facts.st_mode)
    words = [path.name, str(path.readlink())] if is_link else [path.name]
    attributes = [] if is_link else os.listxattr(path)
    reason = ""
    if any(not NAME.fullmatch(word) for word in words):
        reason = "a name with spaces, colons or control characters"
    elif stat.S_ISREG(facts.st_mode) and facts.st_size > LARGEST_FILE:
        reason = "a file of 2 GiB or more"
    elif not is_link and facts.st_mode & stat.S_ISVTX:
        reason = "the sticky bit"
    elif kept := [each for each in attributes if each.startswith(KEPT_ATTRIBUTES)]:
        reason = f"the extended attribute {kept[0]}"
    if reason:
        raise Unusable(f"mkfs.xfs cannot bring in {reason}", where=str(path), hint="use --filesystem ext4")


def _format(
    image: Path, size: int, content: Path, groups: int, label: str, ids: seed.Ids, need: seed.Extent
) -> None:
    usage = run(["mkfs.xfs"], package=PACKAGE).stderr
    command = ["mkfs.xfs", "-q", "-f", "-s", "size=512", "-L", label, "-p", "prototype"]
    for letter, features in FEATURES.items():
        known = [f"{name}={value}" for name, value in features.items() if f"{name}=" in usage]
        if letter == "-m":
            known.append(f"uuid={ids.system}")
        command += [letter, ",".join(known)] if known else []
    command += ["-d", f"agcount={groups},file=1,name={image.name},size={size}"]
    done = run(command, package=PACKAGE, cwd=image.parent)
    if done.returncode == 0:
        return
    if shutil.disk_usage(image.parent).free < (1 << 20):
        raise no_room(image, "No space left on device")
    if "No space left on device" in done.stderr:
        seed.too_small(content, size, need, FORMAT)
    raise Surroundings(f"mkfs.xfs failed: {done.stderr.strip()}", where=str(content))


def _prototype(entries: Entries, stage: Path) -> str:
    """The list that mkfs.xfs reads. Files go by numbered links in `stage`: a path may hold a space."""
    lines = ["/", "0 0", "d--755 0 0"]
    open_folders: list[str] = []
    for number, (name, (path, facts)) in enumerate(entries.items()):
        folder, _, word = name.rpartition("/")
        while open_folders and open_folders[-1] != folder:
            open_folders.pop()
            lines.append("$")
        mode = f"{'-u'[facts.st_mode & stat.S_ISUID > 0]}{'-g'[facts.st_mode & stat.S_ISGID > 0]}"
        mode += f"{facts.st_mode & 0o777:03o} 0 0"
        if stat.S_ISDIR(facts.st_mode):
            lines.append(f"{word} d{mode}")
            open_folders.append(name)
        elif stat.S_ISLNK(facts.st_mode):
            lines.append(f"{word} l{mode} {path.readlink()}")
        else:
            (stage / str(number)).symlink_to(path)
            lines.append(f"{word} -{mode} {number}")
    return "\n".join([*lines, *("$" for _ in open_folders), "$", ""])


def _wrong(image: Path, entries: Entries) -> Path | None:
    """The first file that is not in the image as it is in the folder."""
    from dfvfs.lib import definitions
    from dfvfs.path import factory
    from dfvfs.resolver import resolver

    new = factory.Factory.NewPathSpec
    raw = new(definitions.TYPE_INDICATOR_RAW, parent=new(definitions.TYPE_INDICATOR_OS, location=str(image)))
    for name, (path, facts) in entries.items():
        if not stat.S_ISREG(facts.st_mode):
            continue
        place = new(definitions.TYPE_INDICATOR_XFS, location=f"/{name}", parent=raw)
        stored = resolver.Resolver.OpenFileObject(place)
        with path.open("rb") as file:
            same = stored is not None and stored.get_size() == facts.st_size
            while same and (part := file.read(COMPARED)):
                same = stored.read(len(part)) == part
        if not same:
            return path
    return None
