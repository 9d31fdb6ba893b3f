"""Nothing of a template is lost in an import: what goes in is counted, and what is carried over or listed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator import imported_text, packer_template
from generator.hcl import hcl
from generator.imported import Import, covered

IMAGE = {"image_publisher": "Debian", "image_offer": "debian-12", "image_sku": "12-gen2", "os_type": "Linux"}
OPTIONS = {
    "location": "westeurope", "vm_size": "Standard_D2s_v5", "cloud_environment_name": "Public", "spot": "x",
    "client_cert_path": "/a/cert.pem", "client_id": "abc", "ssh_username": "packer", "communicator": "ssh",
    "managed_image_name": "web", "user_data_file": "a", "never_heard_of": "1", "storage_account": "images",
    "polling_duration_timeout": "1h", "keep_os_disk": "true",
}  # fmt: skip
ARGUMENTS = {
    "inline": ["true"], "timeout": "20m", "name": "x", "execute_command": "{{ .Path }}", "max_retries": 3,
    "pause_before": "10s", "environment_vars": ["A=1"], "only": ["azure-arm.x"], "expect_disconnect": True,
    "restart_timeout": "30m", "valid_exit_codes": [0, 2], "remote_folder": "/opt", "except": ["azure-arm.y"],
    "script": "generalizes.sh", "skip_clean": True, "playbook_file": "x.yml", "unheard_of": "y",
}  # fmt: skip
KINDS = ["shell", "powershell", "windows-restart", "ansible", "shell-local", "file", "breakpoint"]
SPELLINGS = ["source.azure-arm.x", "sources.azure-arm.x"]


def _subset(table: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sets(st.sampled_from(sorted(table))).map(
        lambda names: {name: table[name] for name in sorted(names)}
    )


BUILD = st.fixed_dictionaries(
    {
        "sources": st.sampled_from([[one] for one in (*SPELLINGS, "source.null.y")]),
        "provisioners": st.lists(st.tuples(st.sampled_from(KINDS), _subset(ARGUMENTS)), max_size=4),
        "others": st.lists(st.sampled_from(["manifest", "shell-local", "checksum"]), max_size=2),
    }
)
TEMPLATE = st.fixed_dictionaries(
    {
        "options": _subset(OPTIONS),
        "tags": st.booleans(),
        "builds": st.lists(BUILD, max_size=3),
        "other": st.booleans(),
        "packer": st.booleans(),
        "json": st.booleans(),
    }
)


def _hcl(made: dict[str, Any]) -> str:
    """A template with one thing in a line, so that a line tells which."""
    lines = []
    if made["packer"]:
        lines += ["packer {", '  required_version = ">= 1.11"', "}"]
    lines += [
        'source "azure-arm" "x" {',
        *(f"  {name} = {hcl(value)}" for name, value in made["options"].items()),
    ]
    lines += [f"  {name} = {hcl(value)}" for name, value in IMAGE.items()]
    if made["tags"]:
        lines += [
            "  plan_info {",
            '    plan_name = "p"',
            '    odd = "q"',
            "  }",
            "  strange {",
            "    a = 1",
            "  }",
        ]
    lines += ["}"]
    if made["other"]:
        lines += [
            'source "null" "y" {',
            '  communicator = "none"',
            "}",
            'data "http" "z" {',
            '  url = "u"',
            "}",
        ]
    for build in made["builds"]:
        lines += ["build {", f"  sources = {hcl(build['sources'])}"]
        for kind, arguments in build["provisioners"]:
            lines += [
                f'  provisioner "{kind}" {{',
                *(f"    {k} = {hcl(v)}" for k, v in arguments.items()),
                "  }",
            ]
        for kind in build["others"]:
            lines += [f'  post-processor "{kind}" {{', '    output = "o"', "  }"]
        lines += ["}"]
    return "\n".join([*lines, ""])


def _json(made: dict[str, Any]) -> str:
    source: dict[str, Any] = {**made["options"], **IMAGE}
    if made["tags"]:
        source |= {"plan_info": {"plan_name": "p", "odd": "q"}, "strange": {"a": 1}}
    data: dict[str, Any] = {"source": {"azure-arm": {"x": source}}}
    if made["packer"]:
        data["packer"] = {"required_version": ">= 1.11"}
    if made["other"]:
        data["source"]["null"] = {"y": {"communicator": "none"}}
        data["data"] = {"http": {"z": {"url": "u"}}}
    data["build"] = [
        {
            "sources": build["sources"],
            "provisioner": [{kind: arguments} for kind, arguments in build["provisioners"]],
            "post-processor": [{kind: {"output": "o"}} for kind in build["others"]],
        }
        for build in made["builds"]
    ]
    return json.dumps(data, indent=1)


def _import(folder: Path, made: dict[str, Any]) -> tuple[Import, str]:
    path = folder / ("t.pkr.json" if made["json"] else "t.pkr.hcl")
    text = _json(made) if made["json"] else _hcl(made)
    path.write_text(text, encoding="utf-8")
    (folder / "generalizes.sh").write_text("echo\nwaagent -force -deprovision+user\n")
    template = packer_template.open_template(path)
    _, found = imported_text.definition(template, packer_template.source(template, None), "shop/web", folder)
    return found, text


@given(made=TEMPLATE)
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_block_and_argument_is_carried_over_or_listed(
    made: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Counted by lines of the text: in = carried + listed + inside of what is listed."""
    made = {**made, "json": False}
    found, text = _import(tmp_path_factory.mktemp("count"), made)
    carried = {line for _, line, _ in found.taken}
    listed = {one.line for one in found.left}
    assert listed == {line for _, line in found.listed}
    inside: list[int] = []
    count, known = 0, 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() == "}":
            inside.pop()
            continue
        count += 1
        # The source itself and a block of it that has fields of its own: what is in them counts.
        opened = line.startswith('source "azure-arm"') or line.strip() == "plan_info {"
        whole = any(outer in listed and outer not in carried for outer in inside)
        known += number in carried | listed or opened or whole
        if line.endswith("{"):
            inside.append(number)
    assert (known, count) == (count, count), [
        line for number, line in enumerate(text.splitlines(), 1) if number not in carried | listed
    ]


