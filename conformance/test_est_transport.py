"""EST's TLS (RFC 7030, 3.2.3, 3.3): what must never be negotiated is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.house import House, must, run

_TLS_1_2 = ("-tls1_2", "-cipher")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"))
    built.start()
    yield built
    built.close()


def handshake(house: House, *options: str) -> str:
    """What openssl says of a handshake in which it would take nearly anything."""
    connect = ("openssl", "s_client", "-connect", f"localhost:{house.port + 1}", "-CAfile", house.trust)
    return run(*connect, *options, input="").stdout


def test_a_handshake_as_it_should_be_comes_about(house: House) -> None:
    said = handshake(house, *_TLS_1_2, "ECDHE:@SECLEVEL=2")

    assert "Cipher is ECDHE-" in said
    assert "Verify return code: 0 (ok)" in said
    assert "Secure Renegotiation IS supported" in said


@pytest.mark.parametrize("suites", ["eNULL", "aNULL", "PSK", "SRP"])
def test_suites_without_secrecy_or_certificates_are_not_negotiated(house: House, suites: str) -> None:
    wanted = f"{suites}:@SECLEVEL=0"
    # The client must have them, or nothing is shown.
    assert must("openssl", "ciphers", "-psk", "-srp", wanted).strip()

    said = handshake(house, *_TLS_1_2, wanted, "-psk", "00" * 16, "-srpuser", "a", "-srppass", "pass:b")

    assert "Cipher is (NONE)" in said


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_of_tls_are_not_negotiated(house: House, version: str) -> None:
    assert "Cipher is (NONE)" in handshake(house, version, "-cipher", "ALL:@SECLEVEL=0")
