"""What `vmoffer ci` writes: its syntax by actionlint and Azure's schema, its scripts by running them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import LINUX, WINDOWS, changed, write
from ruamel.yaml import YAML

from generator.errors import Surroundings
from tools import actionlint
from vmoffer.cli import run

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
VENDORED = files("check_jsonschema").joinpath("builtin_schemas/vendor/azure-pipelines.json")
AZURE = jsonschema.Draft7Validator(json.loads(VENDORED.read_text(encoding="utf-8")))
QEMU_ONLY = {"base": {"qemu": {"recipe": "debian-12"}}, "storage": {}}
Write = Callable[..., str]


@pytest.fixture(scope="session")
def linter() -> Path:
    try:
        return actionlint.ensure(lambda text: None)
    except Surroundings as error:
        pytest.skip(f"actionlint: {error.what}")


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`catalogue(3, **changes)` writes three plans into skus/."""
    monkeypatch.chdir(tmp_path)

    def put(count: int, base: dict[str, Any] = LINUX, /, **changes: Any) -> None:
        for number in range(count):
            data = changed(base, plan__id=f"p{number}", **changes)
            write(tmp_path / "skus" / "shop" / f"p{number}.yaml", data)

    return put


@pytest.fixture
def pipeline(capsys: pytest.CaptureFixture[str]) -> Write:
    """What `vmoffer ci` with these arguments prints."""

    def written(*arguments: str) -> str:
        capsys.readouterr()
        assert run(["ci", *arguments, "--out", "-"]) == 0
        return capsys.readouterr().out

    return written


def _lint(linter: Path, text: str) -> None:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [linter, "-color=false", "-"], input=text, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _check_azure(text: str) -> None:
    AZURE.validate(_as_text(YAML(typ="safe").load(text)))
    for script in _scripts(text):
        shell = re.sub(r"\$\{\{.*?\}\}|\$\([A-Za-z.]+\)", "x", script)  # Azure's own, filled in before
        checked = subprocess.run(
            [BIN / "shellcheck", "--shell=bash", "-"], input=shell, capture_output=True, text=True
        )
        assert checked.returncode == 0, checked.stdout


