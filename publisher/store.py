"""Where the VHDs go: a container in a storage account, with credentials from the environment only."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from generator.errors import Surroundings, Unusable
from generator.redaction import redact
from publisher.patience import Patience
from validators import urls
from validators.neterrors import permanent

if TYPE_CHECKING:
    from azure.core.pipeline.transport import RequestsTransport
    from azure.storage.blob import ContainerClient

CREDENTIALS = (
    "set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or "
    "AZURE_STORAGE_SAS_TOKEN, or sign in for azure-identity; without an account: vmoffer store start"
)
# AZURE_CLOUD, by the names of the Azure CLI: where storage accounts are, and who signs identities in.
CLOUDS = {
    "AzureCloud": ("core.windows.net", "login.microsoftonline.com"),
    "AzureUSGovernment": ("core.usgovcloudapi.net", "login.microsoftonline.us"),
    "AzureChinaCloud": ("core.chinacloudapi.cn", "login.chinacloudapi.cn"),
}
REACH = "look at the account's name, AZURE_CLOUD, the proxy and the certificates that this machine accepts"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62}")
# For the small requests; the SDK gives up at the smallest of the four numbers. An upload brings its own
# patience (publisher.patience), because nothing can interrupt the SDK while it waits.
RETRIES: dict[str, Any] = {
    **dict.fromkeys(("retry_total", "retry_connect", "retry_read", "retry_status"), 3),
    "initial_backoff": 1,
    "increment_base": 2,
    "random_jitter_range": 1,
}
TIMEOUTS = {"connection_timeout": 20, "read_timeout": 60}
CONNECTING = 30.0  # seconds that a first look at the storage may fail for
ANSWER = 16 << 20  # bytes of an answer that is read whole, as a list of pages is; 10,000 of them take 1 MB


def connect(
    target: str, env: Mapping[str, str], *, account: str | None = None, create: bool = True
) -> ContainerClient:
    """The container `target` (a name, or its URL), created if it is missing and `create`.

    `account` is the storage account that a SKU names; it counts before AZURE_STORAGE_ACCOUNT.
    Raises Unusable for a bad name or missing credentials, Surroundings if the storage refuses.
    """
    logging.getLogger("azure").addHandler(logging.NullHandler())  # it warns of what is repeated anyway
    container = _client(target, env, account)
    urls.require_encrypted(urlsplit(container.url), redact(container.url))
    container = _client(target, env, account, transport=transport(local=is_local(container.url)))
    patience = Patience(limit=CONNECTING)
    with failures(container.url):
        if create and not patience.call(lambda **options: _exists(container, **options)):
            patience.call(container.create_container)
    return container


def transport(*, local: bool) -> RequestsTransport:
    """How the SDK's requests travel: no answer that is not streamed may be larger than ANSWER.

    A proxy does not reach a `local` store, and must not see what is signed for it.
    """
    from azure.core.pipeline.transport import RequestsTransport

    made = RequestsTransport(use_env_settings=not local)
    made.open()
    made.session.hooks["response"].append(_bounded)
    return made


def _bounded(answer: Any, *, stream: bool = False, **_: Any) -> None:
    """A hook of requests, before it reads the body: take at most ANSWER bytes of one that is read whole."""
    import requests

    if not stream:
        body = answer.raw.read(ANSWER + 1, decode_content=True)
        if len(body) > ANSWER:
            answer.close()
            raise requests.exceptions.InvalidHeader(f"an answer of more than {ANSWER >> 20} MiB")
        answer._content, answer._content_consumed = body, True


def _exists(container: ContainerClient, **options: Any) -> bool:
    """A SAS for one container may not be allowed to ask; then the container is there, as it has a SAS."""
    from azure.core.credentials import AzureSasCredential
    from azure.core.exceptions import HttpResponseError

    try:
        return container.exists(**options)
    except HttpResponseError as error:
        if isinstance(container.credential, AzureSasCredential) and error.status_code == 403:
            return True
        raise


def is_local(url: str) -> bool:
    """Whether `url` is a store on this machine, where nothing was ever submitted from."""
    try:
        return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    except ValueError:
        return False


def account_key(container: ContainerClient) -> str | None:
    """The account key that `container` was opened with, or None for an identity."""
    key = getattr(container.credential, "account_key", None)
    return key if isinstance(key, str) else None


@contextmanager
def failures(where: str) -> Iterator[None]:
    """Turn what the SDK raises into one line about `where`, without a secret in it."""
    from azure.core import exceptions as azure

    place = redact(where.split("?")[0])
    try:
        yield
    except azure.ResourceNotFoundError as error:
        what = "there is no such blob" if "Blob" in str(getattr(error, "error_code", "")) else "not found"
        raise Unusable(what, where=place, hint="vmoffer upload puts it there") from None
    except azure.ClientAuthenticationError:
        # Without its cause: the service quotes the signature that it was sent.
        raise Surroundings("the storage refused the credentials", where=place, hint=CREDENTIALS) from None
    except azure.HttpResponseError as error:
        code = getattr(error, "error_code", None) or error.reason or "no reason given"
        what = f"the storage answered {error.status_code} {getattr(code, 'value', code)}"
        if error.status_code in (401, 403):
            raise Surroundings(
                f"{what}: it refused the credentials", where=place, hint=_hint(error)
            ) from None
        raise Surroundings(what, where=place, hint=_hint(error)) from error
    except azure.AzureError as error:
        if why := permanent(error):
            raise Surroundings(f"the storage cannot be reached: {why}", where=place, hint=REACH) from error
        reason = redact(str(error)).splitlines()[0][:200]
        raise Surroundings(
            f"the storage cannot be reached: {reason}", where=place, hint="run it again; an upload continues"
        ) from error


def _hint(error: object) -> str:
    status = getattr(error, "status_code", 0)
    if status == 403:
        return "the key is wrong, the SAS has ended, or the identity lacks Storage Blob Data Contributor"
    if status in (409, 412):
        return "the blob or the container is in use: break its lease, or wait until a delete is done"
    return "run it again; an upload continues where it was"


def _client(target: str, env: Mapping[str, str], account: str | None, **more: Any) -> ContainerClient:
    from azure.storage.blob import ContainerClient, ExponentialRetry

    base, name = _place(target)
    options: dict[str, Any] = {"retry_policy": ExponentialRetry(**RETRIES), **TIMEOUTS, **more}
    if connection := env.get("AZURE_STORAGE_CONNECTION_STRING"):
        found = re.search(r"(?i)(?:^|;)SharedAccessSignature=([^;]+)", connection)
        try:
            client = ContainerClient.from_connection_string(
                connection, name, credential=_sas(found[1]) if found else None, **options
            )
        except ValueError:
            raise Unusable("AZURE_STORAGE_CONNECTION_STRING cannot be read", hint=CREDENTIALS) from None
        if (base and not client.url.startswith(f"{base}/")) or account not in (None, client.account_name):
            raise Unusable(
                f"AZURE_STORAGE_CONNECTION_STRING is for the account {client.account_name}",
                where=target if base else account,
                hint="unset it, or name its account",
            )
        return client
    account = account or env.get("AZURE_STORAGE_ACCOUNT")
    if not (base or account):
        raise Unusable("no storage account is named", where=name, hint=CREDENTIALS)
    suffix, authority = _cloud(env)
    credential: Any
    if account and (key := env.get("AZURE_STORAGE_KEY")):
        credential = {"account_name": account, "account_key": key}
    elif token := env.get("AZURE_STORAGE_SAS_TOKEN"):
        credential = _sas(token)
    elif base.startswith("http:"):  # an identity's token may only travel over https
        raise Unusable("there are no credentials for this store", where=base, hint="vmoffer store start")
    else:
        credential = _identity(env.get("AZURE_AUTHORITY_HOST") or authority)
    return ContainerClient(base or f"https://{account}.blob.{suffix}", name, credential=credential, **options)


def _cloud(env: Mapping[str, str]) -> tuple[str, str]:
    cloud = env.get("AZURE_CLOUD") or "AzureCloud"
    if cloud not in CLOUDS:
        raise Unusable("AZURE_CLOUD names no known cloud", where=cloud, hint=f"one of {', '.join(CLOUDS)}")
    return CLOUDS[cloud]


def _sas(token: str) -> Any:
    """As a credential, the SDK adds it to the requests only; in the URL it would be printed and logged."""
    from azure.core.credentials import AzureSasCredential

    return AzureSasCredential(token.removeprefix("?"))


def _place(target: str) -> tuple[str, str]:
    """The account's URL (empty if `target` is only a name) and the container's name."""
    if "?" in target:
        raise Unusable(
            "a container is given by its name or plain URL, without a SAS",
            where=target.split("?")[0],
            hint=CREDENTIALS,
        )
    base, _, name = target.rstrip("/").rpartition("/")
    if base and not re.match(r"https?://[^/]", base):
        raise Unusable("a container's URL begins with https://", where=redact(target))
    if not NAME.fullmatch(name):
        raise Unusable(
            f"{redact(name)!r} is no container name",
            hint="3-63 characters: lower case, digits, single hyphens",
        )
    return base, name


def _identity(authority: str) -> Any:
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise Unusable(
            "there are no storage credentials", hint=f"pip install 'vmoffer[azure]', or {CREDENTIALS}"
        ) from None
    return DefaultAzureCredential(authority=authority)
