"""From an empty folder to projects that Packer validates, for a Linux and a Windows plan: docs/transcript.md.

The page holds what the commands really said. VMOFFER_GOLDEN=1 writes it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_packer import _is_old, _lower, _without_updates

from tools.packer import Packer

pytestmark = pytest.mark.packer

PAGE = Path(__file__).parent.parent.parent / "docs" / "transcript.md"
HEAD = """# From an empty folder to valid Packer projects

Every command that was typed, and all that was said. The test that wrote this page types them again, and
compares.
"""
LINUX = """
## A Linux plan, for QEMU on this machine

`vmoffer build` makes the key and the base image by itself; Packer alone is told of them.
"""
WINDOWS = """
## A Windows plan, for Azure

The project asks for the azure plugin 2.6.3 and the windows-update plugin. Where a machine cannot fetch them,
the test takes out what only they know and lets the azure plugin 1.4.5 judge the rest.
"""
SECTIONS = {
    LINUX: [
        "vmoffer new shop/basic --os debian-12",
        "vmoffer lint shop/basic",
        "vmoffer generate shop/basic --builder qemu",
        "ssh-keygen -q -t ed25519 -N '' -f key",
        "packer validate -var base_image=debian-12.raw -var ssh_private_key_file=key "
        '-var "ssh_public_key=$(cat key.pub)" build/shop/basic/0.1.0/packer/qemu',
    ],
    WINDOWS: [
        "vmoffer new shop/server --os windows-server-2022",
        "vmoffer lint shop/server",
        "vmoffer generate shop/server",
        "VMOFFER_ALLOWED_INBOUND=203.0.113.7 packer validate -var storage_account=images "
        "-var resource_group_name=group "
        "build/shop/server/0.1.0/packer/azure-arm",
    ],
}


def _typed(command: str, folder: Path, packer: Packer, bin_folder: Path) -> str:
    path = f"{bin_folder}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, **packer.env, "PATH": path, "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_transcript_is_what_the_commands_say(tmp_path: Path, packer: Packer) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    bin_folder, folder = tmp_path / "bin", tmp_path / "empty"
    bin_folder.mkdir()
    folder.mkdir()
    (bin_folder / "packer").symlink_to(packer.path)
    page = HEAD
    for text, commands in SECTIONS.items():
        page += f"{text}\n```console\n"
        for command in commands:
            if "packer validate" in command and command.endswith("azure-arm") and _is_old(packer):
                _lower(folder / command.split()[-1], "vhd")
                _without_updates(folder / command.split()[-1])
            page += f"$ {command}\n{_typed(command, folder, packer, bin_folder)}"
        page += "```\n"
    assert page.count("The configuration is valid.") == 2
    if os.environ.get("VMOFFER_GOLDEN"):
        PAGE.write_text(page, encoding="utf-8")
    numbers = re.compile(r"\d+ files")  # another step makes one file more, and this page no worse
    assert numbers.sub("n files", PAGE.read_text(encoding="utf-8")) == numbers.sub("n files", page)