def _as_text(value: Any) -> Any:
    """Scalars as Azure reads them: all are text but the inputs of tasks."""
    if isinstance(value, dict):
        return {key: one if key == "inputs" else _as_text(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_as_text(one) for one in value]
    return str(value).lower() if isinstance(value, bool | int) else value


def _scripts(text: str) -> Iterator[str]:
    """Every script of an Azure pipeline or a GitHub workflow."""
    jobs = YAML(typ="safe").load(text)["jobs"]
    for job in jobs.values() if isinstance(jobs, dict) else jobs:
        for step in job["steps"]:
            script = step.get("run") or step.get("bash") or step.get("inputs", {}).get("inlineScript")
            if script:
                yield script


def _script(text: str, mark: str) -> str:
    (found,) = (one for one in _scripts(text) if mark in one)
    return found


@pytest.mark.parametrize("count", [1, 20, 300])
@pytest.mark.parametrize(
    ("base", "changes"),
    [(LINUX, {}), (LINUX, QEMU_ONLY), (WINDOWS, {"storage": {}})],
    ids=["both builders", "qemu", "azure-arm without account"],
)
def test_pipelines_are_what_their_systems_read(
    count: int, base: dict[str, Any], changes: dict[str, Any], linter: Path, catalogue: Callable[..., None],
    pipeline: Write,
) -> None:  # fmt: skip
    catalogue(count, base, **changes)
    _lint(linter, pipeline("github"))
    _check_azure(pipeline("azure-pipelines"))


@pytest.mark.parametrize("system", ["github", "azure-pipelines"])
@pytest.mark.parametrize(
    "options",
    [
        ["--requirements", "pins/requirements.txt", "--branch", "release/1.x"],
        ["--max-parallel", "4", "--runner", "big", "--connection", "azure", "--minutes", "30"],
        ["--no-publish", "--builder", "azure-arm"],
    ],
)
def test_what_the_options_give_is_read_too(
    system: str, options: list[str], linter: Path, catalogue: Callable[..., None], pipeline: Write
) -> None:
    catalogue(1)
    text = pipeline(system, *options)
    assert all(one in text for one in options)
    assert ("--also pins/requirements.txt" in text) == ("--requirements" in options)
    if system == "github":
        # `big` is no label of GitHub's own, so actionlint has to be told.
        _lint(linter, text.replace('"big"', "ubuntu-24.04"))
    else:
        _check_azure(text)


def test_no_script_takes_text_from_the_catalogue_or_the_caller_but_by_its_environment(
    catalogue: Callable[..., None], pipeline: Write
) -> None:
    catalogue(2)
    for script in _scripts(pipeline("github")):
        assert "${{" not in script
    for script in _scripts(pipeline("azure-pipelines")):
        assert "$(skus)" not in script and "${{" not in script


def test_login_needs_no_secret_and_only_jobs_that_need_it_may_do_more_than_read(
    catalogue: Callable[..., None], pipeline: Write
) -> None:
    catalogue(1)
    text = pipeline("github")
    assert "secrets." not in text
    workflow = YAML(typ="safe").load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert {name: set(job.get("permissions", {})) for name, job in workflow["jobs"].items()} == {
        "check": set(),
        "plan": {"actions", "contents"},
        "build": {"contents", "id-token", "security-events"},
    }
    assert all(job["timeout-minutes"] for job in workflow["jobs"].values())
    assert workflow["jobs"]["build"]["strategy"]["fail-fast"] is False


def test_the_history_is_whole_where_commits_are_compared(
    catalogue: Callable[..., None], pipeline: Write
) -> None:
    catalogue(1)
    for system, depth in (("github", "fetch-depth"), ("azure-pipelines", "fetchDepth")):
        jobs = YAML(typ="safe").load(pipeline(system))["jobs"]
        for job in jobs.values() if isinstance(jobs, dict) else jobs:
            scripts = " ".join(str(step.get("run") or step.get("bash")) for step in job["steps"])
            checkout = {**job["steps"][0], **job["steps"][0].get("with", {})}
            assert "--changed-since" not in scripts or checkout[depth] == 0


def test_two_runs_never_build_at_the_same_time(catalogue: Callable[..., None], pipeline: Write) -> None:
    catalogue(1)
    github = YAML(typ="safe").load(pipeline("github"))["concurrency"]
    assert github["group"] == "vmoffer-${{ github.ref }}"
    assert github["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"
    assert YAML(typ="safe").load(pipeline("azure-pipelines"))["trigger"]["batch"] is True


def test_a_catalogue_without_azure_logs_in_nowhere(catalogue: Callable[..., None], pipeline: Write) -> None:
    catalogue(1, LINUX, **QEMU_ONLY)
    for system in ("github", "azure-pipelines"):
        text = pipeline(system)
        assert not re.search("(?i)azure/login|azurecli|id-token|keys list", text)


def test_more_images_than_jobs_get_the_time_for_several(
    catalogue: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue(300)
    assert run(["ci", "github", "--minutes", "100", "--out", "-"]) == 0
    assert "timeout-minutes: 300\n" in capsys.readouterr().out  # 600 images, 3 to a job
    assert run(["ci", "github", "--minutes", "200", "--out", "-"]) == 0
    told = capsys.readouterr()
    assert "timeout-minutes: 360\n" in told.out
    assert "600 images are more than the 256 jobs" in told.err and "--runner" in told.err


def test_azure_builds_without_an_account_are_told(
    catalogue: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue(5, WINDOWS, storage={})
    assert run(["ci", "github"]) == 0
    assert "name none: shop/p0, shop/p1, shop/p2 and 2 more; give them `storage`" in capsys.readouterr().err
    catalogue(
        5, WINDOWS, storage={}, gallery={"resource_group": "r", "name": "g", "image": "i", "vhds": False}
    )
    assert run(["ci", "github", "--force"]) == 0
    assert "name none" not in capsys.readouterr().err, "a gallery alone needs no account"


def _stub(folder: Path, name: str, body: str) -> None:
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def _run(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{folder / 'bin'}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(
        command,
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), **environment},
        capture_output=True,
        text=True,
    )


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def _commit(folder: Path) -> str:
    _git(folder, "add", "skus")
    _git(folder, "commit", "-qm", "change")
    return _git(folder, "rev-parse", "HEAD")


@pytest.mark.parametrize("system", ["github", "azure-pipelines"])
def test_the_matrix_holds_what_changed_since_the_last_green_run(
    system: str, tmp_path: Path, catalogue: Callable[..., None], pipeline: Write
) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    catalogue(3)
    script = _script(pipeline(system), "last_green")
    _git(tmp_path, "init", "-q")
    green = _commit(tmp_path)
    write(tmp_path / "skus" / "shop" / "p1.yaml", changed(LINUX, plan__id="p1", version="1.2.4"))
    _commit(tmp_path)

    def listed(last: str, since: str = "") -> list[str]:
        runs = [
            {"event": "pull_request", "headSha": "f" * 40},
            *([{"event": "push", "headSha": last}] * bool(last)),
        ]
        answer = {"value": [{"sourceVersion": last}] * bool(last)}
        (tmp_path / "runs").write_text(json.dumps(runs))
        (tmp_path / "answer").write_text(json.dumps(answer))
        # What gh does with --jq, as its last argument.
        _stub(tmp_path, "gh", f'for jq; do :; done; jq -r "$jq" {tmp_path}/runs')
        _stub(tmp_path, "curl", f'cat >{tmp_path}/asked; echo "$@" >>{tmp_path}/asked; cat {tmp_path}/answer')
        given = {"GIVEN": since} if system == "github" else {"GIVEN": since or "last"}
        azure = dict.fromkeys(("SYSTEM_DEFINITIONID", "SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECTID"), "x")
        (tmp_path / "out").write_text("")
        done = _run(script, tmp_path, GITHUB_OUTPUT=str(tmp_path / "out"), BRANCH="main",
                    TOKEN="t0ken", **given, **azure)  # fmt: skip
        assert done.returncode == 0, done.stderr
        if system == "github":
            values = dict(line.split("=", 1) for line in (tmp_path / "out").read_text().splitlines())
            rows = json.loads(values["matrix"])["include"]
            assert values["any"] == json.dumps(bool(rows))
        else:
            (line,) = (one for one in done.stdout.splitlines() if "setvariable variable=matrix" in one)
            rows = list(json.loads(line.split("]", 1)[1]).values())
            assert rows or line.endswith("]{}"), "the condition of the job compares with {}"
        return sorted(f"{row['skus']} {row['builder']} {row['account']}" for row in rows)

    both = [f"shop/p1 {builder} images" for builder in ("azure-arm", "qemu")]
    assert listed(green) == both
    assert listed(_git(tmp_path, "rev-parse", "HEAD")) == []
    assert len(listed("")) == 6, "nothing was green yet"
    assert len(listed("e" * 40)) == 6, "the green commit is no longer in the history"
    assert listed("", since=green) == both
    if system == "azure-pipelines":
        header, arguments = (tmp_path / "asked").read_text().splitlines()
        assert "t0ken" in header and "t0ken" not in arguments


def test_a_pull_request_shows_what_merging_it_builds_and_versions_that_stay(
    tmp_path: Path, catalogue: Callable[..., None], pipeline: Write
) -> None:
    catalogue(2)
    _git(tmp_path, "init", "-q")
    base = _commit(tmp_path)
    write(tmp_path / "skus" / "shop" / "p1.yaml", changed(LINUX, plan__id="p1", os_disk={"size_gib": 40}))
    _commit(tmp_path)
    done = _run(_script(pipeline("github"), '"$BASE"'), tmp_path, BASE=base, GITHUB_STEP_SUMMARY="summary")
    assert done.returncode == 0, done.stderr
    assert "shop/p1" in done.stdout and "shop/p0" not in done.stdout
    assert "vmoffer bump shop/p1 patch" in (tmp_path / "summary").read_text()
    _git(tmp_path, "update-ref", "refs/remotes/origin/main", base)
    script = _script(pipeline("azure-pipelines"), "TARGETBRANCH")
    done = _run(script, tmp_path, SYSTEM_PULLREQUEST_TARGETBRANCH="refs/heads/main")
    assert "vmoffer bump shop/p1 patch" in done.stdout, done.stderr


def test_a_job_builds_all_of_its_plans_and_fails_if_one_of_them_does(
    tmp_path: Path, catalogue: Callable[..., None], pipeline: Write
) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    catalogue(1)
    script = _script(pipeline("github"), "vmoffer build")
    _stub(tmp_path, "az", "echo s3cret")
    _stub(tmp_path, "vmoffer", f"""echo "$* key=${{AZURE_STORAGE_KEY:-}}" >>{tmp_path}/calls
[ "$2" != shop/worse ] || exit 3
mkdir -p build/$2/1.0.0; touch build/$2/1.0.0/os.vhd
echo '{{"disks": [{{"uri": "https://x/os.vhd?sig=abc"}}]}}' >build/$2/1.0.0/sas-gen2.json
[ "$2" != shop/bad ]""")  # fmt: skip
    done = _run(script, tmp_path, SKUS="shop/worse shop/bad shop/good", BUILDER="azure-arm", ACCOUNT="images")
    assert done.returncode == 1
    assert "not built or not met: shop/worse shop/bad\n" in done.stderr
    assert done.stdout == "::add-mask::s3cret\n", "nothing else shows the key, nothing shows a signature"
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls.pop(0) == "build shop/worse --builder azure-arm --publish --hide-sas key=s3cret"
    assert calls == [
        f"build shop/{name} --builder azure-arm --publish --hide-sas key=s3cret" for name in ("bad", "good")
    ], "the build itself validates what it made in the account"
    assert not list(tmp_path.rglob("*.vhd"))
    (tmp_path / "calls").unlink()
    done = _run(script, tmp_path, SKUS="shop/good", BUILDER="qemu", ACCOUNT="")
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "calls").read_text() == "build shop/good --builder qemu --no-publish --hide-sas key=\n"


def test_the_summary_names_the_rules_that_are_not_met(
    tmp_path: Path, catalogue: Callable[..., None], pipeline: Write
) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    catalogue(1)
    outcomes = [{"status": one, "rule": f"LNX-{one}"} for one in ("pass", "fail", "warn", "skip")]
    report = {"sku": "shop/p0", "image_version": "1.2.3", "verdict": "fail", "outcomes": outcomes}
    report["undecided"] = ["LNX-open"]
    script = _script(pipeline("github"), ".verdict")
    assert _run(script, tmp_path, GITHUB_STEP_SUMMARY="none").returncode == 0, "a build that made no report"
    folder = tmp_path / "build/shop/p0/1.2.3"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(report))
    done = _run(script, tmp_path, GITHUB_STEP_SUMMARY="summary")
    assert done.returncode == 0, done.stderr
    told = (tmp_path / "summary").read_text()
    assert told == "### shop/p0 1.2.3: fail\n- fail LNX-fail\n- warn LNX-warn\n- not decided LNX-open\n\n"


def test_the_summary_and_the_artifacts_hold_no_signature(
    tmp_path: Path, catalogue: Callable[..., None], pipeline: Write
) -> None:
    catalogue(1)
    for text in (pipeline("github"), pipeline("azure-pipelines")):
        assert not re.search(r"path:.*sas|name 'sas|build/\*\*/\*\n", text)
    collect = _script(pipeline("azure-pipelines"), "cp --parents")
    folder = tmp_path / "build/shop/p0/1.2.3"
    folder.mkdir(parents=True)
    for name in ("sas.json", "report.sarif", "report.xml", "packer.log", "os.vhd"):
        (folder / name).touch()
    done = _run(collect, tmp_path, REPORTS=str(tmp_path / "reports"), SARIF=str(tmp_path / "sarif"))
    assert done.returncode == 0, done.stderr
    kept = sorted(path.name for path in (tmp_path / "reports").rglob("*") if path.is_file())
    assert kept == ["packer.log", "report.sarif", "report.xml"]
    assert [path.name for path in (tmp_path / "sarif").iterdir()] == ["shop-p0-1.2.3-report.sarif"]


def test_the_projects_own_workflows_are_current_and_read(
    linter: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    path = ROOT / ".github" / "workflows" / "vmoffer.yml"
    command = re.search(r"^# Written by `vmoffer (.*)`", path.read_text())
    assert command, "vmoffer ci github writes it"
    assert run([*command[1].split(), "--check"]) == 0, capsys.readouterr().err
    for workflow in path.parent.glob("*.yml"):
        _lint(linter, workflow.read_text())
    assert any("run: .ci/run" in one.read_text() for one in path.parent.glob("*.yml"))


def test_an_edited_file_stays_until_force(
    tmp_path: Path, catalogue: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue(1)
    path = tmp_path / ".github/workflows/vmoffer.yml"
    assert run(["ci", "github", "--check"]) == 1
    assert "there is no such file yet" in capsys.readouterr().err
    assert run(["ci", "github"]) == 0
    assert capsys.readouterr().out == ".github/workflows/vmoffer.yml\n"
    assert run(["ci", "github", "--check"]) == 0
    assert run(["ci", "github", "--branch", "trunk"]) == 0, "not edited: written anew without a question"
    assert run(["ci", "github", "--check"]) == 1
    assert run(["ci", "github", "--branch", "trunk", "--check"]) == 0
    path.write_text(path.read_text().replace("timeout-minutes: 15", "timeout-minutes: 16"))
    edited = path.read_text()
    capsys.readouterr()
    assert run(["ci", "github"]) == 2
    assert "--force" in capsys.readouterr().err
    assert path.read_text() == edited
    assert run(["ci", "github", "--force"]) == 0
    path.write_text("name: mine\n")
    assert run(["ci", "github"]) == 2


def test_the_file_says_by_which_command_it_was_written(
    tmp_path: Path, catalogue: Callable[..., None], pipeline: Write
) -> None:
    catalogue(1)
    options = ["--branch", "release/1 x", "--max-parallel", "3", "--no-publish", "--builder", "qemu"]
    text = pipeline("azure-pipelines", *options)
    line = "vmoffer ci azure-pipelines --branch 'release/1 x' --builder qemu --max-parallel 3 --no-publish"
    assert text.startswith(f"# Written by `{line}`:")
    assert f"{line} --check" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["github", "--branch", "x\n  evil: y"], "read as something else"),
        (["github", "--requirements", "a;b"], "read as something else"),
        (["github", "--builder", "qemu"], "no image to build by qemu"),
        (["jenkins"], "'jenkins' is not one of"),
    ],
)
def test_what_cannot_be_written_says_why(
    arguments: list[str], says: str, catalogue: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue(1, WINDOWS)
    assert run(["ci", *arguments, "--out", "-"]) == 2
    assert says in capsys.readouterr().err


def test_an_empty_or_broken_catalogue_has_no_pipeline(
    tmp_path: Path, catalogue: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue(0)
    assert run(["ci", "github"]) == 2
    assert "vmoffer new" in capsys.readouterr().err
    (tmp_path / "skus/shop").mkdir(parents=True)
    (tmp_path / "skus/shop/bad.yaml").write_text("offer: [")
    assert run(["ci", "github"]) == 2
    assert not (tmp_path / ".github").exists()


def test_generate_without_a_name_writes_all_that_the_builder_can_make(
    tmp_path: Path, catalogue: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue(2)
    write(tmp_path / "skus/win/app.yaml", changed(WINDOWS, offer__id="win", plan__id="app"))
    assert run(["generate"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert run(["generate", "--builder", "qemu", "--check"]) == 0
    assert run(["generate", "win/app", "--builder", "qemu"]) == 2
