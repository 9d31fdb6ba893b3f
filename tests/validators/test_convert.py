"""Every format becomes the same disk in a fixed VHD, and what goes wrong leaves nothing half done."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
import pyvhdi

from generator.errors import Surroundings, Unusable
from validators import convert
from validators.convert import in_place, to_vhd
from validators.footer import MIB, make_footer
from validators.native import environment
from validators.partfile import part_beside
from validators.vhd import inspect

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is missing")
VMOFFER = [sys.executable, "-m", "vmoffer"]
FORMATS = {
    "raw": ["-O", "raw"],
    "qcow2": ["-O", "qcow2"],
    "compressed qcow2": ["-O", "qcow2", "-c"],
    "vhdx": ["-O", "vhdx"],
    "vmdk": ["-O", "vmdk"],
    "vmdk from an OVA": ["-O", "vmdk", "-o", "subformat=streamOptimized"],
    "dynamic VHD": ["-O", "vpc", "-o", "force_size"],
    "fixed VHD": ["-O", "vpc", "-o", "subformat=fixed,force_size"],
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A sparse disk of 40 MiB with data at its start, in its middle, and at its end."""
    path = tmp_path / "disk, one.raw"  # a comma separates options of qemu-img
    with path.open("wb") as file:
        for at in (0, 17 * MIB + 4096, 40 * MIB - 8192):
            file.seek(at)
            file.write(os.urandom(8192))
    return path


def _qemu(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *arguments], check=True, capture_output=True)


def _content(vhd: Path) -> bytes:
    reader = pyvhdi.file()
    reader.open(str(vhd))
    try:
        size: int = reader.get_media_size()
        return bytes(reader.read(size))
    finally:
        reader.close()


def _leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_in_place_keeps_the_file_and_its_holes(raw: Path, tmp_path: Path) -> None:
    before, data, vhd = raw.stat(), raw.read_bytes(), tmp_path / "os.vhd"
    done = in_place(raw, vhd)
    assert not raw.exists()
    assert vhd.stat().st_ino == before.st_ino
    assert done.allocated_bytes <= before.st_blocks * 512 + 4096
    assert convert.is_finished(done)
    assert _content(vhd) == data
    raw.write_bytes(data)
    _qemu("compare", "-f", "vpc", "-F", "raw", vhd, raw)


@pytest.mark.parametrize("odd", [1, 511, 512, MIB - 512])
def test_in_place_pads_to_a_whole_mib_with_zeros(tmp_path: Path, odd: int) -> None:
    raw, vhd = tmp_path / "os.raw", tmp_path / "os.vhd"
    data = os.urandom(MIB + odd)
    raw.write_bytes(data)
    assert in_place(raw, vhd).size_bytes == 2 * MIB
    assert _content(vhd) == data.ljust(2 * MIB, b"\0")


def test_the_footer_repeats_when_time_and_id_are_given(tmp_path: Path) -> None:
    footers = set()
    for name in "ab":
        raw = tmp_path / name
        raw.write_bytes(bytes(MIB))
        footer = in_place(raw, tmp_path / f"{name}.vhd", timestamp=1_700_000_000, unique_id=uuid.UUID(int=7))
        footers.add(footer.footer)
    assert len(footers) == 1
    (only,) = footers
    assert only is not None
    assert only.created == "2023-11-14T22:13:20+00:00"


def test_a_second_run_finds_it_done(raw: Path, tmp_path: Path) -> None:
    vhd = tmp_path / "os.vhd"
    in_place(raw, vhd)
    before = vhd.read_bytes()
    in_place(raw, vhd)
    in_place(vhd, vhd)
    assert vhd.read_bytes() == before


