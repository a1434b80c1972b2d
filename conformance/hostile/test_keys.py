"""Keys that must not be certified, over the wire: each a real request, each refused, and nothing changes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from conformance.acme import Client
from conformance.clients.device import Device
from conformance.house import House, must

VECTORS = sorted((Path(__file__).parents[1] / "vectors" / "keys").glob("*.der"))


class Subscriber:
    """A person with a sheet, and what comes of a request."""

    def __init__(self, house: House, folder: Path, account: str) -> None:
        self.house = house
        self.sheet = house.register(
            "--kind", "person", "--subject", f"CN={account},C=TW", "--account", account, "--uses", "unlimited"
        )
        self.device = Device(house, folder / account)

    def ask_with(self, key: Path) -> None:
        """Ask for the certificate of a key in a file."""
        self.device.ask("/CN=me", key=key)

    def enroll(self, label: str = "signing") -> int:
        return self.device.enroll(self.sheet, label)

    def is_refused(self, *, because: str, label: str = "signing") -> None:
        before = self.house.certificates(self.sheet["account"])
        assert self.enroll(label) == 400, self.device.said()
        assert because in self.device.said()
        assert self.house.certificates(self.sheet["account"]) == before


@pytest.fixture(scope="module")
def leaked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key that everybody has."""
    key = tmp_path_factory.mktemp("leaked") / "leaked.key"
    must("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    must("openssl", "pkey", "-in", key, "-pubout", "-outform", "DER", "-out", key.with_suffix(".spki"))
    return key


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, leaked: Path) -> Iterator[House]:
    blocklist = leaked.with_name("blocked-keys")
    digest = hashlib.sha256(leaked.with_suffix(".spki").read_bytes()).hexdigest()
    blocklist.write_text(f"# out of a router's firmware\n{digest}\n")
    built = House(tmp_path_factory.mktemp("keys"), f"keys.blocklist={blocklist}")
    built.start()
    yield built
    built.close()


@pytest.fixture
def subscriber(shared: House, tmp_path: Path, request: pytest.FixtureRequest) -> Subscriber:
    return Subscriber(shared, tmp_path, f"acc-{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}")


@pytest.mark.parametrize("vector", VECTORS, ids=[vector.stem for vector in VECTORS])
def test_a_weak_key_is_refused(subscriber: Subscriber, vector: Path) -> None:
    subscriber.device.request.write_bytes(base64.encodebytes(vector.read_bytes()))

    subscriber.is_refused(because="")


def test_a_blocked_key_is_refused_and_counted(shared: House, subscriber: Subscriber, leaked: Path) -> None:
    subscriber.ask_with(leaked)

    subscriber.is_refused(because="compromised")
    assert "blocked keys    ok  1 in" in shared.command("doctor")


@pytest.mark.parametrize("name", ["root.key", "issuing.key"])
def test_a_key_of_the_authority_is_refused(shared: House, subscriber: Subscriber, tmp_path: Path, name: str) -> None:
    passphrase = (shared.home / "secrets" / "passphrase").read_text().strip()
    must(
        *("openssl", "pkey", "-in", shared.home / "authority" / name),
        *("-passin", f"pass:{passphrase}", "-out", tmp_path / "stolen.key"),
    )
    subscriber.ask_with(tmp_path / "stolen.key")

    subscriber.is_refused(because="another purpose or subscriber")


def test_a_key_of_somebody_else_is_refused(shared: House, subscriber: Subscriber, tmp_path: Path) -> None:
    other = Subscriber(shared, tmp_path, f"other-{subscriber.sheet['account']}")
    assert other.enroll() == 200
    subscriber.ask_with(other.device.key)

    subscriber.is_refused(because="another purpose or subscriber")


def test_a_pair_never_shares_a_key(subscriber: Subscriber) -> None:
    assert subscriber.enroll("signing") == 200

    subscriber.is_refused(because="another purpose or subscriber", label="encryption")
    subscriber.device.new_key()
    subscriber.device.ask("/CN=me")
    assert subscriber.enroll("encryption") == 200


def write(key: ec.EllipticCurvePrivateKey, path: Path) -> Path:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def test_the_key_of_an_acme_account_is_refused(shared: House, subscriber: Subscriber, tmp_path: Path) -> None:
    sheet = shared.register("--kind", "partner", "--subject", "CN=panel,C=TW", "--dns", "panel.example")
    client = Client(shared)
    assert client.new_account(sheet["eab"]).status == 201
    subscriber.ask_with(write(client.key, tmp_path / "account.key"))

    subscriber.is_refused(because="another purpose or subscriber")


def test_a_blocked_or_certified_key_becomes_no_acme_account(
    shared: House, subscriber: Subscriber, leaked: Path
) -> None:
    sheet = shared.register("--kind", "partner", "--subject", "CN=host,C=TW", "--dns", "host.example")
    assert subscriber.enroll() == 200
    for path, why in ((leaked, "compromised"), (subscriber.device.key, "serves a certificate")):
        client, key = Client(shared), load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        client.key = key

        answer = client.new_account(sheet["eab"])

        assert (answer.status, answer.problem) == (400, "badPublicKey")
        assert why in answer.json["detail"]


@pytest.mark.parametrize(
    ("content", "finding"), [(b"# fine\nabc\n", "line 2"), (None, "cannot read")], ids=["no digest", "no file"]
)
def test_a_broken_blocklist_is_named_at_the_start(tmp_path: Path, content: bytes | None, finding: str) -> None:
    house = House(tmp_path, "keys.blocklist=blocked-keys")
    if content is not None:
        (house.home / "blocked-keys").write_bytes(content)

    for command in ("doctor", "serve"):
        done = house.attempt(command)
        assert done.returncode != 0
        assert len(done.stderr.splitlines()) == 1
        assert "keys.blocklist" in done.stderr
        assert finding in done.stderr
