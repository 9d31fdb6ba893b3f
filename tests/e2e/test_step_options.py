"""Restarts, time-outs, secrets and blocks of the publisher's own, in one build with real Packer and QEMU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from machines import ROOT
from ruamel.yaml import YAML

pytestmark = pytest.mark.e2e

SECRET = "Zx9-ünique'quote\"{{env `HOME`}}$HOME-secret"
STEPS = r"""
- name: note the boot and use the secret
  timeout: 20m
  inline:
    - cat /proc/sys/kernel/random/boot_id >/etc/lab-boot
    - test "$PLAIN" = '{{ pwd }} $HOME "x" '"'"'y'"'"
    - printf %s "$LICENSE" | sha256sum | cut -d ' ' -f 1 >/etc/lab-digest
    - echo "not to be read, $LICENSE"
  env: {PLAIN: '{{ pwd }} $HOME "x" ''y'''}
  secrets: [LICENSE]
- restart: {}
  timeout: 40m
- name: another boot
  inline:
    - test "$(cat /etc/lab-boot)" != "$(cat /proc/sys/kernel/random/boot_id)"
    - test ! -e /var/lib/vmoffer-restart
    - test ! -e /etc/cloud/cloud.cfg.d/99-vmoffer-restart.cfg
    - '! grep "^debian:" /etc/passwd'
- packer: own.pkr.hcl
- name: what the block did
  inline: [test -e /var/tmp/lab-own-block]
  timeout: 10m
"""
OWN = """\
# As the publisher has it.
provisioner "shell" {
  inline = [<<EOT
cat >/var/tmp/lab-own-block <<'END'
text
END
EOT
  ]
}
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the build."""
    folder = tmp_path_factory.mktemp("own-steps")
    data = YAML(typ="safe").load((ROOT / "skus/demo/debian-12.yaml").read_text())
    del data["data_disks"], data["settings"]
    data["steps"] = YAML(typ="safe").load(STEPS)
    data["settings"] = {"updates": {"upgrade": False}}
    (folder / "own.pkr.hcl").write_text(OWN)
    with (folder / "lab.yaml").open("w") as file:
        YAML(typ="safe").dump(data, file)
    command = [sys.executable, "-m", "vmoffer", "build", folder / "lab.yaml", "--no-publish"]
    env = {**os.environ, "LICENSE": SECRET}
    done = subprocess.run(
        [*command, "--out", folder / "out"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    (folder / "out" / "said").write_bytes(done.stdout)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-4000:]
    return folder / "out"


def test_the_guest_restarted_and_the_steps_after_it_ran(out: Path) -> None:
    log = (out / "packer.log").read_text()
    assert "vmoffer: restart: going down" in log and "vmoffer: restart: the guest is back" in log
    assert "vmoffer: secrets: 1 searched for, found nowhere" in log
    assert "1 secrets found nowhere" in log, "the search of the raw disk"


def test_the_secret_is_nowhere(out: Path) -> None:
    """Not in the disk, not in the project, a log, a report or what was said."""
    hidden = SECRET.encode()
    guarded = SECRET.replace("{{", '{{"{{"}}').encode()
    files = [path for path in out.rglob("*") if path.is_file()]
    assert any(path.suffix == ".vhd" for path in files)
    for path in files:
        with path.open("rb") as file:
            kept = b""
            while piece := file.read(1 << 24):
                assert hidden not in kept + piece and guarded not in kept + piece, path
                kept = piece[-200:]


def test_the_step_had_the_secret(out: Path) -> None:
    """Its digest is on the disk: one that was empty would be nowhere, too."""
    from hashlib import sha256

    from validators import secret_search

    digest = sha256(SECRET.encode()).hexdigest()
    (vhd,) = out.glob("*.vhd")
    assert secret_search.search(vhd, {"digest": digest})
