"""A project on disk: the same bytes twice, whole files, nothing of anyone else's touched."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import LINUX, WINDOWS, define, sku

from generator import project
from generator.errors import Unusable
from generator.model import Builder
from generator.provisioning import provisioning

PLACE = Path(__file__).parent.parent.parent / "templates" / "place.sh"


def _snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(("base", "builder"), [(LINUX, Builder.QEMU), (WINDOWS, Builder.AZURE_ARM)])
def test_a_second_run_writes_the_same_bytes_and_touches_no_file(
    tmp_path: Path, base: dict[str, Any], builder: Builder
) -> None:
    definition = define(tmp_path, base, generations=["gen2"], steps=[{"script": "sku.yaml"}])
    folder = tmp_path / "packer" / builder
    project.write(definition, builder, folder)
    before = _snapshot(folder)
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.hcl")}
    assert project.differences(project.prepare(definition, builder, folder)) == []
    project.write(definition, builder, folder)
    assert _snapshot(folder) == before
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.hcl")} == times
    assert any(name.startswith("scripts/") for name in before)


def test_stale_files_go_and_foreign_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "packer" / "qemu"
    upload = {"file": {"source": "site", "destination": "/srv/site"}}
    (tmp_path / "site" / "css").mkdir(parents=True)
    (tmp_path / "site" / "css" / "a.css").write_text("a")
    project.write(define(tmp_path, steps=[upload]), Builder.QEMU, folder)
    assert [path.name for path in folder.glob("files/**/*.css")] == ["a.css"]
    (folder / "mine.auto.pkrvars.hcl").write_text("headless = false\n")
    (tmp_path / "keep").write_text("keep")
    (folder / project.LIST).open("a").write("../../../keep\n/etc/hostname\n")

    later = define(tmp_path)
    assert any(
        line.startswith("stale: ")
        for line in project.differences(project.prepare(later, Builder.QEMU, folder))
    )
    project.write(later, Builder.QEMU, folder)
    assert not (folder / "files").exists()
    assert (folder / "mine.auto.pkrvars.hcl").exists() and (tmp_path / "keep").exists()
    assert project.differences(project.prepare(later, Builder.QEMU, folder)) == []


def test_differences_name_what_is_missing_and_what_differs(tmp_path: Path) -> None:
    definition, folder = define(tmp_path), tmp_path / "out" / "packer" / "qemu"
    made = project.prepare(definition, Builder.QEMU, folder)
    assert len(project.differences(made)) == len(made.files)
    project.write(definition, Builder.QEMU, folder)
    (folder / "source.pkr.hcl").write_text("changed")
    (folder / "build.pkr.hcl").unlink()
    assert sorted(project.differences(made)) == [
        f"differs: {folder / 'source.pkr.hcl'}",
        f"missing: {folder / 'build.pkr.hcl'}",
    ]


def test_a_link_in_the_folder_is_refused_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "packer" / "qemu"
    folder.mkdir(parents=True)
    (tmp_path / "victim").write_text("untouched")
    (folder / "source.pkr.hcl").symlink_to(tmp_path / "victim")
    with pytest.raises(Unusable, match="symbolic link"):
        project.write(define(tmp_path), Builder.QEMU, folder)
    assert (tmp_path / "victim").read_text() == "untouched"
    assert [path.name for path in folder.iterdir()] == ["source.pkr.hcl"]


@pytest.mark.parametrize("name", ["..", "a/b", "", ".", "a\\b"])
def test_a_name_cannot_lead_out_of_the_build_folder(name: str) -> None:
    with pytest.raises(Unusable):
        project.folder_for(sku(plan__id=name), Builder.QEMU)


def test_own_steps_stand_between_ours_and_nothing_follows_the_last(tmp_path: Path) -> None:
    own = [
        {"name": "Late", "inline": ["true"]},
        {"name": "Early", "script": "sku.yaml", "when": "before-prepare"},
    ]
    result = provisioning(define(tmp_path, steps=own), Builder.QEMU)
    names = [step.name for step in result.provisioners]
    assert names[0] == "Early"
    assert names.index("Late") > names.index("Updates")
    assert [step.last for step in result.provisioners] == [False] * (len(names) - 1) + [True]
    scripts = [step.source for step in result.provisioners]
    assert scripts == sorted(scripts) and set(scripts) == set(result.files)
    late = result.files[scripts[names.index("Late")]]
    assert late == "#!/bin/sh\nset -eu\ntrue\n"


def test_uploads_take_the_detour_on_linux_only(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("x")
    steps = [{"name": "site", "file": {"source": "site", "destination": "/srv/site"}}]
    kinds = [one.kind for one in provisioning(define(tmp_path, steps=steps), Builder.QEMU).provisioners]
    assert [kind for kind in kinds if kind != "script"] == ["folder", "upload"]
    steps[0]["file"] = {"source": "site", "destination": "C:\\site"}
    windows = provisioning(define(tmp_path, WINDOWS, generations=["gen2"], steps=steps), Builder.AZURE_ARM)
    (upload,) = (one for one in windows.provisioners if one.kind == "upload")
    assert (upload.destination, upload.source[-1]) == ("C:\\site", "/")


@pytest.mark.parametrize(
    ("folder", "destination", "result"),
    [
        (False, "etc/app/app.conf", "etc/app/app.conf"),
        (False, "etc/app/", "etc/app/name"),
        (False, "there", "there/name"),
        (True, "srv/site", "srv/site/sub/a b"),
        (True, "there", "there/sub/a b"),
    ],
)
def test_what_was_uploaded_is_put_in_its_place(
    tmp_path: Path, folder: bool, destination: str, result: str
) -> None:
    (tmp_path / "there").mkdir()
    source = tmp_path / "staged"
    if folder:
        (source / "sub").mkdir(parents=True)
        (source / "sub" / "a b").write_text("text")
    else:
        source.write_text("text")
    env = {
        "SOURCE": str(source),
        "NAME": "name",
        "DESTINATION": f"{tmp_path}/{destination}",
        "PATH": "/usr/bin:/bin",
    }
    subprocess.run(["sh", PLACE], env=env, check=True, capture_output=True)
    assert (tmp_path / result).read_text() == "text"
    assert not source.exists()
