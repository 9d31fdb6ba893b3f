# ruff: noqa: E501 - a row is a line
"""Our reading of sudoers against the real cvtsudoers of Debian, over generated files.

`make test` compares some. All of them: VMOFFER_SUDOERS=5000 .venv/bin/pytest tests/validators/test_sudoers.py
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import debian_root
from images import MemoryVolume

from validators.linux import sudoers
from validators.tree import Tree

COUNT = int(os.environ.get("VMOFFER_SUDOERS", "300"))
FLAGS = ("targetpw", "rootpw", "runaspw")
BINDINGS = (
    "", "", "", "", ":bob", ":bob,amy", ":%wheel , bob", ':"a b"', ":!bob", ":ALL", "@host", "@ALL", ">root", "!/bin/ls",
    ":  bob", ":SOME",
)  # fmt: skip
OPTIONS = (
    *FLAGS, *FLAGS, "!targetpw", "!rootpw", "!!runaspw", "! targetpw", "env_reset", "!lecture", "targetpw=true",
    'passprompt="a, targetpw: "', "secure_path=/a:/b", 'env_keep += "A rootpw"', "timestamp_timeout = 5",
    "umask=0022", r"badpass_message=a\,b",
)  # fmt: skip
SEPARATORS = (",", ", ", " , ", ",\\\n    ", "\\\n ,")
OTHER = (
    "# Defaults targetpw", "#Defaults rootpw", "", "root ALL=(ALL:ALL) ALL", "User_Alias SOME = bob, amy",
    "ALL ALL=(ALL) NOPASSWD: ALL # Defaults targetpw", "  ", "# a comment that goes on \\", "%sudo ALL=(ALL) ALL",
)  # fmt: skip


def generate(seed: int, folder: Path) -> dict[str, str]:
    """Files by path, the main one as /etc/sudoers; includes name `folder`, where cvtsudoers finds them."""
    dice = random.Random(seed)
    files: dict[str, str] = {}

    def content(depth: int) -> str:
        rows = ["User_Alias SOME = bob, amy"] if depth == 0 else []
        for _ in range(dice.randint(1, 6)):
            if depth < 2 and dice.random() < 0.15:
                rows.append(include(depth))
            elif dice.random() < 0.25:
                rows.append(dice.choice([one for one in OTHER if not one.startswith("User_Alias")]))
            else:
                options = dice.choices(OPTIONS, k=dice.randint(1, 4))
                text = options[0] + "".join(dice.choice(SEPARATORS) + one for one in options[1:])
                before, between = dice.choice(("", "", "  ", "\t")), dice.choice((" ", "\t", "  "))
                after = dice.choice(("", "", " ", " # rootpw"))
                rows.append(f"{before}Defaults{dice.choice(BINDINGS)}{between}{text}{after}")
        return "\n".join(rows) + dice.choice(("\n", ""))

    def include(depth: int) -> str:
        name = f"{folder}/d{len(files)}{depth}"
        if dice.random() < 0.5:
            files[f"{name}.inc"] = content(depth + 1)
            return f"{dice.choice('@#')}include {name}.inc"
        for one in dice.sample(("10a", "9b", "B", "a.bak", "c~", "README"), 3):
            files[f"{name}/{one}"] = content(depth + 1)
        return f"{dice.choice('@#')}includedir {name}"

    files["/etc/sudoers"] = content(0)
    return files


def theirs(
    files: dict[str, str], folder: Path, program: Path
) -> list[tuple[str, bool, tuple[str, ...]]] | None:
    """(option, on, what it is bound to) as cvtsudoers tells; None if it takes the file for broken."""
    for name, text in files.items():
        place = folder / "sudoers" if name == "/etc/sudoers" else Path(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    done = subprocess.run(
        [program, "-f", "json", folder / "sudoers"],
        env={"LD_LIBRARY_PATH": str(program.parents[1] / "libexec/sudo")}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    if done.returncode or "error" in done.stderr:
        return None
    found: list[tuple[str, bool, tuple[str, ...]]] = []
    for entry in json.loads(done.stdout or "{}").get("Defaults", ()):
        names = tuple(_name(one) for one in entry.get("Binding", ()))
        for option in entry["Options"]:
            found += [(name, on, names) for name, on in option.items() if name in FLAGS]
    return found


def _name(binding: dict[str, Any]) -> str:
    negated = "!" if binding.get("negated") else ""
    (kind, name), *_ = ((kind, name) for kind, name in binding.items() if kind != "negated")
    return f"{negated}{'%' if kind == 'usergroup' else ''}{name}"


def test_every_default_is_read_as_sudo_reads_it(tmp_path: Path) -> None:
    program = debian_root.unpacked("sudo") / "usr/bin/cvtsudoers"
    compared = 0
    for seed in range(COUNT):
        folder = tmp_path / str(seed)
        folder.mkdir()
        files = generate(seed, folder)
        wanted = theirs(files, folder, program)
        if wanted is None:
            continue
        read = sudoers.defaults(Tree({"/": MemoryVolume(dict(files))}))
        assert [(one.option, one.on, one.names) for one in read if one.option in FLAGS] == wanted, (
            seed,
            files,
        )
        compared += 1
    assert compared > COUNT * 0.7
