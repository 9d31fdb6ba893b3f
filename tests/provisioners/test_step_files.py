"""What steps do with files of strangers: never out of the tree, never stuck, nothing left behind."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from scratch import COMMON, LIKE, make_sku

from generator import steps
from generator.model import Builder
from vmoffer import scratch

FOLDER = Path(steps.__file__).parents[1] / "provisioners/linux"
IDS = [step.id for step in steps.plan(make_sku("debian"), Builder.QEMU)]
TOKEN = "only-on-the-host-8f2c"
MOST = int(os.environ.get("VMOFFER_LINK_CASES", "12"))  # cases for each step; 100000 tries all
# Commands that a step may run with a path of its own, where, and why no tree can lead them astray.
TOOLS = {
    ("first-boot", "cat", "a text of ours that is put in when the step is rendered"),
    ("generalize", "cat", "its own script"),
    ("generalize", "dd", "to a candidate file of lib.sh"),
    ("generalize", "chattr", "a candidate file of lib.sh"),
    ("kernel-modules", "find", "in a live guest, opens nothing"),
    ("sshd", "mkdir", "/run/sshd in a live guest"),
    ("sshd", "rm", "/run/sshd in a live guest"),
    ("swap", "dd", "its input"),
    ("swap", "basename", "a name"),
    ("swap", "readlink", "a device in a live guest, opens nothing"),
}
KERNEL = "/sys/fs/selinux/enforce"
FILTERS = {
    "awk",
    "grep",
    "sed",
    "tr",
    "sort",
    "tail",
    "head",
    "cut",
    "wc",
}  # read their input
OPENERS = {
    "cat", "cp", "mv", "rm", "ln", "mkdir", "rmdir", "touch", "truncate", "tee", "chmod", "chown", "dd",
    "find", "readlink", "realpath", "mktemp", "stat", "install", "chattr", "basename", "cmp", "diff", "rsync",
}  # fmt: skip


# --- the scripts, as a shell reads them ------------------------------------------------------------------
def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from nodes(child)


def literal(word: dict[str, Any]) -> str:
    return "".join(part.get("Value", "") for part in word.get("Parts", ()))


def parsed(path: Path) -> tuple[str, dict[str, Any]]:
    text = path.read_text()
    shfmt = Path(sys.executable).parent / "shfmt"
    done = subprocess.run([shfmt, "--to-json"], input=text, capture_output=True, text=True, check=True)
    return text, json.loads(done.stdout)


def offences(path: Path) -> Iterator[str]:
    """Where a script touches a file other than by the functions of lib.sh."""
    _, tree = parsed(path)
    allowed = {name for step, name, _ in TOOLS if step == path.stem}
    for node in nodes(tree):
        if node.get("Type") == "ParamExp" and node.get("Param", {}).get("Value") == "ROOT":
            yield "uses ROOT"
        for redirection in node.get("Redirs", ()):
            word = redirection.get("Word", {})
            fixed = literal(word)
            if "Hdoc" not in redirection and fixed not in ("/dev/null", "/dev/console", "1", "2"):
                yield f"redirects to or from {fixed or 'a variable'}"
        if node.get("Type") == "BinaryCmd" and node.get("Op") == "|":
            first = node["X"].get("Cmd", {}).get("Args")
            if first and literal(first[0]) == "from_file":
                yield "lets from_file fail unseen, in a pipe"
        if node.get("Type") != "CallExpr" or not node.get("Args"):
            continue
        name, *rest = [literal(word) for word in node["Args"]]
        if name in ("[", "test"):
            if any(re.fullmatch(r"-[defhLprswx]", one) for one in rest[:2]) and KERNEL not in rest:
                yield f"tests a file: {' '.join(rest)}"
        elif name in FILTERS:
            options = {"awk": "-v", "tail": "-n", "head": "-n", "cut": "-d"}
            values = {place + 1 for place, one in enumerate(rest) if one == options.get(name)}
            plain = [one for place, one in enumerate(rest) if not one.startswith("-") and place not in values]
            if len(plain) > (0 if name in ("tail", "head", "sort", "wc", "cut") else 1 + (name == "tr")):
                yield f"{name} is given a file"
        elif name in OPENERS and name not in allowed:
            yield f"runs {name}"


@pytest.mark.parametrize("step_id", IDS)
def test_step_opens_no_file_itself(step_id: str) -> None:
    assert not list(offences(FOLDER / f"{step_id}.sh"))


@pytest.mark.parametrize(
    "line",
    [
        'cat "$file"', "grep -q x /etc/fstab", "awk '{ print }' \"$file\"", "echo x >/etc/fstab",
        'rm -rf "$1"', '[ -f "$file" ]', 'read -r x <"$file"', 'echo "$ROOT"', "sed -n p $file",
        "from_file /etc/fstab cat | awk '{ print }'", "cp -- a b", '[ ! -e "$x" ]',
    ],
)  # fmt: skip
def test_a_step_that_did_would_be_seen(line: str, tmp_path: Path) -> None:
    script = tmp_path / "bad.sh"
    script.write_text(f"#!/bin/sh\nf() {{\n    if true; then\n        {line}\n    fi\n}}\n")
    assert list(offences(script))


# --- trees ---------------------------------------------------------------------------------------------
def plant(root: Path, distribution: str) -> None:
    """The unprepared tree of conftest.py, with what more steps look for."""
    more = {
        "boot/grub/grub.cfg": "menuentry x {\n\tlinux /boot/vmlinuz root=/dev/sda1 ro quiet\n}\n",
        "boot/loader/entries/a.conf": "title x\noptions root=/dev/sda1 quiet\n",
        "etc/kernel/cmdline": "root=/dev/sda1 quiet\n",
        "etc/chrony/chrony.conf": "pool x\n",
        "usr/lib/systemd/system/chrony.service": "[Service]\n",
        "usr/etc/ssh/sshd_config": "UsePAM yes\n",
        "etc/selinux/config": "SELINUX=enforcing\n",
        "lib/modules/6.1/modules.dep": "hyperv-keyboard.ko:\n",
        "etc/profile.d/x.sh": "true\n",
        "opt/first.sh": "true\n",
        "var/lib/dbus/machine-id": "x\n",
    }
    for name, text in {**COMMON, **LIKE[distribution], **more}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    links = root / "dev/disk/by-uuid"
    links.mkdir(parents=True)
    (links / "11111111-2222-3333-4444-555555555555").symlink_to("../../sda1")


@cache
def planned(step_id: str) -> steps.RenderedStep:
    plan = steps.plan(make_sku("debian", **{"first-boot": {"script": "/opt/first.sh"}}), Builder.QEMU)
    return next(step for step in plan if step.id == step_id)


def run_step(
    root: Path, step_id: str, *, shell: tuple[str, ...] = ("sh",), trace: bool = False, **env: str
) -> subprocess.CompletedProcess[str]:
    step = planned(step_id)
    command = [*shell, *(("-x",) if trace else ()), "-c", step.text, step.filename]
    environment = {"PATH": os.environ["PATH"], "ROOT": str(root), **step.env, "DECLARED": "yes", **env}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=30, errors="replace", check=False
    )


@cache
def seen(step_id: str) -> tuple[str, ...]:
    """Every path that the step asks lib.sh for, as the shell's trace shows them, and what it declares."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "tree")
        plant(root, "debian")
        done = run_step(root, step_id, trace=True)
        assert done.returncode == 0, done.stderr
        asked = re.findall(r"^\++ walk '?(/[^'\n]*)'? (?:follow|keep)$", done.stderr, re.MULTILINE)
        named = [re.sub(r"\*+", "x", pattern) for pattern in scratch.declared(root, entry(step_id).touches)]
    found = [path for path in dict.fromkeys([*asked, *named]) if path.startswith("/") and "swap}" not in path]
    nodes: dict[str, None] = {}
    for path in found:
        parts = path.strip("/").split("/")
        nodes |= dict.fromkeys("/" + "/".join(parts[:end]) for end in range(1, len(parts) + 1))
    return tuple(node for node in nodes if node != "/")


