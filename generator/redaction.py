"""Text without the secrets in it, whatever shape they have there.

What is shown of a URI, an error of a library or an answer of a server passes through here. A secret is
known by where it stands (behind `sig=`, `AccountKey=`, `user:password@` …) or by what it looks like: the
signature of a SAS is an HMAC-SHA256 (32 bytes), an account key has 64 bytes, a token of Entra ID is a JSON
Web Token. Percent-encoding, once or many times, hides none of it.
"""

from __future__ import annotations

import re

_EQUALS = r"(?:=|%(?:25)*3d)"
_VALUE = r"(?:(?!%(?:25)*26)[^&;\s\"'<>])+"
_BASE64 = r"(?:[A-Za-z0-9+/_-]|%(?:25)*2[bf])"
_AND = r"(?:[?&;#\s\"']|%(?:25)*(?:3f|26)|^)"
SHAPES = (
    # Behind its name; a typing error around the name (spaces, another case) changes nothing.
    (
        rf"((?:{_AND})(?:sig|signature|client_secret|client_assertion|password|pwd|access_token)"
        rf"\s*{_EQUALS}\s*){_VALUE}",
        r"\1…",
    ),
    (rf"((?:AccountKey|SharedAccessSignature|SharedAccessKey)\s*{_EQUALS}\s*)[^;\s\"'<>]+", r"\1…"),
    (r"(SharedKey(?:Lite)?\s+[^:\s]+:)\S+", r"\1…"),
    (r"(Bearer\s+)\S+", r"\1…"),
    # Credentials in front of a host's name, with and without a password.
    (r"((?:https?|[a-z][a-z0-9+.]*):/{1,3})[^/@\s\"'<>?#]+@", r"\1…@"),
    (r"(?<![\w.-])[^\s/@:\"'<>]+:[^\s/@\"'<>]+@(?=[\w.-]+[/:])", "…@"),
    # By its look alone: 32 bytes, 64 bytes, a JSON Web Token.
    (rf"(?<![A-Za-z0-9+_=-]){_BASE64}{{43}}{_EQUALS}(?!{_EQUALS})", "…"),
    (rf"(?<![A-Za-z0-9+_=-]){_BASE64}{{86}}{_EQUALS}{{2}}", "…"),
    (r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*", "…"),
)
_COMPILED = tuple((re.compile(shape, re.IGNORECASE), instead) for shape, instead in SHAPES)


def redact(text: str) -> str:
    """`text` with `…` in the place of every signature, key, token and password that is found in it."""
    for shape, instead in _COMPILED:
        text = shape.sub(instead, text)
    return text
