"""A URL that a secret may be sent to: encrypted, or to this machine; and what of it may be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from generator.errors import Unusable
from generator.redaction import redact

SCHEME = re.compile(r"https?://", re.IGNORECASE)
LOCAL = ("127.0.0.1", "localhost", "::1")
PROTOCOL_RULE = "SAS-PROTO-001"


@dataclass(frozen=True)
class Url:
    """A URL that `checked` has accepted; `text` may hold a signature, `shown` holds none."""

    text: str
    shown: str
    parts: SplitResult

    @property
    def is_local(self) -> bool:
        """Whether it is on a server of this machine, which no proxy reaches."""
        return self.parts.hostname in LOCAL


def checked(text: str) -> Url:
    """`text` as a URL that a request may go to; nothing has been sent yet.

    Raises Unusable for what is no http(s) URL, one with credentials in front of the host's name, and one
    that would show its signature to whoever listens: plain http to another machine (SAS-PROTO-001).
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = SplitResult("", "", "", "", ""), None
    shown = redact(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}")
    if not SCHEME.match(text) or not host or any(char.isspace() or not char.isprintable() for char in text):
        raise Unusable("this is not the URL of a disk", where=shown if host else None)
    if "@" in parts.netloc:
        raise Unusable(
            "there are credentials in front of the host name", where=shown, hint="a SAS goes behind the ?"
        )
    require_encrypted(parts, shown)
    return Url(text.partition("#")[0], shown, parts)


def require_encrypted(parts: SplitResult, shown: str) -> None:
    """Raise Unusable if `parts` is plain http to another machine."""
    if parts.scheme.lower() == "http" and not _is_loopback(parts.hostname or ""):
        raise Unusable(
            "over plain http everybody on the way could read the SAS",
            where=shown,
            rule=PROTOCOL_RULE,
            hint="begin the URL with https://",
        )


def _is_loopback(host: str) -> bool:
    """Whether what is sent to `host` stays on this machine: all of 127.0.0.0/8, too."""
    try:
        return host in LOCAL or ip_address(host).is_loopback
    except ValueError:
        return False
