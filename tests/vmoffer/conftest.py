"""An environment in which nobody is signed in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmoffer.azure import sign_in

CREDENTIALS = ("ARM_", "AZURE_", "ACTIONS_ID_TOKEN", "IDENTITY_", "PKR_VAR_")


@pytest.fixture
def no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials of Azure or of a store, and no VM of Azure."""
    for name in list(os.environ):
        if name.startswith(CREDENTIALS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path / "no-az"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(sign_in, "CHASSIS", tmp_path / "no-chassis")
