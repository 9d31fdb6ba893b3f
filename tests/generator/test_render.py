"""The rendered template: golden files, values read back by python-hcl2, hostile text that stays text."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import hcl2
import pytest
from conftest import LINUX, WINDOWS, define, sku, unguarded, unquoted
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

from generator import project, render
from generator.aftermath import commands
from generator.errors import Unusable
from generator.hcl import hcl, plugin, tidy
from generator.model import Builder, Generation, Sku
from generator.provisioning import Provisioner

GOLDEN = Path(__file__).parent / "golden"
REWRITE = "VMOFFER_GOLDEN"  # set to anything: write the golden files anew, then look at the difference
MARKET = {
    "publisher": "Debian",
    "offer": "debian-12",
    "sku": {"gen1": "12", "gen2": "12-gen2", "arm64": "12-arm64"},
}
DISKS = [{"lun": 0, "size_gib": 4}, {"lun": 1, "size_gib": 1, "image": "sku.yaml"}, {"lun": 2, "size_gib": 8}]
STEPS = [
    {"name": "first", "inline": ["true"], "when": "before-prepare"},
    {"name": "app", "script": "sku.yaml", "env": {"A": "1", "LONGER": "2"}},
    {"name": "config", "file": {"source": "sku.yaml", "destination": "/etc/app.conf"}},
]
COMMUNITY = "/communityGalleries/golden-0000/images/debian-12/versions/latest"
PLAN = {"publisher": "redhat", "product": "rh-rhel", "name": "rh-rhel9", "promotion_code": "SPRING"}
IDENTITY = (
    "/subscriptions/0/resourceGroups/r/providers/Microsoft.ManagedIdentity/userAssignedIdentities/installer"
)
BUILD = {
    "resource_group": "builds",
    "allowed_inbound": ["203.0.113.7", "198.51.100.0/24"],
    "key_vault": "vault",
    "identities": [IDENTITY],
    "spot": {"eviction": "deallocate", "max_price": 0.05},
    "tags": {"team": "images", "cost-center": "1234"},
}
GALLERY = {
    "resource_group": "rg",
    "name": "gallery",
    "image": "basic",
    "regions": ["West Europe"],
    "replicas": 3,
    "vhds": False,
    "exclude_from_latest": True,
    "end_of_life": "2030-12-31",
}
CASES: dict[str, tuple[Builder, dict[str, Any], dict[str, Any]]] = {
    "qemu-linux-gen1": (Builder.QEMU, LINUX, {"generations": ["gen1"]}),
    "qemu-linux-gen2": (Builder.QEMU, LINUX, {"data_disks": DISKS, "steps": STEPS}),
    "qemu-linux-both": (
        Builder.QEMU,
        LINUX,
        {
            "generations": ["gen2", "gen1"],
            "base": {"qemu": {"url": "https://example.org/a.img", "sha256": "0" * 64}},
        },
    ),
    "azure-arm-linux-gen1": (
        Builder.AZURE_ARM,
        LINUX,
        {"generations": ["gen1"], "base": {"azure-arm": {"id": COMMUNITY, "plan": PLAN}}},
    ),
    "azure-arm-linux-options": (Builder.AZURE_ARM, LINUX, {"build": BUILD, "gallery": GALLERY}),
    "azure-arm-linux-trial": (
        Builder.AZURE_ARM,
        LINUX,
        {"build": {"trial": True, "allowed_inbound": ["203.0.113.7"]}, "gallery": GALLERY, "storage": {}},
    ),
    "azure-arm-windows-options": (
        Builder.AZURE_ARM,
        WINDOWS,
        {
            "generations": ["gen2"],
            "build": {"skip_key_vault": True, "winrm_expiration": "24h", "allowed_inbound": ["0.0.0.0/0"]},
        },
    ),
    "azure-arm-linux-gen2": (
        Builder.AZURE_ARM,
        LINUX,
        {
            "data_disks": DISKS,
            "steps": STEPS,
            "properties": {"nvme": True, "accelerated_networking": True, "trusted_launch": True},
            "gallery": {
                "resource_group": "rg",
                "name": "gallery",
                "image": "basic",
                "regions": ["eastus", "westus"],
            },
            "storage": {"container": "vhds"},
        },
    ),
    "azure-arm-linux-arm64": (
        Builder.AZURE_ARM,
        LINUX,
        {
            "generations": ["arm64"],
            "base": {
                "azure-arm": {
                    "gallery": {"resource_group": "r", "gallery": "g", "image": "i", "version": "1.0.0"}
                }
            },
        },
    ),
    "azure-arm-linux-three": (
        Builder.AZURE_ARM,
        LINUX,
        {
            "generations": ["gen2", "gen1", "arm64"],
            "base": {"azure-arm": {"marketplace": {**MARKET, "plan": True}}},
            "gallery": {"resource_group": "rg", "name": "gallery", "image": "basic"},
        },
    ),
    "azure-arm-windows-both": (
        Builder.AZURE_ARM,
        WINDOWS,
        {
            "generations": ["gen2", "gen1"],
            "steps": [*STEPS[:1], {"file": {"source": "sku.yaml", "destination": "C:\\app\\app.conf"}}],
            "build": {
                "network": {"resource_group": "net", "name": "builds", "subnet": "packer", "public_ip": True}
            },
        },
    ),
}


def _texts(folder: Path, case: str) -> dict[str, str]:
    builder, base, changes = CASES[case]
    folder.mkdir(exist_ok=True)
    made = project.prepare(
        define(folder, base, **changes), builder, Path("build/shop/basic/1.2.3/packer") / builder
    )
    return {
        name: text for name, text in made.files.items() if name.endswith(".hcl") and isinstance(text, str)
    }


@pytest.mark.usefixtures("still_steps")
@pytest.mark.parametrize("case", CASES)
def test_the_template_is_the_golden_one(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts = _texts(Path(), case)
    folder = GOLDEN / case
    if os.environ.get(REWRITE):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    assert texts == {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def _read(texts: dict[str, str]) -> dict[str, Any]:
    """All files of a project as one document, strings unquoted."""
    document: dict[str, Any] = {}
    for text in texts.values():
        for kind, blocks in unquoted(hcl2.loads(text)).items():
            document.setdefault(kind, []).extend(blocks)
    return document


def _labelled(blocks: list[dict[str, Any]], *labels: str) -> dict[str, Any]:
    """The body of the block with these labels."""
    for block in blocks:
        body: Any = block
        for label in labels:
            body = body.get(label) if isinstance(body, dict) else None
        if body is not None:
            found: dict[str, Any] = body
            return found
    raise AssertionError(f"no block {labels}")


@pytest.mark.usefixtures("still_steps")
@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("qemu")])
def test_a_qemu_template_reads_back_equal_to_the_model(case: str, tmp_path: Path) -> None:
    builder, base, changes = CASES[case]
    model = sku(base, **changes)
    document = _read(_texts(tmp_path, case))
    for generation in model.generations:
        source = _labelled(document["source"], "qemu", generation)
        assert source["disk_size"] == f"{model.os_disk.size_gib}G"
        blank = [f"{disk.size_gib}G" for disk in model.data_disks if disk.blank]
        assert source.get("disk_additional_size", []) == blank
        assert (source["cpus"], source["memory"]) == (model.build.cpus, model.build.memory_mib)
        assert source["format"] == "raw" and source["vm_name"] == "os.raw"
        assert source.get("efi_boot", False) == (generation is Generation.GEN2)
        assert source["shutdown_command"] == "true"
        assert model.base.qemu
        digest = model.base.qemu.sha256
        assert source["iso_checksum"] == (f"sha256:{digest}" if digest else "none")
    assert model.base.qemu
    assert _labelled(document["variable"], "base_image")["default"] == (model.base.qemu.url or "")
    assert _labelled(document["variable"], "sku")["default"] == model.id
    _check_build(document, model, builder)


@pytest.mark.usefixtures("still_steps")
@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("azure")])
def test_an_azure_template_reads_back_equal_to_the_model(case: str, tmp_path: Path) -> None:
    builder, base, changes = CASES[case]
    model = sku(base, **changes)
    document = _read(_texts(tmp_path, case))
    for generation in model.generations:
        source = _labelled(document["source"], "azure-arm", generation)
        assert source["os_type"].lower() == model.os.family
        assert source["os_disk_size_gb"] == model.os_disk.size_gib
        assert source["temp_os_disk_name"] + ".vhd" == next(model.disks(generation)).filename
        blank = [disk for disk in model.data_disks if disk.blank]
        assert source.get("disk_additional_size", []) == [disk.size_gib for disk in blank]
        assert source.get("disk_additional_luns", []) == [disk.lun for disk in blank]
        assert source["polling_duration_timeout"] == "2h"
        assert source["communicator"] == ("winrm" if model.os.family == "windows" else "ssh")
        assert ("security_type" in source) == model.properties.trusted_launch
        _check_base(source, model, generation)
        network = model.build.network
        assert source.get("virtual_network_name") == (network.name if network else None)
        assert source.get("skip_create_image", False) == model.build.trial
        assert ("capture_container_name" in source) == model.makes_vhds(builder)
        assert ("shared_image_gallery_destination" in source) == bool(model.gallery and not model.build.trial)
        if model.gallery and not model.build.trial:
            (target,) = source["shared_image_gallery_destination"]
            assert (target["gallery_name"], target["image_version"]) == (model.gallery.name, model.version)
            (regions,) = (one["target_region"] for one in target["dynamic"])
            given = json.dumps([one.lower().replace(" ", "") for one in model.gallery.regions])
            assert (
                regions["for_each"]
                == f'${{distinct(concat([lower(replace(var.location, " ", ""))], {given}))}}'
            )
            assert regions["content"][0]["replicas"] == model.gallery.replicas
        assert source["vm_size"] == f"${{var.{model.size_variables[generation]}}}"
        size = _labelled(document["variable"], model.size_variables[generation])["default"]
        assert size == model.build.vm_sizes(generation)[0]
    secret = _labelled(document["variable"], "client_secret")
    assert secret["sensitive"] is True and "ARM_CLIENT_SECRET" in secret["default"]
    if model.makes_vhds(builder):
        account = _labelled(document["variable"], "storage_account").get("default")
        assert account == model.storage.account
    _check_build(document, model, builder)


def test_sizes_and_regions_are_one_or_a_list_and_sizes_may_differ_by_generation() -> None:
    default = sku(generations=["gen2", "gen1", "arm64"])
    assert default.build.vm_sizes(Generation.ARM64) == ["Standard_D2ps_v5"]
    assert default.size_variables == {"gen2": "vm_size", "gen1": "vm_size", "arm64": "vm_size_arm64"}
    assert default.build.locations == ["eastus"]
    given = sku(
        generations=["arm64", "gen2"],
        build={"vm_size": {"gen2": ["A", "B"], "arm64": "C"}, "location": ["westeurope", "northeurope"]},
    )
    assert given.build.vm_sizes(Generation.GEN2) == ["A", "B"]
    assert given.size_variables == {"arm64": "vm_size", "gen2": "vm_size_gen2"}
    assert given.build.locations == ["westeurope", "northeurope"]


def _check_base(source: dict[str, Any], model: Sku, generation: Generation) -> None:
    base = model.base.azure_arm
    assert base
    if base.marketplace:
        assert source["image_sku"] == base.marketplace.sku_for(generation)
        assert source["image_publisher"] == base.marketplace.publisher
    elif base.gallery:
        assert source["shared_image_gallery"][0]["image_version"] == base.gallery.version
    else:
        assert base.id_option and source["shared_image_gallery"][0][base.id_option] == base.id


def _check_build(document: dict[str, Any], model: Sku, builder: Builder) -> None:
    (build,) = document["build"]
    assert build["description"] == f"{model.plan.title}\n{model.plan.summary}"
    assert build["sources"] == [f"source.{builder}.{generation}" for generation in model.generations]
    every = [next(iter(block.items())) for block in build["provisioner"]]
    blocks = [one for one in every if "VMOFFER_NOTE" not in one[1].get("env", {})]
    notes = [body["env"]["VMOFFER_STEP"] for _, body in every if "VMOFFER_NOTE" in body.get("env", {})]
    assert [json.loads(unguarded(note)) for note in notes[:-1]] == [body["name"] for _, body in blocks]
    assert notes[-1] == "", "the end of all steps is noted, too"
    names = [body["name"] for _, body in blocks]
    assert names[-1] == "The generalize step"
    own = [step for step in model.steps if step.when == "before-generalize"]
    if own:
        first = next(index for index, name in enumerate(names) if name.startswith(own[0].name or "own step"))
        assert names.index("The prepare step") < first < names.index("The cleanup step")
    assert blocks[-1][1]["skip_clean"] is True
    env = {name: body.get("env", {}) for name, body in ((body["name"], body) for _, body in blocks)}
    assert env["The prepare step"] == {"LEVEL": "1"}
    (sequence,) = build["post-processors"]
    kinds = [next(iter(block)) for block in sequence["post-processor"]]
    count = sum(len(commands(model, builder, generation)) for generation in model.generations)
    assert kinds == ["manifest"] + ["shell-local"] * count


_TEXT = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from(list("\"\\${}%\n\r\t'`~\0\u2028")), max_size=40
)
HOSTILE = (
    '${env("HOME")} %{ if true }x%{ endif } $${a} %%{b} "quoted" \\n {{ env `HOME` }} {{{ \n\t\0 e\u0301 🚀'
)


@given(text=_TEXT)
@example(text=HOSTILE)
@example(text="$" * 3 + "{x}" + "%" * 3 + "{")
def test_any_text_is_read_back_as_itself(text: str) -> None:
    read = unquoted(hcl2.loads(f"a = {hcl(text)}\nb = {plugin([text, {'k': text}])}\n"))
    assert read["a"] == text
    assert [unguarded(read["b"][0]), unguarded(read["b"][1]["k"])] == [text, text]


@pytest.fixture(scope="module")
def compiled() -> None:
    """The templates compiled once, so that no example's deadline counts it."""
    for builder in Builder:
        render.render(sku(), builder, [], base_file=None)


