"""Make the service SAS that Partner Center asks for: container level, read and list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from generator.errors import NotMet, Unusable
from publisher.store import account_key
from publisher.upload import check_name

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

DAYS = 30  # beyond the three weeks of SAS-TIME-002, for a certification that starts late
MIN_DAYS = 21  # SAS-TIME-002
PERMISSIONS = "rl"  # SAS-PERM-001


@dataclass(frozen=True)
class Term:
    """From when to when a SAS is good, both in UTC."""

    start: datetime
    expiry: datetime


def term(profile: str, days: int | None, now: datetime) -> Term:
    """Start and expiry by the rules of `profile`; `days` is the lifetime from `now`.

    Today's rules: one day back (SAS-TIME-003), 21 days or more (SAS-TIME-002). guide-2015: 15 minutes
    back, 7 business days. Raises NotMet for fewer days than the profile asks for.
    """
    now = now.astimezone(UTC).replace(microsecond=0)
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


def sign(container: ContainerClient, blob: str, period: Term) -> str:
    """The URI of `blob` with a SAS on its container for `period`; the URI is a secret.

    Raises NotMet for a name that cannot be downloaded (DSK-BLOB-002), Unusable without an account key
    (SAS-KIND-001).
    """
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    check_name(blob)
    key = account_key(container)
    if key is None:
        raise Unusable(
            "only the account's key can sign for as long as certification takes; an identity, 7 days",
            rule="SAS-KIND-001",
            hint="give AZURE_STORAGE_KEY or a connection string, or publish from a Compute Gallery",
        )
    secure = container.url.startswith("https:")
    token = generate_container_sas(
        str(container.account_name),
        container.container_name,
        account_key=key,
        permission=ContainerSasPermissions.from_string(PERMISSIONS),
        start=period.start,
        expiry=period.expiry,
        protocol="https" if secure else None,
    )
    return f"{container.url}/{quote(blob)}?{token}"
