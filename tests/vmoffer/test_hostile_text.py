"""Names, titles and messages of others: no markup, no option, nothing that steers a terminal."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from calls import ROOT, VMOFFER, clean, each, run

from generator import printable

FORGED = "vmoffer: all is well"
# ESC, BEL, C1's CSI, carriage return, a newline, a line of Unicode's own, a direction, what is not seen.
NASTY = f"a\x1b]0;pwned\x07\x9b31m\r\n{FORGED}\u2028\u202egnp.\u200b"
STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _harmless(text: str) -> None:
    assert not STEERS.search(text), ascii(text)
    assert not any(line.startswith(FORGED) for line in text.split("\n")), text


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    assert run(["new", "shop/basic", "--os", "debian-12"], tmp_path)[0] == 0
    return tmp_path


def test_a_name_on_the_command_line_is_shown_without_what_it_does_to_a_terminal(catalogue: Path) -> None:
    (catalogue / NASTY).write_bytes(bytes(1 << 20))
    (catalogue / f"{NASTY}.yaml").write_text("{}")
    (catalogue / f"{NASTY}.pkr.hcl").write_text("{")
    calls = [
        ["lint", f"{NASTY}.yaml"], ["bump", NASTY, "patch"], ["bump", "shop/basic", NASTY],
        ["generate", NASTY],
        ["build", f"{NASTY}.yaml"], ["new", NASTY, "--os", "debian-12"], ["new", "shop/a", "--os", NASTY],
        ["import", f"{NASTY}.pkr.hcl"], ["import", NASTY], ["convert", NASTY, "o.vhd"],
        ["convert", NASTY, NASTY, "--force"], ["validate", NASTY], ["validate", "gone" + NASTY],
        ["validate", f"https://x.y/{NASTY}"], ["disk", "info", NASTY], ["disk", NASTY], [NASTY],
        [f"--{NASTY}"],
        ["upload", NASTY], ["sas", "check", "--offline", NASTY], ["sas", "make", NASTY, "--container", NASTY],
        ["sas", "check", "--file", NASTY], ["download", NASTY, NASTY], ["rules", NASTY], ["help", NASTY],
        ["provision", "--root", NASTY, "--family", "debian"], ["provision", "--family", NASTY],
        ["list", "--changed-since", NASTY], ["ci", "github", "--branch", NASTY], ["ci", NASTY],
        ["finalize", NASTY, "--generation", "gen2", "--raw", NASTY, "--out", NASTY], ["store", NASTY],
        ["disk", "create", NASTY, "--size", "1M"], ["doctor", NASTY], ["schema", NASTY],
    ]  # fmt: skip
    for call, (status, out, err) in each(calls, lambda words: run(words, catalogue)):
        assert status in (0, 1, 2, 3), (ascii(call), err)
        _harmless(out + err)


def test_a_definition_cannot_speak_for_vmoffer(catalogue: Path) -> None:
    path = catalogue / "skus/shop/basic.yaml"
    text = path.read_text()
    quoted = json.dumps(NASTY)
    path.write_text(re.sub(r"(?m)^(\s+title: ).*$", lambda found: found[1] + quoted, text))
    for extra in ("", f"\n{quoted}: 1\n", f"\nsettings: {{{quoted}: {{x: 1}}}}\n"):
        path.write_text(path.read_text() + extra)
        for words in (
            ["lint"],
            ["lint", "--format", "json"],
            ["list"],
            ["list", "--format", "json"],
            ["generate"],
        ):
            status, out, err = run(words, catalogue)
            _harmless(out + err)
            assert status in (0, 1, 2), err
            if "json" in words and out:
                assert (
                    NASTY in json.dumps(json.loads(out), ensure_ascii=False) or status == 2 or json.loads(out)
                )


def test_files_of_a_guest_cannot_speak_for_vmoffer(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for folder in ("etc/ssh/sshd_config.d", "etc/sudoers.d", "root", "home/x", "var/log", "usr/bin"):
        (tree / folder).mkdir(parents=True)
    name = NASTY.replace("/", "_")
    (tree / "etc/ssh/sshd_config").write_text(f"PermitRootLogin yes {NASTY}\n")
    (tree / "etc/ssh/sshd_config.d" / f"{name}.conf").write_text(f"PasswordAuthentication yes\n# {NASTY}\n")
    (tree / "etc/sudoers.d" / name).write_text("packer ALL=(ALL) NOPASSWD: ALL\n")
    (tree / "etc/fstab").write_text(f"/swap{name} none swap sw 0 0\n{NASTY} / ext4 defaults 0 1\n")
    (tree / "var/log" / name).write_text("x")
    (tree / "root/.bash_history").write_text(NASTY)
    status, out, err = run(["provision", "--root", str(tree), "--family", "debian"], tmp_path)
    assert status in (0, 1), err
    _harmless(out + err)


def test_reports_of_a_hostile_disk_are_valid_and_harmless(tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    (seed / "etc/ssh").mkdir(parents=True)
    (seed / "etc/os-release").write_text(f'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="{NASTY}"\n')
    (seed / "etc/passwd").write_text(f"{NASTY}:x:0:0:{NASTY}:/root:/bin/sh\n")
    (seed / f"{NASTY}".replace("/", "_")).write_text("x")
    disk = NASTY.replace("/", "_") + ".vhd"
    label = NASTY.replace("/", "_")[:4]
    made = run(["disk", "create", disk, "--content", "seed", "--label", label], tmp_path)
    if made[0]:
        assert run(["disk", "create", disk, "--content", "seed"], tmp_path)[0] == 0, made
    for form in ("text", "json", "junit", "sarif", "html"):
        status, out, err = run(["validate", disk, "--role", "os", "--all", "--format", form], tmp_path)
        assert status in (0, 1), err
        _harmless(out + err)
        if form == "junit":
            ElementTree.fromstring(out)
        elif form in ("json", "sarif"):
            json.loads(out)
    for form in ("text", "json"):
        status, out, err = run(["disk", "info", disk, "--format", form], tmp_path)
        assert status == 0, err
        _harmless(out + err)
    assert json.loads(run(["validate", disk, "--format", "json"], tmp_path)[1])["disks"][0]["path"] == disk


@pytest.mark.parametrize(
    "name", [":100:", "[bold]x[/bold]", "[/]", "[link=http:x]y", "\\[red]", "{0}", "%s", ":smile:x"]
)
def test_text_of_a_user_is_no_markup(name: str, tmp_path: Path) -> None:
    disk = f"{name}.vhd".replace("/", "_")
    shown = disk.replace("\\", "\\")
    status, _, err = run(["disk", "create", disk, "--size", "1M"], tmp_path)
    assert status == 0, err
    assert f"{shown}: fixed VHD of" in err
    status, out, err = run(["validate", disk], tmp_path)
    assert status in (0, 1) and shown in out, err
    status, _, err = run(["lint", name], tmp_path)
    assert status == 2 and name in err, err


def test_a_name_that_begins_with_a_dash_is_a_name(catalogue: Path) -> None:
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "./-os.qcow2", "64M"], cwd=catalogue, check=True
    )
    (catalogue / "-seed").mkdir()
    (catalogue / "-seed" / "-rf").write_text("x")
    (catalogue / "-tree" / "etc").mkdir(parents=True)
    (catalogue / "-x.yaml").write_text((catalogue / "skus/shop/basic.yaml").read_text())
    (catalogue / "-t.pkr.hcl").write_text(
        'source "azure-arm" "x" {}\nbuild {\n  sources = ["source.azure-arm.x"]\n}\n'
    )
    subprocess.run(
        "git init -q . && git add -A && git -c user.name=x -c user.email=x@y commit -qm x",
        shell=True,
        cwd=catalogue,
        check=True,
    )
    calls: list[tuple[int, Sequence[str]]] = [
        (0, ["list", "--changed-since", "HEAD", "--also", "-x"]),
        (0, ["disk", "create", "--size", "1M", "--", "-d.vhd"]),
        (0, ["disk", "create", "--content", "-seed", "--", "-e.vhd"]),
        (0, ["disk", "create", "--content", "-seed", "--filesystem", "xfs", "--", "-f.vhd"]),
        (2, ["disk", "create", "--content", "-seed", "--label", "-L", "--", "-d.vhd"]),  # it is there
        (0, ["disk", "info", "--", "-d.vhd"]),
        (0, ["convert", "--", "-os.qcow2", "-o.vhd"]),
        (0, ["convert", "--in-place", "--force", "--", "-o.vhd", "-p.vhd"]),
        (0, ["validate", "--role", "data", "--out", "-r.html", "--", "-p.vhd"]),
        (2, ["lint", "--", "-x.yaml"]),  # it is a second plan of the same id
        (1, ["import", "--", "-t.pkr.hcl", "shop/web"]),
        (2, ["list", "--changed-since", "--output=RAN"]),
        (2, ["list", "--changed-since", "-x"]),
        (2, ["build", "--", "-b"]),
        (1, ["new", "--os", "debian-12", "--", "-s/x"]),
        (2, ["rules", "--", "-r"]),
        (2, ["help", "--", "-h"]),
        (1, ["sas", "check", "--offline", "--", "-u"]),
        (2, ["upload", "--", "-gone.vhd"]),
    ]
    for expected, words in calls:
        status, out, err = run(words, catalogue)
        assert "No such option" not in err and "Traceback" not in err, words
        assert status == expected, (words, out, err)
    assert not (catalogue / "RAN").exists()
    assert {"-d.vhd", "-e.vhd", "-f.vhd", "-p.vhd", "-r.html"} <= set(os.listdir(catalogue))  # noqa: PTH208


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_a_stream_that_was_handed_over_closed_is_an_empty_one(closed: str, catalogue: Path) -> None:
    subprocess.run(
        [*VMOFFER, "disk", "create", "d.vhd", "--size", "1M"], cwd=catalogue, env=clean(), check=True
    )
    before = (catalogue / "d.vhd").read_bytes()
    command = " ".join(VMOFFER)
    for words, expected in (
        ("sas check -", 2), ("validate -", 2), ("download - o.vhd", 2), ("upload d.vhd --managed-disk", 2),
        ("disk info d.vhd", 0), ("list", 0), ("new shop/x", 2), ("convert d.vhd e.vhd --force", 0),
        ("rules NO", 2),
    ):  # fmt: skip
        line = f"{command} {words} {closed}"
        shell = ["sh", "-c", line]
        done = subprocess.run(
            shell, cwd=catalogue, env=clean(), stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert done.returncode == expected, (line, done.stderr)
        assert "Traceback" not in done.stderr
    assert (catalogue / "d.vhd").read_bytes() == before  # no message went into a file that was opened


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_what_an_encoding_lacks_is_spelled_out_and_documents_are_utf_8(
    encoding: str, catalogue: Path
) -> None:
    path = catalogue / "skus/shop/basic.yaml"
    title = "Größe → 漢字 😀"
    path.write_text(re.sub(r"(?m)^(\s+title: ).*$", lambda found: found[1] + title, path.read_text()))
    done = [
        subprocess.run(
            [*VMOFFER, *words],
            cwd=catalogue,
            env={**clean(), "PYTHONIOENCODING": encoding},
            capture_output=True,
        )
        for words in (["list"], ["list", "--format", "json"], ["lint", "→"], ["rules", "LNX-SSH-001"])
    ]
    assert [one.returncode for one in done] == [0, 0, 2, 0]
    assert r"\u2192 \u6f22\u5b57 \U0001f600" in done[0].stdout.decode(encoding)
    assert (
        title in {json.loads(done[1].stdout.decode("utf-8"))[0]["title"]} or title in done[1].stdout.decode()
    )
    assert r"\u2192" in done[2].stderr.decode(encoding)


def test_a_user_without_a_home_is_told_so(catalogue: Path) -> None:
    environment = {name: value for name, value in clean().items() if name != "HOME" and "XDG" not in name}
    become = ("unshare", "--user", "--map-user=54321")  # files are reached as before
    if subprocess.run([*become, "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces here, to be a user that has no passwd entry")
    for words in (["store", "status"], ["build", "shop/basic"], ["doctor"], ["upload", "x.vhd"]):
        done = subprocess.run(
            [*become, *VMOFFER, *words], cwd=catalogue, env=environment, capture_output=True, text=True
        )
        assert done.returncode in (2, 3), (words, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        assert words[0] == "upload" or "the user id 54321 has no home folder" in done.stderr, done.stderr


@pytest.mark.parametrize("when", ["not a date", "Mon, 99 Foo 2026", "\xff"])
def test_a_server_that_makes_no_sense_is_no_fault_of_ours(when: str, catalogue: Path) -> None:
    class Odd(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            for name, value in {"Last-Modified": when, "ETag": '"x"', "x-ms-blob-type": "PageBlob"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str((1 << 20) + 512))
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}/acc/vhds/os.vhd?sv=2024-11-04&sr=b&sp=r&sig=x"
        for words in (["download", "-", "got.vhd"], ["validate", "-"]):
            status, _, err = run(words, catalogue, given=uri)
            assert status == 3 and "Traceback" not in err, (words, status, err)
            assert not (catalogue / "got.vhd").exists()
        server.shutdown()


def test_printable_keeps_what_people_write_and_spells_out_the_rest() -> None:
    for text in ("Größe", "漢字", "😀", "a\u00a0b", "→ …", "שלום"):
        assert printable.printable(text) == text
    assert printable.printable("\x1b\n\x9b\u202e\udcff") == r"\x1b\n\x9b\u202e\udcff"
    for text in (NASTY, "\U000e0001", "\udcff", "plain", "\u00a0"):
        shown = printable.to_json({text: [text]})
        _harmless(shown)
        assert json.loads(shown) == {text: [text]}
    assert printable.lines("a\tb\n\x1bc") == "a\tb\n\\x1bc"


def test_only_the_console_writes(tmp_path: Path) -> None:
    writing = re.compile(r"\b(click\.echo|click\.secho|print|sys\.std(?:out|err)\.write)\(")
    allowed = {
        "vmoffer/console.py",
        "vmoffer/cli.py",
        "generator/definition_page.py",
        "generator/steps_page.py",
    }
    found = {
        f"{path.relative_to(ROOT)}"
        for package in ("vmoffer", "generator", "validators", "publisher", "tools")
        for path in (ROOT / package).rglob("*.py")
        if writing.search(re.sub(r"console\.print\(", "", path.read_text(encoding="utf-8")))
    }
    assert found <= allowed, "show(), show_document() and say() of vmoffer.console write"