@pytest.mark.parametrize("where", ["append_footer", "put_in_place"])
def test_a_run_cut_short_is_continued(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    os.truncate(raw, 40 * MIB - 512)
    data, vhd = raw.read_bytes().ljust(40 * MIB, b"\0"), tmp_path / "os.vhd"
    with monkeypatch.context() as patch:

        def cut(*_: object) -> None:
            if where == "append_footer":
                os.truncate(raw, 40 * MIB)  # padded, and then the power went
            raise KeyboardInterrupt

        patch.setattr(convert, where, cut)
        with pytest.raises(KeyboardInterrupt):
            in_place(raw, vhd)
    assert raw.exists()
    assert not vhd.exists()
    assert convert.is_finished(in_place(raw, vhd))
    assert _content(vhd) == data


def test_a_disk_that_fills_up_leaves_no_torn_footer(raw: Path, tmp_path: Path) -> None:
    vhd, data = tmp_path / "os.vhd", raw.read_bytes()
    done = _limited(40 * MIB + 100, "convert", "--in-place", raw, vhd)
    assert done.returncode == 3, done.stderr
    assert "make room" in done.stderr
    assert raw.read_bytes() == data
    in_place(raw, vhd)
    assert _content(vhd) == data


def test_a_cut_vhd_is_not_taken_for_a_raw_disk(tmp_path: Path) -> None:
    raw = tmp_path / "os.raw"
    raw.write_bytes(bytes(MIB) + make_footer(MIB).pack()[:100])
    for call in (in_place, to_vhd):
        with pytest.raises(Unusable, match="100 bytes before the end") as caught:
            call(raw, tmp_path / "os.vhd")
        assert caught.value.rule == "DSK-FMT-001"
    assert raw.stat().st_size == MIB + 100


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("raw", "fixed VHD")])
def test_in_place_refuses_other_formats_and_leaves_them(raw: Path, tmp_path: Path, name: str) -> None:
    source = tmp_path / "in"
    _qemu("convert", "-f", "raw", *FORMATS[name], raw, source)
    before = source.read_bytes()
    with pytest.raises(Unusable, match="not a raw disk"):
        in_place(source, tmp_path / "out.vhd")
    assert source.read_bytes() == before


def test_in_place_does_not_cross_file_systems(raw: Path, tmp_path: Path) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system at /dev/shm")
    with pytest.raises(Surroundings, match="another file system"):
        in_place(raw, other / f"vmoffer-{uuid.uuid4()}.vhd")
    assert raw.exists()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_becomes_the_same_disk(raw: Path, tmp_path: Path, name: str) -> None:
    source, target = tmp_path / "json:in, -x", tmp_path / "out.vhd"
    _qemu("convert", "-f", "raw", *FORMATS[name], raw, source)
    before = source.read_bytes()
    counted: list[int] = []
    done = to_vhd(source, target, advance=counted.append)
    assert convert.is_finished(done)
    assert _content(target) == raw.read_bytes()
    assert done.allocated_bytes < MIB
    assert source.read_bytes() == before
    assert sum(counted) == 40 * MIB
    _qemu("compare", "-f", "vpc", "-F", "raw", target, raw)


def test_a_dynamic_vhd_keeps_its_size_whatever_the_geometry_says(tmp_path: Path) -> None:
    source = tmp_path / "in.vhd"
    _qemu("create", "-f", "vpc", "-o", "force_size", source, "33M")
    data = bytearray(source.read_bytes())
    footer = replace(inspect(source).footer, creator=b"vbox")  # type: ignore[type-var]
    footer = replace(footer, checksum=footer.expected_checksum)
    data[:512] = data[-512:] = footer.pack()
    source.write_bytes(data)
    assert to_vhd(source, tmp_path / "out.vhd").size_bytes == 33 * MIB


@pytest.mark.parametrize("call", [in_place, to_vhd])
@pytest.mark.parametrize("fault", ["checksum", "511 bytes", "odd size"])
def test_a_fixed_vhd_with_a_bad_footer_is_mended(tmp_path: Path, call: object, fault: str) -> None:
    size = 2 * MIB - (512 if fault == "odd size" else 0)
    data, footer = os.urandom(size), make_footer(size)
    if fault == "checksum":
        footer = replace(footer, checksum=1)
    source = tmp_path / "in.vhd"
    source.write_bytes(data + footer.pack()[: 511 if fault == "511 bytes" else 512])
    assert callable(call)
    assert convert.is_finished(call(source, tmp_path / "out.vhd"))
    assert _content(tmp_path / "out.vhd") == data.ljust(2 * MIB, b"\0")


