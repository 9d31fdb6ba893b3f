"""Systems on LVM are read like any other; what cannot be read of LVM is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import MIB, MemoryBlocks, debian, need, run, unpack
from lvm_images import AREA, EXTENT, GROUP, fill, metadata, write

from validators import engine, lvm
from validators.blocks import Joined, PlainFile
from validators.disk import open_disk
from validators.guest import Undecidable
from validators.outcome import Status
from validators.partition_types import LINUX_LVM

START, SIZE = MIB, 512 * MIB
ROOT, VAR, SWAP = [(0, 10), (20, 6)], [(40, 80)], [(12, 2)]
FSTAB = "/dev/mapper/vg--0-root / ext4 defaults 0 1\n/dev/vg-0/var /var xfs defaults 0 2\n"
TWO = {"root": [(0, 6), (9, 2)], "swap-a": [(6, 3)]}


def physical(tmp_path: Path, text: str, *, text_at: int = 512) -> lvm.Blocks:
    path = tmp_path / "pv"
    with path.open("wb") as file:
        file.truncate(SIZE)
    write(path, 0, SIZE, text, text_at=text_at)
    return PlainFile(path, SIZE)


def test_volumes_and_their_pieces_are_found(tmp_path: Path) -> None:
    for text_at in (512, (1 << 20) - 4096 - 700):  # the second one goes round the end of its area
        root, swap = lvm.volumes(physical(tmp_path, metadata(TWO), text_at=text_at), 0, SIZE)
        assert root == lvm.Logical(
            "vg-0/root", ((MIB, 6 * EXTENT), (MIB + 9 * EXTENT, 2 * EXTENT)), id=GROUP + "A" * 32
        )
        assert swap == lvm.Logical("vg-0/swap-a", ((MIB + 6 * EXTENT, 3 * EXTENT),), id=GROUP + "B" * 32)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (metadata(TWO, kind="thin"), "it is thin, which is not read offline"),
        (metadata(TWO, disk="pv1"), "a part of it is on another disk"),
        (metadata({"root": [(0, 9000)]}), "it reaches beyond its physical volume"),
        (
            metadata(TWO).replace("segment_count = 2", "segment_count = x"),
            "its metadata is broken: ValueError",
        ),
        (metadata(TWO).replace("segment1 {", "other {"), "its metadata is broken: KeyError"),
    ],
)
def test_volume_that_is_not_read_says_why(tmp_path: Path, text: str, reason: str) -> None:
    root = lvm.volumes(physical(tmp_path, text), 0, SIZE)[0]
    assert root.name == "vg-0/root"
    assert root.reason.startswith(reason)


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (512, "no LVM label at 0"),
        (600, "the checksum of the LVM label at 512 is wrong"),
        (AREA + 8, f"LVM metadata at {AREA} is broken"),
        (AREA + 30, f"LVM metadata at {AREA}: the checksum of the header is wrong"),
        (AREA + 900, f"LVM metadata at {AREA}: the checksum of the text is wrong"),
    ],
)
def test_broken_metadata_is_undecidable_and_says_where(tmp_path: Path, at: int, reason: str) -> None:
    blocks = physical(tmp_path, metadata(TWO))
    with (tmp_path / "pv").open("r+b") as file:
        file.seek(at)
        file.write(b"\xff\xff")
    with pytest.raises(Undecidable, match=reason):
        lvm.volumes(blocks, 0, SIZE)


@given(st.text('vg{}[]=",\n 01#\\', max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        lvm._parse(text)
    except Undecidable as reason:
        assert "LVM metadata" in str(reason)


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 30)), min_size=1, max_size=4), st.data())
def test_pieces_are_read_as_one_disk(pieces: list[tuple[int, int]], data: st.DataObject) -> None:
    content = bytes(range(120))
    whole = b"".join(content[start : start + length] for start, length in pieces)
    joined = Joined(MemoryBlocks(len(content), {0: content}), pieces)
    offset, count = data.draw(st.integers(0, 130)), data.draw(st.integers(0, 130))
    assert joined.size == len(whole)
    assert joined.read(offset, count) == whole[offset : offset + count]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian on a logical volume in two pieces (ext4), /var on XFS, and swap, all inside LVM."""
    need("mke2fs", "mkfs.xfs", "sfdisk", "mkswap")
    folder = tmp_path_factory.mktemp("lvm")
    files = {**debian(), "/etc/fstab": FSTAB}
    unpack(
        {path: content for path, content in files.items() if not path.startswith("/var/")}, folder / "root"
    )
    (folder / "root/var").mkdir(exist_ok=True)
    unpack({path[4:]: content for path, content in files.items() if path.startswith("/var/")}, folder / "var")
    (folder / "var/log").mkdir(parents=True, exist_ok=True)
    (folder / "proto").write_text(
        "/none\n0 0\nd--755 0 0\nlog d--755 0 0\n here ---644 0 0 /dev/null\n$\n$\n"
    )
    for name, extents in (("root.img", 16), ("var.img", 80), ("swap.img", 2)):
        with (folder / name).open("wb") as file:
            file.truncate(extents * EXTENT)
    run("mke2fs", "-q", "-t", "ext4", "-d", folder / "root", folder / "root.img")
    run("mkfs.xfs", "-q", "-p", folder / "proto", folder / "var.img")
    run("mkswap", "-q", folder / "swap.img")
    path = folder / "os.raw"
    with path.open("wb") as file:
        file.truncate(START + SIZE + MIB)
    run("sfdisk", "--quiet", path, text=f"label: gpt\nstart=2048, size={SIZE // 512}, type={LINUX_LVM}\n")
    volumes = {"root": ROOT, "var": VAR, "swap": SWAP}
    write(path, START, SIZE, metadata(volumes))
    for name, segments in volumes.items():
        fill(path, START, segments, (folder / f"{name}.img").read_bytes())
    return path


def test_a_system_on_lvm_is_found_mounted_and_judged(disk: Path) -> None:
    opened = open_disk(disk)
    assert [part.title for part in opened.logical] == [
        f"logical volume vg-0/{n}" for n in ("root", "var", "swap")
    ]
    assert [part.title for part in opened.roots] == ["logical volume vg-0/root"]
    assert opened.guest is not None
    assert opened.guest.read("/etc/fstab") == FSTAB.encode()
    assert opened.guest.listdir("/var/log") == ["here"]
    by_rule = {outcome.rule: outcome for outcome in engine.judge([disk]).outcomes}
    assert by_rule["LNX-SSH-001"].status is Status.PASS
    assert by_rule["DSK-LVM-001"].status in (Status.FAIL, Status.WARN)
    assert by_rule["LNX-SWAP-001"].status is Status.FAIL
    assert "logical volume vg-0/swap" in by_rule["LNX-SWAP-001"].evidence


def test_broken_lvm_leaves_the_system_undecided(disk: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.raw"
    run("cp", "--sparse=always", disk, broken)
    with broken.open("r+b") as file:
        file.seek(START + AREA + 900)
        file.write(b"\xff\xff")
    by_rule = {outcome.rule: outcome for outcome in engine.judge([broken]).outcomes}
    for rule in ("LNX-SSH-001", "LNX-SWAP-001", "LNX-HIST-001"):
        assert by_rule[rule].status is Status.UNDECIDABLE, rule
    assert "the checksum of the text is wrong" in by_rule["LNX-SSH-001"].evidence
