"""Exactly one complete set of authentication values: chosen alike by vmoffer and by the generated project."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from generator.errors import Surroundings, Unusable
from tools.packer import Packer, ensure
from vmoffer.azure import sign_in
from vmoffer.cli import run

GUID = "00000000-0000-4000-8000-000000000000"
SUBSCRIPTION = {"ARM_SUBSCRIPTION_ID": GUID}
PIPELINE = {
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://pipeline.example/t",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "tokentoken",
}
SECRET = {"ARM_CLIENT_ID": GUID, "ARM_CLIENT_SECRET": "secretsecret"}
CERTIFICATE = {"ARM_CLIENT_ID": GUID, "ARM_CLIENT_CERTIFICATE_PATH": __file__}
ASSERTION = {"ARM_CLIENT_ID": GUID, "ARM_OIDC_TOKEN": "assertionassertion"}
TENANT = {"ARM_TENANT_ID": GUID}
# What is set, whether the machine is a VM of Azure, and what is chosen.
CASES = {
    "managed identity": ({}, True, "managed-identity"),
    "managed identity with a tenant": (TENANT, True, "managed-identity"),
    "user-assigned identity": ({**TENANT, **SUBSCRIPTION, "ARM_CLIENT_ID": GUID}, True, "managed-identity"),
    "OIDC": ({**PIPELINE, **SUBSCRIPTION, **TENANT, "ARM_CLIENT_ID": GUID}, False, "oidc"),
    "OIDC without client id, on a VM": ({**PIPELINE, **SUBSCRIPTION, **TENANT}, True, "managed-identity"),
    "secret": ({**SECRET, **SUBSCRIPTION, **TENANT}, False, "client-secret"),
    "secret in a pipeline": ({**SECRET, **SUBSCRIPTION, **TENANT, **PIPELINE}, False, "client-secret"),
    "secret without tenant": ({**SECRET, **SUBSCRIPTION}, False, "client-secret"),
    "secret on a VM of Azure": ({**SECRET, **SUBSCRIPTION, **TENANT}, True, "client-secret"),
    "certificate": ({**CERTIFICATE, **SUBSCRIPTION, **TENANT}, False, "client-certificate"),
    "secret and certificate": ({**SECRET, **CERTIFICATE, **SUBSCRIPTION}, False, "client-secret"),
    "assertion": ({**ASSERTION, **SUBSCRIPTION, **TENANT}, False, "client-jwt"),
    "assertion and certificate": ({**ASSERTION, **CERTIFICATE, **SUBSCRIPTION}, False, "client-certificate"),
    "az login asked for": ({**SECRET, "PKR_VAR_use_azure_cli_auth": "true"}, False, "azure-cli"),
    "az login": ({}, False, "azure-cli"),
    "az login in a pipeline without client id": ({**PIPELINE, **TENANT}, False, "azure-cli"),
}  # fmt: skip
PROFILE = {
    "subscriptions": [{"id": "other"}, {"id": "sub-of-az", "tenantId": "tenant-of-az", "isDefault": True}]
}


@pytest.fixture(autouse=True)
def machine(no_credentials: None) -> None:
    pass


def _set(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, str], str]:
    """The environment of a case, on the machine of that case."""
    env, on_azure, wanted = CASES[name]
    if on_azure:
        (folder / "chassis").write_text(f"{sign_in.ASSET_TAG}\n")
        monkeypatch.setattr(sign_in, "CHASSIS", folder / "chassis")
    if wanted == "azure-cli":
        # As the Azure CLI writes it: with a byte order mark.
        (folder / "azureProfile.json").write_text(json.dumps(PROFILE), encoding="utf-8-sig")
    return {**env, "AZURE_CONFIG_DIR": str(folder)}, wanted


@pytest.mark.parametrize("name", CASES)
def test_one_complete_set_is_chosen_and_said(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env, wanted = _set(name, tmp_path, monkeypatch)
    way = sign_in.choose(env)
    assert way.id == wanted
    for used in way.names:
        assert used in str(way)
    for secret in ("secretsecret", "tokentoken", "assertionassertion"):
        assert secret not in str(way) + repr(way), "what it says is no secret"


def test_a_set_that_is_not_complete_is_named_as_unused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env, _ = _set("OIDC without client id, on a VM", tmp_path, monkeypatch)
    assert "not used: ACTIONS_ID_TOKEN_REQUEST_TOKEN, ACTIONS_ID_TOKEN_REQUEST_URL" in str(
        sign_in.choose(env)
    )


def test_the_login_of_the_azure_cli_brings_its_subscription_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env, _ = _set("az login", tmp_path, monkeypatch)
    assert sign_in.choose(env).variables == {"use_azure_cli_auth": "true", "subscription_id": "sub-of-az"}
    assert sign_in.choose({**env, **SUBSCRIPTION}).subscription == GUID


def test_nothing_to_sign_in_with_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="no credentials"):
        sign_in.choose({**PIPELINE, **TENANT, "AZURE_CONFIG_DIR": str(tmp_path)})


@pytest.mark.parametrize("name", ["secret", "secret in a pipeline"])
def test_what_the_project_calls_signs_in_as_the_plugin_does(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """azure-identity reads names of its own; without them, validating a blob would end the build."""
    from azure.identity import ClientSecretCredential, EnvironmentCredential

    env, _ = _set(name, tmp_path, monkeypatch)
    for key, value in sign_in.environment(sign_in.choose(env), env).items():
        monkeypatch.setenv(key, value)
    assert isinstance(EnvironmentCredential()._credential, ClientSecretCredential)


@pytest.fixture(scope="module")
def packer() -> Packer:
    try:
        return ensure(["azure"], lambda text: None)
    except Surroundings as missing:
        pytest.skip(f"packer: {missing.what}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated project of a plan with storage."""
    there = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(there)
        assert run(["new", "shop/basic", "--os", "debian-12"]) == 0
        plan = there / "skus/shop/basic.yaml"
        plan.write_text(plan.read_text() + "storage: {account: images, resource_group: group}\n")
        assert run(["generate", "shop/basic", "--builder", "azure-arm"]) == 0
    return there / "build/shop/basic/0.1.0/packer/azure-arm"


@pytest.mark.packer
@pytest.mark.parametrize("name", CASES)
def test_the_project_chooses_the_same_and_the_plugin_takes_it(
    name: str, packer: Packer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env, wanted = _set(name, tmp_path, monkeypatch)
    given = [f"-var={key}={value}" for key, value in sign_in.choose(env).variables.items()]
    # What the project chooses by itself, without what `vmoffer build` tells it.
    alone = given if wanted == "azure-cli" else []

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ARM_")}
        command = [str(packer.path), *arguments, "."]
        return subprocess.run(
            command,
            cwd=folder,
            env={**kept, **packer.env, **env, "VMOFFER_ALLOWED_INBOUND": "203.0.113.7"},
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert f'local.sign_in: "{wanted}"' in call("inspect", *alone).stdout
    plugins = Path(packer.env["PACKER_PLUGIN_PATH"]) / "github.com/hashicorp/azure"
    versions = [re.findall(r"_v(\d+)\.(\d+)\.(\d+)", path.name)[0] for path in plugins.glob("*_SHA256SUM")]
    if max(tuple(map(int, one)) for one in versions) < (2, 6, 3):
        pytest.skip("azure plugin 2.6.3 is not here: only the choice was compared, by packer inspect")
    done = call("validate", *given)
    assert done.returncode == 0, done.stdout + done.stderr
