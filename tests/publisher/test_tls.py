"""A CA of one's own: the store behind TLS, under an address that does not count as this machine."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from generator.errors import Surroundings
from publisher import store, upload
from tests.publisher.front import in_front_of
from tools import azurite

ADDRESS = "127.0.0.2"


def certificate(path: Path) -> Path:
    """A key and a certificate for ADDRESS that vouches for itself, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(ADDRESS))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_ca_of_ones_own_is_taken_from_the_environment_and_needed(
    local: azurite.Store,
    make_disk: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(store.RETRIES, "retry_total", 0)
    pem, path = certificate(tmp_path / "ca.pem"), make_disk()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with in_front_of(local.port, ADDRESS, context) as front:
        text = local.connection_string.replace("Protocol=http;", "Protocol=https;")
        text = text.replace(f"http://127.0.0.1:{local.port}", f"https://{ADDRESS}:{front.port}")
        env = {"AZURE_STORAGE_CONNECTION_STRING": text}
        with pytest.raises(Surroundings, match="cannot be reached"):
            store.connect("tls", env)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
        container = store.connect("tls", env)
        assert not store.is_local(container.url)
        assert upload.upload(path, container).sent
        assert container.download_blob(path.name).readall() == path.read_bytes()
