from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ca_core.signing.key import make_key, open_key
from conformance.softhsm import SoftToken


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    """A token that this process sees: the library reads where it is whenever it is initialized."""
    made = SoftToken(tmp_path / "softhsm")
    monkeypatch.setenv("SOFTHSM2_CONF", str(made.configuration))
    return made


@pytest.fixture
def public_key(token: SoftToken) -> ec.EllipticCurvePublicKey:
    """Of a key `ca` that was made in the token."""
    make_key(token.uri(), "ec-p256", Path("/nowhere"))
    made = open_key(token.uri(), b"", Path("/nowhere")).public_key
    assert isinstance(made, ec.EllipticCurvePublicKey)
    return made
