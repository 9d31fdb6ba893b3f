"""A SAS URI taken apart; whatever the text is, the rules say what is wrong with it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from generator.redaction import redact

FULL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)  # SAS-TIME-001
SIGNATURE = re.compile(r"(?:^|&)sig=([^&]*)")
SIGNATURE_BYTES = 32  # HMAC-SHA256


@dataclass(frozen=True)
class Uri:
    """`text` is a secret, `shown` is what may be printed of it. `repeated` parameters count by their last."""

    text: str
    parts: SplitResult
    query: Mapping[str, str]
    repeated: tuple[str, ...]

    @property
    def shown(self) -> str:
        return redact(self.text.split("?")[0])

    @property
    def name(self) -> str:
        """The blob's name without its folders, as the service decodes it."""
        return unquote(self.parts.path).rsplit("/", 1)[-1]

    @property
    def lists(self) -> bool:
        """Whether the SAS is meant to list the container; a stored access policy (si) may allow it."""
        return self.query.get("sr") != "b" and ("l" in self.query.get("sp", "") or "si" in self.query)

    def time(self, name: str) -> datetime | None:
        """The time in the parameter `name`; None unless it is written in full and exists."""
        text = self.query.get(name, "")
        try:
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z") if FULL_TIME.fullmatch(text) else None
        except ValueError:
            return None

    @property
    def signature_problem(self) -> str | None:
        """What is wrong with how the signature is written, in words without the signature."""
        raw = SIGNATURE.search(self.parts.query)
        if raw is None:
            return "there is no signature (sig)"
        if "+" in raw[1]:
            return "the signature holds a bare +; it must be written %2B"
        if "%25" in raw[1]:
            return "the signature was percent-encoded twice"
        try:
            length = len(base64.b64decode(unquote(raw[1]), validate=True))
        except (binascii.Error, ValueError):
            length = 0
        return None if length == SIGNATURE_BYTES else "the signature was cut off or edited"


def parse(text: str) -> Uri:
    """Take `text` apart; never raises."""
    try:
        parts = urlsplit(text)
        _ = parts.hostname, parts.port  # read now: a wrong port is only noticed when it is asked for
    except ValueError:
        parts = SplitResult("", "", text.split("?")[0], "", "")
    found = parse_qs(parts.query, keep_blank_values=True)
    repeated = tuple(sorted(name for name, values in found.items() if len(values) > 1))
    return Uri(text, parts, {name: values[-1] for name, values in found.items()}, repeated)
