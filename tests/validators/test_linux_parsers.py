"""The parsers of Linux configuration: what they understand, and that nothing makes them fall over."""

from __future__ import annotations

import bz2
import gzip
import lzma

import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import COMMAND_LINE, VERSION, MemoryVolume, cpio, efi_program, grub_cfg, initramfs, lz4_blocks

from validators.guest import Undecidable
from validators.linux import boot, fstab, kernel, packages, release, sshd, systemd, versions
from validators.linux import initramfs as archive
from validators.tree import Tree

zstd = pytest.importorskip("backports.zstd", reason="backports.zstd is missing")


def guest(files: dict[str, str | bytes]) -> Tree:
    return Tree({"/": MemoryVolume(files)})


# --- sshd ------------------------------------------------------------------------------------------------
def effective(files: dict[str, str | bytes], keyword: str = "Port") -> str | None:
    config = sshd.read(guest(files))
    found = config.effective(keyword) if config else None
    return found.value if found else None


def test_the_first_value_wins_and_includes_are_read_in_place_and_in_order() -> None:
    drop_ins = {"/etc/ssh/sshd_config.d/20.conf": "Port 20", "/etc/ssh/sshd_config.d/10.conf": "Port 10"}
    main = "Include sshd_config.d/*.conf\nPort 1\n"
    assert effective({"/etc/ssh/sshd_config": main, **drop_ins}) == "10"
    assert effective({"/etc/ssh/sshd_config": f"Port 2\n{main}", **drop_ins}) == "2"


def test_what_stands_in_a_match_block_does_not_count_for_everybody() -> None:
    assert effective({"/etc/ssh/sshd_config": "Match User x\nPort 1\n"}) is None
    included = {"/etc/ssh/sshd_config": "Match User x\nInclude /a.conf\n", "/a.conf": "Port 3\n"}
    assert effective(included) is None


def test_a_match_in_an_included_file_ends_with_it() -> None:
    files = {"/etc/ssh/sshd_config": "Include /a.conf\nPort 1\n", "/a.conf": "Match User x\nPort 3\n"}
    assert effective(files) == "1"


@pytest.mark.parametrize(
    "line", ["PORT 22", "Port=22", "port = 22", '  Port "22"', "Port 22 # comment", "\tPort\t22"]
)
def test_every_spelling_of_a_setting_is_read(line: str) -> None:
    assert effective({"/etc/ssh/sshd_config": line}) == "22"


def test_the_vendor_file_is_read_where_the_administrator_has_none() -> None:
    assert effective({"/usr/etc/ssh/sshd_config": "Port 5\n"}) == "5"
    assert effective({"/usr/etc/ssh/sshd_config": "Port 5\n", "/etc/ssh/sshd_config": "Port 6\n"}) == "6"


def test_a_file_that_includes_itself_is_reported() -> None:
    with pytest.raises(Undecidable, match="nested deeper"):
        sshd.read(guest({"/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config\n"}))


def test_two_files_that_include_each_other_twice_are_reported_in_time() -> None:
    files = {"/etc/ssh/sshd_config": "Include /etc/ssh/sshd_config /etc/ssh/sshd_config\n" * 30}
    with pytest.raises(Undecidable):
        sshd.read(guest(files))


@pytest.mark.parametrize(
    ("text", "seconds"), [("180", 180), ("3m", 180), ("1h30M", 5400), ("x", None), ("", None), ("3 m", None)]
)
def test_times_are_read_as_sshd_reads_them(text: str, seconds: int | None) -> None:
    assert sshd.seconds(text) == seconds


@given(st.text())
def test_no_sshd_configuration_makes_the_parser_fail(content: str) -> None:
    try:
        for directive in sshd.parse(content, "/x"):
            assert directive.keyword == directive.keyword.casefold()
    except Undecidable as reason:  # what sshd refuses
        assert str(reason).startswith("/x:")


# --- boot ------------------------------------------------------------------------------------------------
def test_debians_menu_is_understood_with_its_submenu() -> None:
    entries = boot.grub(grub_cfg(), "/boot/grub/grub.cfg", {})
    assert [(entry.path, entry.default) for entry in entries] == [("0", True), ("1>0", False), ("1>1", False)]
    assert entries[0].arguments == tuple(COMMAND_LINE.split())
    assert entries[0].where == "/boot/grub/grub.cfg:14"
    assert entries[2].arguments[-1] == "single"


