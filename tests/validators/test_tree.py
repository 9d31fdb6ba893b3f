"""Links are resolved inside the guest, whatever they say; nothing but files is read."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import Device, Link, MemoryVolume

from validators.guest import Kind, Undecidable, walk
from validators.tree import MAX_LINKS, Tree, Unreadable

FILES = {
    "/etc/passwd": "guest",
    "/etc/up": Link("../../../../etc/passwd"),
    "/etc/absolute": Link("/etc/passwd"),
    "/etc/folder": Link("/usr/../etc"),
    "/etc/loop-a": Link("loop-b"),
    "/etc/loop-b": Link("/etc/loop-a"),
    "/etc/self": Link("self/self"),
    "/etc/dangling": Link("/nowhere"),
    "/dev/sda": Device(),
    "/usr/lib/x": "x",
    "/lib": Link("usr/lib"),
}


def tree() -> Tree:
    return Tree({"/": MemoryVolume(FILES)})


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/etc/up", "/etc/absolute", "/etc/folder/up", "//etc/./passwd"]
)
def test_every_link_ends_inside_the_guest(path: str) -> None:
    assert tree().read(path) == b"guest"


@pytest.mark.parametrize("path", ["/etc/loop-a", "/etc/self", "/etc/loop-a/x"])
def test_a_loop_is_reported(path: str) -> None:
    with pytest.raises(Undecidable, match="symbolic links"):
        tree().read(path)


def test_more_links_than_linux_follows_are_reported() -> None:
    chain = {f"/l{number}": Link(f"/l{number + 1}") for number in range(MAX_LINKS + 1)}
    with pytest.raises(Undecidable):
        Tree({"/": MemoryVolume({**chain, f"/l{MAX_LINKS + 1}": "end"})}).read("/l0")


def test_a_device_is_never_read() -> None:
    with pytest.raises(Undecidable, match="never read"):
        tree().read("/dev/sda")


def test_a_dangling_link_is_nothing_and_still_a_link() -> None:
    assert tree().read("/etc/dangling") is None
    assert tree().stat("/etc/dangling") is None
    assert tree().readlink("/etc/dangling") == "/nowhere"


def test_a_file_above_the_limit_is_not_read() -> None:
    with pytest.raises(Undecidable, match="at most 4"):
        tree().read("/etc/passwd", 4)
    assert tree().head("/etc/passwd", 4) == b"gues"


def test_a_path_through_a_file_leads_nowhere() -> None:
    assert tree().stat("/etc/passwd/x") is None
    assert tree().listdir("/etc/passwd") == []


def test_glob_matches_within_a_name_and_leaves_hidden_files_out() -> None:
    files = Tree({"/": MemoryVolume({"/a/one.conf": "", "/a/.two.conf": "", "/a/b/three.conf": ""})})
    assert files.glob("/a/*.conf") == ["/a/one.conf"]
    assert files.glob("/*/*/*.conf") == ["/a/b/three.conf"]
    assert tree().glob("/lib/*") == ["/lib/x"]


def test_mounts_hide_what_lies_beneath() -> None:
    mounted = Tree({"/": MemoryVolume({"/boot/old": "1"}), "/boot": MemoryVolume({"/new": "2"})})
    assert mounted.listdir("/boot") == ["new"]
    assert mounted.read("/boot/../boot/new") == b"2"


def test_an_unreadable_mount_says_why_and_only_there() -> None:
    mounted = Tree({"/": MemoryVolume(FILES), "/var": Unreadable("btrfs")})
    assert mounted.read("/etc/passwd") == b"guest"
    with pytest.raises(Undecidable, match="btrfs"):
        mounted.read("/var/lib/dpkg/status")


def test_walking_is_bounded_and_does_not_follow_links() -> None:
    many = Tree({"/": MemoryVolume({f"/home/{number}": "" for number in range(50)})})
    with pytest.raises(Undecidable, match="more than 10"):
        list(walk(many, "/home", limit=10))
    looped = Tree({"/": MemoryVolume({"/home/a": Link("/home"), "/home/b": "x"})})
    assert [(path, facts.kind) for path, facts in walk(looped, "/home")] == [
        ("/home/a", Kind.LINK),
        ("/home/b", Kind.FILE),
    ]


NAMES = st.sampled_from(["a", "b", "c", "..", "."])
PATHS = st.lists(NAMES, min_size=1, max_size=5).map("/".join)


@given(links=st.dictionaries(st.sampled_from(["/a", "/b", "/d/a", "/d/b"]), PATHS, max_size=4), path=PATHS)
def test_no_tree_of_links_hangs_or_leaves(links: dict[str, str], path: str) -> None:
    volume = MemoryVolume({**{name: Link(target) for name, target in links.items()}, "/d/c": "c"})
    try:
        real = Tree({"/": volume})._resolve(f"/{path}", follow=True)
    except Undecidable:
        return
    assert real is None or ".." not in PurePosixPath(real).parts
