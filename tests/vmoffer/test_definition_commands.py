"""lint, list, schema, new and generate on real files: exit status, what goes to stdout, what to stderr."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vmoffer.cli import run


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _new(name: str = "shop/basic", system: str = "debian-12") -> Path:
    assert run(["new", name, "--os", system]) == 0
    return Path("skus", f"{name}.yaml")


def test_lint_says_1_for_a_broken_rule_and_2_for_a_broken_file(capsys: pytest.CaptureFixture[str]) -> None:
    path = _new()
    text = path.read_text()
    path.write_text(text.replace('"0.1.0"', '"1.2"'))
    assert run(["lint"]) == 1
    assert f"{path}:16: version: fail OFR-VER-001: found '1.2'" in capsys.readouterr().out
    assert run(["lint", "--format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "fail" and report["outcomes"][0]["rule"] == "OFR-VER-001"

    Path("skus/shop/broken.yaml").write_text("publisher: 1\n")
    assert run(["lint", "--format", "json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"] == "unusable"
    assert [one["rule"] for one in report["outcomes"]] == ["OFR-VER-001"]
    assert report["problems"][0]["where"] == "skus/shop/broken.yaml:1"
    assert run(["lint", "shop/basic"]) == 1  # its own file only


def test_lint_sees_a_plan_that_another_file_has_too(capsys: pytest.CaptureFixture[str]) -> None:
    path = _new()
    Path("skus/shop/copy.yaml").write_text(path.read_text())
    assert run(["lint", "skus/shop/copy.yaml"]) == 1
    assert "OFR-SKU-001" in capsys.readouterr().out


def test_lint_asks_what_the_guide_of_2015_asked_when_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    path = _new()
    path.write_text(path.read_text() + "published: [0.0.9]\nlisting: {language: German}\n")
    assert run(["lint"]) == 1
    assert "LST-LANG-001" in capsys.readouterr().out
    path.write_text(path.read_text().replace("size_gib: 30", "size_gib: 60"))
    assert run(["lint", "--profile", "guide-2015"]) == 1
    told = capsys.readouterr().out
    assert "fail DSK-SIZE-002" in told and "LST-" not in told


def test_list_shows_the_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    _new()
    capsys.readouterr()
    assert run(["list"]) == 0
    assert "https://azuremarketplace.microsoft.com/marketplace/apps/contoso.shop?" in capsys.readouterr().out
    assert run(["list", "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["sku"] == "shop/basic" and "contoso.shop-PREVIEWbasic" in row["preview_url"]
    assert row["preview_image"] == "contoso:shop-PREVIEW:basic:0.1.0"
    assert row["technical_configuration"]["vmProperties"]["supportsCloudInit"] is True
    Path("skus/shop/broken.yaml").write_text("[")
    assert run(["list"]) == 2
    assert "shop/basic" in capsys.readouterr().out


def test_schema_is_json_with_the_fields_of_a_definition(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"publisher", "offer", "plan", "data_disks"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False


def test_generate_writes_once_and_check_sees_changes(capsys: pytest.CaptureFixture[str]) -> None:
    _new()
    capsys.readouterr()
    assert run(["generate", "shop/basic", "--check"]) == 1
    assert not Path("build").exists()
    assert run(["generate", "shop/basic"]) == 0
    folders = capsys.readouterr().out.split()
    assert folders == [f"build/shop/basic/0.1.0/packer/{name}" for name in ("qemu", "azure-arm")]
    assert run(["generate", "shop/basic", "--check"]) == 0
    Path(folders[0], "source.pkr.hcl").write_text("changed")
    assert run(["generate", "shop/basic", "--builder", "azure-arm", "--check"]) == 0
    assert run(["generate", "shop/basic", "--check"]) == 1
    assert "differs: build/shop/basic/0.1.0/packer/qemu/source.pkr.hcl" in capsys.readouterr().err


def test_generate_refuses_what_lint_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    path = _new()
    path.write_text(path.read_text().replace("id: basic", "id: ../../basic"))
    assert run(["generate", str(path)]) == 1
    assert "OFR-ID-001" in capsys.readouterr().err
    assert run(["generate", "shop/nothing"]) == 2
    assert not Path("build").exists()
