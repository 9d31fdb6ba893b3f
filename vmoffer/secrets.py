"""The secrets of a definition's steps: from the environment, or from a Key Vault where that has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from generator.errors import Surroundings, Unusable

if TYPE_CHECKING:
    from generator.catalogue import Definition
    from generator.own_step import KeyVault

SHORTEST = 8  # characters; anything shorter is found on every disk by chance
LONGEST = 64 * 1024  # bytes; more fits neither into an environment variable nor into a Key Vault (25 KiB)
# learn.microsoft.com/rest/api/keyvault/secrets/get-secret
API_VERSION = "7.4"
DNS = "vault.azure.net"
PATIENCE = 30  # seconds


def values(definition: Definition, env: Mapping[str, str]) -> dict[str, str]:
    """Each secret by its name. Raises Unusable for one that is nowhere or cannot be searched for on a disk.

    Where a Key Vault is asked, Surroundings is raised for one that does not answer. No value is in an error.
    """
    found: dict[str, str] = {}
    for index, step in enumerate(definition.sku.steps):
        where = f"{definition.path}:{definition.line('steps', index, 'secrets')}"
        for one in step.hidden:
            value = env.get(one.name) or found.get(one.name)
            if not value and one.key_vault:
                value = _read(one.key_vault, env)
            if not value:
                hint = f"export {one.name}=…, or name a key_vault in the definition"
                raise Unusable(f"the secret {one.name} is not in the environment", where=where, hint=hint)
            if not any(len(line) >= SHORTEST for line in value.splitlines()) or len(value) > LONGEST:
                what = f"the secret {one.name} has to have {SHORTEST} characters or more on one line"
                raise Unusable(what, where=where, hint="a shorter one cannot be told from other text")
            found[one.name] = value
    return found


def hide(secrets: Mapping[str, str], line: str) -> str:
    """`line` without the values, nor the single lines of one that has several."""
    parts = {
        part for value in secrets.values() for part in (value, *value.splitlines()) if len(part) >= SHORTEST
    }
    for part in sorted(parts, key=len, reverse=True):
        line = line.replace(part, "<sensitive>")
    return line


def _read(place: KeyVault, env: Mapping[str, str]) -> str:
    """The newest version of a secret, with the credentials that a build in Azure has."""
    import requests

    from vmoffer.azure import cloud, sign_in

    url = f"https://{place.vault}.{DNS}/secrets/{quote(place.secret)}"
    way = sign_in.choose(env)
    token = sign_in.credential(way, env, cloud.chosen(env)).get_token(f"https://{DNS}/.default").token
    try:
        answer = requests.get(
            url,
            params={"api-version": API_VERSION},
            headers={"Authorization": f"Bearer {token}"},
            timeout=PATIENCE,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise Surroundings(f"the Key Vault does not answer: {type(error).__name__}", where=url) from None
    if answer.status_code != 200:
        hint = "it takes the role Key Vault Secrets User on the vault"
        raise Surroundings(f"the Key Vault answers {answer.status_code}", where=url, hint=hint)
    return str(answer.json()["value"])
