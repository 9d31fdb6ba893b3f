"""What looks like a secret is not shown, whatever shape it has."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.redaction import redact

SIGNATURE = base64.b64encode(bytes(range(7, 39))).decode()  # 32 bytes, as HMAC-SHA256
KEY = base64.b64encode(bytes(range(100, 164))).decode()  # 64 bytes, as an account key
HOST = "contoso.blob.core.windows.net/vhds/os.vhd"
UGLY = [
    f"https://{HOST}?sv=2024-11-04&sp=rl&sig={quote(SIGNATURE, safe='')}",
    f"https://{HOST}?sig={SIGNATURE}&se=2031-01-01",
    f"https://{HOST}%3Fsv=2024-11-04%26sig%3D{quote(SIGNATURE, safe='')}%26sp=rl",
    f"https://{HOST}%253Fsv%253D1%2526sig%253D{quote(quote(SIGNATURE, safe=''), safe='')}",
    f"htps:/{HOST}?sig={SIGNATURE}",
    f"https//{HOST}?SIG={SIGNATURE}",
    f"https://{HOST}?sig = {SIGNATURE}",
    f"https://{HOST}#sig={SIGNATURE}",
    f"{HOST};sig={SIGNATURE}",
    f"https://{HOST}/{quote(SIGNATURE, safe='')}",
    f"'{SIGNATURE}'",
    f"https://user:{SIGNATURE}@{HOST}",
    f"user:{SIGNATURE}@{HOST}",
    f"https://{SIGNATURE}@{HOST}",
    f"DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey={KEY};EndpointSuffix=core.windows.net",
    f"accountkey = {KEY}",
    KEY,
    f"BlobEndpoint=https://contoso;SharedAccessSignature=sv=2024&sig={quote(SIGNATURE, safe='')}",
    f"Authorization: SharedKey contoso:{SIGNATURE}",
    f"Authorization: Bearer {SIGNATURE}",
    f"client_secret={SIGNATURE}&grant_type=client_credentials",
]
HARMLESS = [
    "build/demo/debian-12/1.0.0/debian-12-1.0.0-gen2-os.vhd: 31138512896 bytes",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "https://contoso.blob.core.windows.net/vhds/os.vhd: there is no such blob",
    "/usr/lib/python3/dist-packages/azurelinuxagent/ga/exthandlers.py line 12",
    "exit status = 3; code=ServerBusy",
    "write to Jane Doe <jane@contoso.com>",
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/images/providers/x",
    "UUID=1b9f2cb4-3a8a-4ee4-a8d3-1c2d6f1e0b55 / ext4 rw,discard 0 1",
]


@pytest.mark.parametrize("text", UGLY)
def test_a_secret_is_not_shown_whatever_is_around_it(text: str) -> None:
    shown = redact(text)
    for secret in (SIGNATURE, KEY, quote(SIGNATURE, safe=""), quote(quote(SIGNATURE, safe=""), safe="")):
        assert secret not in shown
        assert secret[:-4] not in shown


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@given(
    before=st.text(max_size=30),
    after=st.text(max_size=30),
    raw=st.binary(min_size=32, max_size=32),
    times=st.integers(0, 3),
)
def test_a_signature_behind_its_name_is_gone_in_any_text(
    before: str, after: str, raw: bytes, times: int
) -> None:
    secret, name = base64.b64encode(raw).decode(), "&sig="
    for _ in range(times):
        secret, name = quote(secret, safe=""), quote(name, safe="")
    assert secret not in redact(f"{before}{name}{secret} {after}")