@given(made=TEMPLATE)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_json_is_read_as_the_same_template(
    made: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    one, _ = _import(tmp_path_factory.mktemp("hcl"), {**made, "json": False})
    two, _ = _import(tmp_path_factory.mktemp("json"), {**made, "json": True})
    assert _plain(one.data) == _plain(two.data)
    if not made["tags"]:  # in JSON, a block of an unknown name is an object
        assert sorted((left.what, left.todo) for left in one.left) == sorted(
            (left.what, left.todo) for left in two.left
        )


def _plain(data: Any) -> Any:
    """Without the places in the names of steps."""
    return json.loads(re.sub(r"of t\.pkr\.(hcl|json):\d+", "", json.dumps(data)))


def test_what_the_builder_does_anyway_is_listed_too(tmp_path: Path) -> None:
    names = ["cloud_environment_name", "client_cert_path", "communicator"]
    made = {"options": {name: OPTIONS[name] for name in names}, "tags": False, "builds": [], "other": False,
            "packer": False, "json": False}  # fmt: skip
    found, _ = _import(tmp_path, made)
    assert all(covered(name) for name in names)
    assert sorted(one.what for one in found.left) == sorted(names)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_both_spellings_of_a_source_bring_its_provisioners(spelling: str, tmp_path: Path) -> None:
    build = {"sources": [spelling], "provisioners": [("shell", {"inline": ["a"]})], "others": []}
    again = {"sources": [spelling], "provisioners": [("shell", {"inline": ["b"]})], "others": []}
    made = {
        "options": {},
        "tags": False,
        "builds": [build, again],
        "other": False,
        "packer": False,
        "json": False,
    }
    found, _ = _import(tmp_path, made)
    assert [step["inline"] for step in found.data["steps"]] == [["a"]], "the second build is another image"
    assert [one.what for one in found.left] == ["build"]


def test_restarts_and_timeouts_become_steps_and_a_script_that_generalizes_is_left(tmp_path: Path) -> None:
    provisioners = [
        ("windows-restart", {"restart_timeout": "20m"}),
        ("shell", {"inline": ["a"], "timeout": "90m"}),
        ("shell", {"script": "generalizes.sh"}),
        ("shell", {"inline": ["b"], "timeout": "90x"}),
    ]
    build = {"sources": [SPELLINGS[0]], "provisioners": provisioners, "others": []}
    made = {"options": {}, "tags": False, "builds": [build], "other": False, "packer": False, "json": False}
    found, _ = _import(tmp_path, made)
    first, second, third = found.data["steps"]
    assert first == {"restart": {}, "timeout": "20m"}
    assert (second["inline"], second["timeout"]) == (["a"], "90m")
    assert (third["inline"], "timeout" in third) == (["b"], False)
    said = "\n".join(map(str, found.left))
    assert "generalizes.sh generalizes in line 2" in said and "timeout: no duration from 1s to 24h" in said


def test_an_escape_in_the_quotes_of_a_function_is_hcl2(tmp_path: Path) -> None:
    path = tmp_path / "t.pkr.hcl"
    path.write_text('locals {\n  a = "${env("$${X")} "\n  b = "x $${Y}"\n  c = <<EOT\n$${Z}\nEOT\n}\n')
    template = packer_template.open_template(path)
    (block,) = template.of("locals")
    values = [template.scope.value(one) for one in block.attributes.values()]
    assert values[1:] == ["x ${Y}", "${Z}\n"]
