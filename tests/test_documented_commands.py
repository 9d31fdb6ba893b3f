"""Every documented command line, and every documented value of every option, run as a process of its own.

Nothing is replaced. What would need Azure or an hour goes as far as it can, and is checked to have stopped
there: requests that leave this machine are refused by a proxy that there is not, builds find their folder
taken, and where neither is of use the line is listed with who runs it instead. A line that is collected and
not run fails the test.
"""

from __future__ import annotations

import os
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import documented
import pytest
import world as worlds
from documented import Call

from vmoffer.cli import root

# What a page leaves to the reader, and what it stands for here.
MEANT = [
    (r"--debug …", "--debug list"),
    (r"COMMAND --help", "validate --help"),
    (r"patch\|minor\|major", "patch"),
    (r"start \| status \| stop", "status"),
    (r"OFFER/PLAN", "shop/web"),
    (r"BUILDER\b", "qemu"),
    (r"(?<![\w-])SKU\b(?![=-])", "demo/debian-12"),
    (r"TEMPLATE", "web.pkr.hcl"),
    (r"\bIN OUT\.vhd", "server.qcow2 OUT.vhd"),
    (r"--raw DIR --out DIR", "--raw out/gen2/raw --out out"),
    (r"--root DIR --family F", "--root tree --family debian"),
    (r" \[--step S\]", " --step sshd"),
    (r"rules (?:ID|RULE)\b", "rules LNX-SWAP-002"),
    (r"TOPIC", "storage"),
    (r"DISK…", "os.vhd"),
    (r"OLD(?:\.vhd)? NEW(?:\.vhd)?", "1.0.0/os.vhd 1.0.1/os.vhd"),
    (r"BLOB…", "os.vhd data-0.vhd"),
    (r"--blob NAME --record --sku", "--blob A.vhd --record --sku"),  # each blob is written to by one line
    (r"--blob NAME", "--blob os.vhd"),
    (r"NAME", "vmoffer"),
    (r"\bREV\b", "HEAD"),
    (r"\bFILE\b", "data.vhd"),
]
LOCK = "exec 9>{0}/.lock && flock 9"
# What has to be so for a line: pattern, shell.
BEFORE = [
    (r"vmoffer (?:new|import) .*?(\w+/\w+)(?: |$)(?!.*pkr\.hcl )", r"rm -f skus/{0}.yaml"),
    (r"vmoffer import \S+ (\S+/\S+)", r"rm -f skus/{0}.yaml"),
    (r"vmoffer (?:lint|generate) (shop/web)\b", r"vmoffer import web.pkr.hcl {0} --publisher contoso"),
    (r"vmoffer (?:convert|download) .*?(\S+\.vhd)$", r"rm -f {0}"),
    (r"vmoffer disk create (\S+\.vhd)", r"rm -f {0}"),
    (r"vmoffer generate --check", "vmoffer generate"),
    (r"vmoffer ci github --check", "vmoffer ci github"),
    (r"build (?:SKU=)?demo/debian-12", LOCK.format("build/demo/debian-12/1.0.0")),
    (r"build shop/basic", LOCK.format("build/shop/basic/0.1.0")),
]
OWN_STATE = r"vmoffer store stop|doctor --bring"
# Where a line stops that does not end with 0: pattern, status, what it says. The first that fits counts.
STOPS = [
    (r"^az ", 2, "not the URL of a disk|no URI"),
    (
        r"build .*--builder azure-arm",
        2,
        "Missing argument|no credentials for Azure|no base image for azure-arm|nowhere to put",
    ),
    (r"build winshop/std", 2, "no credentials for Azure"),
    (r"build \S+/", 2, "another build is working in this folder"),
    (r"make build", 2, "another build is working in this folder"),
    (r"(?:contoso|account)\.blob\.core", 3, "the proxy refuses the connection"),
    (r"validate https://…", 3, "no host can have that name"),
    (r"validate - ", 2, "no disk was given"),
    (r"^vmoffer upload os.vhd --managed-disk", 2, "not the URL of a disk"),
    (r"doctor --bring", 3, "go mod|npm|registry|proxy|refused|download|mmdebstrap failed"),
    # Its disk would be one of 30 GiB with a system in it: that is what `make build` makes.
    (r"finalize \S+/", 1, "DSK-SIZE-002"),
    (r"lint --profile guide-2015$", 1, "DSK-SIZE-003"),  # Windows had 128 GiB then
]
# A name in running text, not a call: it asks for what is missing.
MENTION = re.compile(r"vmoffer(?: [a-z-]+){1,2}(?: --[a-z-]+(?: [\w-]+)?){0,2}")
ASKS = "[Mm]issing|[Gg]ive |requires an argument|needs|no disk|no URI|stdin|standard input"
# What takes a guest, a site or an hour, and who runs it. `make -n` runs here, so that the target is there.
ELSEWHERE = {
    "make test": "part of .ci/run; this test is one of it",
    "make lint": "part of .ci/run",
    "make docs": "part of .ci/run",
    "make e2e": "part of .ci/run",
    "make setup": "what `make test` and `make build` of .ci/run begin with",
    "make bench": "measurements of many minutes, compared by people",
    "make lock": "asks the package index, when a dependency changes",
    "make lock LOCK_ARGS=--upgrade": "asks the package index, when a dependency changes",
}
# A call that each value of an option is added to; `{}`: where the value of an argument goes.
VALUES = {
    "vmoffer bump level": "vmoffer bump demo/debian-12 {}",
    "vmoffer ci system": "vmoffer ci {} --out -",
    "vmoffer ci": "vmoffer ci github --out -",
    "vmoffer new": "vmoffer new shop/x --os debian-12",
    "vmoffer build": "vmoffer build demo/debian-12",
    "vmoffer generate": "vmoffer generate demo/debian-12",
    "vmoffer lint": "vmoffer lint demo/debian-12",
    "vmoffer list": "vmoffer list",
    "vmoffer rules": "vmoffer rules",
    "vmoffer doctor": "vmoffer doctor",
    "vmoffer finalize": "vmoffer finalize demo/debian-12 --raw out/gen2/raw --out out",
    "vmoffer disk create": "vmoffer disk create new.vhd --content seed",
    "vmoffer disk info": "vmoffer disk info data.vhd",
    "vmoffer validate": "vmoffer validate data.vhd",
    "vmoffer upload": "vmoffer upload data-0.vhd --container vhds",
    "vmoffer sas make": "vmoffer sas make os.vhd --container vhds",
    "vmoffer sas check": "vmoffer sas check --file sas.json",
}
VALUE_STOPS = [
    (r"--os (?:rocky|centos|fedora)-", 2, "no Marketplace image of"),  # one has to be named
    (r"validate data.vhd --role os", 1, "FAIL"),
    (r"sas make .*--kind delegation", 2, "."),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[worlds.World]:
    with worlds.world(tmp_path_factory.mktemp("world")) as made:
        yield made


def test_each_documented_command_line_does_what_it_says(
    world: worlds.World, capsys: pytest.CaptureFixture[str]
) -> None:
    collected = documented.calls()
    assert len(collected) > 140
    _all_as_expected("documented command lines", collected, STOPS, world, capsys)


def test_each_documented_value_of_each_option_is_taken(
    world: worlds.World, capsys: pytest.CaptureFixture[str]
) -> None:
    _all_as_expected("values of options", list(_values()), VALUE_STOPS + STOPS, world, capsys)


def _all_as_expected(
    what: str,
    collected: list[Call],
    stops: list[tuple[str, int, str]],
    world: worlds.World,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ran: dict[str, tuple[int, str]] = {}

    def run(call: Call) -> None:
        ran[call.line] = _run(call.line, world)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(run, collected))
    wrong, where = [], Counter[str]()
    for call in collected:
        assert call.line in ran, f"{call.place}: {call.line} was collected and not run"
        status, said = ran[call.line]
        expected = _expected(call.line, stops)
        fits = any(status == number and re.search(words, said) for number, words in expected)
        last = said.strip().splitlines()[-3:]
        if not fits or "Traceback" in said or "fault of vmoffer itself:" in said or "No such option" in said:
            wrong.append(f"{call.place}: {call.line}\n    {status}, expected {expected}: {' / '.join(last)}")
        where["done" if status == 0 else f"stopped with {status}"] += 1
        print(
            f"{status} {call.line} [{call.place}]" + (f": {said.strip().splitlines()[0]}" if status else "")
        )
    with capsys.disabled():
        counts = ", ".join(f"{count} {name}" for name, count in sorted(where.items()))
        print(f"\n{what}: {len(collected)} collected, {len(ran)} run: {counts}")
    assert not wrong, "\n".join(wrong)


def _run(line: str, world: worlds.World) -> tuple[int, str]:
    meant = line
    for pattern, instead in MEANT:
        meant = re.sub(pattern, instead, meant)
    meant = re.sub(r"\bURI\b", shlex.quote(worlds.uri(world)), meant)
    before = [
        shell.format(*found.groups()) for pattern, shell in BEFORE if (found := re.search(pattern, meant))
    ]
    state = {}
    if re.search(OWN_STATE, meant):
        names = ("XDG_STATE_HOME", "XDG_CACHE_HOME", "GOMODCACHE", "GOCACHE", "npm_config_cache")
        state = {name: str(world.folder / "nothing" / name) for name in names}
        state["npm_config_offline"] = "true"  # npm asks a proxy that refuses for minutes
    if meant.startswith("make "):
        meant = _make(meant)
    return world.run(meant, " && ".join(before), **state)


def _make(line: str) -> str:
    """The target by this project's Makefile, with what it prepares taken as prepared."""
    stamps = ("installed", "native", "native-tests", "dev", "docs")
    ready = "-o .venv/bin/python " + " ".join(f"-o .venv/.{stamp}" for stamp in stamps)
    target = line.removeprefix("make ")
    if line in ELSEWHERE:
        return f"make -n {ready} {target}"
    if target.startswith("clean"):
        return f"rm .venv && make {target}"  # the link; the target removes what it leads to otherwise
    return f"make {ready} {target}"


def _expected(line: str, stops: list[tuple[str, int, str]]) -> list[tuple[int, str]]:
    meant = line
    for pattern, instead in MEANT:
        meant = re.sub(pattern, instead, meant)
    for pattern, status, words in stops:
        if re.search(pattern, meant):
            return [(status, words)]
    if "--locked" in meant:
        return [(0, ""), (3, "could not be fetched")]  # the plugins are here, or packer init asks for them
    if meant in ("vmoffer doctor",):
        return [(0, "."), (3, "missing")]  # it says what this machine lacks
    if MENTION.fullmatch(meant):
        return [(0, ""), (2, ASKS)]
    return [(0, "")]


def _values() -> Iterator[Call]:
    from generator import steps
    from generator.marketplace import systems

    for name, command in documented.commands(root, "vmoffer"):
        for parameter in command.params:
            if not isinstance(parameter.type, click.Choice):
                continue
            for value in parameter.type.choices:
                if isinstance(parameter, click.Argument):
                    yield Call(VALUES[f"{name} {parameter.name}"].format(value), f"{name} --help")
                else:
                    yield Call(f"{VALUES[name]} {parameter.opts[0]} {value}", f"{name} --help")
    for system in systems():
        yield Call(f"vmoffer new shop/x --os {system}", "vmoffer new --help")
    for family in steps.distributions():
        yield Call(f"vmoffer provision --family {family} --list", "vmoffer provision --help")


def test_what_is_run_elsewhere_is_run_there() -> None:
    ci = (Path(__file__).parent.parent / ".ci" / "run").read_text(encoding="utf-8")
    for line, reason in ELSEWHERE.items():
        if ".ci/run" in reason and "begin with" not in reason:
            assert re.search(rf'^part "{line}" {line}$', ci, re.MULTILINE), line
    assert re.search(r"^part .* make build BUILDER=qemu SKU=demo/debian-12$", ci, re.MULTILINE)
