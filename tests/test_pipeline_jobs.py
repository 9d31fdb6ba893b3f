"""The jobs of generated pipelines, step by step: the real vmoffer, up to where Azure or a guest begins.

Faked are only `sudo` (no packages are installed here) and `az`, which answers with a key as documented. A
build of a guest finds its folder taken; one in Azure finds no way out of this machine.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import ci_jobs
import pytest

ROOT = Path(__file__).parent.parent
KEY = base64.b64encode(b"k" * 64).decode()
AZ = f"""#!/bin/sh
echo "az $*" >>"$LOG"
case "$*" in
    "account show"*) echo 11111111-1111-1111-1111-111111111111 ;;
    "storage account keys list"*) echo {KEY} ;;
    *) exit 1 ;;
esac
"""
IDS = {f"vars.AZURE_{name}_ID": f"{number * 8}-1111-1111-1111-111111111111" for name, number in
       (("CLIENT", "1"), ("TENANT", "2"), ("SUBSCRIPTION", "3"))}  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A publisher's: a plan for here and one for Azure, both pipelines, committed."""
    folder = tmp_path / "repository"
    folder.mkdir()
    env = _environment(tmp_path)

    def must(*words: str) -> None:
        subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    must("git", "init", "-q", "-b", "main", ".")
    must("vmoffer", "new", "shop/basic", "--os", "debian-12")
    must("vmoffer", "new", "winshop/std", "--os", "windows-server-2022")
    plan = folder / "skus/winshop/std.yaml"
    plan.write_text(plan.read_text() + "\nstorage: {account: contosoimages, resource_group: images}\n")
    only = folder / "skus/shop/basic.yaml"
    only.write_text("\n".join(_without(only.read_text().splitlines(), "  azure-arm:")) + "\n")
    must("vmoffer", "ci", "github")
    must("vmoffer", "ci", "azure-pipelines")
    (folder / ".gitignore").write_text("build/\n.outputs\n.path\n.summary\n")
    must("git", "add", "-A")
    must("git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "first")
    return folder


def _without(lines: list[str], head: str) -> Iterator[str]:
    """The YAML without the entry that begins with the line `head`."""
    inside = False
    for line in lines:
        inside = line.startswith(head) or (
            inside and line.startswith(" " * (len(head) - len(head.lstrip()) + 1))
        )
        if not inside:
            yield line


def _environment(folder: Path) -> dict[str, str]:
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    for name, text in {"sudo": '#!/bin/sh\necho "sudo $*" >>"$LOG"\n', "az": AZ}.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return ci_jobs.clean(
        PATH=f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        LOG=str(folder / "log"),
        XDG_STATE_HOME=str(folder / "state"),
        PIP_NO_INDEX="1",  # what the job installs is there: this checkout
        GIT_CONFIG_GLOBAL=os.devnull,
    )


def _taken(folder: Path, stack: ExitStack) -> None:
    """What a build of shop/basic meets: another one that works in its folder."""
    place = folder / "build/shop/basic/0.1.0"
    place.mkdir(parents=True, exist_ok=True)
    lock = stack.enter_context((place / ".lock").open("w"))
    fcntl.flock(lock, fcntl.LOCK_EX)


def test_the_jobs_of_a_github_workflow_run_to_where_azure_or_a_guest_begins(
    repository: Path, tmp_path: Path
) -> None:
    jobs, env = ci_jobs.read(repository / ".github/workflows/vmoffer.yml"), _environment(tmp_path)
    values = {"github.event_name": "push", "github.token": "token", "inputs.since": "0", **IDS}
    values["vars.VMOFFER_ALLOWED_INBOUND"] = "203.0.113.7"
    # What `id-token: write` gives a job: where to ask who it is. Nobody listens there.
    env |= {f"ACTIONS_ID_TOKEN_REQUEST_{name}": text for name, text in
            (("URL", "http://127.0.0.1:9/token?x=1"), ("TOKEN", "token"))}  # fmt: skip
    check = ci_jobs.github(jobs["check"], repository, values, env)
    assert not check.failed, check.failed
    assert [step.name for step in check.steps if step.status == 0] == [
        "Install vmoffer", "Definitions", "Packer projects", "This workflow",
    ]  # fmt: skip
    assert "2 definitions: 0 unusable, 0 failed" in check.said("Definitions")
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True
    ).stdout.strip()
    asked = {**values, "github.event_name": "pull_request", "github.event.pull_request.base.sha": head}
    assert not ci_jobs.github(jobs["check"], repository, asked, env).failed
    plan = ci_jobs.github(jobs["plan"], repository, values, env)
    assert not plan.failed and plan.outputs["any"] == "true", plan
    built = {}
    for entry in ci_jobs.matrix(plan.outputs["matrix"]):
        more = {f"matrix.{name}": str(value) for name, value in entry.items()}
        with ExitStack() as stack:
            _taken(repository, stack)
            built[entry["builder"]] = ci_jobs.github(jobs["build"], repository, {**values, **more}, env)
    _where_they_stopped(built, tmp_path, "What a build on this machine needs", "Build", "Build")
    assert [step.status for step in built["qemu"].steps if step.name == "Summary"] == [0]


