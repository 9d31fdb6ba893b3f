"""Whether we may do what the build will do at its end: tried in seconds, before Packer starts."""

from __future__ import annotations

import secrets
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from generator.errors import Surroundings

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

PAGE = 512  # bytes: the smallest page blob there is
# Who it is that a role is assigned to, by the way to sign in.
WHO = {
    "azure-cli": '"$(az ad signed-in-user show --query id --output tsv)"',
    "managed-identity": '"$(az vm identity show -n VM -g GROUP --query principalId -o tsv)"',
}
KEY = (
    "AZURE_STORAGE_KEY has to be a key of this account, which may forbid keys: "
    "az storage account update --name {account} --allow-shared-key-access true"
)


@dataclass(frozen=True)
class Grantee:
    """Who lacks a role, and where: for the command that assigns it. `who` as a shell word."""

    who: str
    account: str

    def command(self, role: str) -> str:
        """What somebody with the right to assign roles runs."""
        return f'az role assignment create --assignee {self.who} --role "{role}" --scope {self.account}'


def prove(identity: ContainerClient, signer: ContainerClient | None, grantee: Grantee) -> None:
    """Find or make the container, write a small page blob, read it through a SAS by `signer`, remove it.

    `identity` writes as Packer's plugin does. Raises Surroundings with the role and the command for what is
    refused.
    """
    from azure.core.exceptions import ResourceNotFoundError
    from azure.storage.blob import BlobClient

    from publisher import sas

    with _may("container", identity.url, grantee):
        if not identity.exists():
            identity.create_container()
    probe = identity.get_blob_client(f"vmoffer-preflight-{secrets.token_hex(4)}.vhd")
    try:
        with _may("write", probe.url, grantee):
            probe.create_page_blob(PAGE)
        if signer is not None:
            now = datetime.now(UTC).replace(microsecond=0)
            period = sas.Term(now - timedelta(minutes=15), now + timedelta(minutes=15))
            with _may("sign", probe.url, grantee, KEY.format(account=signer.account_name)):
                uri = sas.sign(signer, str(probe.blob_name), period)
                BlobClient.from_blob_url(uri).get_blob_properties()
    finally:
        with _may("write", probe.url, grantee), suppress(ResourceNotFoundError):
            probe.delete_blob()


@contextmanager
def _may(step: str, where: str, grantee: Grantee, hint: str | None = None) -> Iterator[None]:
    """Say of what is refused which right it takes; other failures are the storage's own."""
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    from generator.redaction import redact
    from publisher.store import failures

    with failures(where):
        try:
            yield
        except HttpResponseError as error:
            if not isinstance(error, ClientAuthenticationError) and error.status_code not in (401, 403):
                raise
            right = table()[step]
            code = getattr(error, "error_code", None) or error.reason or error.status_code
            raise Surroundings(
                f"not allowed to {right['what']} ({getattr(code, 'value', code)})",
                where=redact(where.split("?")[0]),
                hint=hint or f"{right['role']}: {grantee.command(right['role'])}",
            ) from None


@cache
def table() -> dict[str, Any]:
    """rights.toml: what a build does, and the least role for it."""
    return tomllib.loads(files("vmoffer.azure").joinpath("rights.toml").read_text(encoding="utf-8"))
