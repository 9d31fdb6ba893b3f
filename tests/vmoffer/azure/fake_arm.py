"""A fake of Azure Resource Manager and its sign-in, over TLS, from documented shapes; it keeps all requests.

Shapes: galleries, versions and long-running operations as in Microsoft's REST reference and in the recordings
of the Azure CLI; the metadata of a cloud as Azure Stack documents it; tokens as Entra ID answers a client's
secret. It knows one subscription, and whether a caller has a right is told by a list of refused paths.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TENANT = "11111111-1111-4111-8111-111111111111"
SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
CLIENT, SECRET = "33333333-3333-4333-8333-333333333333", "secret-of-the-principal"
STORAGE = "https://storage.azure.com"


@dataclass
class FakeArm:
    """What there is, by path below the subscription in lower case; what was asked, as (method, path)."""

    url: str
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    secret: str = SECRET
    issuer: str = "https://sts.windows.net/"
    asked: list[tuple[str, str]] = field(default_factory=list)
    leaves_groups: bool = False  # whether every resource group that is looked for is there

    def put(self, path: str, **body: Any) -> None:
        """A resource that is there."""
        self.resources[path.lower()] = {"id": f"/subscriptions/{SUBSCRIPTION}/{path}", **body}

    @property
    def deleted(self) -> list[str]:
        """The paths that were asked to be deleted."""
        return [path for method, path in self.asked if method == "DELETE"]

    def environment(self) -> dict[str, str]:
        """What a user of this cloud sets to sign in as a service principal."""
        return {
            "ARM_METADATA_HOST": urlsplit(self.url).netloc,
            "ARM_SUBSCRIPTION_ID": SUBSCRIPTION,
            "ARM_TENANT_ID": TENANT,
            "ARM_CLIENT_ID": CLIENT,
            "ARM_CLIENT_SECRET": SECRET,
            "VMOFFER_ALLOWED_INBOUND": "203.0.113.7",
        }

    def answer(self, method: str, path: str, body: bytes, token: str) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON and headers."""
        if path == "/metadata/endpoints":
            login = {"loginEndpoint": f"{self.url}/", "audiences": [self.url]}
            return (
                200,
                [{"name": "AzureCloud", "resourceManager": f"{self.url}/", "authentication": login}],
                {},
            )
        if path.endswith("/.well-known/openid-configuration"):
            return 200, self._endpoints(), {}
        if path.endswith("/oauth2/v2.0/token"):
            return self._token(parse_qs(body.decode()))
        if not token.startswith("Bearer "):
            said = {"code": "AuthenticationFailed", "message": "Authentication failed."}
            return (
                401,
                {"error": said},
                {"WWW-Authenticate": f'Bearer authorization_uri="{self.url}/{TENANT}"'},
            )
        if path.startswith("/operations/"):
            return 200, {"status": "Succeeded"}, {}
        place = re.sub(rf"^/subscriptions/{SUBSCRIPTION}/", "", path)
        self.asked.append((method, place))
        if any(place.startswith(each) for each in self.refused):
            message = f"The client does not have authorization to perform action over scope '{path}'."
            return 403, {"error": {"code": "AuthorizationFailed", "message": message}}, {}
        if self.leaves_groups and method == "GET" and place.startswith("resourcegroups/"):
            self.put(place)
        if method == "HEAD" or place.lower() not in self.resources:
            there = place.lower() in self.resources
            message = f"The Resource '{place}' was not found."
            return (
                (204, None, {})
                if there
                else (404, {"error": {"code": "ResourceNotFound", "message": message}}, {})
            )
        if method == "DELETE":
            del self.resources[place.lower()]
            return (
                202,
                None,
                {"Azure-AsyncOperation": f"{self.url}/operations/1?api-version=1&t=1", "Retry-After": "0"},
            )
        return 200, self.resources[place.lower()], {}

    def _endpoints(self) -> dict[str, str]:
        base = f"{self.url}/{TENANT}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
        }

    def _token(self, form: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        if form.get("client_secret") != [self.secret]:
            said = "AADSTS7000215: Invalid client secret provided."
            return 401, {"error": "invalid_client", "error_description": said}, {}
        audience = form["scope"][0].split()[0].removesuffix("/.default")
        token = _jwt({"aud": audience, "iss": f"{self.issuer}{TENANT}/", "oid": CLIENT, "tid": TENANT})
        return 200, {"token_type": "Bearer", "expires_in": 3600, "access_token": token}, {}


def _jwt(claims: dict[str, Any]) -> str:
    """A token whose signature is none: Azurite looks at the claims only."""
    now = int(time.time())
    parts = (
        {"typ": "JWT", "alg": "RS256"},
        {**claims, "iat": now, "nbf": now - 60, "exp": now + 3600, "ver": "1.0"},
    )
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


@contextmanager
def running(address: str, context: ssl.SSLContext) -> Iterator[FakeArm]:
    """The fake on a port of its own."""
    server = ThreadingHTTPServer((address, 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    fake = FakeArm(f"https://{address}:{server.server_port}")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = urlsplit(self.path).path
            status, document, headers = fake.answer(
                self.command, path, body, self.headers.get("Authorization", "")
            )
            text = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _any

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