def test_the_jobs_of_an_azure_pipeline_run_to_where_azure_or_a_guest_begins(
    repository: Path, tmp_path: Path
) -> None:
    jobs, env = ci_jobs.read(repository / "azure-pipelines.yml"), _environment(tmp_path)
    env |= {"tenantId": "2" * 8, "servicePrincipalId": "1" * 8, "idToken": "token"}
    values = {
        "Build.Reason": "IndividualCI", "System.AccessToken": "token", "parameters.since": "0",
        "Build.ArtifactStagingDirectory": str(tmp_path / "staging"), "System.DefinitionId": "1",
        "VMOFFER_ALLOWED_INBOUND": "203.0.113.7",
    }  # fmt: skip
    check = ci_jobs.azure(jobs["check"], repository, values, env)
    assert not check.failed, check.failed
    assert [step.name for step in check.steps if step.status == 0] == [
        "Install vmoffer", "Definitions", "Packer projects", "This pipeline",
    ]  # fmt: skip
    plan = ci_jobs.azure(jobs["plan"], repository, values, env)
    assert not plan.failed, plan.failed
    built = {}
    for entry in ci_jobs.matrix(plan.outputs["matrix"]):
        with ExitStack() as stack:
            _taken(repository, stack)
            built[entry["builder"]] = ci_jobs.azure(jobs["build"], repository, {**values, **entry}, env)
    _where_they_stopped(
        built, tmp_path, "What a build on this machine needs", "Build", "Build, logged in to Azure"
    )
    assert [step.status for step in built["azure-arm"].steps if step.name == "Collect the reports"] == [0]


def _where_they_stopped(
    built: dict[str, ci_jobs.Job], folder: Path, native: str, here: str, there: str
) -> None:
    assert set(built) == {"qemu", "azure-arm"}
    [failed] = built["qemu"].failed
    assert failed.name == here
    assert "another build is working in this folder" in failed.said
    assert "not built or not met: shop/basic" in failed.said
    assert any(step.name == native and step.status == 0 for step in built["qemu"].steps)
    [failed] = built["azure-arm"].failed
    assert failed.name == there
    assert "not built or not met: winshop/std" in failed.said
    # Signed in as far as this machine goes; the first request is refused by a proxy that is not there.
    assert re.search(r"127\.0\.0\.1|Azure does not let .* in", failed.said), failed.said
    log = (folder / "log").read_text()
    assert "sudo apt-get update" in log and "az storage account keys list --account-name contosoimages" in log
    masked = [line for line in failed.said.splitlines() if KEY in line]
    assert all("add-mask" in line or "issecret=true" in line for line in masked)