@given(text=_TEXT)
@example(text=HOSTILE)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("still_steps", "compiled")
def test_hostile_text_in_every_field_stays_text_in_the_template(text: str, tmp_path: Path) -> None:
    for builder in Builder:
        model = sku(
            offer__title=text,
            plan__title=text,
            plan__summary=text,
            os__friendly_name=text,
            storage={"account": text, "resource_group": text, "container": text},
        )
        provisioners = [Provisioner("script", text, "scripts/a.sh", env={"A": text}, last=True)]
        texts = render.render(model, builder, provisioners, base_file=text)
        document = _read(texts)
        (build,) = document["build"]
        assert build["description"] == f"{text}\n{text}"
        (step,) = (block["shell"] for block in build["provisioner"] if "shell" in block)
        assert json.loads(unguarded(build["provisioner"][0]["shell-local"]["env"]["VMOFFER_STEP"])) == text
        assert (step["name"], unguarded(step["env"]["A"])) == (text, text)
        custom = build["post-processors"][0]["post-processor"][0]["manifest"]["custom_data"]
        assert custom["offer_title"] == text.replace("{{", r"{\u007b")  # evaluated until nothing changes
        assert unguarded(_labelled(document["variable"], "container")["default"]) == text


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(Unusable, match="surrogate"):
        hcl("\ud83d")


