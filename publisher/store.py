"""Where the VHDs go: a container in a storage account, with credentials from the environment only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from generator.errors import Surroundings, Unusable

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

CREDENTIALS = (
    "set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, or sign in for "
    "azure-identity; without an account: vmoffer store start"
)
NAME = re.compile(r"^[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62}$")
# Seven tries over about four minutes: 1 s longer than a power of two each time. A storage account that
# answers 503 does so for seconds, and a request that was cut off is safe to repeat: a page holds what it got.
RETRIES: dict[str, Any] = {
    "retry_total": 7,
    "initial_backoff": 1,
    "increment_base": 2,
    "random_jitter_range": 1,
}
TIMEOUTS = {"connection_timeout": 20, "read_timeout": 60}


def connect(target: str, env: Mapping[str, str], *, account: str | None = None) -> ContainerClient:
    """The container `target` (a name, or its URL), created if it is missing.

    `account` is the storage account that a SKU names; it counts before AZURE_STORAGE_ACCOUNT.
    Raises Unusable for a bad name or missing credentials, Surroundings if the storage refuses.
    """
    container = _client(target, env, account)
    with failures(container.url):
        if not container.exists():
            container.create_container()
    return container


def is_local(url: str) -> bool:
    """Whether `url` is a store on this machine, where nothing was ever submitted from."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def account_key(container: ContainerClient) -> str | None:
    """The account key that `container` was opened with, or None for an identity."""
    key = getattr(container.credential, "account_key", None)
    return key if isinstance(key, str) else None


def redact(text: str) -> str:
    """`text` without what lets a reader in: signatures and keys."""
    return re.sub(r"(sig=|AccountKey=|SharedKey [^:\s]+:)[^&;\s\"']+", r"\1…", text)


@contextmanager
def failures(where: str) -> Iterator[None]:
    """Turn what the SDK raises into one line about `where`, without a secret in it."""
    from azure.core import exceptions as azure

    place = redact(where.split("?")[0])
    try:
        yield
    except azure.ClientAuthenticationError as error:
        raise Surroundings("the storage refused the credentials", where=place, hint=CREDENTIALS) from error
    except azure.HttpResponseError as error:
        code = getattr(error, "error_code", None) or error.reason or "no reason given"
        raise Surroundings(
            f"the storage answered {error.status_code} {code}", where=place, hint=_hint(error)
        ) from error
    except azure.AzureError as error:
        reason = redact(str(error)).splitlines()[0][:200]
        raise Surroundings(
            f"the storage cannot be reached: {reason}", where=place, hint="run it again; an upload continues"
        ) from error


def _hint(error: object) -> str:
    status = getattr(error, "status_code", 0)
    if status == 403:
        return "the key is wrong, or the identity lacks the role Storage Blob Data Contributor"
    if status in (409, 412):
        return "the blob or the container is in use: break its lease, or wait until a delete is done"
    return "run it again; an upload continues where it was"


def _client(target: str, env: Mapping[str, str], account: str | None) -> ContainerClient:
    from azure.storage.blob import ContainerClient, ExponentialRetry

    url = urlsplit(target)
    base, name = (target.rsplit("/", 1)[0], url.path.rsplit("/", 1)[-1]) if url.scheme else ("", target)
    if not NAME.match(name):
        raise Unusable(
            f"{redact(name)!r} is no container name",
            hint="3-63 characters: lower case, digits, single hyphens",
        )
    options: dict[str, Any] = {"retry_policy": ExponentialRetry(**RETRIES), **TIMEOUTS}
    account = account or env.get("AZURE_STORAGE_ACCOUNT")
    try:
        if connection := env.get("AZURE_STORAGE_CONNECTION_STRING"):
            client = ContainerClient.from_connection_string(connection, name, **options)
            if base and not client.url.startswith(f"{base}/"):
                raise Unusable("the connection string is for another account", where=redact(target))
            return client
    except ValueError:
        raise Unusable("AZURE_STORAGE_CONNECTION_STRING cannot be read", hint=CREDENTIALS) from None
    if not base:
        if not account:
            raise Unusable("no storage account is named", where=name, hint=CREDENTIALS)
        base = f"https://{account}.blob.core.windows.net"
    key = env.get("AZURE_STORAGE_KEY")
    return ContainerClient(base, name, credential=key or _identity(), **options)


def _identity() -> Any:
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise Unusable(
            "there are no storage credentials", hint=f"pip install 'vmoffer[azure]', or {CREDENTIALS}"
        ) from None
    return DefaultAzureCredential()
