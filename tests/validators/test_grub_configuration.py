"""GRUB's variables are read from where they are set: the configuration, any environment file, grubenv."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from images import VERSION, Content_, MemoryVolume, decide, grub_cfg, os_disk

from validators.linux import boot, grub
from validators.linux.grubscript import parse
from validators.outcome import Status
from validators.tree import Tree

# As Azure Linux 2 and 3 ship it (the toolkit's assets/grub2/grub.cfg).
AZURE_LINUX = """\
set timeout=0
set bootprefix=/boot
search -n -u 9e6a9d2c-b7fe-4359-ac45-18b505e29d8b -s

load_env -f $bootprefix/mariner.cfg
if [ -f  $bootprefix/systemd.cfg ]; then
\tload_env -f $bootprefix/systemd.cfg
else
\tset systemd_cmdline=net.ifnames=0
fi
if [ -f $bootprefix/grub2/grubenv ]; then
\tload_env -f $bootprefix/grub2/grubenv
fi

set rootdevice=PARTUUID=29f8eed2

menuentry "CBL-Mariner" {
\tlinux $bootprefix/$mariner_linux   rd.auto=1 root=$rootdevice $mariner_cmdline $systemd_cmdline $kernelopts
\tif [ -f $bootprefix/$mariner_initrd ]; then
\t\tinitrd $bootprefix/$mariner_initrd
\tfi
}
"""
MARINER = f"""\
# GRUB Environment Block
mariner_cmdline=console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0 rootdelay=300
mariner_linux=vmlinuz-{VERSION}
mariner_initrd=initrd.img-{VERSION}
"""
IMAGE: dict[str, Content_] = {
    "/boot/grub/grub.cfg": None,
    "/boot/grub2/grub.cfg": AZURE_LINUX,
    "/boot/mariner.cfg": MARINER,
}


def default(files: dict[str, Content_]) -> boot.Entry:
    (entry,) = boot.defaults(Tree({"/": MemoryVolume({k: v for k, v in files.items() if v is not None})}))
    return entry


@pytest.mark.parametrize("rule", [*(f"LNX-KERN-00{n}" for n in range(1, 8)), "LNX-SSH-005"])
def test_azure_linux_takes_words_and_kernel_from_the_file_that_load_env_names(rule: str) -> None:
    """K10: the line was read as empty, which failed LNX-KERN-001, and LNX-KERN-007 was undecidable."""
    assert decide(rule, os_disk(IMAGE)).status is Status.PASS


def test_what_is_not_set_in_that_file_is_missing_and_fails() -> None:
    files = {**IMAGE, "/boot/mariner.cfg": MARINER.replace("console=ttyS0,115200n8", "")}
    outcome = decide("LNX-KERN-001", os_disk(files))
    assert outcome.status is Status.FAIL and "no console=ttyS0" in outcome.evidence


@pytest.mark.parametrize(
    "rule", ["LNX-KERN-001", "LNX-KERN-003", "LNX-KERN-005", "LNX-KERN-006", "LNX-KERN-007"]
)
def test_a_file_that_is_not_there_leaves_it_undecidable_and_never_failed(rule: str) -> None:
    outcome = decide(rule, os_disk({**IMAGE, "/boot/mariner.cfg": None}))
    assert outcome.status is Status.UNDECIDABLE, outcome


def test_words_that_are_there_decide_in_spite_of_a_missing_file() -> None:
    missing = {**IMAGE, "/boot/mariner.cfg": None}
    quiet = {**missing, "/boot/grub2/grub.cfg": AZURE_LINUX.replace("rd.auto=1", "rd.auto=1 quiet")}
    assert decide("LNX-KERN-005", os_disk(quiet)).status is Status.WARN
    told = {**missing, "/boot/grub2/grub.cfg": AZURE_LINUX.replace("rd.auto=1", "console=ttyS0")}
    assert decide("LNX-KERN-001", os_disk(told)).status is Status.PASS


def test_a_branch_that_the_disk_decides_is_followed_and_no_other() -> None:
    entry = default(IMAGE)
    assert "net.ifnames=0" in entry.arguments
    entry = default({**IMAGE, "/boot/systemd.cfg": "systemd_cmdline=systemd.unified=1\n"})
    assert "net.ifnames=0" not in entry.arguments and "systemd.unified=1" in entry.arguments


RHEL_8 = """\
if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
if [ -z "${kernelopts}" ]; then
  set kernelopts="root=UUID=1 ro console=ttyS0"
