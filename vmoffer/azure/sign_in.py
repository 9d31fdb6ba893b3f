"""Who we are in Azure: exactly one complete set of authentication values, for the plugin and for us alike."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from generator.errors import Surroundings, Unusable
from generator.home import home
from vmoffer.azure.cloud import Cloud

# The chassis of every VM on Azure; the plugin looks there, too (common/client/detect_azure_linux.go).
CHASSIS = Path("/sys/class/dmi/id/chassis_asset_tag")
ASSET_TAG = "7783-7084-3265-9085-8269-3286-77"
OIDC_AUDIENCE = "api://AzureADTokenExchange"
PATIENCE = 20  # seconds
# What azure-identity and the plugin call alike, but for the beginning of the name.
PRINCIPAL = (
    "CLIENT_ID",
    "TENANT_ID",
    "CLIENT_SECRET",
    "CLIENT_CERTIFICATE_PATH",
    "CLIENT_CERTIFICATE_PASSWORD",
)
ASK = (
    "sign in with `az login`, or set ARM_SUBSCRIPTION_ID, ARM_TENANT_ID, ARM_CLIENT_ID and ARM_CLIENT_SECRET"
)


@dataclass(frozen=True)
class SignIn:
    """One way to sign in: its id (`local.sign_in` of the project), and what the environment gives for it.

    `unused` are names of the environment that belong to sets which are not complete. No field is a secret.
    """

    id: str
    title: str
    names: tuple[str, ...]
    subscription: str | None
    tenant: str | None
    unused: tuple[str, ...] = ()

    @property
    def variables(self) -> dict[str, str]:
        """The project's variables that make it choose the same."""
        given = {"use_azure_cli_auth": str(self.id == "azure-cli").lower()}
        return given | ({"subscription_id": self.subscription} if self.subscription else {})

    def __str__(self) -> str:
        by = f" ({', '.join(self.names)})" if self.names else ""
        rest = f"; not complete and not used: {', '.join(self.unused)}" if self.unused else ""
        return f"{self.title}{by}{rest}"


def choose(env: Mapping[str, str]) -> SignIn:
    """The way that `env` and this machine allow, without asking the network.

    Raises Unusable where there is none, or where it lacks the subscription.
    """
    ways = _ways()
    asked = env.get("PKR_VAR_use_azure_cli_auth", "").lower() in ("1", "true")
    complete = [name for name, way in ways.items() if way["needs"] and all(env.get(n) for n in way["needs"])]
    login = _azure_cli(env)
    if asked:
        id = "azure-cli"
    elif complete:
        id = complete[0]
    elif login:
        id = "azure-cli"
    elif _on_azure() or env.get("IDENTITY_ENDPOINT"):
        id = "managed-identity"
    else:
        raise Unusable("there are no credentials for Azure", hint=ASK)
    needs = tuple(ways[id]["needs"])
    if id == "managed-identity" and env.get("ARM_CLIENT_ID"):
        needs = ("ARM_CLIENT_ID",)
    known = {name for way in ways.values() for name in way["needs"] if env.get(name)}
    subscription = env.get("ARM_SUBSCRIPTION_ID") or (login[0] if login and id == "azure-cli" else None)
    if subscription is None and id == "azure-cli":
        raise Unusable(
            "the Azure CLI is not logged in", hint="az login, or az account set --subscription NAME"
        )
    if subscription is None and id != "managed-identity":
        raise Unusable("ARM_SUBSCRIPTION_ID is not set", hint=f"{ways[id]['title']} needs it")
    tenant = login[1] if login and id == "azure-cli" else env.get("ARM_TENANT_ID")
    unused = tuple(sorted(known - set(needs))) if id != "managed-identity" or known else ()
    return SignIn(id, ways[id]["title"], needs, subscription or None, tenant or None, unused)


