"""What the agent writes at provisioning: our copy of its edit against its own code, from Debian's package."""

from __future__ import annotations

import ast
import json
import random
import subprocess
import sys
from pathlib import Path

import debian_root
import pytest

from validators.linux.provisioned import KEYWORD, LEFT_ALONE, with_setting

LINES = (
    "", "#", "Port 22", "ClientAliveInterval 60", "clientaliveinterval 60", " ClientAliveInterval 60",
    "ClientAliveIntervalX", "Match User x", "match all", "Match all # x", "  Match User y", "Matching",
)  # fmt: skip
ASK = """
import json, sys
from azurelinuxagent.common.utils import textutil
edit = textutil.set_ssh_config
given = json.load(sys.stdin)
print(json.dumps(["\\n".join(edit(one.split("\\n"), "ClientAliveInterval", "180")) for one in given]))
"""


@pytest.fixture
def folder() -> Path:
    return debian_root.unpacked("waagent") / "usr/lib/python3/dist-packages"


def test_the_setting_is_put_where_the_agent_puts_it(folder: Path) -> None:
    dice = random.Random(7)
    contents = ["\n".join(dice.choices(LINES, k=dice.randint(0, 8))) for _ in range(5000)]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ASK],
        env={"PYTHONPATH": str(folder)},
        input=json.dumps(contents),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert [with_setting(one, KEYWORD, "180") for one in contents] == json.loads(done.stdout)


def test_the_agent_leaves_sshd_alone_where_we_say_so(folder: Path) -> None:
    writes = {}
    for path in (folder / "azurelinuxagent/common/osutil").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name == "conf_sshd":
                writes[path.stem] = "set_ssh_config" in ast.unparse(node)
    assert [name for name, does in writes.items() if does] == [
        "default"
    ]  # Debian, Ubuntu, Red Hat, SUSE and others
    left_alone = {"clearlinux": "clear-linux-os", "photonos": "photon"}
    for name in writes.keys() - {"default", "nsbsd"}:
        assert left_alone.get(name, name) in LEFT_ALONE
