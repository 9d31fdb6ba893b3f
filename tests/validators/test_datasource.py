"""Where cloud-init looks for its data is what Debian's own ds-identify says on Azure's hardware."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from images import Content_, MemoryVolume
from oracles import package

from validators.linux import datasource
from validators.tree import Tree

CHASSIS = "7783-7084-3265-9085-8269-3286-77"
LISTS = (
    "[ Azure ]", "[Azure, None]", "[ NoCloud ]", "[ NoCloud, None ]", "[ NoCloud, Azure ]", "['Azure']",
    '["Azure", "Ec2"]', "[ Ec2, GCE ]", "[ Azure, NoCloud, ConfigDrive ]", "", "Azure",
    "[ OVF, Azure, Ec2, None ]", "[ Azure ] # on Azure", "[]", "[MAAS, Azure]", "[ None ]",
)  # fmt: skip
IDENTIFY = (
    "datasource: Azure\n", "datasource: None\n", "datasource: NoCloud\n", 'datasource: "Ec2"\n',
    "policy: enabled\n", "policy: disabled\n", "policy: report\n",
    "policy: search,found=first,maybe=none,notfound=enabled\n",
    "# datasource: Ec2\n", "datasource: # none\n", "policy: search,notfound=enabled\n", "no colon\n",
    " policy : 'search,found=first' # x\n", "policy: search,found=any\ndatasource: Azure\n",
)  # fmt: skip
WORDS = (
    "ds=nocloud", "ds=nocloud-net;s=http://x/", "ci.ds=Azure", "ci.datasource=Ec2", "ci.di.policy=disabled",
    "ci.di.policy=report", "ci.di.policy=search,notfound=enabled", "quiet",
    "cc:{'datasource_list':['Azure']}",
    "cc: datasource_list: [ NoCloud, Azure ] end_cc", "ci.ds=",
)  # fmt: skip
SEEDED = {
    "/var/lib/cloud/seed/nocloud/user-data": "", "/var/lib/cloud/seed/nocloud/meta-data": "",
    "/var/lib/cloud/seed/ovf/ovf-env.xml": "", "/var/lib/cloud/instance/manual-clean": "",
    "/var/lib/cloud/seed/config_drive/openstack/latest/meta_data.json": "",
    "/etc/cloud/cloud.cfg.d/50.cfg": "datasource:\n  NoCloud:\n    user-data: a\n    meta-data: b\n",
    "/etc/cloud/cloud.cfg.d/51.cfg": "datasource:\n  MAAS:\n    metadata_url: x\n",
}  # fmt: skip
IMAGES = 160


def some_image(chosen: random.Random) -> tuple[dict[str, str], str]:
    files = {"/etc/cloud/cloud.cfg": "users: [default]\n", "/usr/bin/cloud-init": ""}
    for name in chosen.sample(("10", "90", "95-x"), chosen.choice((0, 1, 1, 2))):
        files[f"/etc/cloud/cloud.cfg.d/{name}.cfg"] = f"datasource_list: {chosen.choice(LISTS)}\n"
    if chosen.random() < 0.4:
        files["/etc/cloud/ds-identify.cfg"] = chosen.choice(IDENTIFY)
    for path in chosen.sample(sorted(SEEDED), chosen.choice((0, 0, 1, 2))):
        files[path] = SEEDED[path]
    # Debian 12's, which takes ds= for NoCloud alone.
    files["/var/lib/dpkg/status"] = "Package: cloud-init\nStatus: install ok installed\nVersion: 22.4.2-1\n"
    return files, " ".join(["root=/dev/sda1", *chosen.sample(WORDS, chosen.choice((0, 0, 1, 1, 2)))])


def asked(program: Path, root: Path, files: dict[str, str], line: str, tools: Path) -> tuple[int, str | None]:
    """The exit status of ds-identify, and the list that it wrote."""
    everything = {
        **files,
        "/proc/cmdline": f"{line}\n",
        "/sys/class/dmi/id/chassis_asset_tag": f"{CHASSIS}\n",
    }
    for path, content in everything.items():
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    environment = {"PATH": f"{tools}:{os.environ['PATH']}", "PATH_ROOT": str(root), "DEBUG_LEVEL": "0"}
    done = subprocess.run(["sh", program, "--force"], env=environment, capture_output=True, check=False)
    result = root / "run/cloud-init/cloud.cfg"
    written = result.read_text() if result.exists() else ""
    found = re.search(r"^datasource_list: \[(.*)\]$", written, re.MULTILINE)
    return done.returncode, found[1] if found else None


def test_the_sources_are_those_that_ds_identify_finds(tmp_path: Path) -> None:
    program = package("cloud-init") / "usr/lib/cloud-init/ds-identify"
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, says in {"systemd-detect-virt": "echo microsoft", "blkid": ":"}.items():
        (tools / name).write_text(f"#!/bin/sh\n{says}\n")
        (tools / name).chmod(0o755)
    chosen, compared = random.Random(2), 0
    for number in range(IMAGES):
        files, line = some_image(chosen)
        root = tmp_path / f"root-{number}"
        status, listed = asked(program, root, files, line, tools)
        content: dict[str, Content_] = dict(files)
        ours = datasource.identify(Tree({"/": MemoryVolume(content)}), tuple(line.split()))
        assert ours.runs is (status == 0), (files, line, ours)
        if listed is not None:
            theirs = [name.strip() for name in listed.split(",")]
            names = [*ours.names, *([] if "None" in ours.names else ["None"])]
            assert names == theirs, (files, line)
            compared += 1
        shutil.rmtree(root)
    assert compared > IMAGES / 3


@pytest.mark.parametrize(
    ("version", "names"), [("22.4.2", ("Azure",)), ("23.1", ("NoCloud",)), (None, ("NoCloud",))]
)
def test_new_versions_take_any_source_from_the_kernel_line(
    version: str | None, names: tuple[str, ...]
) -> None:
    files: dict[str, Content_] = {"/etc/cloud/cloud.cfg": "datasource_list: [ Azure ]\n"}
    if version:
        path = "/usr/lib/python3/dist-packages/cloudinit/version.py"
        files[path] = f"__VERSION__ = '{version}'\n"
    found = datasource.identify(Tree({"/": MemoryVolume(files)}), ("ds=NoCloud;s=http://x/",))
    assert found.names == names