def credential(way: SignIn, env: Mapping[str, str], cloud: Cloud) -> Any:
    """What azure-core's pipelines take, for `way`. Raises Unusable without the extra `azure`."""
    try:
        from azure import identity
    except ImportError:
        raise Unusable("azure-identity is not installed", hint="pip install 'vmoffer[azure]'") from None
    if way.id == "azure-cli":
        return identity.AzureCliCredential(tenant_id=way.tenant or "")
    if way.id == "managed-identity":
        return identity.ManagedIdentityCredential(client_id=env.get("ARM_CLIENT_ID") or None)
    options: dict[str, Any] = {
        "authority": cloud.authority,
        "disable_instance_discovery": bool(env.get("ARM_METADATA_HOST") or env.get("AZURE_AUTHORITY_HOST")),
    }
    who = (way.tenant or _tenant(way, cloud), env["ARM_CLIENT_ID"])
    if way.id == "client-secret":
        return identity.ClientSecretCredential(*who, env["ARM_CLIENT_SECRET"], **options)
    if way.id == "client-certificate":
        path = Path(env["ARM_CLIENT_CERTIFICATE_PATH"])
        password = env.get("ARM_CLIENT_CERTIFICATE_PASSWORD") or None
        try:
            return identity.CertificateCredential(
                *who, certificate_data=path.read_bytes(), password=password, **options
            )
        except ValueError:
            raise Unusable(
                "this certificate cannot be read", where=str(path), hint="a PKCS#12 file"
            ) from None
    assertion = env["ARM_OIDC_TOKEN"] if way.id == "client-jwt" else None
    return identity.ClientAssertionCredential(*who, lambda: assertion or _pipeline_token(env), **options)


def environment(way: SignIn, env: Mapping[str, str]) -> dict[str, str]:
    """The values that azure-identity lacks, by its names, for the commands that the project calls."""
    if way.id not in ("client-secret", "client-certificate"):
        return {}
    found = {f"AZURE_{name}": env.get(f"ARM_{name}") for name in PRINCIPAL}
    return {name: value for name, value in found.items() if value and not env.get(name)}


def _pipeline_token(env: Mapping[str, str]) -> str:
    """What GitHub signs for the run that asks with its own token."""
    import requests

    answer = requests.get(
        env["ACTIONS_ID_TOKEN_REQUEST_URL"],
        params={"audience": OIDC_AUDIENCE},
        headers={"Authorization": f"Bearer {env['ACTIONS_ID_TOKEN_REQUEST_TOKEN']}"},
        timeout=PATIENCE,
    )
    if not answer.ok:
        raise Surroundings(
            f"the pipeline gives no OIDC token: {answer.status_code}",
            hint="the job needs permissions: {id-token: write}",
        )
    return str(answer.json()["value"])


def _tenant(way: SignIn, cloud: Cloud) -> str:
    """The tenant of the subscription, as the plugin finds it: from what an answer to nobody says."""
    import re

    import requests

    url = f"{cloud.manager}/subscriptions/{way.subscription}"
    said = requests.get(url, params={"api-version": "2022-12-01"}, timeout=PATIENCE).headers
    found = re.search(r'authorization_uri="[^"]*/([0-9a-f-]+)"', said.get("WWW-Authenticate", ""))
    if found is None:
        raise Unusable("the tenant of the subscription is not known", hint="set ARM_TENANT_ID")
    return found[1]


def _on_azure() -> bool:
    try:
        return CHASSIS.read_text().strip() == ASSET_TAG
    except OSError:
        return False


def _azure_cli(env: Mapping[str, str]) -> tuple[str, str] | None:
    """Subscription and tenant of `az login`, from the file where the plugin finds them."""
    folder = Path(env.get("AZURE_CONFIG_DIR") or home() / ".azure")
    try:
        profile = json.loads((folder / "azureProfile.json").read_text(encoding="utf-8-sig"))
        mine = next(one for one in profile["subscriptions"] if one.get("isDefault"))
        return str(mine["id"]), str(mine["tenantId"])
    except (OSError, ValueError, LookupError, TypeError, StopIteration):
        return None


@cache
def _ways() -> dict[str, Any]:
    text = files("vmoffer.azure").joinpath("sign_in.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
