"""list --changed-since: what a pipeline has to build again, from real git histories; and its jobs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import matrix
from generator.model import Builder
from vmoffer.cli import run

Said = pytest.CaptureFixture[str]


def git(*arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    done = subprocess.run(["git", *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(message: str = "change") -> None:
    git("add", "-A")
    git("commit", "-qm", message)


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> Path:
    """Two plans, shop/one and shop/two, committed."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    for plan in ("one", "two"):
        assert run(["new", f"shop/{plan}", "--os", "debian-12"]) == 0
    commit("first")
    capsys.readouterr()
    return tmp_path


def changed(capsys: Said, revision: str = "HEAD~1", *more: str) -> dict[str, list[str]]:
    """The changed SKUs, and the paths that say so."""
    capsys.readouterr()
    assert run(["list", "--changed-since", revision, "--format", "json", *more]) == 0
    return {row["sku"]: row["because"] for row in json.loads(capsys.readouterr().out)}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_nothing_has_changed_since_now(capsys: Said) -> None:
    assert changed(capsys, "HEAD") == {}


def test_a_new_version_is_a_change_of_that_plan_alone(repository: Path, capsys: Said) -> None:
    run(["bump", "shop/one", "minor"])
    commit()
    assert changed(capsys) == {"shop/one": ["skus/shop/one.yaml"]}


def test_an_image_that_changes_under_its_old_version_is_told(repository: Path, capsys: Said) -> None:
    script = repository / "skus/shop/files/one-install.sh"
    script.write_text("echo more\n")
    run(["bump", "shop/two", "patch"])
    commit()
    capsys.readouterr()
    assert run(["list", "--changed-since", "HEAD~1", "--format", "json"]) == 0
    rows = {row["sku"]: row["version_raised"] for row in json.loads(capsys.readouterr().out)}
    assert rows == {"shop/one": False, "shop/two": True}
    assert run(["list", "--changed-since", "HEAD~1"]) == 0
    assert capsys.readouterr().out.count("not raised; once it is uploaded: vmoffer bump shop/one patch") == 1


def test_a_comment_makes_no_other_image(repository: Path, capsys: Said) -> None:
    path = repository / "skus/shop/one.yaml"
    path.write_text(f"{path.read_text()}\n# a thought\n")
    commit()
    assert changed(capsys) == {}


def test_a_file_that_a_step_uses_is_a_change(repository: Path, capsys: Said) -> None:
    script = next((repository / "skus/shop").glob("*/*.sh"))
    script.write_text(f"{script.read_text()}\necho more\n")
    commit()
    users = [
        path.stem for path in (repository / "skus/shop").glob("*.yaml") if script.name in path.read_text()
    ]
    assert users
    assert changed(capsys) == {
        f"shop/{plan}": [str(script.relative_to(repository))] for plan in sorted(users)
    }


def test_paths_that_every_image_depends_on_are_named(repository: Path, capsys: Said) -> None:
    (repository / "pins.txt").write_text("packer 1.16\n")
    commit()
    assert changed(capsys) == {}
    assert set(changed(capsys, "HEAD~1", "--also", "pins.txt")) == {"shop/one", "shop/two"}


def test_the_first_push_of_a_branch_means_everything(capsys: Said) -> None:
    assert set(changed(capsys, "0" * 40)) == {"shop/one", "shop/two"}


@pytest.mark.parametrize(
    ("prepare", "revision", "reason"),
    [
        ("", "nowhere", "no commit 'nowhere' in this history"),
        ("", "--output=x", "no commit '--output=x' in this history"),
        ("dirty", "HEAD", "changes that are not committed: skus/shop/one.yaml"),
        ("shallow", "HEAD~1", "the history was cut off when it was fetched"),
        ("no git", "HEAD", "--changed-since needs a git work tree"),
        ("no commit", "HEAD", "nothing has been committed yet"),
    ],
)
def test_history_that_cannot_tell_is_an_error_with_the_next_step(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said, prepare: str, revision: str, reason: str
) -> None:
    if prepare == "dirty":
        run(["bump", "shop/one", "patch"])
    elif prepare == "shallow":
        (repository / "more").touch()
        commit()
        git("clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
        monkeypatch.chdir(repository / "shallow")
    elif prepare == "no commit":
        git("update-ref", "-d", "HEAD")
    elif prepare == "no git":
        (repository / ".git").rename(repository / "gone")
    capsys.readouterr()
    assert run(["list", f"--changed-since={revision}"]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert "→" in said


def test_matrix_for_github_and_azure_pipelines(capsys: Said) -> None:
    run(["list", "--format", "github", "--builder", "azure-arm"])
    jobs = json.loads(capsys.readouterr().out)["include"]
    assert jobs == [
        {
            "id": f"shop_{plan}_azure_arm",
            "name": f"shop/{plan}, azure-arm",
            "skus": f"shop/{plan}",
            "builder": "azure-arm",
            "account": "",
        }
        for plan in ("one", "two")
    ]
    run(["list", "--format", "azure-pipelines", "--builder", "azure-arm"])
    assert json.loads(capsys.readouterr().out) == {
        f"job_shop_{plan}_azure_arm": {
            "id": f"shop_{plan}_azure_arm",
            "skus": f"shop/{plan}",
            "builder": "azure-arm",
            "account": "",
        }
        for plan in ("one", "two")
    }


WANTED = st.tuples(
    st.integers(0, 999), st.sampled_from(list(Builder)), st.sampled_from(["", "images", "more"])
)


@given(st.lists(WANTED, unique=True, max_size=900), st.integers(6, 40))
def test_every_image_is_in_one_job_and_there_are_not_too_many(
    wanted: list[tuple[int, Builder, str]], limit: int
) -> None:
    named = [(f"shop/p{number}", builder, account) for number, builder, account in wanted]
    jobs = matrix.jobs(named, limit)
    assert len(jobs) <= limit
    assert sorted((sku, job.builder, job.account) for job in jobs for sku in job.skus.split()) == sorted(
        named
    )
    assert len(matrix.azure_pipelines(jobs)) == len(jobs)


def test_jobs_with_alike_names_keep_their_own_ids() -> None:
    jobs = matrix.jobs([("a/b-c", Builder.QEMU, ""), ("a-b/c", Builder.QEMU, "")])
    assert [row["id"] for row in matrix.github(jobs)["include"]] == ["a_b_c_qemu", "a_b_c_qemu_1"]