@pytest.mark.parametrize(
    ("default", "path"),
    [
        ("1>1", "1>1"),
        ("gnulinux-advanced-1111>gnulinux-" + VERSION, "1>0"),
        ("Debian GNU/Linux", "0"),
        ("${saved_entry}", "1>0"),
        ("1", "1>0"),
        ("nothing of that name", "0"),
    ],
)
def test_the_default_entry_is_found_by_place_id_title_and_grubenv(default: str, path: str) -> None:
    content = grub_cfg().replace('set default="0"', f'set default="{default}"')
    entries = boot.grub(content, "/x", {"saved_entry": f"gnulinux-{VERSION}"})
    assert [entry.path for entry in entries if entry.default] == [path]


def test_bls_entries_take_their_options_from_grubenv() -> None:
    files = {
        "/boot/grub2/grub.cfg": "blscfg\n",
        "/boot/grub2/grubenv": "# GRUB Environment Block\nkernelopts=root=/dev/x console=ttyS0\n",
        "/boot/loader/entries/a-4.18.0-9.conf": "title A\nlinux /vmlinuz-9\noptions $kernelopts $tuned\n",
        "/boot/loader/entries/a-4.18.0-80.conf": "title B\nlinux /vmlinuz-80\noptions $kernelopts new\n",
        "/boot/loader/entries/a-0-rescue.conf": "title R\nlinux /vmlinuz-0\noptions rescue\n",
    }
    (default,) = boot.defaults(guest(files))
    assert default.arguments == ("root=/dev/x", "console=ttyS0", "new")
    (saved,) = boot.defaults(guest({**files, "/boot/grub2/grubenv": "saved_entry=a-4.18.0-9\n"}))
    assert saved.title == "A"


def test_systemd_boot_entries_are_read_without_grub() -> None:
    entry = {"/boot/efi/loader/entries/x.conf": "title X\nlinux /vmlinuz-6.1\noptions a=1 b\n"}
    (default,) = boot.defaults(guest(entry))
    assert default.arguments == ("a=1", "b")


def test_a_kernel_behind_a_link_tells_its_version() -> None:
    from images import Link

    tree = Tree({"/": MemoryVolume({"/vmlinuz": Link("boot/vmlinuz-6.1.0-1"), "/boot/vmlinuz-6.1.0-1": b""})})
    entry = boot.grub("menuentry x {\n linux /vmlinuz root=/\n}\n", "/x", {})[0]
    assert boot.kernel_version(tree, entry) == "6.1.0-1"


def test_a_linux_line_outside_of_any_entry_boots_nothing() -> None:
    assert boot.grub("linux /vmlinuz quiet\n", "/x", {}) == []


@given(
    st.lists(
        st.sampled_from([*grub_cfg().splitlines(), "{", "}", "submenu 'x' {", "menuentry y {", "'"])
    ).map("\n".join)
)
def test_no_grub_configuration_makes_the_parser_fail(content: str) -> None:
    entries = boot.grub(content, "/x", {})
    assert sum(entry.default for entry in entries) == bool(entries)


# --- fstab -----------------------------------------------------------------------------------------------
def test_fstab_lines_are_read_with_their_escapes() -> None:
    mounts = fstab.parse("# c\nLABEL=a\\040b /mnt/a\\011b ext4\n\nUUID=1 none swap sw 0 0\nshort line\n")
    assert [(m.source, m.point, m.type, m.options, m.line) for m in mounts] == [
        ("LABEL=a b", "/mnt/a\tb", "ext4", "defaults", 2),
        ("UUID=1", "none", "swap", "sw", 4),
    ]
    assert mounts[1].is_swap and not mounts[1].is_local


@given(st.text())
def test_no_fstab_makes_the_parser_fail(content: str) -> None:
    assert len(fstab.parse(content)) <= len(content.splitlines())


# --- versions, packages, releases --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("version", "minimum", "good"),
    [
        ("2.2.53.1", "2.2.53.1", True),
        ("2.2.53", "2.2.53.1", False),
        ("1:2.10", "2.9", True),
        ("3", "3.0.0", True),
        ("x", "1", False),
    ],
)
def test_versions_are_compared_by_number(version: str, minimum: str, good: bool) -> None:
    assert versions.at_least(version, minimum) is good


def test_a_package_that_was_removed_is_not_installed() -> None:
    status = "Package: a\nStatus: deinstall ok config-files\nVersion: 1\n\n"
    status += "Package: ab\nStatus: install ok installed\nVersion: 2\n"
    tree = guest({"/var/lib/dpkg/status": status})
    assert packages.installed(tree, "a") is None
    assert packages.installed(tree, "a", "ab") == packages.Package("ab", "2")


