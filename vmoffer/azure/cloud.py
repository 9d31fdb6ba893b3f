"""Which Azure: one of the public clouds, or one that names its endpoints itself."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from generator.errors import Surroundings, Unusable
from publisher.store import CLOUDS

# What a cloud that is not in clouds.toml, such as Azure Stack Hub, says of itself. The plugin reads the same.
METADATA_HOST = "ARM_METADATA_HOST"
METADATA = "https://{host}/metadata/endpoints?api-version=2022-09-01"
PATIENCE = 20  # seconds


@dataclass(frozen=True)
class Cloud:
    """Where a cloud's resource manager and sign-in are; `packer` is the plugin's name for it."""

    name: str
    manager: str
    audience: str
    authority: str
    packer: str | None = None


def chosen(env: Mapping[str, str]) -> Cloud:
    """The cloud that AZURE_CLOUD names, or the one that ARM_METADATA_HOST describes.

    Raises Unusable for a name that is not known, Surroundings where the metadata cannot be read.
    """
    name = env.get("AZURE_CLOUD") or "AzureCloud"
    if host := env.get(METADATA_HOST):
        return _described(name, host, env)
    if name not in CLOUDS:
        raise Unusable("AZURE_CLOUD names no known cloud", where=name, hint=f"one of {', '.join(CLOUDS)}")
    table = tomllib.loads(files("vmoffer.azure").joinpath("clouds.toml").read_text(encoding="utf-8"))
    return Cloud(name=name, authority=_authority(env, f"https://{CLOUDS[name][1]}"), **table[name])


def _described(name: str, host: str, env: Mapping[str, str]) -> Cloud:
    import requests

    try:
        answer = requests.get(METADATA.format(host=host), timeout=PATIENCE)
        answer.raise_for_status()
        known: list[dict[str, Any]] = answer.json()
        mine = next((one for one in known if one["name"] == name), known[0])
        return Cloud(
            name=str(mine["name"]),
            manager=str(mine["resourceManager"]).rstrip("/"),
            audience=str(mine["authentication"]["audiences"][0]).rstrip("/"),
            authority=_authority(env, str(mine["authentication"]["loginEndpoint"])),
        )
    except (requests.RequestException, ValueError, LookupError, TypeError) as error:
        raise Surroundings(
            f"{METADATA_HOST} does not answer as a cloud does ({type(error).__name__})",
            where=host,
            hint="it is the host of the cloud's metadata, such as management.azure.com, without https://",
        ) from error


def _authority(env: Mapping[str, str], usual: str) -> str:
    """Without https://, as azure-identity takes it."""
    url = env.get("AZURE_AUTHORITY_HOST") or usual
    return urlsplit(url if "//" in url else f"https://{url}").netloc