def entry(step_id: str) -> steps.Entry:
    return next(entry for entry in steps.entries("linux") if entry.id == step_id)


def state(folder: Path) -> dict[str, tuple[object, ...]]:
    found = {}
    for path in [folder, *folder.rglob("*")]:
        info = path.lstat()
        text = path.read_bytes() if stat.S_ISREG(info.st_mode) else b""
        found[str(path)] = (info.st_mode, info.st_uid, info.st_mtime_ns, info.st_nlink, text)
    return found


def host(folder: Path, root: Path) -> None:
    """Somebody's folder outside of the tree that looks like a root file system, every file with the token."""
    plant(folder, "debian")
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_text(f"{path.read_text()}\n# {TOKEN}\n")


def replace_by_link(root: Path, node: str, outside: Path, kind: str) -> None:
    place = root / node[1:]
    try:
        if place.is_dir() and not place.is_symlink():
            place.rename(root / f"moved-{place.name}-away")
        else:
            place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
    except (NotADirectoryError, FileExistsError):
        return
    real = outside / node[1:]
    up = os.path.relpath(real, place.parent)
    target = {
        "absolute": str(real),
        "relative": up,
        "climbing": "../" * 40 + str(real)[1:],
        "dangling": str(outside / "nothing/at all"),
        "loop": place.name,
        "folder": str(outside),
        "over another": str(root / "hop"),
        "to a file": str(outside / "etc/passwd"),
    }[kind]
    if kind == "over another":
        (root / "hop").symlink_to(real)
    place.symlink_to(target)