fi
insmod blscfg
blscfg
"""
ENTRY = {
    "/boot/loader/entries/a-4.18.conf": "title A\nlinux /vmlinuz-4.18\noptions $kernelopts $tuned_params\n"
}


def test_bls_takes_what_grub_cfg_sets() -> None:
    """Sibling of K10: RHEL 8 writes kernelopts into grub.cfg for where grubenv has none."""
    assert default({"/boot/grub2/grub.cfg": RHEL_8, **ENTRY}).arguments == (
        "root=UUID=1",
        "ro",
        "console=ttyS0",
    )
    given = {"/boot/grub2/grubenv": "kernelopts=root=UUID=2 console=tty0\n"}
    assert default({"/boot/grub2/grub.cfg": RHEL_8, **given, **ENTRY}).arguments[0] == "root=UUID=2"


def test_bls_entry_without_options_has_the_default_ones() -> None:
    files = {"/boot/grub2/grub.cfg": 'set default_kernelopts="root=UUID=1 ro quiet "\nblscfg\n'}
    entry = {"/boot/loader/entries/a.conf": "title A\nlinux /vmlinuz-4.18\n"}
    assert default({**files, **entry}).arguments == ("root=UUID=1", "ro", "quiet")


def test_grubenv_on_the_esp_is_read() -> None:
    files = {
        "/boot/grub2/grub.cfg": RHEL_8,
        "/boot/efi/EFI/redhat/grubenv": "kernelopts=root=UUID=3\n",
        **ENTRY,
    }
    assert default(files).arguments == ("root=UUID=3",)


def test_a_configuration_on_the_esp_that_leads_to_the_one_in_boot_adds_nothing() -> None:
    stub = "search.fs_uuid 1234 root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"
    files = {"/boot/grub/grub.cfg": grub_cfg(), "/boot/efi/EFI/debian/grub.cfg": stub}
    tree = Tree({"/": MemoryVolume(files)})
    assert {entry.where.partition(":")[0] for entry in boot.entries(tree)} == {"/boot/grub/grub.cfg"}
    elsewhere = Tree({"/": MemoryVolume({**files, "/boot/other.cfg": grub_cfg(), **_stub(stub)})})
    assert len(boot.defaults(elsewhere)) == 2


def _stub(stub: str) -> dict[str, str]:
    return {"/boot/efi/EFI/debian/grub.cfg": stub.replace("/grub.cfg", "/../other.cfg")}


def menu(script: str, files: dict[str, str] | None = None) -> grub.Menu:
    return grub.Menu(script, "/boot/grub/grub.cfg", {}, (files or {}).get)


def line(script: str, files: dict[str, str] | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    (entry,) = menu(script, files).entries
    return entry.words[1:], entry.unsure


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("menuentry a { linux /k a=1 b }", ("a=1", "b")),
        ("menuentry a {\n linux /k a=1 \\\n  b\n}", ("a=1", "b")),
        ('menuentry a { linux /k dyndbg="file x +p" b }', ("dyndbg=file x +p", "b")),
        ('set x=\'a b\'\nmenuentry a { linux /k $x ${x}c "$x" $none "" }', ("a", "b", "a", "bc", "a b", "")),
        ("x=1; menuentry a { linux /k v=$x }", ("v=1",)),
        ("menuentry a { linux /k v=$x }; set x=late", ("v=late",)),
        ("menuentry a { set x=own; linux /k v=$x }; set x=late", ("v=own",)),
        ("function f { set x=f; }\nf\nmenuentry a { linux /k $x }", ("f",)),
        ("set x=1\nunset x\nmenuentry a { linux /k v=$x }", ("v=",)),
        ('set x=1\nif [ $x = 1 -a -n "$x" ]; then y=a; else y=b; fi; menuentry a { linux /k $y }', ("a",)),
        ("if [ ! -e /no ]; then y=a; else y=b; fi; menuentry a { linux /k $y }", ("a",)),
        ("if false; then y=a; elif true; then y=b; else y=c; fi; menuentry a { linux /k $y }", ("b",)),
        ("if [ x$feature_default_font_path = xy ] ; then y=a; fi; menuentry a { linux /k $y }", ("a",)),
        ("menuentry 'it'\\''s {' --class x { linux /k a }", ("a",)),
        ("# menuentry no {\nmenuentry a { # yes\n linux /k a # all\n}", ("a",)),
    ],
)
def test_words_are_those_that_grub_passes_on(script: str, words: tuple[str, ...]) -> None:
    assert line(script) == (words, ())


@pytest.mark.parametrize(
    ("script", "unsure"),
    [
        ("if keystatus --shift; then x=a; fi; menuentry a { linux /k $x }", ("x",)),
        ("if keystatus --shift; then x=a; else x=b; fi; menuentry a { linux /k $x }", ("x",)),
        ("if keystatus --shift; then x=a; else x=a; fi; menuentry a { linux /k $x }", ()),
        ("probe --set=x --fs-uuid $root; menuentry a { linux /k root=UUID=$x }", ("x",)),
        ("regexp --set 1:x '(.*)' b; y=$x; menuentry a { linux /k $y }", ("y",)),
        ("load_env -f /gone x; menuentry a { linux /k $x }", ("x",)),
        ("load_env --file=/gone; x=1; menuentry a { linux /k $x }", ()),
        ("source /gone; menuentry a { linux /k $x }", ("x",)),
        ("if [ $grub_platform = efi ]; then a=1; fi; menuentry a { linux /k b }", ()),
        ("menuentry a { if [ $grub_platform = efi ]; then linuxefi /k a; else linux16 /k a; fi }", ()),
        (
            "menuentry a { if [ $grub_platform = efi ]; then linux /k a; else linux /k b; fi }",
            ("a condition",),
        ),
        ("for f in 1 2; do x=$f; done; menuentry a { linux /k $x }", ("x",)),
    ],
)
def test_what_only_the_machine_knows_is_said_to_be_unsure(script: str, unsure: tuple[str, ...]) -> None:
    assert line(script)[1] == unsure


def test_environment_files_and_sources_are_read_where_they_are_named() -> None:
    files = {"/a.cfg": "x=1\ny=2\n", "/b.cfg": "set z=3\n"}
    script = "load_env -f /a.cfg y\nsource /b.cfg\nmenuentry a { linux /k $x $y $z }"
    assert line(script, files) == (("2", "3"), ())


def test_a_configuration_that_reads_itself_ends() -> None:
    script = "source /boot/grub/grub.cfg\nsource /b\nmenuentry a { linux /k a }"
    assert line(script, {"/boot/grub/grub.cfg": script, "/b": "source /b\n"})[0] == ("a",)


def test_places_in_the_menu_are_those_of_grub() -> None:
    script = (
        "menuentry a { linux /k }\nsubmenu b { menuentry c { linux /k }\n menuentry d --id x { linux /k } }\n"
    )
    script += "menuentry e { chainloader +1 }\nmenuentry f { linux /k }"
    assert [(entry.title, entry.path) for entry in menu(script).entries] == [
        ("a", "0"), ("c", "1>0"), ("d", "1>1"), ("f", "3"),
    ]  # fmt: skip
    assert menu(script).entries[2].id == "x"


@given(st.text("if then else fi {}$'\"\\;\n#[ ]=-x&|menuentry", max_size=200))
def test_any_script_is_read(script: str) -> None:
    parse(script)
    menu(script)