def test_a_footer_that_contradicts_the_file_is_not_mended(tmp_path: Path) -> None:
    source = tmp_path / "in.vhd"
    source.write_bytes(bytes(MIB) + make_footer(5 * MIB).pack())
    with pytest.raises(Unusable, match="cannot be known") as caught:
        to_vhd(source, tmp_path / "out.vhd")
    assert caught.value.rule == "DSK-FMT-004"


def _foreign(name: str, folder: Path) -> Path:
    base, path = folder / "base", folder / "in"
    _qemu("create", "-f", "vmdk" if "vmdk" in name else "raw", base, "4M")
    match name:
        case "qcow2 on a backing file":
            _qemu("create", "-f", "qcow2", "-b", base, "-F", "raw", path)
        case "qcow2 with a data file":
            _qemu("create", "-f", "qcow2", "-o", f"data_file={base},data_file_raw=on", path, "4M")
        case "vmdk on a parent":
            _qemu("create", "-f", "vmdk", "-b", base, "-F", "vmdk", path)
        case "vmdk with an extent":
            _qemu("create", "-f", "vmdk", "-o", "subformat=monolithicFlat", path.with_suffix(".vmdk"), "4M")
            return path.with_suffix(".vmdk")
        case "sparse vmdk that lists an extent":
            text = b'# Disk DescriptorFile\ncreateType="monolithicFlat"\nRW 8192 FLAT "/etc/passwd" 0\n'
            head = b"KDMV" + (1).to_bytes(4, "little") + bytes(20)
            head += (1).to_bytes(8, "little") + (1).to_bytes(8, "little")  # where the descriptor is
            path.write_bytes(head.ljust(512, b"\0") + text.ljust(4096, b"\0"))
    return path


@pytest.mark.parametrize(
    "name",
    [
        "qcow2 on a backing file",
        "qcow2 with a data file",
        "vmdk on a parent",
        "vmdk with an extent",
        "sparse vmdk that lists an extent",
    ],
)
def test_images_that_lead_to_other_files_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unusable, match="file"):
        to_vhd(_foreign(name, tmp_path), tmp_path / "out.vhd")
    assert not (tmp_path / "out.vhd").exists()
    assert not _leftovers(tmp_path)


def test_a_vhd_whose_guest_wrote_a_qcow2_header_is_copied_as_it_is(tmp_path: Path) -> None:
    overlay, source = _foreign("qcow2 on a backing file", tmp_path), tmp_path / "in.vhd"
    data = overlay.read_bytes().ljust(MIB, b"\0")
    source.write_bytes(data + replace(make_footer(MIB), checksum=0).pack())
    to_vhd(source, tmp_path / "out.vhd")
    assert _content(tmp_path / "out.vhd") == data


@pytest.mark.parametrize("call", [in_place, to_vhd])
def test_what_cannot_be_used_is_said(raw: Path, tmp_path: Path, call: object) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "there.vhd").write_text("mine")
    assert callable(call)
    for source, target, words in [
        (tmp_path / "none", tmp_path / "out.vhd", "no such file"),
        (tmp_path, tmp_path / "out.vhd", "folder"),
        (tmp_path / "empty", tmp_path / "out.vhd", "empty"),
        (raw, tmp_path / "there.vhd", "exists already"),
        (raw, tmp_path / "nowhere" / "out.vhd", "no such folder"),
        (raw, tmp_path, "not a regular file"),
    ]:
        with pytest.raises(Unusable, match=words):
            call(source, target)
    assert (tmp_path / "there.vhd").read_text() == "mine"
    call(raw, tmp_path / "there.vhd", force=True)
    assert convert.is_finished(inspect(tmp_path / "there.vhd"))