KINDS = ("absolute", "relative", "climbing", "dangling", "loop", "folder", "over another", "to a file")


def cases(step_id: str) -> list[tuple[str, str]]:
    every = [(node, kind) for node in seen(step_id) for kind in KINDS]
    return every if len(every) <= MOST else random.Random(step_id).sample(every, MOST)


def test_the_trace_shows_what_steps_touch() -> None:
    assert {"/etc/fstab", "/etc", "/swapfile"} <= set(seen("swap"))
    assert "/etc/ssh/sshd_config" in seen("sshd")
    assert "/opt/first.sh" in seen("first-boot")
    assert sum(len(seen(step_id)) for step_id in IDS) > 400


@pytest.mark.parametrize("step_id", IDS)
def test_rows_1_and_6_no_link_leads_a_step_out_of_the_tree(step_id: str, tmp_path: Path) -> None:
    """Links of every kind, at every level of every path that the step asks for or declares."""
    outside = tmp_path / "somebody"
    host(outside, tmp_path)
    before = state(outside)
    model = tmp_path / "model"
    plant(model, "debian")
    for number, (node, kind) in enumerate(cases(step_id)):
        root = tmp_path / f"tree{number}"
        shutil.copytree(model, root, symlinks=True)
        replace_by_link(root, node, outside, kind)
        done = run_step(root, step_id)
        case = (step_id, node, kind, done.stdout, done.stderr)
        assert done.returncode in (0, 1), case
        assert done.returncode == 0 or f"vmoffer: {step_id}: failed: " in done.stderr, case
        assert state(outside) == before, case
        assert TOKEN not in done.stdout + done.stderr, case
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert TOKEN.encode() not in path.read_bytes(), (*case, path)
            assert not re.fullmatch(r"\.vmoffer-.{10}", path.name), (*case, path)
        shutil.rmtree(root)


