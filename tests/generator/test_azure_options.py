"""Every option of the azure-arm builder that a definition has a field for, from end to end.

One row per option, and five questions of each: is it a field, is it in the rendered project, does python-hcl2
read it back as it was meant, does an import of a template bring it back into the same field, and does the
real azure plugin take it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hcl2
import pytest
from conftest import LINUX, WINDOWS, Run, changed, define, unquoted
from ruamel.yaml import YAML

from generator import project, schema
from generator.model import Builder, Sku
from publisher.store import CLOUDS
from tools.packer import Packer
from vmoffer.azure import cloud
from vmoffer.cli import run as vmoffer

OLDEST = (2, 6, 0)  # the plugin that has all of these
ID = "/subscriptions/s/resourceGroups/r/providers/Microsoft.Compute/galleries/g/images/i/versions/1.0.0"
IDENTITY = "/subscriptions/s/resourceGroups/r/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
MARKETPLACE = 'image_publisher = "Debian"\nimage_offer = "debian-12"\nimage_sku = "12-gen2"'
DESTINATION = """shared_image_gallery_destination {
  resource_group = "rg"
  gallery_name = "gallery"
  image_name = "basic"
  image_version = "1.2.3"
  %s
}"""
GALLERY = {"resource_group": "rg", "name": "gallery", "image": "basic"}
BASE = {"resource_group": "rg", "gallery": "golden", "image": "debian-12"}
BY_NAME = """shared_image_gallery {
  resource_group = "rg"
  gallery_name = "golden"
  image_name = "debian-12"
}"""


@dataclass(frozen=True)
class Option:
    """A field with a value; the same in a template; what the rendered source has of it, by python-hcl2."""

    field: str
    value: Any
    template: str
    rendered: dict[str, Any]
    also: dict[str, Any] = field(default_factory=dict)
    base: dict[str, Any] = field(default_factory=lambda: LINUX)
    image: str = MARKETPLACE

    @property
    def definition(self) -> dict[str, Any]:
        """The definition with the field set."""
        return changed(self.base, **self.also, **{self.field.replace(".", "__"): self.value})


def _base(value: dict[str, Any]) -> dict[str, Any]:
    return {"base": {"azure-arm": value}}


def _by_id(option: str, value: str) -> Option:
    block = f'shared_image_gallery {{\n  {option} = "{value}"\n}}'
    there = {"shared_image_gallery": [{option: value}]}
    return Option("base", {"azure-arm": {"id": value}}, "", there, image=block)


OPTIONS = {
    "vm_size": Option(
        "build.vm_size", "Standard_D4s_v5", 'vm_size = "Standard_D4s_v5"', {"vm_size": "${var.vm_size}"}
    ),
    "build_resource_group_name": Option(
        "build.resource_group",
        "builds",
        'build_resource_group_name = "builds"',
        {"build_resource_group_name": "builds", "location": None},
    ),
    "azure_tags": Option(
        "build.tags",
        {"team": "images"},
        'azure_tags = {\n  team = "images"\n}',
        {"azure_tags": {"team": "images"}},
    ),
    "azure_tag": Option(
        "build.tags",
        {"team": "images"},
        'azure_tag {\n  name = "team"\n  value = "images"\n}',
        {"azure_tags": {"team": "images"}},
    ),
    "allowed_inbound_ip_addresses": Option(
        "build.allowed_inbound",
        ["203.0.113.7", "198.51.100.0/24"],
        'allowed_inbound_ip_addresses = ["203.0.113.7", "198.51.100.0/24"]',
        {
            "allowed_inbound_ip_addresses": re.compile(
                r'^\$\{var\.allowed_inbound != "" \? .*: \["203.0.113.7", "198'
            )
        },
    ),
    "build_key_vault_name": Option(
        "build.key_vault",
        "vault",
        'build_key_vault_name = "vault"\nbuild_resource_group_name = "builds"',
        {"build_key_vault_name": "vault"},
        also={"build__resource_group": "builds"},
    ),
    "skip_create_build_key_vault": Option(
        "build.skip_key_vault",
        True,
        "skip_create_build_key_vault = true",
        {"skip_create_build_key_vault": True},
        base=WINDOWS,
    ),
    "winrm_expiration_time": Option(
        "build.winrm_expiration",
        "24h",
        'winrm_expiration_time = "24h"',
        {"winrm_expiration_time": "24h"},
        base=WINDOWS,
    ),
    "user_assigned_managed_identities": Option(
        "build.identities",
        [IDENTITY],
        f'user_assigned_managed_identities = ["{IDENTITY}"]',
        {"user_assigned_managed_identities": [IDENTITY]},
    ),
    "spot": Option(
        "build.spot",
        {"eviction": "deallocate", "max_price": 0.05},
        'spot {\n  eviction_policy = "Deallocate"\n  max_price = 0.05\n}',
        {"spot": [{"eviction_policy": "Deallocate", "max_price": 0.05}]},
    ),
    "spot without a price": Option(
        "build.spot",
        {"eviction": "delete"},
        'spot {\n  eviction_policy = "Delete"\n}',
        {"spot": [{"eviction_policy": "Delete"}]},
    ),
    "skip_create_image": Option(
        "build.trial",
        True,
        "skip_create_image = true",
        {"skip_create_image": True, "capture_container_name": None, "storage_account": None},
    ),
    "gallery without VHD": Option(
        "gallery",
        {**GALLERY, "vhds": False},
        DESTINATION % "",
        {"capture_container_name": None, "storage_account": None},
    ),
    "target_region and replicas": Option(
        "gallery",
        {**GALLERY, "vhds": False, "regions": ["westeurope"], "replicas": 3},
        DESTINATION % 'target_region {\n    name = "westeurope"\n    replicas = 3\n  }',
        {},
    ),
    "shared_image_gallery_replica_count": Option(
        "gallery",
        {**GALLERY, "vhds": False, "replicas": 2},
        DESTINATION % "" + "\nshared_image_gallery_replica_count = 2",
        {},
    ),
    "exclude_from_latest": Option(
        "gallery",
        {**GALLERY, "vhds": False, "exclude_from_latest": True},
        DESTINATION % "" + "\nshared_gallery_image_version_exclude_from_latest = true",
        {"shared_gallery_image_version_exclude_from_latest": True},
    ),
    "end_of_life": Option(
        "gallery",
        {**GALLERY, "vhds": False, "end_of_life": "2030-12-31"},
        DESTINATION % "" + '\nshared_gallery_image_version_end_of_life_date = "2030-12-31T00:00:00Z"',
        {"shared_gallery_image_version_end_of_life_date": "2030-12-31T00:00:00Z"},
    ),
    "gallery by name": Option(
        "base",
        {"azure-arm": {"gallery": BASE}},
        "",
        {
            "shared_image_gallery": [
                {
                    "subscription": "${var.subscription_id}",
                    "resource_group": "rg",
                    "gallery_name": "golden",
                    "image_name": "debian-12",
                }
            ]
        },
        image=BY_NAME,
    ),
    "gallery by id": _by_id("id", ID),
    "community gallery": _by_id(
        "community_gallery_image_id", "/communityGalleries/golden-0000/images/debian-12/versions/latest"
    ),
    "direct shared gallery": _by_id(
        "direct_shared_gallery_image_id", "/sharedGalleries/0000-golden/images/debian-12"
    ),
    "plan_info of a gallery": Option(
        "base",
        {
            "azure-arm": {
                "id": ID,
                "plan": {"publisher": "p", "product": "o", "name": "n", "promotion_code": "c"},
            }
        },
        'plan_info {\n  plan_publisher = "p"\n  plan_product = "o"\n  plan_name = "n"\n'
        '  plan_promotion_code = "c"\n}',
        {
            "plan_info": [
                {"plan_publisher": "p", "plan_product": "o", "plan_name": "n", "plan_promotion_code": "c"}
            ]
        },
        image=f'shared_image_gallery {{\n  id = "{ID}"\n}}',
    ),
}
ROWS = pytest.mark.parametrize("option", OPTIONS.values(), ids=OPTIONS)


def _at(data: dict[str, Any], path: str) -> Any:
    for part in path.split("."):
        data = data[part]
    return data


@ROWS
def test_an_option_is_a_field_with_text_and_example(option: Option) -> None:
    node: dict[str, Any] = schema.document()
    definitions = node["$defs"]
    for part in option.field.split("."):
        while "properties" not in node:
            refs = [node, *node.get("anyOf", [])]
            node = next(definitions[one["$ref"].rsplit("/", 1)[-1]] for one in refs if "$ref" in one)
        node = node["properties"][part]
    assert node["description"] and node["examples"]


@ROWS
def test_an_option_is_rendered_and_read_back(option: Option, tmp_path: Path) -> None:
    folder = _project(option, tmp_path)
    document = unquoted(hcl2.loads((folder / "source.pkr.hcl").read_text(encoding="utf-8")))
    (source,) = document["source"]
    ((_, body),) = source["azure-arm"].items()
    body = unquoted(body)
    for name, expected in option.rendered.items():
        found = body.get(name)
        if isinstance(expected, re.Pattern):
            assert expected.search(str(found)), found
        else:
            assert found == expected, name


@ROWS
def test_an_option_of_a_template_comes_back_as_the_field(
    option: Option, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    windows = option.base is WINDOWS
    storage = (
        ""
        if "shared_image_gallery_destination" in option.template
        else 'storage_account = "images"\nresource_group_name = "group"\n'
    )
    text = (
        f'source "azure-arm" "x" {{\n{option.image}\nos_type = "{"Windows" if windows else "Linux"}"\n'
        f'{storage}{option.template}\n}}\nbuild {{\n  sources = ["source.azure-arm.x"]\n}}\n'
    )
    Path("x.pkr.hcl").write_text(text, encoding="utf-8")
    system = "windows-server-2022" if windows else "debian-12"
    assert vmoffer(["import", "x.pkr.hcl", "shop/basic", "--os", system]) == 0, capsys.readouterr().err
    data = YAML(typ="safe").load(Path("skus/shop/basic.yaml").read_text(encoding="utf-8"))
    assert _at(data, option.field) == option.value
    said = capsys.readouterr().err
    assert not re.search(r"x\.pkr\.hcl:\d+: (?!generation)", said), said
    assert vmoffer(["lint", "shop/basic"]) == 0, capsys.readouterr().err


@ROWS
@pytest.mark.packer
def test_the_real_plugin_takes_an_option(
    option: Option, tmp_path: Path, run_packer: Run, packer: Packer
) -> None:
    if _plugin(packer) < OLDEST:
        pytest.skip(f"azure plugin {'.'.join(map(str, OLDEST))} or later is not installed")
    folder = _project(option, tmp_path)
    formatted = run_packer("fmt", "-check", "-diff", folder)
    assert (formatted.returncode, formatted.stdout) == (0, "")
    _without_updates(folder)
    valid = run_packer("validate", folder)
    assert valid.returncode == 0, valid.stdout + valid.stderr


@pytest.mark.packer
@pytest.mark.parametrize(
    ("changes", "env", "said"),
    [
        ({}, {"VMOFFER_ALLOWED_INBOUND": ""}, "addresses Packer connects from"),
        ({}, {"VMOFFER_ALLOWED_INBOUND": "*"}, "must only contain valid IP addresses"),
        (_base({"gallery": BASE}), {"ARM_SUBSCRIPTION_ID": ""}, "has to be named: set ARM_SUBSCRIPTION_ID"),
        ({}, {"AZURE_CLOUD": "AzureMoon"}, "no cloud environment matching the name 'AzureMoon'"),
    ],
    ids=["no address", "every address", "no subscription", "no such cloud"],
)
def test_what_the_environment_lacks_is_said_by_the_project(
    changes: dict[str, Any], env: dict[str, str], said: str, tmp_path: Path, run_packer: Run, packer: Packer
) -> None:
    if _plugin(packer) < OLDEST:
        pytest.skip(f"azure plugin {'.'.join(map(str, OLDEST))} or later is not installed")
    folder = tmp_path / "out" / "packer" / "azure-arm"
    project.write(define(tmp_path, LINUX, **changes), Builder.AZURE_ARM, folder)
    done = run_packer("validate", folder, env=env)
    assert done.returncode == 1
    assert said in " ".join((done.stdout + done.stderr).split())


@pytest.mark.packer
@pytest.mark.parametrize(
    ("regions", "location", "expected"),
    [
        ([], "eastus", ["eastus"]),
        (["westeurope"], "eastus", ["eastus", "westeurope"]),
        (["West Europe", "eastus"], "East US", ["eastus", "westeurope"]),
        (["westus2"], "westus2", ["westus2"]),
    ],
)
def test_a_gallery_version_is_in_the_region_of_the_build(
    regions: list[str], location: str, expected: list[str], tmp_path: Path, run_packer: Run
) -> None:
    folder = tmp_path / "out" / "packer" / "azure-arm"
    definition = define(tmp_path, gallery={**GALLERY, "regions": regions}, build={"location": location})
    project.write(definition, Builder.AZURE_ARM, folder)
    text = (folder / "source.pkr.hcl").read_text(encoding="utf-8")
    (expression,) = re.findall(r"for_each = (distinct.*)", text)
    variables = tmp_path / "variables"
    variables.mkdir()
    (variables / "variables.pkr.hcl").write_bytes((folder / "variables.pkr.hcl").read_bytes())
    done = run_packer("console", variables, input=f"jsonencode({expression})\n")
    assert json.loads(done.stdout) == expected, done.stdout + done.stderr


@pytest.mark.packer
@pytest.mark.parametrize("name", ["", *CLOUDS])
def test_the_build_is_in_the_cloud_that_storage_is_in(
    name: str, tmp_path: Path, run_packer: Run, packer: Packer
) -> None:
    if _plugin(packer) < OLDEST:
        pytest.skip(f"azure plugin {'.'.join(map(str, OLDEST))} or later is not installed")
    folder = tmp_path / "out" / "packer" / "azure-arm"
    project.write(define(tmp_path), Builder.AZURE_ARM, folder)
    valid = run_packer("validate", folder, env={"AZURE_CLOUD": name})
    assert valid.returncode == 0, valid.stdout + valid.stderr
    (expression,) = re.findall(
        r"cloud_environment_name += (.*)", (folder / "source.pkr.hcl").read_text(encoding="utf-8")
    )
    variables = tmp_path / "variables"
    variables.mkdir()
    (variables / "variables.pkr.hcl").write_bytes((folder / "variables.pkr.hcl").read_bytes())
    done = run_packer("console", variables, input=f"jsonencode({expression})\n", env={"AZURE_CLOUD": name})
    assert json.loads(done.stdout) == cloud.chosen({"AZURE_CLOUD": name}).packer


def test_a_blob_as_base_is_refused_without_its_signature_being_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    define(tmp_path)
    url = "https://contoso.blob.core.windows.net/bases/a.vhd?sv=2024&sig=hunter2"
    text = (tmp_path / "sku.yaml").read_text(encoding="utf-8")
    marketplace = re.compile(r'"marketplace": \{[^}]*\}')
    (tmp_path / "sku.yaml").write_text(marketplace.sub(f'"url": "{url}"', text), encoding="utf-8")
    assert vmoffer(["lint", "sku.yaml"]) == 2
    said = "".join(capsys.readouterr())
    assert "into a gallery" in said and "hunter2" not in said and "sig=" not in said


def test_a_project_holds_no_path_of_the_machine_that_wrote_it(tmp_path: Path) -> None:
    (tmp_path / "base.qcow2").write_bytes(b"")
    plain = define(tmp_path, LINUX, base__qemu={"file": "base.qcow2"})
    for builder in Builder:
        made = project.prepare(plain, builder, tmp_path / "out" / "packer" / builder)
        for name, text in made.files.items():
            if name.endswith(".hcl"):
                assert str(tmp_path) not in str(text), name
        assert '"${path.root}/../.."' in str(made.files["variables.pkr.hcl"])
    qemu = project.prepare(plain, Builder.QEMU, tmp_path / "out" / "packer" / "qemu").files["source.pkr.hcl"]
    assert '"${path.root}/../../../base.qcow2"' in str(qemu)


def _project(option: Option, folder: Path) -> Path:
    made = folder / "out" / "packer" / "azure-arm"
    Sku.model_validate(option.definition)
    project.write(define(folder, option.definition), Builder.AZURE_ARM, made)
    return made


def _plugin(packer: Packer) -> tuple[int, ...]:
    plugins = Path(packer.env["PACKER_PLUGIN_PATH"]) / "github.com/hashicorp/azure"
    versions = [re.findall(r"_v(\d+)\.(\d+)\.(\d+)", path.name)[0] for path in plugins.glob("*_SHA256SUM")]
    return max(tuple(map(int, one)) for one in versions)


def _without_updates(folder: Path) -> None:
    """Take the plugin out that cannot be fetched everywhere; it is no option of azure-arm."""
    for name, pattern in {
        "plugins.pkr.hcl": r"^ *windows-update = \{\n(.*\n)*?    \}\n",
        "build.pkr.hcl": r'^ *provisioner "windows-update" \{\n(.*\n)*?  \}\n',
    }.items():
        text = (folder / name).read_text()
        (folder / name).write_text(re.sub(pattern, "", text, flags=re.MULTILINE))
