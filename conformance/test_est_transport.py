"""EST's TLS (RFC 7030, 3.2.3, 3.3, 4.4, 6): what must never be negotiated is not."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import pkilint
from conformance.house import House, must, run
from conformance.openssl import verifies

_TLS_1_2 = ("-tls1_2", "-cipher")
# By their numbers in IANA's registry: those with EXPORT, RC4, RC2 or DES in their names, 3DES among them.
_WEAK = [*range(0x0003, 0x001C), *range(0x001E, 0x002C), *range(0x0060, 0x0067), 0xC003, 0xC008, 0xC00D, 0xC012, 0xC017]
_GOOD = 0xC02B
_HANDSHAKE = b"\x16"


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


def test_the_servers_certificate_is_as_rfc_5280_demands(tmp_path: Path) -> None:
    # pkilint takes no name without a dot.
    house = House(tmp_path, options=("--development", "--host", "est.example"))
    house.start()
    shown = tmp_path / "shown.pem"

    shown.write_text(handshake(house, "-showcerts"))

    house.close()
    assert pkilint.certificate_errors(shown) == ""
    assert verifies(house, shown, untrusted=shown)


def test_est_is_spoken_over_tls_only(house: House) -> None:
    """RFC 7030, 3.3: neither does its port answer without TLS, nor does another port answer for it."""
    request = b"GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", house.port + 1), timeout=10) as plain:
        plain.sendall(request)

        assert not plain.recv(1024).startswith(b"HTTP/")

    status = must("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"{house.repository}/.well-known/est/cacerts")
    assert status == "404"


def test_every_suite_that_is_negotiated_keeps_a_secret_of_128_bits(house: House) -> None:
    """Each that openssl has, one by one, with a key exchange that a key which is lost later does not undo."""
    offered = must("openssl", "ciphers", "-s", "-tls1_2", "-psk", "-srp", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    described = {line.split()[2]: line for line in offered.splitlines()}
    pre_shared = ("-psk", "00" * 16, "-srpuser", "a", "-srppass", "pass:b")

    taken = [
        said
        for name, said in described.items()
        if "Cipher is (NONE)" not in handshake(house, *_TLS_1_2, f"{name}:@SECLEVEL=0", *pre_shared)
    ]

    assert len(described) > 100
    assert taken
    for said in taken:
        assert "Kx=ECDH " in said
        assert any(f"Enc={one}" in said for one in ("AESGCM(128", "AESGCM(256", "CHACHA20", "AES(128", "AES(256")), said


@pytest.mark.parametrize(
    ("version", "option", "shorter", "longer"),
    [
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"),
    ],
)
def test_the_longest_key_that_a_client_knows_is_taken(
    house: House, version: str, option: str, shorter: str, longer: str
) -> None:
    """RFC 7030, 4.4: a key that is made here is to be worth no more than what keeps it secret."""
    assert f"Cipher is {longer}" in handshake(house, version, option, f"{shorter}:{longer}")
    assert f"Cipher is {shorter}" in handshake(house, version, option, shorter)


def hello(suite: int) -> bytes:
    """What a client says first under TLS 1.2 that knows one suite; openssl no longer has those that are weak."""
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    out = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    before, only, after = out.read().partition(b"\0\4" + _GOOD.to_bytes(2, "big") + b"\0\xff")
    assert only
    return before + b"\0\4" + suite.to_bytes(2, "big") + b"\0\xff" + after


def answered(house: House, octets: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", house.port + 1), timeout=10) as plain:
        plain.sendall(octets)
        return plain.recv(1)


def test_weak_suites_are_not_negotiated(house: House) -> None:
    """RFC 7030, 6: none with EXPORT or DES in its name."""
    answers = {suite: answered(house, hello(suite)) for suite in (*_WEAK, _GOOD)}

    # Where there is no suite in common, the connection ends, with an alert or without one.
    assert {suite for suite, said in answers.items() if said == _HANDSHAKE} == {_GOOD}
