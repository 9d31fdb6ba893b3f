"""Every place where the host side writes: by generator/atomic_file.py, or listed here with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("generator", "validators", "publisher", "vmoffer", "tools")
# Modules that write otherwise: how many places, and why no planted link can lead them astray.
EXCEPTIONS = {
    "generator/atomic_file.py": (3, "is the way"),
    "validators/partfile.py": (
        2,
        "large files: O_EXCL and O_NOFOLLOW under a name of 12 random digits, renamed",
    ),
    "validators/sparse.py": (3, "writes into a part of partfile.py"),
    "validators/gpt.py": (1, "writes into a part of partfile.py"),
    "validators/convert.py": (1, "writes into a part of partfile.py"),
    "validators/remains.py": (1, "writes into a part of partfile.py"),
    "validators/xfs.py": (3, "a part of partfile.py, and a temporary folder of mode 0700"),
    "validators/ext4.py": (2, "a temporary folder of mode 0700"),
    "validators/worker.py": (1, "/dev/null"),
    "validators/linux/rpm_sqlite.py": (1, "a temporary folder of mode 0700"),
    "publisher/partial_file.py": (
        1,
        "os.link from its part, which open_in_place opened, to a name that is free",
    ),
    "publisher/journal.py": (1, "the user's own state folder, mode 0700"),
    "vmoffer/streams.py": (2, "/dev/null"),
    "tools/packer.py": (1, "a temporary folder of mode 0700"),
    "tools/base.py": (4, "the user's own cache, mode 0700, in a folder that it has just made"),
    "tools/partitions.py": (1, "a disk in the folder that tools/base.py has just made"),
    "tools/grub.py": (1, "a disk in the folder that tools/base.py has just made"),
    "tools/work.py": (1, "a log in the folder that tools/base.py has just made"),
    "tools/azurite.py": (1, "a log in the user's own state folder, mode 0700"),
    "tools/cache.py": (1, "a lock in the user's own cache, mode 0700"),
    "tools/golang.py": (1, "the user's own cache, in a folder that it has just made"),
    "tools/npm.py": (2, "the user's own cache, in a folder that it has just made"),
}
METHODS = {"write_text", "write_bytes", "touch", "symlink_to", "hardlink_to", "link_to"}
FUNCTIONS = {
    "os": {"link", "symlink", "rename", "replace", "mkfifo", "mknod"},
    "shutil": {"copy", "copy2", "copyfile", "copytree", "move"},
}
WRITING_FLAGS = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"}


def _writes(call: ast.Call, constants: dict[str, ast.expr]) -> bool:
    """Whether the call makes, opens for writing, or renames a file."""
    where = call.func
    if isinstance(where, ast.Name):
        return where.id == "open" and _mode(call, 1)
    if not isinstance(where, ast.Attribute):
        return False
    if isinstance(where.value, ast.Name) and where.value.id in ("os", "shutil", "io", "tempfile"):
        if (where.value.id, where.attr) == ("os", "open"):
            given = call.args[1]
            flags = constants.get(given.id, given) if isinstance(given, ast.Name) else given
            words = {one.attr for one in ast.walk(flags) if isinstance(one, ast.Attribute)}
            return bool(words & WRITING_FLAGS)
        if where.attr == "open":
            return _mode(call, 1)
        return where.attr in FUNCTIONS.get(where.value.id, ())
    if where.attr == "open":
        return _mode(call, 0)
    if where.attr in ("rename", "replace"):
        return len(call.args) == 1 and not call.keywords  # of a Path; text takes two, a date takes keywords
    return where.attr in METHODS


def _mode(call: ast.Call, place: int) -> bool:
    """Whether the mode of an `open` is one for writing; one that is not written out counts as that."""
    given = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] or call.args[
        place : place + 1
    ]
    return any(not isinstance(one, ast.Constant) or set(str(one.value)) & set("wax+") for one in given)


def sites(text: str) -> Iterator[int]:
    """The lines of the places in `text` that write."""
    tree = ast.parse(text)
    constants = {
        target.id: node.value
        for node in ast.walk(tree) if isinstance(node, ast.Assign)
        for target in node.targets if isinstance(target, ast.Name)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _writes(node, constants):
            yield node.lineno


def test_every_place_that_writes_is_known() -> None:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if lines := list(sites(path.read_text())):
                found[path.relative_to(ROOT).as_posix()] = lines
    wrong = {name: lines for name, lines in found.items() if len(lines) != EXCEPTIONS.get(name, (0, ""))[0]}
    assert not wrong, f"write with generator/atomic_file.py, or say here why not: {wrong}"
    assert not EXCEPTIONS.keys() - found.keys()


@pytest.mark.parametrize(
    "line",
    [
        "path.write_text(x)", "path.write_bytes(x)", "path.open('w')", "path.open(mode='ab')",
        "path.open(how)",
        "open(path, 'x')", "os.open(path, os.O_RDWR | os.O_CREAT)", "F = os.O_WRONLY\nos.open(path, F)",
        "part.rename(target)", "part.replace(target)", "os.replace(a, b)", "shutil.copy2(a, b)",
        "path.touch()", "path.symlink_to(other)",
    ],
)  # fmt: skip
def test_a_new_place_would_be_seen(line: str) -> None:
    assert len(list(sites(line))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "path.open('rb')",
        "open(path)",
        "path.open()",
        "os.open(path, os.O_RDONLY)",
        "text.replace(a, b)",
        "f.read()",
    ],
)
def test_what_only_reads_is_none(line: str) -> None:
    assert not list(sites(line))
