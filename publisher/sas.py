"""Make SAS URIs: the one that Partner Center asks for (container level, read and list), and other kinds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from generator.errors import NotMet, Unusable
from publisher.store import account_key, failures
from publisher.upload import check_name

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

DAYS = 30  # beyond the three weeks of SAS-TIME-002, for a certification that starts late
MIN_DAYS = 21  # SAS-TIME-002
PERMISSIONS = "rl"  # SAS-PERM-001
KINDS = ("container", "blob", "delegation")
KEY_DAYS = 6  # whole days within the 7 that the key of a user delegation lives (SAS-KIND-001)


@dataclass(frozen=True)
class Term:
    """From when to when a SAS is good, both in UTC."""

    start: datetime
    expiry: datetime


def term(profile: str, days: int | None, now: datetime, kind: str = "container") -> Term:
    """Start and expiry by the rules of `profile`; `days` is the lifetime from `now`.

    Today's rules: one day back (SAS-TIME-003), 21 days or more (SAS-TIME-002). guide-2015: 15 minutes
    back, 7 business days. A user delegation: 15 minutes back, at most KEY_DAYS. Raises NotMet for fewer
    days than the profile asks for, or more than the kind can have.
    """
    now = now.astimezone(UTC).replace(microsecond=0)
    if kind == "delegation":
        if days and days > KEY_DAYS:
            raise NotMet(f"a user-delegation SAS cannot last {days} days", rule="SAS-KIND-001")
        return Term(now - timedelta(minutes=15), now + timedelta(days=days or KEY_DAYS))
    guide = profile == "guide-2015"
    least = after_business_days(now, 7) if guide else now + timedelta(days=MIN_DAYS)
    usual = least if guide else now + timedelta(days=DAYS)
    expiry = usual if days is None else now + timedelta(days=days)
    if expiry < least:
        wanted = "7 business days" if guide else f"{MIN_DAYS} days"
        raise NotMet(
            f"a SAS of {days} days ends before certification may be through",
            rule="SAS-TIME-002",
            hint=f"give at least {wanted}; --days {DAYS} is the default",
        )
    return Term(now - (timedelta(minutes=15) if guide else timedelta(days=1)), expiry)


def after_business_days(start: datetime, count: int) -> datetime:
    """`start` plus `count` days from Monday to Friday; holidays are not known here."""
    day = start
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


def sign(
    container: ContainerClient, blob: str, period: Term, kind: str = "container", policy: str | None = None
) -> str:
    """The URI of `blob` with a SAS for `period`; the URI is a secret.

    `kind` is one of KINDS; container is for Partner Center, and blob, with warnings. `policy` names a stored
    access policy of the container that holds the period then. Raises NotMet for a name that cannot be
    downloaded (DSK-BLOB-002), Unusable without an account key where one is needed (SAS-KIND-001).
    """
    from azure.storage.blob import generate_blob_sas, generate_container_sas

    check_name(blob)
    options: dict[str, Any] = (
        {"policy_id": policy} if policy else {"start": period.start, "expiry": period.expiry}
    )
    if container.url.startswith("https:"):
        options["protocol"] = "https"
    place = (str(container.account_name), container.container_name)
    options |= _signer(container, period, kind)
    if kind == "blob":
        token = generate_blob_sas(*place, blob, permission=None if policy else "r", **options)
    else:
        token = generate_container_sas(*place, permission=None if policy else PERMISSIONS, **options)
    return f"{container.url}/{quote(blob)}?{token}"


def _signer(container: ContainerClient, period: Term, kind: str) -> dict[str, Any]:
    """The account's key, or one that the service lends to an identity."""
    from azure.storage.blob import BlobServiceClient

    key = account_key(container)
    if kind == "delegation":
        if key is not None:
            raise Unusable("a user-delegation SAS needs an identity, not the account's key")
        account = container.url.rpartition("/")[0]
        with failures(account), BlobServiceClient(account, credential=container.credential) as service:
            return {"user_delegation_key": service.get_user_delegation_key(period.start, period.expiry)}
    if key is None:
        raise Unusable(
            "only the account's key can sign for as long as certification takes; an identity, 7 days",
            rule="SAS-KIND-001",
            hint="give AZURE_STORAGE_KEY or a connection string, or publish from a Compute Gallery",
        )
    return {"account_key": key}


def keep_policy(container: ContainerClient, name: str, period: Term, kind: str) -> None:
    """Put the period into the stored access policy `name` of the container, beside the others."""
    from azure.storage.blob import AccessPolicy

    with failures(container.url):
        known = container.get_container_access_policy()
        policies = {each.id: each.access_policy for each in known["signed_identifiers"]}
        permission = "r" if kind == "blob" else PERMISSIONS
        policies[name] = AccessPolicy(permission=permission, start=period.start, expiry=period.expiry)
        container.set_container_access_policy(policies, public_access=known["public_access"])