def test_a_template_cannot_print_a_value_without_a_filter_or_one_that_is_not_there() -> None:
    environment = render._environment()
    with pytest.raises(TypeError, match="without the hcl or plugin filter"):
        environment.from_string("{{ value }}").render(value="x")
    with pytest.raises(UndefinedError):
        environment.from_string("{% if value %}{% endif %}").render()
    with pytest.raises(TypeError, match="no HCL for a StrictUndefined"):
        environment.from_string("{{ value | hcl }}").render()


def test_tidy_aligns_neighbours_only() -> None:
    text = 'a = 1\nlonger = "b = ["\nc = [\n  1,\n]\n\n\n\nd = 2\n'
    assert tidy(text) == 'a      = 1\nlonger = "b = ["\nc = [\n  1,\n]\n\nd = 2\n'


@pytest.mark.parametrize(
    ("builder", "base", "changes", "what"),
    [
        (Builder.QEMU, LINUX, {"generations": ["arm64"]}, "arm64"),
        (Builder.QEMU, WINDOWS, {}, "no base image for qemu"),
        (Builder.QEMU, WINDOWS, {"base": {"qemu": {"file": "a.img"}}}, "Windows"),
    ],
)
def test_what_a_builder_cannot_make_is_refused(
    builder: Builder, base: dict[str, Any], changes: dict[str, Any], what: str
) -> None:
    with pytest.raises(Unusable, match=what):
        render.refuse(sku(base, **changes), builder)


def test_names_never_become_commands() -> None:
    model = sku(plan__id="a; rm -rf /", generations=["gen2", "gen1"])
    lines = [command.line for command in commands(model, Builder.QEMU, Generation.GEN1)]
    assert any("'a; rm -rf /-1.2.3-gen1-os.vhd'" in line for line in lines)
    assert "report-gen1.json" in lines[1] and "sas-gen1.json" in lines[3]
