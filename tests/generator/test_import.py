"""vmoffer import: templates written for these tests, the way publishers have them, and anything else."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from generator import hcl_blocks, imported_text, packer_template
from generator.catalogue import open_file
from generator.errors import Unusable
from generator.hcl_values import Scope, Unknown, first_unknown
from generator.load import Invalid, parse
from generator.model import Sku
from vmoffer.cli import run

ROOT = Path(__file__).parent.parent.parent
TEMPLATES = Path(__file__).parent / "templates"
SECRETS = ("hunter2", "pa55-word", "correct-horse", "3f2a9c", "letmein", "Q~literal", "abc%2Bdef")


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the templates in packer/, and nothing else."""
    shutil.copytree(TEMPLATES, tmp_path / "packer")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def take(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> tuple[Sku | None, str]:
    """The definition that an import writes, and all it says: on stderr, and again as comments."""
    capsys.readouterr()
    assert run(["import", *arguments]) == status, capsys.readouterr().err
    said = capsys.readouterr()
    path = Path(said.out.strip())
    text = path.read_text(encoding="utf-8")
    assert text.splitlines()[0] == "# yaml-language-server: $schema=../sku.schema.json"
    for secret in SECRETS:
        assert secret not in text + said.err
    for line in said.err.splitlines():
        assert ".pkr.hcl:" not in line or f"#   {line}" in text
    return (None if status else open_file(path).sku), said.err


def test_a_linux_template_becomes_a_definition_that_generates(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sku, said = take(capsys, "packer/ubuntu/ubuntu.pkr.hcl", "shop/web", "--publisher", "fabrikam")
    assert sku is not None and (sku.id, sku.publisher) == ("shop/web", "fabrikam")
    assert (sku.os.distribution, sku.os.version, sku.generations) == ("ubuntu", "22.04", ["gen2"])
    assert sku.base.azure_arm is not None and sku.base.azure_arm.marketplace is not None
    assert sku.base.azure_arm.marketplace.sku == "22_04-lts-gen2"
    assert (sku.os_disk.size_gib, sku.build.location, sku.build.vm_size) == (
        64,
        "westeurope",
        "Standard_D4s_v5",
    )
    assert (sku.storage.account, sku.storage.resource_group) == ("shopimages", "shop-images")
    packages, config, install = sku.steps
    assert packages.name == "packages"
    assert packages.inline == [
        "apt-get update",
        "apt-get install --yes nginx",
        'echo "Welcome to shop" >/etc/motd # costs ${PRICE}',
    ]
    assert packages.env == {"DEBIAN_FRONTEND": "noninteractive", "PORT": "8443"}
    assert config.file is not None and config.file.source == "../../packer/ubuntu/scripts/shop.conf"
    assert install.script == "../../packer/ubuntu/scripts/install.sh"
    assert "ubuntu.pkr.hcl:83: provisioner shell: ./scripts/missing.sh is not there" in said
    assert sku.build.tags == {"team": "shop"}
    assert "waagent -deprovision left out" in said
    assert "execute_command: vmoffer does this its own way" in said
    assert run(["lint", "shop/web"]) == 0
    assert run(["generate", "shop/web"]) == 0
    assert run(["generate", "shop/web", "--check"]) == 0


def test_options_whose_variables_are_empty_by_default_are_not_set(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "empty.pkr.hcl").write_text(
        """\
variable "nothing" { default = "" }
source "azure-arm" "x" {
  os_type              = "Linux"
  image_publisher      = "Debian"
  image_offer          = "debian-12"
  image_sku            = "12-gen2"
  location             = "westeurope"
  vm_size              = var.nothing
  managed_image_name   = var.nothing
  shared_gallery_image_version_exclude_from_latest = "${var.nothing}"
  custom_managed_image_name = ""
}
build { sources = ["source.azure-arm.x"] }
"""
    )
    found, told = take(capsys, "empty.pkr.hcl")
    assert found is not None and found.build.vm_size in (None, [])
    assert "managed_image_name" not in told and "exclude_from_latest" not in told


def test_a_windows_template_keeps_what_is_installed_and_leaves_sysprep(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sku, said = take(capsys, "packer/windows/windows.pkr.hcl")
    assert sku is not None and sku.id == "windows/windows2022"
    assert (sku.os.family, sku.os.version, sku.os_disk.size_gib) == ("windows", "2022", 127)
    assert sku.properties.trusted_launch
    assert sku.steps[1].restart is not None
    assert [step.inline for step in sku.steps[:1]] == [
        [
            "Install-WindowsFeature -Name Web-Server -IncludeManagementTools",
            "New-Item -Path C:\\inetpub\\app -ItemType Directory -Force",
        ]
    ]
    for line in (
        "20: managed_image_name",
        "58: environment: APP_TOKEN",
        "65: inline: runs sysprep",
    ):
        assert f"windows.pkr.hcl:{line}" in said
    assert run(["lint", "windows/windows2022"]) == 0
    assert run(["generate", "windows/windows2022"]) == 0


def test_a_gallery_template_keeps_disks_and_where_it_publishes_to(capsys: pytest.CaptureFixture[str]) -> None:
    sku, said = take(capsys, "packer/gallery", "shop/db", "--os", "rhel-9")
    assert sku is not None and sku.base.azure_arm is not None and sku.base.azure_arm.gallery is not None
    assert (sku.base.azure_arm.gallery.gallery, sku.base.azure_arm.gallery.version) == (
        "golden_images",
        "9.4.2026",
    )
    assert (sku.os.distribution, sku.generations, sku.version) == ("rhel", ["gen2"], "2.3.4")
    assert [(disk.lun, disk.size_gib) for disk in sku.data_disks] == [(0, 32), (1, 128)]
    assert (sku.os_disk.caching, sku.properties.nvme) == ("read-only", True)
    assert sku.gallery is not None and sku.gallery.regions == ["westeurope", "northeurope"]
    plan = sku.base.azure_arm.plan
    assert plan is not None and (plan.publisher, plan.product, plan.name) == ("redhat", "rhel", "rhel-9")
    assert not sku.gallery.vhds, "the template names no storage account"
    assert "provisioner ansible" in said and "46: shell: inline_shebang" in said
    assert "operating system" not in said
    assert run(["lint", "shop/db"]) == 0
    assert run(["generate", "shop/db"]) == 0


def test_a_purchase_plan_of_the_base_image_is_carried_over(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "alma.pkr.hcl").write_text("""
source "azure-arm" "alma" {
  os_type = "Linux"
  image_publisher = "almalinux"
  image_offer = "almalinux-x86_64"
  image_sku = "9-gen2"
  plan_info {
    plan_name = "9-gen2"
    plan_product = "almalinux-x86_64"
    plan_publisher = "almalinux"
  }
}
""")
    sku, said = take(capsys, "alma.pkr.hcl", "shop/alma")
    assert sku is not None and sku.base.azure_arm is not None and sku.base.azure_arm.marketplace is not None
    assert sku.base.azure_arm.marketplace.plan
    assert said.count("alma.pkr.hcl:") == 0, "nothing is left"


@pytest.mark.packer
def test_a_json_template_that_packer_upgraded_is_read(
    work: Path, run_packer: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = {"plan_publisher": "almalinux", "plan_product": "almalinux-x86_64", "plan_name": "9-gen2"}
    image = {"image_publisher": "almalinux", "image_offer": "almalinux-x86_64", "image_sku": "9-gen2"}
    gallery = {"subscription": "s", "resource_group": "g", "gallery_name": "g", "image_name": "alma"}
    builder = {
        "type": "azure-arm",
        "os_type": "Linux",
        "location": "{{user `location`}}",
        "client_secret": "{{user `client_secret`}}",
        "plan_info": plan,
        "shared_image_gallery_destination": gallery,
        **image,
    }
    inline = [["dnf install -y nginx", "echo {{user `location`}}"], ["echo {{build `ID`}}"]]
    old = {
        "variables": {"location": "westeurope", "client_secret": "{{env `ARM_CLIENT_SECRET`}}"},
        "sensitive-variables": ["client_secret"],
        "builders": [builder],
        "provisioners": [{"type": "shell", "inline": lines} for lines in inline],
    }
    (work / "web.json").write_text(json.dumps(old))
    done = run_packer("hcl2_upgrade", "-output-file=web.pkr.hcl", "web.json", cwd=work)
    assert done.returncode == 0, done.stdout + done.stderr
    sku, said = take(capsys, "web.pkr.hcl", "shop/web")
    assert sku is not None and sku.base.azure_arm is not None and sku.base.azure_arm.marketplace is not None
    assert sku.base.azure_arm.marketplace.plan and sku.gallery is not None and sku.gallery.image == "alma"
    assert sku.build.location == "westeurope"
    assert [step.inline for step in sku.steps] == [["dnf install -y nginx", "echo westeurope"]]
    assert "build.ID, which only Packer knows" in said


@pytest.mark.parametrize(
    ("options", "trusted", "left"),
    [
        ('security_type = "TrustedLaunch"', True, []),
        ("secure_boot_enabled = true\nvtpm_enabled = true", True, []),
        ("secure_boot_enabled = true\nvtpm_enabled = false", False, ["3: secure_boot_enabled"]),
        (
            'security_type = "ConfidentialVM"\nvtpm_enabled = true',
            False,
            ["3: security_type", "4: vtpm_enabled"],
        ),
        ('security_type = "Standard"', False, []),
    ],
)
def test_only_trusted_launch_as_a_whole_is_a_property(
    options: str, trusted: bool, left: list[str], work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = 'image_publisher = "Debian"\nimage_offer = "debian-12"\nimage_sku = "12-gen2"\n'
    (work / "t.pkr.hcl").write_text(f'source "azure-arm" "x" {{\nos_type = "Linux"\n{options}\n{image}}}\n')
    sku, said = take(capsys, "t.pkr.hcl", "shop/trusted")
    assert sku is not None and sku.properties.trusted_launch == trusted
    assert [line for line in said.splitlines() if "t.pkr.hcl:" in line] == [
        f"t.pkr.hcl:{one}: of these, a definition has properties.trusted_launch only" for one in left
    ]


def test_functions_loops_and_conditions_are_listed_and_never_guessed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, said = take(capsys, "packer/loops", "shop/loops", "--source", "debian", status=1)
    text = Path("skus/shop/loops.yaml").read_text()
    for line in (
        "15: image_sku: not copied (a condition)",
        "16: location: not copied (the function lower())",
        "17: vm_size: not copied (var.sizes is not defined here)",
        "20: dynamic azure_tag: a block made by a loop",
        "51: inline: not copied (the function join())",
        "55: env: not copied (var.db_password is a secret)",
        "77: inline: not copied (build.ID, which only Packer knows)",
    ):
        assert f"main.pkr.hcl:{line}" in said
    assert "base.azure-arm.marketplace.sku: required" in said, "what is missing is named"
    assert "size_gib: 64" in text and "offer: debian-13" in text, "by site.auto.pkrvars.hcl"
    assert "echo http is 80" in text and "echo https is 443" in text
    assert "# made by debian-13\\necho ${HOME}" in text
    assert "never" not in text.replace("never ", ""), "a provisioner of another source"
    path = Path("skus/shop/loops.yaml")
    path.write_text(text.replace("offer: debian-13\n", "offer: debian-13\n      sku: 13-gen2\n"))
    assert run(["lint", "shop/loops"]) == 0, "and the rest is good"


def test_a_template_without_a_base_that_we_know_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    _, said = take(capsys, "packer/network", "shop/private", status=1)
    assert "base: the image to start from" in said
    for option in (
        "custom_managed_image_name",
        "user_data_file",
        "client_secret",
    ):
        assert f": {option}: " in said
    assert "private.pkr.hcl:30: inline: not copied (text that looks like a key" in said


def test_a_network_of_the_publishers_own_is_carried_over(capsys: pytest.CaptureFixture[str]) -> None:
    take(capsys, "packer/network", "shop/private", status=1)
    data = YAML(typ="safe").load(Path("skus/shop/private.yaml").read_text())
    assert data["build"]["spot"] == {"eviction": "delete"}
    assert data["build"]["network"] == {
        "name": "build",
        "subnet": "packer",
        "resource_group": "network",
        "public_ip": False,
    }


def test_variable_files_count_as_they_do_for_packer(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "prod.pkrvars.hcl").write_text(
        'release = "12"\nsizes = { small = "Standard_B2s" }\ndb_password = "letmein"\n'
    )
    options = ("--source", "debian", "--var-file", "prod.pkrvars.hcl")
    _, said = take(capsys, "packer/loops", "shop/loops", *options, status=1)
    text = (work / "skus/shop/loops.yaml").read_text()
    assert "offer: debian-12" in text and "vm_size: Standard_B2s" in text
    assert "var.db_password is a secret" in said
    assert run(["import", "packer/loops", "shop/other", "--var-file", "none.pkrvars.hcl"]) == 2


def test_a_definition_that_is_there_stays(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take(capsys, "packer/ubuntu", "shop/web")
    path = work / "skus/shop/web.yaml"
    before = path.read_text()
    assert run(["import", "packer/windows", "shop/web"]) == 2
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('source "azure-arm" "x" {\n  a = \n}\n', "t.pkr.hcl:2: this is no HCL2"),
        ('source "azure-arm" "x" {\n  a = [1,\n', "not closed before the end"),
        ('source "azure-arm" "x" {\n  a = "${"\n}\n', "t.pkr.hcl:"),
        ("\x00", "t.pkr.hcl:1"),
        ("", "no azure-arm source; sources: none"),
        ('source "amazon-ebs" "x" {}\n', "sources: amazon-ebs.x"),
        ('source "azure-arm" "a" {}\nsource "azure-arm" "b" {}\n', "--source"),
        ("a = " + "[" * 3000, "t.pkr.hcl"),
    ],
)
def test_what_is_no_template_is_told_with_its_line(
    text: str, says: str, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "t.pkr.hcl").write_text(text)
    assert run(["import", "t.pkr.hcl"]) == 2
    assert says in capsys.readouterr().err
    assert not (work / "skus").exists()


def test_other_files_are_told_what_to_do(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "old.json").write_text('{"builders": []}')
    (work / "empty").mkdir()
    (work / "bytes.pkr.hcl").write_bytes(b"a = 1\n\xff\n")
    for name, says in (
        ("old.json", "packer hcl2_upgrade"),
        ("new.pkr.json", "no such file"),
        ("empty", "no *.pkr.hcl"),
        ("none.pkr.hcl", "no such file"),
        ("bytes.pkr.hcl", "bytes.pkr.hcl:2"),
    ):
        assert run(["import", name]) == 2
        assert says in capsys.readouterr().err


def scope(text: str) -> dict[str, Any]:
    """The locals of a template, evaluated."""
    file = hcl_blocks.parse(text, Path("t"))
    values = Scope.of([file], [])
    return {name: values.value(one) for block in file.of("locals") for name, one in block.attributes.items()}


def test_expressions_stand_for_what_packer_makes_of_them() -> None:
    found = scope(r"""
variable "n" { default = 3 }
variable "m" { default = { a = ["x", "y"], "b c" = true } }
locals {
  text    = "tab\t quote\" back\\ \u00e9 $${no} %%{no} ${var.n} ${var.m.a[1]} ${var.m["b c"]}"
  numbers = [1, -2, 3.5, (4)]
  nothing = null
  nested  = { k = local.numbers, (var.x) = 1 }
  here    = <<EOT
  kept ${var.n}
EOT
}
""")
    assert found["text"] == 'tab\t quote" back\\ é ${no} %{no} 3 y true'
    assert found["numbers"] == [1, -2, 3.5, 4]
    assert found["nothing"] is None
    assert isinstance(found["nested"], Unknown)
    assert found["here"] == "  kept 3\n"


def test_locals_in_a_circle_or_without_end_are_not_worked_out() -> None:
    assert isinstance(scope("locals {\n a = local.b\n b = local.a\n}")["a"], Unknown)
    many = "\n".join(f'  l{i} = "${{local.l{i + 1}}}${{local.l{i + 1}}}"' for i in range(40))
    assert isinstance(scope(f'locals {{\n{many}\n  l40 = "x"\n}}')["l0"], Unknown)
    lists = "\n".join(f"  l{i} = [local.l{i + 1}, local.l{i + 1}]" for i in range(40))
    assert first_unknown(scope(f"locals {{\n{lists}\n  l40 = 1\n}}")["l0"]) is not None


TABLE = YAML(typ="safe").load((ROOT / "generator" / "azure_arm.yaml").read_text())
OPTIONS = sorted(
    {
        one.split(".")[-1]
        for one in (*TABLE["carried"], *TABLE["combined"], *TABLE["listed"], *TABLE["secret"])
    }
    | {
        "script",
        "scripts",
        "inline",
        "env",
        "environment_vars",
        "only",
        "except",
        "source",
        "sources",
        "name",
    }
    | {"destination", "direction", "inline_shebang", "target_region", "for_each"}
)
WORDS = [
    *("1", "-2.5", "null", "true", '"x"', '"Windows"', '"azure-arm.x"', '"A=b"', '"${var.a}"', "local.a"),
    *('upper("x")', "1 + 1", "var.a[0].b", '"\\u0000/\\ud800"', '"%{ if true }x%{ endif }"', '"sig=?sig=x"'),
    *("[for x in [1] : x]", "build.ID", "<<-EOT\n  x ${var.a}\n  EOT\n", '"{{ .Path }}"', "path.root"),
]
VALUES = st.recursive(
    st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda some: "[" + ", ".join(some) + "]")
        | st.dictionaries(st.sampled_from(["a", "b", '"c d"']), inner, max_size=2).map(
            lambda some: "{\n" + "".join(f"{key} = {value}\n" for key, value in some.items()) + "}"
        )
    ),
    max_leaves=4,
)
BODIES = st.dictionaries(st.sampled_from(OPTIONS), VALUES, max_size=8).map(
    lambda some: "".join(f"{name} = {value}\n" for name, value in some.items())
)
BLOCKS = ["plan_info", "shared_image_gallery", "shared_image_gallery_destination", 'dynamic "x"', "override"]
NESTED = st.lists(st.tuples(st.sampled_from(BLOCKS), BODIES), max_size=2).map(
    lambda some: "".join(f"{kind} {{\n{body}}}\n" for kind, body in some)
)
KINDS = ["shell", "powershell", "file", "windows-restart", "ansible"]
PROVISIONERS = st.lists(st.tuples(st.sampled_from(KINDS), BODIES, NESTED), max_size=3).map(
    lambda some: "".join(f'provisioner "{kind}" {{\n{body}{inner}}}\n' for kind, body, inner in some)
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BODIES, NESTED, VALUES, PROVISIONERS)
def test_whatever_options_hold_becomes_text_that_is_yaml(
    options: str, nested: str, value: str, provisioners: str
) -> None:
    text = (
        f'variable "a" {{\ndefault = {value}\n}}\nlocals {{\na = {value}\n}}\n'
        f'source "azure-arm" "x" {{\n{options}{nested}}}\n'
        f'build {{\nsources = ["azure-arm.x"]\n{provisioners}}}\n'
    )
    path = Path("f.pkr.hcl")
    path.write_text(text, encoding="utf-8")
    template = packer_template.open_template(path)
    block = packer_template.source(template, None)
    written, _ = imported_text.definition(template, block, "shop/web", Path("skus/shop"))
    try:
        parse(path, written)
    except Invalid as invalid:
        assert not any(one.allowed == "valid YAML" for one in invalid.problems), invalid


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*WORDS, "{", "}", "[", "=", "\n", 'source "azure-arm" "x" {']), max_size=20))
def test_what_is_no_hcl_says_where(words: list[str]) -> None:
    path = Path("f.pkr.hcl")
    path.write_text(" ".join(words), encoding="utf-8")
    try:
        packer_template.source(packer_template.open_template(path), None)
    except Unusable as error:
        assert "f.pkr.hcl" in (error.where or "")


@pytest.mark.parametrize(
    ("offer", "plan", "name"), [("My Web!", "Ubuntu_22", "my-web/ubuntu-22"), ("", "ä", "imported/image")]
)
def test_names_of_a_template_become_ids_that_partner_center_takes(offer: str, plan: str, name: str) -> None:
    assert imported_text.default_name(offer, plan) == name


def test_the_page_about_import_lists_what_is_carried_over() -> None:
    page = (ROOT / "docs" / "import.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w.]+)` \| `([\w.-]+)` \|$", page, re.MULTILINE))
    assert {option: field for option, field in rows.items() if option in TABLE["carried"]} == TABLE["carried"]


def test_every_field_that_an_option_becomes_is_one_of_the_model() -> None:
    for field in TABLE["carried"].values():
        node: Any = Sku.model_json_schema(by_alias=True)
        definitions = node["$defs"]
        for part in field.split("."):
            refs = re.findall(r"#/\$defs/(\w+)", str(node))
            known = [node, *(definitions[ref] for ref in refs)] if "properties" not in node else [node]
            node = next(one["properties"][part] for one in known if part in one.get("properties", {}))