def test_a_differencing_vhd_is_refused_by_rule(tmp_path: Path) -> None:
    footer = replace(make_footer(MIB), disk_type=4)
    (tmp_path / "in.vhd").write_bytes(bytes(MIB) + footer.pack())
    with pytest.raises(Unusable, match="parent") as caught:
        to_vhd(tmp_path / "in.vhd", tmp_path / "out.vhd")
    assert caught.value.rule == "DSK-FMT-002"


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("raw", "fixed VHD")])
def test_a_cut_image_is_unusable_instead_of_zeros(tmp_path: Path, name: str) -> None:
    raw, source = tmp_path / "in.raw", tmp_path / "in"
    raw.write_bytes(os.urandom(3 * MIB).ljust(8 * MIB, b"\0"))
    _qemu("convert", "-f", "raw", *FORMATS[name], raw, source)
    os.truncate(source, source.stat().st_size // 2)
    with pytest.raises(Unusable, match=r"damaged|cannot read"):
        to_vhd(source, tmp_path / "out.vhd")
    assert not _leftovers(tmp_path)


def test_a_head_alone_is_unusable(tmp_path: Path) -> None:
    for magic in (b"QFI\xfb\0\0\0\3", b"KDMV\1\0\0\0", b"COWD", b"vhdxfile"):
        (tmp_path / "in").write_bytes(magic + b"\xff" * 500)
        with pytest.raises(Unusable):
            to_vhd(tmp_path / "in", tmp_path / "out.vhd")
    assert not _leftovers(tmp_path)


def test_without_qemu_img_the_mend_is_named(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _qemu("convert", "-O", "qcow2", raw, tmp_path / "in.qcow2")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Surroundings, match="qemu-img is missing") as caught:
        to_vhd(tmp_path / "in.qcow2", tmp_path / "out.vhd")
    assert "qemu-utils" in str(caught.value.hint)
    assert not _leftovers(tmp_path)
    assert convert.is_finished(to_vhd(raw, tmp_path / "out.vhd"))  # a raw disk needs no reader


def test_an_interrupted_copy_leaves_nothing_behind(raw: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.vhd"
    target.write_text("the old one")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        to_vhd(raw, target, force=True, advance=interrupt)
    assert target.read_text() == "the old one"
    assert not _leftovers(tmp_path)
    to_vhd(raw, target, force=True)


@pytest.mark.parametrize("form", ["raw", "qcow2"])
def test_a_file_that_cannot_grow_while_copying_is_said_and_cleaned(tmp_path: Path, form: str) -> None:
    (tmp_path / "raw").write_bytes(os.urandom(20 * MIB))
    _qemu("convert", "-f", "raw", "-O", form, tmp_path / "raw", tmp_path / "in")
    (tmp_path / "raw").unlink()
    done = _limited(10 * MIB, "convert", tmp_path / "in", tmp_path / "out.vhd")
    assert done.returncode == 3, done.stderr
    assert "make room" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("form", ["raw", "qcow2"])
def test_a_full_file_system_is_said_and_cleaned(tmp_path: Path, form: str) -> None:
    (tmp_path / "raw").write_bytes(os.urandom(20 * MIB))
    _qemu("convert", "-f", "raw", "-O", form, tmp_path / "raw", tmp_path / "in")
    done = _mounted("tmpfs", "size=10m", tmp_path, "convert", tmp_path / "in", tmp_path / "mnt" / "out.vhd")
    assert "status 3" in done.stdout, done.stdout + done.stderr
    assert "No space left on device" in done.stderr and "make room" in done.stderr
    assert "left: []" in done.stdout


@pytest.mark.parametrize("form", ["raw", "qcow2"])
def test_a_file_system_without_holes_takes_the_same_disk(raw: Path, tmp_path: Path, form: str) -> None:
    source, mount = tmp_path / "in", tmp_path / "mnt"
    _qemu("convert", "-f", "raw", "-O", form, raw, source)
    done = _mounted("ramfs", "mode=700", tmp_path, "convert", source, mount / "out.vhd", keep=True)
    assert "status 0" in done.stdout, done.stdout + done.stderr
    assert _content(tmp_path / "out.vhd") == raw.read_bytes()


def test_holes_are_not_dug_where_there_are_none(tmp_path: Path) -> None:
    data = os.urandom(MIB) + bytes(MIB)
    (tmp_path / "in").write_bytes(data)
    arguments = [
        "convert",
        "--in-place",
        "--punch-holes",
        tmp_path / "mnt" / "in",
        tmp_path / "mnt" / "out.vhd",
    ]
    done = _mounted("ramfs", "mode=700", tmp_path, *arguments, keep=True, put=tmp_path / "in")
    assert "status 0" in done.stdout, done.stdout + done.stderr
    assert _content(tmp_path / "out.vhd") == data


def test_blocks_are_shared_where_the_file_system_can(tmp_path: Path) -> None:
    mount, size = tmp_path / "mnt", 64 * MIB
    mount.mkdir()
    with (tmp_path / "fs").open("wb") as file:
        file.truncate(400 * MIB)
    made = shutil.which("mkfs.xfs", path=environment()["PATH"])
    if os.geteuid() != 0 or made is None:
        pytest.skip("needs root and mkfs.xfs for a file system with shared blocks")
    subprocess.run([made, "-q", tmp_path / "fs"], check=True)
    if subprocess.run(["mount", "-o", "loop", tmp_path / "fs", mount], capture_output=True).returncode != 0:
        pytest.skip("mount cannot mount a file here")
    try:
        (mount / "in.vhd").write_bytes(os.urandom(size) + replace(make_footer(size), checksum=0).pack())
        os.sync()
        free = shutil.disk_usage(mount).free
        assert convert.is_finished(to_vhd(mount / "in.vhd", mount / "out.vhd"))
        os.sync()
        assert free - shutil.disk_usage(mount).free < 2 * MIB
        assert (mount / "out.vhd").read_bytes()[:size] == (mount / "in.vhd").read_bytes()[:size]
        assert inspect(mount / "in.vhd").checksum_ok is False
    finally:
        subprocess.run(["umount", mount], check=True)


def test_zeros_of_a_raw_disk_become_holes(tmp_path: Path) -> None:
    raw, data = tmp_path / "os.raw", bytearray(8 * MIB)
    data[MIB : MIB + 100] = os.urandom(100)
    data[5 * MIB + 4096 : 5 * MIB + 8192] = os.urandom(4096)
    raw.write_bytes(data)
    assert to_vhd(raw, tmp_path / "copy.vhd").allocated_bytes <= 32768
    assert in_place(raw, tmp_path / "os.vhd", holes=True).allocated_bytes <= 32768
    assert _content(tmp_path / "os.vhd") == _content(tmp_path / "copy.vhd") == data


def test_a_source_that_ends_early_or_changes_is_noticed(tmp_path: Path) -> None:
    raw, target = tmp_path / "os.raw", tmp_path / "out.vhd"
    raw.write_bytes(os.urandom(8 * MIB))

    def cut(_: int) -> None:
        os.truncate(raw, 5 * MIB + 7)

    with pytest.raises(Surroundings, match="became shorter while it was read"):
        to_vhd(raw, target, advance=cut)
    raw.write_bytes(os.urandom(8 * MIB))

    def write(_: int) -> None:
        with raw.open("r+b") as file:
            file.write(b"a guest that runs")

    with pytest.raises(Surroundings, match="changed while it was read"):
        to_vhd(raw, target, advance=write)
    assert [path.name for path in tmp_path.iterdir()] == ["os.raw"]


@pytest.mark.parametrize("form", ["raw", "qcow2"])
def test_killed_at_any_moment_it_leaves_no_output_and_the_next_run_cleans_up(
    tmp_path: Path, form: str
) -> None:
    (tmp_path / "raw").write_bytes(data := os.urandom(40 * MIB))
    source, target = tmp_path / "in", tmp_path / "out.vhd"
    _qemu("convert", "-f", "raw", "-O", form, tmp_path / "raw", source)
    killed = 0
    for pause in (0.0, 0.005, 0.01, 0.02, 0.03, 0.05):
        process = subprocess.Popen(
            [*VMOFFER, "convert", "--force", source, target], stderr=subprocess.DEVNULL
        )
        while process.poll() is None and not _leftovers(tmp_path):
            time.sleep(0.002)
        time.sleep(pause)
        process.kill()
        killed += process.wait() < 0
        if target.exists():
            assert convert.is_finished(inspect(target)) and _content(target) == data
            target.unlink()
    assert killed
    assert convert.is_finished(to_vhd(source, target))
    assert _content(target) == data
    assert not _leftovers(tmp_path)


def test_a_part_of_a_running_process_is_not_swept(tmp_path: Path) -> None:
    with part_beside(tmp_path / "one.vhd") as mine:
        with part_beside(tmp_path / "other.vhd"):
            assert mine.exists()
        assert mine.exists()


@pytest.mark.parametrize("form", ["raw", "qcow2", "finished VHD"])
def test_a_disk_grows_with_its_backup_gpt_at_the_end(tmp_path: Path, form: str) -> None:
    raw, source, target = tmp_path / "raw", tmp_path / "in", tmp_path / "out.vhd"
    with raw.open("wb") as file:
        file.truncate(8 * MIB)
    sfdisk = shutil.which("sfdisk", path=environment()["PATH"])
    if sfdisk is None:
        pytest.skip("sfdisk is missing")
    subprocess.run([sfdisk, "-q", "--no-reread", raw], input=b"label: gpt\nsize=1M\n", check=True)
    if form == "finished VHD":
        to_vhd(raw, source)
    else:
        _qemu("convert", "-f", "raw", "-O", form, raw, source)
    call = to_vhd if form == "qcow2" else in_place
    assert call(source, target, grow=64 * MIB).size_bytes == 64 * MIB
    os.truncate(target, 64 * MIB)
    done = subprocess.run([sfdisk, "--verify", target], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    with pytest.raises(Unusable, match="cannot be made 32 MiB"):
        to_vhd(target, tmp_path / "small.vhd", grow=32 * MIB)


def test_padding_takes_the_backup_gpt_along(tmp_path: Path) -> None:
    raw = tmp_path / "os.raw"
    with raw.open("wb") as file:
        file.truncate(8 * MIB - 512)
    sfdisk = shutil.which("sfdisk", path=environment()["PATH"])
    if sfdisk is None:
        pytest.skip("sfdisk is missing")
    subprocess.run([sfdisk, "-q", "--no-reread", raw], input=b"label: gpt\nsize=1M\n", check=True)
    in_place(raw, tmp_path / "os.vhd")
    os.truncate(tmp_path / "os.vhd", 8 * MIB)
    done = subprocess.run([sfdisk, "--verify", tmp_path / "os.vhd"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


def _mounted(
    kind: str, options: str, folder: Path, *arguments: str | Path, keep: bool = False, put: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run vmoffer in a name space of its own, with a file system of `kind` at `folder`/mnt.

    `put` is copied there first; with `keep`, out.vhd is copied to `folder` at the end.
    """
    mount = folder / "mnt"
    mount.mkdir(exist_ok=True)
    script = f"""
        mount -t {kind} -o {options} none '{mount}' || exit 77
        {f"cp '{put}' '{mount}/in'" if put else ":"}
        "$@"; echo "status $?"; echo "left: [$(ls -A '{mount}')]"
        {f"cp '{mount}/out.vhd' '{folder}/out.vhd'" if keep else ":"}
    """
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", *VMOFFER, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip("unshare may not mount file systems here")
    return done


def _limited(file_bytes: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run vmoffer where no file can grow beyond `file_bytes`: the nearest to a full disk without root."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    return subprocess.run([*VMOFFER, *arguments], capture_output=True, text=True, preexec_fn=limit)
