"""The real Packer on generated projects.

The azure plugin that the template asks for (2.6.3) cannot be built from Go modules; where Packer could
not fetch it, 1.4.5 takes its place. Then the projects are validated in a lowered form: the constraint
says 1.4.5 and what that version does not know is taken out, by the tables below. So 1.4.5 judges the rest
of the template, and the tables judge the names it cannot. The windows-update plugin is no Go module that can
be fetched at all: its block and its requirement are taken out before Packer validates, and only `packer fmt`
and a look at the block's option names judge it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path
from typing import Any

import hcl2
import pytest
from conftest import WINDOWS, Run, define, unquoted

from generator import catalogue, project, starter
from generator.hcl import hcl, plugin
from generator.model import Builder
from tools.packer import CONSTRAINTS, Packer
from vmoffer.cli import run as vmoffer

pytestmark = pytest.mark.packer

ROOT = Path(__file__).parent.parent.parent
DEFINITIONS = [(one, builder) for one in catalogue.all(ROOT / "skus") for builder in one.sku.builders]

# Options of azure-arm by what reads them: the names in the plugin's config.hcl2spec.go that 1.4.5 has …
KNOWN_TO_1_4_5 = {
    "use_azure_cli_auth", "subscription_id", "tenant_id", "client_id", "client_secret", "client_cert_path",
    "client_jwt", "os_type",
    "image_publisher", "image_offer", "image_sku", "image_version", "shared_image_gallery",
    "location", "vm_size", "os_disk_size_gb", "disk_caching_type", "disk_additional_size", "storage_account",
    "resource_group_name", "capture_container_name", "temp_os_disk_name", "polling_duration_timeout",
    "secure_boot_enabled", "vtpm_enabled", "shared_image_gallery_timeout", "shared_image_gallery_destination",
    "communicator", "ssh_username", "ssh_timeout", "winrm_username", "winrm_use_ssl", "winrm_insecure",
    "winrm_timeout", "plan_info", "virtual_network_resource_group_name", "virtual_network_name",
    "virtual_network_subnet_name", "private_virtual_network_with_public_ip", "cloud_environment_name",
    "build_resource_group_name", "build_key_vault_name", "allowed_inbound_ip_addresses", "azure_tags", "spot",
    "user_assigned_managed_identities", "skip_create_image", "temp_resource_group_name", "dynamic",
    "shared_gallery_image_version_exclude_from_latest", "shared_gallery_image_version_end_of_life_date",
}  # fmt: skip
# … and those that came later, with the release that brought them (2: some 2.x before 2.6).
CAME_LATER = {
    "client_cert_password": "2",
    "winrm_expiration_time": "2",
    "skip_create_build_key_vault": "2.3.0",
    "oidc_request_url": "2",
    "oidc_request_token": "2",
    "security_type": "2",
    "accelerated_networking": "2.6.0",
    "disk_controller_type": "2.6.0",
    "disk_additional_luns": "2.6.3",
}
BY_ID = {"id", "community_gallery_image_id", "direct_shared_gallery_image_id"}
GALLERY = {"subscription", "resource_group", "gallery_name", "image_name", "image_version"}
DESTINATION = {*GALLERY, "storage_account_type", "dynamic"}  # target_region came with 2

VHD = ["storage_account", "resource_group_name", "capture_container_name", "capture_name_prefix"]

VARIABLES = {
    Builder.AZURE_ARM: ["storage_account=images", "resource_group_name=group"],
    Builder.QEMU: ["base_image=/nothing.img", "ssh_public_key=ssh-ed25519 AAAA test"],
}
HOSTILE = [
    '${env("HOME")} %{ if true }x%{ endif }',
    '$${a} $$${b} %%{c} "quoted" \\ \\n back\\\\slash',
    "line\nbreak\r\ttab\0nul\x7f\x85\u2028",
    "emoji 🚀 👩‍👩‍👧 e\u0301 中文 \ufeff",
    "{{ env `HOME` }} {{user `x`}} {{{ {{- 1 }} }}",
    "'; touch pwned; '$(touch pwned)`touch pwned`",
]


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key for Packer to look at."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    path = tmp_path_factory.mktemp("key") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


def _options(builder: Builder, key: Path, vhds: bool = True) -> list[str]:
    given = VARIABLES[builder] if vhds else []
    given = [*given, *([f"ssh_private_key_file={key}"] if builder is Builder.QEMU else [])]
    return [f"-var={one}" for one in given]


def _is_old(packer: Packer) -> bool:
    """Whether the azure plugin is older than the template asks for."""
    plugins = Path(packer.env["PACKER_PLUGIN_PATH"]) / "github.com/hashicorp/azure"
    versions = [re.findall(r"_v(\d+)\.(\d+)\.(\d+)", path.name)[0] for path in plugins.glob("*_SHA256SUM")]
    return max(tuple(map(int, one)) for one in versions) < (2, 6, 3)


def _lower(folder: Path, output: str) -> None:
    """Rewrite an azure project for 1.4.5, with one of its outputs."""
    rewrites = {
        "plugins.pkr.hcl": [(re.escape(CONSTRAINTS["azure"]), ">= 1.4.5")],
        "source.pkr.hcl": [
            *((rf"^ *{name} *= .*\n", "") for name in CAME_LATER),
            (r'^ *dynamic "target_region" \{\n(.*\n)*?    \}\n', ""),
            # Before 2.5.0 an image was a VHD or went to a gallery, and a VHD needed a prefix.
            *((rf"^ *{name} *= .*\n", "") for name in VHD if output == "gallery"),
            *(
                []
                if output == "gallery"
                else [(r"^ *shared_image_gallery_destination \{\n(.*\n)*?  \}\n", "")]
            ),
            (r"^( *)capture_container_name", r'\1capture_name_prefix = "p"\n\1capture_container_name'),
        ],
        # Known since 2; 1.4.5 says nothing about the names of the build's own disks.
        "build.pkr.hcl": [(r"build\.TempDataDiskName", '"disk"')],
    }
    for name, pairs in rewrites.items():
        text = (folder / name).read_text()
        for old, new in pairs:
            text = re.sub(old, new, text, flags=re.MULTILINE)
        (folder / name).write_text(text)


UPDATE_OPTIONS = {"name", "search_criteria", "filters", "update_limit", "timeout"}


def _without_updates(folder: Path) -> None:
    """Take the windows-update plugin out of a project, its restart stays."""
    for name, pattern in {
        "plugins.pkr.hcl": r"^ *windows-update = \{\n(.*\n)*?    \}\n",
        "build.pkr.hcl": r'^ *provisioner "windows-update" \{\n(.*\n)*?  \}\n',
    }.items():
        text = (folder / name).read_text()
        (folder / name).write_text(re.sub(pattern, "", text, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("definition", "builder"), DEFINITIONS, ids=[f"{one.sku.id}-{builder}" for one, builder in DEFINITIONS]
)
def test_every_shipped_sku_is_formatted_and_valid(
    definition: catalogue.Definition,
    builder: Builder,
    tmp_path: Path,
    run_packer: Run,
    packer: Packer,
    key: Path,
) -> None:
    folder = project.folder_for(definition.sku, builder, tmp_path)
    project.write(definition, builder, folder)
    formatted = run_packer("fmt", "-check", "-diff", "-recursive", folder)
    assert (formatted.returncode, formatted.stdout) == (0, "")
    outputs = ["as it is"]
    if builder is Builder.AZURE_ARM and _is_old(packer):
        outputs = ["vhd", "gallery"] if definition.sku.gallery else ["vhd"]
    for output in outputs:
        project.write(definition, builder, folder)
        if output != "as it is":
            _lower(folder, output)
        _without_updates(folder)
        valid = run_packer("validate", *_options(builder, key), folder, cwd=tmp_path)
        assert valid.returncode == 0, valid.stdout + valid.stderr
        assert "The configuration is valid." in valid.stdout


# What Azure calls the images: publisher, offer, gen1 and gen2 SKU.
SERVERS = {
    "2016": ("MicrosoftWindowsServer", "WindowsServer", "2016-datacenter", "2016-datacenter-gensecond"),
    "2019": ("MicrosoftWindowsServer", "WindowsServer", "2019-datacenter", "2019-datacenter-gensecond"),
    "2022": ("MicrosoftWindowsServer", "WindowsServer", "2022-datacenter", "2022-datacenter-g2"),
    "2025": ("MicrosoftWindowsServer", "WindowsServer", "2025-datacenter", "2025-datacenter-g2"),
    "2022-sql": ("MicrosoftSQLServer", "sql2022-ws2022", "standard", "standard-gen2"),
}


@pytest.mark.parametrize("version", SERVERS)
def test_every_windows_server_is_formatted_and_valid(
    version: str, tmp_path: Path, run_packer: Run, packer: Packer
) -> None:
    publisher, offer, gen1, gen2 = SERVERS[version]
    market = {"publisher": publisher, "offer": offer, "sku": {"gen1": gen1, "gen2": gen2}}
    changes = {"os__version": version, "base": {"azure-arm": {"marketplace": market}}}
    definition = define(tmp_path, WINDOWS, generations=["gen2", "gen1"], **changes)
    folder = tmp_path / "out" / "packer" / "azure-arm"
    project.write(definition, Builder.AZURE_ARM, folder)
    formatted = run_packer("fmt", "-check", "-diff", "-recursive", folder)
    assert (formatted.returncode, formatted.stdout) == (0, "")
    plugins = unquoted(hcl2.loads((folder / "plugins.pkr.hcl").read_text()))
    required = plugins["packer"][0]["required_plugins"][0]
    assert required["windows-update"]["source"] == "github.com/rgl/windows-update"
    blocks = unquoted(hcl2.loads((folder / "build.pkr.hcl").read_text()))["build"][0]["provisioner"]
    kinds = [next(iter(block)) for block in blocks]
    update = kinds.index("windows-update")
    assert kinds[update + 1] == "windows-restart"
    assert set(blocks[update]["windows-update"]) == UPDATE_OPTIONS
    if _is_old(packer):
        _lower(folder, "vhd")
    _without_updates(folder)
    valid = run_packer("validate", *_options(Builder.AZURE_ARM, tmp_path), folder, cwd=tmp_path)
    assert valid.returncode == 0, valid.stdout + valid.stderr


@pytest.mark.parametrize("system", ["alma-9", "sles-15", "azurelinux-3", "windows-server-2022"])
def test_what_new_writes_is_valid(
    system: str, tmp_path: Path, run_packer: Run, packer: Packer, key: Path
) -> None:
    for name, text in starter.project(starter.Choice("shop/basic", system)).items():
        path = tmp_path / "skus" / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    definition = catalogue.open_file(tmp_path / "skus" / "shop" / "basic.yaml")
    for builder in definition.sku.builders:
        folder = project.folder_for(definition.sku, builder, tmp_path / "build")
        project.write(definition, builder, folder)
        if builder is Builder.AZURE_ARM and _is_old(packer):
            _lower(folder, "vhd")
        _without_updates(folder)
        valid = run_packer("validate", *_options(builder, key), folder, cwd=tmp_path)
        assert valid.returncode == 0, valid.stdout + valid.stderr


@pytest.mark.parametrize(
    ("template", "options"), [("ubuntu", []), ("windows", []), ("gallery", ["--os", "rhel-9"])]
)
def test_what_import_makes_of_a_template_is_valid(
    template: str,
    options: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run_packer: Run,
    packer: Packer,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = tmp_path / "packer" / template  # within the catalogue, as sources have to be
    shutil.copytree(Path(__file__).parent / "templates" / template, before)
    assert run_packer("fmt", "-check", before).returncode == 0, "the template itself is good HCL"
    assert vmoffer(["import", str(before), "shop/basic", *options]) == 0
    sku = catalogue.find("shop/basic").sku
    folder = project.folder_for(sku, Builder.AZURE_ARM)
    assert vmoffer(["generate", "shop/basic"]) == 0
    if _is_old(packer):  # which makes no VHD of what comes from a gallery
        _lower(folder, "gallery" if sku.gallery else "vhd")
    _without_updates(folder)
    options = _options(Builder.AZURE_ARM, tmp_path, sku.makes_vhds(Builder.AZURE_ARM))
    valid = run_packer("validate", *options, folder, cwd=tmp_path)
    assert valid.returncode == 0, valid.stdout + valid.stderr


def test_packer_finds_golden_files_formatted(run_packer: Run) -> None:
    done = run_packer("fmt", "-check", "-diff", "-recursive", Path(__file__).parent / "golden")
    assert (done.returncode, done.stdout) == (0, "")


def test_every_azure_option_is_one_the_plugin_knows() -> None:
    used: set[str] = set()
    for path in (Path(__file__).parent / "golden").glob("azure-arm-*/source.pkr.hcl"):
        for block in unquoted(hcl2.loads(path.read_text()))["source"]:
            for body in block["azure-arm"].values():
                used |= set(body)
                for inner in body.get("shared_image_gallery", []):
                    assert set(inner) <= GALLERY or set(inner) < BY_ID
                for inner in body.get("shared_image_gallery_destination", []):
                    assert set(inner) <= DESTINATION
                    (region,) = (one["target_region"] for one in inner["dynamic"])
                    assert set(region["content"][0]) == {"name", "replicas"}
    assert used <= KNOWN_TO_1_4_5 | set(CAME_LATER)
    unused = (KNOWN_TO_1_4_5 | set(CAME_LATER)) - used
    assert not unused, "the golden files should show every option that the template can write"


def test_packer_reads_our_text_as_we_meant_it(tmp_path: Path, run_packer: Run) -> None:
    lines = [f'variable "v{index}" {{\n  default = {hcl(text)}\n}}\n' for index, text in enumerate(HOSTILE)]
    (tmp_path / "v.pkr.hcl").write_text("".join(lines), encoding="utf-8")
    for index, text in enumerate(HOSTILE):
        done = run_packer("console", tmp_path, input=f"jsonencode(var.v{index})\n")
        # HCL composes characters: e and an accent become one.
        assert json.loads(done.stdout) == unicodedata.normalize("NFC", text)


def test_hostile_text_passes_a_plugin_as_it_is(tmp_path: Path, run_packer: Run) -> None:
    """Through HCL and the Go templates of a plugin, in a build that really runs."""
    sources = "".join(
        f'source "file" "f{index}" {{\n  content = {plugin(text)}\n  target = "{index}.txt"\n}}\n'
        for index, text in enumerate(HOSTILE)
    )
    names = ", ".join(f'"source.file.f{index}"' for index in range(len(HOSTILE)))
    (tmp_path / "b.pkr.hcl").write_text(f"{sources}build {{\n  sources = [{names}]\n}}\n", encoding="utf-8")
    done = run_packer("build", ".", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for index, text in enumerate(HOSTILE):
        got = (tmp_path / f"{index}.txt").read_bytes().decode()
        assert got == unicodedata.normalize("NFC", text)


def test_a_sku_of_hostile_text_is_valid(tmp_path: Path, run_packer: Run, key: Path) -> None:
    text = " ".join(HOSTILE)
    step: dict[str, Any] = {"name": text, "inline": ["true"], "env": {"TEXT": text.replace("\0", "")}}
    definition = define(tmp_path, plan__title=text, plan__summary=text, offer__title=text, steps=[step])
    folder = tmp_path / "out" / "packer" / "qemu"
    project.write(definition, Builder.QEMU, folder)
    assert run_packer("fmt", "-check", folder).stdout == ""
    done = run_packer("validate", *_options(Builder.QEMU, key), folder, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
