from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from ca_core import der
from ca_core.errors import Misconfigured
from ca_core.signing.key import open_key
from ca_core.signing.software import KeyKind, PrivateKey, SoftwareKey, generate, kind_of, write_key
from tests.builders.csr import ec_key, ed25519_key, ml_dsa_key, rsa_key

# By the octets of the public key (FIPS 204, table 2).
ML_DSA_ALGORITHMS = {1312: der.ML_DSA_44, 1952: der.ML_DSA_65, 2592: der.ML_DSA_87}
PASSPHRASE = b"correct horse battery staple"


@pytest.mark.parametrize(
    "key", [ec_key(), ec_key("secp384r1"), rsa_key(), ml_dsa_key(44), ml_dsa_key(65), ml_dsa_key(87)]
)
async def test_signatures_are_what_the_algorithm_says(key: PrivateKey) -> None:
    software = SoftwareKey(key)

    signature = await software.sign(b"to be signed")

    match software.public_key:
        case rsa.RSAPublicKey() as public_key:
            assert software.algorithm == der.RSA_SHA256
            public_key.verify(signature, b"to be signed", PKCS1v15(), SHA256())
        case ec.EllipticCurvePublicKey() as public_key:
            digest = SHA384() if software.algorithm == der.ECDSA_SHA384 else SHA256()
            public_key.verify(signature, b"to be signed", ec.ECDSA(digest))
        case ml_dsa:
            ml_dsa.verify(signature, b"to be signed")
            assert software.algorithm == ML_DSA_ALGORITHMS[len(ml_dsa.public_bytes_raw())]


def test_other_keys_cannot_sign_certificates() -> None:
    with pytest.raises(Misconfigured):
        SoftwareKey(ec_key("secp521r1"))


def test_a_key_says_nothing_of_itself() -> None:
    key = SoftwareKey(ec_key())

    assert repr(key) == "SoftwareKey(...)"
    assert not hasattr(key, "__dict__")
    said = [name for name in dir(key) if not name.startswith("_")]
    assert said == ["algorithm", "public_key", "require_ready", "sign", "sign_at_once"]


@pytest.mark.parametrize("kind", get_args(KeyKind))
def test_nothing_of_a_key_is_reachable_but_its_signatures(kind: KeyKind) -> None:
    key = SoftwareKey(generate(kind))

    names = {name for name in dir(key) if not name.startswith("__")}
    values = [getattr(key, name) for name in names]

    # A closure holds the key: who opens closures reads memory, and not attributes.
    owners = [getattr(value, "__self__", None) for value in values]
    assert not any(hasattr(thing, "private_bytes") for thing in [*values, *owners])
    assert names == {"_beside", "_sign", "_waits", "algorithm", "public_key", "require_ready", "sign", "sign_at_once"}


def test_an_ml_dsa_key_is_written_as_its_seed() -> None:
    """RFC 9881, 6."""
    private = ml_dsa_key().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    assert private.endswith(b"\x04\x22\x80\x20" + ml_dsa_key().private_bytes_raw())
    assert len(private) == 54