def test_records_of_rpm_are_undecidable_and_not_an_absence() -> None:
    with pytest.raises(Undecidable, match="rpm"):
        packages.installed(guest({"/var/lib/rpm/rpmdb.sqlite": b""}), "openssl")


def test_families_follow_the_likeness() -> None:
    assert release.read(guest({"/etc/os-release": 'ID="x"\nID_LIKE="y fedora"\n'})).family == "rhel"
    assert release.read(guest({})).family == "any"


@given(st.text())
def test_no_assignments_make_the_parser_fail(content: str) -> None:
    assert isinstance(release.assignments(content), dict)


def test_a_masked_unit_does_not_start() -> None:
    from images import Link

    files = {
        "/etc/systemd/system/x.service": Link("/dev/null"),
        "/etc/systemd/system/a.wants/x.service": Link("y"),
    }
    assert (
        systemd.started_by(Tree({"/": MemoryVolume({**files, "/etc/machine-id": ""})}), "x.service") is None
    )


# --- initramfs -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd.compress, lz4.frame.compress, lz4_blocks]
)
def test_names_are_found_behind_early_microcode_whatever_the_compression(pack) -> None:  # type: ignore[no-untyped-def]
    early = cpio("kernel/x86/microcode/GenuineIntel.bin", data=b"x" * 1000)
    main = pack(cpio("usr/lib/a.ko", "usr/lib/b.ko") + bytes(512) + cpio("c"))
    names = list(archive.names(early + bytes(300) + main + bytes(7)))
    assert names == ["kernel/x86/microcode/GenuineIntel.bin", "usr/lib/a.ko", "usr/lib/b.ko", "c"]


def test_two_compressed_archives_in_a_row_are_both_read() -> None:
    assert list(archive.names(gzip.compress(cpio("a")) + lzma.compress(cpio("b")))) == ["a", "b"]


def test_a_bomb_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "UNPACKED_LIMIT", 1 << 20)
    bomb = zstd.compress(cpio("big", data=bytes(2 << 20)))
    assert len(bomb) < 10_000
    with pytest.raises(Undecidable, match="unpacks to more"):
        list(archive.names(bomb))


@given(
    st.integers(0, 2000),
    st.integers(0, 255),
    st.sampled_from([bytes, gzip.compress, lzma.compress, zstd.compress, lz4_blocks]),
)
def test_a_damaged_initramfs_is_undecidable_at_worst(at, value, pack) -> None:  # type: ignore[no-untyped-def]
    data = bytearray(pack(initramfs("hv_vmbus")))
    data[at % len(data)] = value
    try:
        list(archive.names(bytes(data)))
        list(archive.names(bytes(data[: at % len(data)])))
    except Undecidable as reason:
        assert "initramfs" in str(reason)


# --- unified kernel images ---------------------------------------------------------------------------------
UNIFIED = "/boot/efi/EFI/Linux/fedora-6.12.0.efi"


def test_unified_kernel_image_tells_line_version_and_initramfs() -> None:
    image = efi_program(
        cmdline=b"root=LABEL=x console=ttyS0\n\0", uname=b"6.12.0-1", initrd=initramfs("hv_vmbus")
    )
    tree = guest({UNIFIED: image})
    (entry,) = boot.defaults(tree)
    assert entry.arguments == ("root=LABEL=x", "console=ttyS0")
    assert boot.kernel_version(tree, entry) == "6.12.0-1"
    assert kernel.loaded_early(tree, entry, {"hv_vmbus", "nvme"}) == {"hv_vmbus"}


def test_loader_conf_chooses_between_images_and_entries() -> None:
    files: dict[str, str | bytes] = {
        UNIFIED: efi_program(cmdline=b"new"),
        UNIFIED.replace("12", "9"): efi_program(cmdline=b"old"),
        "/boot/efi/loader/entries/fedora-6.10.0.conf": "title X\nlinux /vmlinuz-6.10\noptions middle\n",
    }
    assert boot.defaults(guest(files))[0].arguments == ("new",)
    for pattern, words in (("*.conf", ("middle",)), ("fedora-6.9*.efi", ("old",)), ("@saved", ("new",))):
        chosen = {**files, "/boot/efi/loader/loader.conf": f"timeout 3\ndefault {pattern}\n"}
        assert boot.defaults(guest(chosen))[0].arguments == words, pattern


def test_unified_kernel_image_that_is_none_is_undecidable() -> None:
    for broken in (b"", b"MZ", efi_program(cmdline=b"x")[:70]):
        with pytest.raises(Undecidable):
            boot.defaults(guest({UNIFIED: broken}))
