"""What a managed identity builds in: the subscription of the machine, from a fake of its metadata service."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from generator.errors import Surroundings
from vmoffer.azure import instance, sign_in
from vmoffer.azure.arm import Arm

GUID = "00000000-0000-4000-8000-000000000001"


class FakeMetadata(BaseHTTPRequestHandler):
    """Answers as the documented service does: text for who sends its header, 400 for others."""

    def do_GET(self) -> None:
        good = self.headers["Metadata"] == "true" and "/compute/subscriptionId?" in self.path
        self.send_response(200 if good else 400)
        self.end_headers()
        self.wfile.write(GUID.encode() if good else b"Bad request")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def machine(no_credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A VM of Azure whose identity builds: its chassis and its metadata service."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeMetadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(instance, "SERVICE", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    (tmp_path / "chassis").write_text(sign_in.ASSET_TAG)
    monkeypatch.setattr(sign_in, "CHASSIS", tmp_path / "chassis")
    monkeypatch.chdir(tmp_path)
    yield
    server.shutdown()
    server.server_close()


def _arm() -> Arm:
    return Arm(os.environ, sign_in.choose(os.environ))


@pytest.mark.usefixtures("machine")
def test_a_managed_identity_builds_in_the_subscription_of_its_machine() -> None:
    """The project gets it as a variable, for a base in a gallery that names no subscription, too."""
    assert _arm().subscription == GUID


@pytest.mark.usefixtures("machine")
def test_the_service_is_not_asked_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARM_SUBSCRIPTION_ID", "other")
    assert _arm().subscription == "other"


@pytest.mark.usefixtures("no_credentials")
def test_az_login_names_the_subscription(tmp_path: Path) -> None:
    profile = tmp_path / "no-az" / "azureProfile.json"
    profile.parent.mkdir()
    profile.write_text(f'{{"subscriptions": [{{"id": "{GUID}", "tenantId": "t", "isDefault": true}}]}}')
    assert _arm().subscription == GUID


def test_where_nothing_answers_the_subscription_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "SERVICE", "http://127.0.0.1:9")
    with pytest.raises(Surroundings) as raised:
        instance.subscription()
    assert raised.value.hint == "set ARM_SUBSCRIPTION_ID"