def test_row_1_as_it_was_reported(tmp_path: Path) -> None:
    root, outside = tmp_path / "tree", tmp_path / "outside"
    plant(root, "debian")
    outside.write_text("kept\n")
    (root / "etc/fstab.vmoffer-swap").symlink_to(outside)
    assert run_step(root, "swap").returncode == 0
    assert outside.read_text() == "kept\n"


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
@pytest.mark.parametrize("step_id", IDS)
def test_row_26_what_is_no_regular_file_is_never_waited_for(
    step_id: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place of each file that the step reads or writes, and of all of them."""
    if kind == "device" and os.geteuid() != 0:
        pytest.skip("making a device needs root")
    model = tmp_path / "model"
    plant(model, "debian")
    files = [node for node in seen(step_id) if (model / node[1:]).is_file()]
    # A pipe in place of each alone as well: an earlier one must not hide it.
    for number, node in enumerate([*files, ""] if kind == "pipe" else [""]):
        root = tmp_path / f"tree{number}"
        shutil.copytree(model, root, symlinks=True)
        for one in [node] if node else files:
            place = root / one[1:]
            place.unlink()
            if kind == "pipe":
                os.mkfifo(place)
            elif kind == "device":
                os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # zeros without end
            elif kind == "folder":
                place.mkdir()
            else:
                monkeypatch.chdir(place.parent)
                with socket.socket(socket.AF_UNIX) as made:
                    made.bind(place.name)
        started = time.monotonic()
        done = run_step(root, step_id)
        assert time.monotonic() - started < 20
        assert done.returncode == 0 or f"vmoffer: {step_id}: failed: " in done.stderr, (node, done.stderr)
        shutil.rmtree(root)


def test_row_26_is_named(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    plant(root, "debian")
    (root / "etc/fstab").unlink()
    os.mkfifo(root / "etc/fstab")
    done = run_step(root, "fstab")
    assert done.returncode == 1
    assert "vmoffer: fstab: failed: /etc/fstab is not a regular file" in done.stderr


# --- what a guest's file names ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "/",
        "//",
        "/.",
        "/etc",
        "/etc/passwd",
        "/etc/..",
        "/home/../etc",
        "/usr",
        "/pipe",
        "/dangling",
        "/empty",
    ],
)
def test_row_3_what_is_no_swap_file_stays(tmp_path: Path, name: str) -> None:
    root = tmp_path / "tree"
    plant(root, "debian")
    (root / "usr/bin").mkdir(parents=True)
    (root / "empty").touch()
    os.mkfifo(root / "pipe")
    (root / "dangling").symlink_to("nothing")
    (root / "etc/fstab").write_text(f"{name} none swap sw 0 0\n")
    (root / "etc/systemd/system/data.swap").write_text(f"[Swap]\nWhat={name}\n")
    before = {path for path in root.rglob("*") if path.name not in ("swapfile",)}
    done = run_step(root, "swap")
    assert done.returncode == 0, done.stderr
    assert before - set(root.rglob("*")) == set()
    assert f"{name} is named as swap and is not a swap file; it stays" in done.stderr
    assert "swap" not in (root / "etc/fstab").read_text()


@pytest.mark.parametrize("page", [4096, 16384, 65536])
@pytest.mark.parametrize("how", ["fstab", "unit", "a link"])
def test_rows_3_and_27_swap_goes_wherever_it_is_and_is_declared(tmp_path: Path, page: int, how: str) -> None:
    root = tmp_path / "tree"
    plant(root, "debian")
    file = root / "data/deep/page file"
    file.parent.mkdir(parents=True)
    with file.open("wb") as made:
        made.truncate(1 << 20)
    subprocess.run(
        ["mkswap", "--pagesize", str(page), file], check=True, capture_output=True,
        env={"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )  # fmt: skip
    (root / "etc/fstab").write_text("UUID=1 / ext4 defaults 0 1\n")
    if how == "fstab":
        (root / "etc/fstab").write_text("/data/deep/page\\040file none swap sw 0 0\n")
    elif how == "unit":
        (root / "etc/systemd/system/data.swap").write_text("[Swap]\nWhat=/data/deep/page file\n")
    else:
        (root / "swapfile").unlink()
        (root / "swapfile").symlink_to("data/deep/page file")
    (result,) = scratch.run(root, [planned("swap")])
    assert result.status == 0, result.complained
    assert not file.exists()
    assert "/data/deep/page file" in [change.path for change in result.changes]
    assert [change.path for change in result.changes if not change.declared] == []


def test_row_3_home_of_the_build_user_is_where_it_really_is(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    plant(root, "debian")
    (root / "var/lib/dpkg").mkdir(parents=True)
    for home in ("/home/../etc", "/home/.", "/home/x/../../usr", "/var/lib/dpkg"):
        (root / "usr/bin").mkdir(parents=True, exist_ok=True)
        (root / "etc/passwd").write_text(f"root:x:0:0::/root:/bin/sh\npacker:x:1000:1000::{home}:/bin/sh\n")
        assert run_step(root, "generalize").returncode == 0
        for kept in ("etc/passwd", "home/app user/keep me.txt", "usr/bin", "var/lib/dpkg"):
            assert (root / kept).exists(), (home, kept)


# --- nothing is left -------------------------------------------------------------------------------------
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_row_27_ended_by_a_signal_a_step_leaves_nothing(tmp_path: Path, sent: signal.Signals) -> None:
    root = tmp_path / "tree"
    plant(root, "debian")
    # cmp is what runs while the new file is there.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/cmp").write_text(f"#!/bin/sh\ntouch '{tmp_path}/now'\nsleep 1\n")
    (tmp_path / "bin/cmp").chmod(0o755)
    step = planned("sudoers")
    process = subprocess.Popen(
        ["env", "--default-signal=HUP", "sh", "-c", step.text, step.filename],  # nohup's are ignored
        env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "ROOT": str(root), **step.env},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not (tmp_path / "now").exists():
        time.sleep(0.01)
    assert list((root / "etc").glob(".vmoffer-*"))
    process.send_signal(sent)
    assert process.wait(timeout=20) == 128 + sent
    assert not list(root.rglob(".vmoffer-*"))


def test_row_27_failed_step_leaves_nothing(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    plant(root, "debian")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mv").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin/mv").chmod(0o755)
    for step_id in ("sudoers", "host-keys", "waagent-conf", "swap"):
        done = run_step(root, step_id, PATH=f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        assert done.returncode == 1, step_id
        assert not list(root.rglob(".vmoffer-*")), step_id


def test_leftover_of_a_killed_run_is_removed_and_that_is_declared(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    plant(root, "debian")
    (root / "etc/.vmoffer-0123456789").write_text("half")
    (result,) = scratch.run(root, [planned("sudoers")])
    first = result.changes[0]
    assert (first.path, first.word, first.declared) == ("/etc/.vmoffer-0123456789", "removed", True)


def test_file_behind_a_link_in_the_tree_is_declared(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    plant(root, "debian")
    (root / "usr/lib").mkdir(parents=True, exist_ok=True)
    (root / "etc/waagent.conf").rename(root / "usr/lib/waagent.conf")
    (root / "etc/waagent.conf").symlink_to("/usr/lib/waagent.conf")
    (result,) = scratch.run(root, [planned("waagent-conf")])
    assert [(change.path, change.declared) for change in result.changes] == [("/usr/lib/waagent.conf", True)]


@pytest.mark.parametrize(
    "shell", [("dash",), ("bash", "--posix"), ("bash",), ("busybox", "sh")], ids=" ".join
)
def test_every_shell_does_the_same(tmp_path: Path, shell: tuple[str, ...]) -> None:
    if shutil.which(shell[0]) is None:
        pytest.skip(f"{shell[0]} is not here")
    trees = []
    for number, one in enumerate((("sh",), shell)):
        root = tmp_path / f"{number}"
        plant(root, "debian")
        for step_id in IDS:
            done = run_step(root, step_id, shell=one)
            assert done.returncode == 0, (step_id, done.stderr)
        trees.append({
            str(path.relative_to(root)): str(path.readlink()) if path.is_symlink()
            else path.read_bytes() if path.is_file() else b""
            for path in root.rglob("*")
        })  # fmt: skip
    assert trees[0] == trees[1]


def test_file_at_the_top_of_a_live_guest_has_a_folder(tmp_path: Path) -> None:
    """Without a ROOT the folder of /x is the empty string and a slash."""
    text = planned("selinux").text
    library = text[: text.index("\nif from_file")]
    commands = """
mkdir() { echo "mkdir $*"; }
mktemp() { echo /nowhere/x; }
writable /vmoffer-journal
"""
    head, tail = library.split("\numask 022", 1)
    done = subprocess.run(
        ["sh", "-c", f"{head}\nid() {{ echo 0; }}\numask 022{tail}{commands}"],
        env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "mkdir -p -- /\n"


def test_account_without_a_shell_is_no_key_file(tmp_path: Path) -> None:
    """With sshd's default, of every home two files are looked at, and never the home itself."""
    root = tmp_path / "tree"
    plant(root, "debian")
    (root / "usr/sbin").mkdir(parents=True, exist_ok=True)  # the home of `daemon`
    done = run_step(root, "generalize")
    assert done.returncode == 0, done.stderr
    assert "opens accounts" not in done.stderr
