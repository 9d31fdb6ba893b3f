"""Rows 16 and 17: a setting is data for whatever reads it, and defaults of GRUB mean what they meant."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scratch import COMMON, LIKE, make_sku

from generator import steps
from generator.model import Builder

LINE = "/boot/vmlinuz root=UUID=1 ro quiet"
FILES = {
    "etc/default/grub": 'GRUB_CMDLINE_LINUX="apparmor=1"\n',
    "boot/grub/grub.cfg": f"menuentry 'Linux' {{\n\tlinux {LINE}\n}}\n",
    "etc/kernel/cmdline": "root=UUID=1 quiet\n",
}
# Where the words end up, by loader: the variable of GRUB's defaults.
LOADERS = {"grub.d": "GRUB_CMDLINE_LINUX", "grub2": "GRUB_CMDLINE_LINUX", "grubby": "GRUB_CMDLINE_LINUX"}


@contextmanager
def tree(**more: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "tree")
        for name, text in {**COMMON, **LIKE["debian"], **FILES, **more}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        yield root


def run(root: Path, step_id: str, **env: str) -> subprocess.CompletedProcess[str]:
    step = next(one for one in steps.plan(make_sku("debian"), Builder.QEMU) if one.id == step_id)
    environment = {"PATH": os.environ["PATH"], "ROOT": str(root), **step.env, **env}
    command = ["sh", "-c", step.text, step.filename]
    return subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=60)


def evaluated(root: Path, *names: str) -> list[str]:
    """What GRUB's defaults give the variables, read as grub-mkconfig does: under set -e, in this order."""
    files = [root / "etc/default/grub", *sorted((root / "etc/default/grub.d").glob("*.cfg"))]
    shell = "set -e\n" + "".join(f". {shlex.quote(str(file))}\n" for file in files)
    shell += "".join(f'printf "%s\\0" "${{{name}:-}}"\n' for name in names)
    done = subprocess.run(
        ["sh", "-c", shell],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    return done.stdout.split("\0")[:-1]


def words_for_the_kernel(text: str) -> list[str]:
    """A line of the menu as GRUB's lexer reads it (grub-core/script/yylex.l): quotes and escapes undone."""
    words: list[str] = []
    word: str | None = None
    inside, at = False, 0
    while at < len(text):
        char = text[at]
        if char == "\\" and (not inside or text[at + 1] in '$"\\'):
            word, at = (word or "") + text[at + 1], at + 1
        elif char == '"':
            inside, word = not inside, word or ""
        elif char == " " and not inside:
            words += [word] if word is not None else []
            word = None
        else:
            # Special to GRUB, and not escaped.
            assert char not in ("$" if inside else "$;|&<>{}#\n'"), (char, text)
            word = (word or "") + char
        at += 1
    assert not inside, text
    return [*words, *([word] if word is not None else [])]


def kernel_words(extra: str) -> list[str]:
    """What the words are for the kernel: a double quote holds together and is no part of the value."""
    return [word.replace('"', "") for word in re.findall(r'(?:"[^"]*"|[^ "])+', extra)]


PLAIN = st.text("abcz019=.,:-_/@%+^~()$;|&<>{}#*?[]!", min_size=1, max_size=12)
WORD = st.one_of(PLAIN, st.builds('{}="{} {}"'.format, st.sampled_from(["dyndbg", "x"]), PLAIN, PLAIN))
EXTRAS = st.lists(WORD, min_size=1, max_size=4).map(" ".join)


@settings(max_examples=50, deadline=None)
@given(EXTRAS, st.sampled_from(["grub.d", "grub2"]))
def test_row_16_words_reach_the_kernel_as_they_were_written(extra: str, loader: str) -> None:
    with tree() as root:
        done = run(root, "kernel-cmdline", EXTRA=extra, LOADER=loader)
        assert done.returncode == 0, done.stderr
        (value,) = evaluated(root, LOADERS[loader])
        wanted = kernel_words(extra)
        assert words_for_the_kernel(value)[-len(wanted) :] == wanted
        menu = (root / "boot/grub/grub.cfg").read_text()
        line = next(line for line in menu.splitlines() if "linux" in line and "vmlinuz" in line).split(
            None, 2
        )[2]
        assert words_for_the_kernel(line)[-len(wanted) :] == wanted
        if check := shutil.which("grub-script-check"):
            subprocess.run([check, root / "boot/grub/grub.cfg"], check=True)
        assert run(root, "kernel-cmdline", EXTRA=extra, LOADER=loader).stdout.endswith("nothing to change\n")


def test_row_16_systemd_boot_takes_the_words_as_they_are() -> None:
    with tree() as root:
        run(root, "kernel-cmdline", EXTRA='memmap=4G$1G x="a;b"', LOADER="systemd-boot")
        assert (root / "etc/kernel/cmdline").read_text().endswith(' memmap=4G$1G x="a;b"\n')


@pytest.mark.parametrize(
    ("extra", "loader", "reason"),
    [
        ("x='a b'", "grub2", "cannot hold a backslash, an apostrophe or a backquote"),
        ("x=a\\ b", "grub.d", "cannot hold a backslash, an apostrophe or a backquote"),
        ("x=`id`", "grub.d", "cannot hold a backslash, an apostrophe or a backquote"),
        ('x="a', "grub.d", "a quotation mark is missing"),
        ("memmap=4G$1G", "grubby", "entries cannot hold one of"),
    ],
)
def test_row_16_what_no_loader_can_hold_is_refused(extra: str, loader: str, reason: str) -> None:
    with tree() as root:
        before = (root / "etc/default/grub").read_text()
        done = run(root, "kernel-cmdline", EXTRA=extra, LOADER=loader)
        assert done.returncode == 1
        assert reason in done.stderr
        assert (root / "etc/default/grub").read_text() == before


TEXTS = [
    (entry.id, name.upper())
    for entry in steps.entries("linux")
    for name, parameter in entry.parameters.items()
    if isinstance(parameter.default, str) and not parameter.allowed
]
PAYLOADS = (
    "x$(touch RAN)", "x`touch RAN`", "x; touch RAN", "x\" ; touch RAN; \"", "x'; touch RAN; '",
    "x | touch RAN", "x && touch RAN", "*", "-o Dir::Bin::dpkg=/bin/touch", "../../x",
    "${IFS}touch${IFS}RAN", "x} ; touch RAN; {",
)  # fmt: skip


@pytest.mark.parametrize(("step_id", "name"), TEXTS)
def test_row_16_no_text_of_a_setting_is_run(step_id: str, name: str) -> None:
    """By the step, by what reads what it wrote, or by the first boot."""
    for payload in PAYLOADS:
        with tree() as root:
            (root / payload.replace("/", "_")).write_text("exit 0\n")
            (root / "var/lib/waagent/provisioned").touch()  # what the first boot waits for
            value = f"/{payload.replace('/', '_')}" if name == "SCRIPT" else payload
            done = run(root, step_id, **{name: value, **({"LOADER": "grub2"} if name == "EXTRA" else {})})
            assert done.returncode in (0, 1)
            assert done.returncode == 0 or f"vmoffer: {step_id}: failed: " in done.stderr, (
                payload,
                done.stderr,
            )
            evaluated(root, "GRUB_CMDLINE_LINUX")
            task = root / "usr/local/lib/vmoffer/first-boot"
            if task.exists():
                subprocess.run(
                    ["sh", task], env={"PATH": os.environ["PATH"], "ROOT": str(root)}, cwd=root, timeout=60
                )
            assert not list(root.parent.rglob("RAN")), payload


# --- GRUB's defaults ---------------------------------------------------------------------------------------
KEYS = st.sampled_from(["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"])
ARGUMENTS = st.sampled_from(
    ["quiet", "splash", "audit=1", "console=tty0", "a=b", "x.y=1", "rhgb", "iommu=pt", "ds=nocloud"]
)
IDIOMS = st.one_of(
    st.builds('{}="{}"'.format, KEYS, ARGUMENTS),
    st.builds("{}='{}'".format, KEYS, ARGUMENTS),
    st.builds("{}={}".format, KEYS, ARGUMENTS),
    KEYS.flatmap(lambda key: ARGUMENTS.map(f'{key}="${key} {{}}"'.format)),
    KEYS.flatmap(lambda key: ARGUMENTS.map(f'{key}="${{{{{key}:-}}}} {{}}" # and "more"'.format)),
    st.builds('{}="{} \\\n  {}"'.format, KEYS, ARGUMENTS, ARGUMENTS),
    st.builds('{}={}\\\n{}'.format, KEYS, ARGUMENTS, ARGUMENTS),
    st.builds("   {}=\"{}\"   # trailing 'comment".format, KEYS, ARGUMENTS),
    st.builds('\t{}="x=\\"1\\" {}"'.format, KEYS, ARGUMENTS),
    st.builds("{}=\"y='2 3' {}\"".format, KEYS, ARGUMENTS),
    st.builds("export {}='{}'".format, KEYS, ARGUMENTS),
    st.builds('if [ -n "${}" ]; then\n    {}="{}"; fi'.format, KEYS, KEYS, ARGUMENTS),
    st.builds("#{}={}".format, KEYS, ARGUMENTS),
    st.builds("A={}; {}=\"$A b\"".format, ARGUMENTS, KEYS),
    st.just('GRUB_TIMEOUT="5"'),
    st.just("# ends with a backslash \\"),
)  # fmt: skip
GONE = re.compile(
    r"(console|earlyprintk|rootdelay|net\.ifnames|nvme_core\.io_timeout|resume|ds)=.*|rhgb|quiet|splash|crashkernel=auto"
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(IDIOMS, max_size=6),
    st.sampled_from(sorted(LOADERS)),
    st.sampled_from(["", "\n", " \\\n", "\n\n"]),
)
def test_row_17_defaults_mean_what_they_meant(lines: list[str], loader: str, end: str) -> None:
    """Evaluated by a shell before and after: other words stay in their order, ours are added once."""
    text = "\n".join([*lines, "LAST=1"]) + end
    with tree(**{"etc/default/grub": text}) as root:
        names = ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_TIMEOUT", "A", "LAST")
        before = evaluated(root, *names)
        done = run(root, "kernel-cmdline", LOADER=loader, EXTRA="own=1")
        assert done.returncode == 0, done.stderr
        subprocess.run(["sh", "-n", root / "etc/default/grub"], check=True)
        after = evaluated(root, *names)
        assert after[2:] == before[2:]
        kept = [[word for word in one.split() if not GONE.fullmatch(word)] for one in before[:2]]
        ours = [
            "console=tty1", "console=ttyS0,115200n8", "earlyprintk=ttyS0,115200", "rootdelay=300",
            "net.ifnames=0", "own=1",
        ]  # fmt: skip
        assert after[0].split() == kept[0] + ours
        assert after[1].split() == kept[1]
        written = (root / "etc/default/grub").read_text()
        assert run(root, "kernel-cmdline", LOADER=loader, EXTRA="own=1").stdout.endswith(
            "nothing to change\n"
        )
        assert (root / "etc/default/grub").read_text() == written
        assert written.startswith(text.rstrip("\n")) or loader == "grub.d"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('GRUB_CMDLINE_LINUX="open\n', "not a shell file"),
        ("if true\n", "not a shell file"),
        ("return 0\n", "ends before its last line"),
        ("[ -n x ] && exit 0\n", "ends before its last line"),
        ("cat <<X\nGRUB_CMDLINE_LINUX=a\n", "ends before its last line"),
    ],
)
def test_row_17_what_cannot_be_extended_is_refused_and_stays(text: str, reason: str) -> None:
    with tree(**{"etc/default/grub": text}) as root:
        done = run(root, "kernel-cmdline", LOADER="grub2")
        assert done.returncode == 1
        assert reason in done.stderr
        assert (root / "etc/default/grub").read_text() == text