@pytest.mark.parametrize("kind", ["ec-p256", "ec-p384", "rsa-2048", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"])
def test_a_written_key_opens_again(kind: KeyKind, tmp_path: Path) -> None:
    key = generate(kind)

    write_key(tmp_path / "a.key", key, PASSPHRASE)

    assert open_key("file:a.key", PASSPHRASE, tmp_path).public_key == key.public_key()


def test_openssl_opens_what_was_written(tmp_path: Path) -> None:
    write_key(tmp_path / "a.key", ec_key(), PASSPHRASE)
    command = [
        "openssl",
        "pkey",
        "-in",
        str(tmp_path / "a.key"),
        "-passin",
        "pass:correct horse battery staple",
    ]

    public = subprocess.run([*command, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout

    assert public == ec_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_a_key_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_key(tmp_path / "a.key", ec_key(), PASSPHRASE)
    finally:
        os.umask(before)

    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600


def test_a_key_file_is_never_overwritten(tmp_path: Path) -> None:
    write_key(tmp_path / "a.key", ec_key(), PASSPHRASE)
    before = (tmp_path / "a.key").read_bytes()

    with pytest.raises(Misconfigured, match="exists already"):
        write_key(tmp_path / "a.key", rsa_key(), PASSPHRASE)

    assert (tmp_path / "a.key").read_bytes() == before


def test_a_key_is_not_written_in_the_clear(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="passphrase"):
        write_key(tmp_path / "a.key", ec_key(), b"")

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="nowhere"):
        write_key(tmp_path / "nowhere" / "a.key", ec_key(), PASSPHRASE)


# -- Opening ---------------------------------------------------------------------------------------------


def test_a_key_is_found_relative_to_its_home_or_absolutely(tmp_path: Path) -> None:
    (tmp_path / "my authority").mkdir()
    write_key(tmp_path / "my authority" / "a.key", ec_key(), PASSPHRASE)

    for uri in ("file:my%20authority/a.key", f"file://{tmp_path}/my%20authority/a.key"):
        assert open_key(uri, PASSPHRASE, tmp_path).public_key == ec_key().public_key()


def test_a_key_in_pem_opens_too(tmp_path: Path) -> None:
    encryption = BestAvailableEncryption(PASSPHRASE)
    (tmp_path / "a.pem").write_bytes(ec_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))

    assert open_key("file:a.pem", PASSPHRASE, tmp_path).public_key == ec_key().public_key()


@pytest.mark.parametrize("uri", ["", "a.key", "file:", "file://host/a.key", "https://x/a.key"])
def test_another_scheme_is_refused(uri: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="does not name a key"):
        open_key(uri, PASSPHRASE, tmp_path)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    write_key(tmp_path / "a.key", ec_key(), PASSPHRASE)

    with pytest.raises(Misconfigured, match="not that of the CA's certificate"):
        open_key("file:a.key", PASSPHRASE, tmp_path, expected=rsa_key().public_key())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"a\.key cannot be read \(No such file"):
        open_key("file:a.key", PASSPHRASE, tmp_path)


def test_a_wrong_passphrase_is_said_to_be_wrong(tmp_path: Path) -> None:
    write_key(tmp_path / "a.key", ec_key(), PASSPHRASE)

    with pytest.raises(Misconfigured, match="check the passphrase"):
        open_key("file:a.key", b"wrong", tmp_path)
    with pytest.raises(Misconfigured, match=r"passphrase of the key file .* is empty"):
        open_key("file:a.key", b"", tmp_path)


def test_rubbish_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "a.key").write_bytes(b"rubbish")

    with pytest.raises(Misconfigured, match="does not open"):
        open_key("file:a.key", PASSPHRASE, tmp_path)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_key_in_the_clear_is_refused(encoding: Encoding, tmp_path: Path) -> None:
    (tmp_path / "a.key").write_bytes(ec_key().private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption()))

    with pytest.raises(Misconfigured, match="not encrypted"):
        open_key("file:a.key", PASSPHRASE, tmp_path)


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    encryption = BestAvailableEncryption(PASSPHRASE)
    pem = ed25519_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    (tmp_path / "a.key").write_bytes(pem)

    with pytest.raises(Misconfigured, match="must be RSA"):
        open_key("file:a.key", PASSPHRASE, tmp_path)


@pytest.mark.parametrize("kind", get_args(KeyKind))
def test_a_successors_key_is_of_the_kind_of_the_one_before(kind: KeyKind) -> None:
    assert kind_of(generate(kind).public_key()) == kind


def test_a_kind_that_is_not_made_here_is_to_be_said() -> None:
    with pytest.raises(Misconfigured, match="say which kind"):
        kind_of(ec_key("secp521r1").public_key())
