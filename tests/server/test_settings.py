from __future__ import annotations

from pathlib import Path

import pytest

from ca_core.errors import Misconfigured
from server import settings
from server.settings import Settings

FIRST = Settings(host="localhost", port=8443)


def home(tmp_path: Path, text: str) -> Path:
    (tmp_path / "soapstone.toml").write_text(text)
    return tmp_path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    changed = settings.with_assignments(FIRST, ("acme.http_01_port=5002", 'acme.probe_networks=["10.0.0.0/8"]'))

    assert settings.load(home(tmp_path, settings.as_toml(changed))) == changed


def test_urls_follow_from_host_and_port_unless_set() -> None:
    assert (FIRST.public, FIRST.est_base, FIRST.repository) == (
        "https://localhost:8443",
        "https://localhost:8444",
        "http://localhost:8446",
    )
    named = settings.with_assignments(FIRST, ("public_url=https://pki.example/", "host=::1"))
    assert named.public == "https://pki.example"
    assert named.est_base == "https://[::1]:8444"


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("renewal.window_days=10", 10),
        ("renewal.window_days = 10", 10),
    ],
)
def test_a_setting_is_assigned_as_toml(assignment: str, value: int) -> None:
    assert settings.with_assignments(FIRST, (assignment,)).renewal.window_days == value


def test_what_is_no_toml_is_taken_as_text() -> None:
    assert settings.with_assignments(FIRST, ("store.url=sqlite:other.db",)).store.url == "sqlite:other.db"
    assert settings.with_assignments(FIRST, ('store.url="sqlite:other.db"',)).store.url == "sqlite:other.db"


def test_every_setting_of_the_contract_is_there() -> None:
    contract = (
        "acme.http_01_port=5002",
        "acme.tls_alpn_01_port=5003",
        'acme.resolvers=["127.0.0.1:5353"]',
        'acme.probe_networks=["127.0.0.0/8"]',
        "acme.open_account=open",
        "profiles.device.validity_seconds=3600",
        "renewal.window_days=7",
        "store.url=sqlite:soapstone.db",
        "public_url=https://a.example",
        "est_url=https://b.example",
        "desk_url=https://c.example",
        "repository_url=http://d.example",
    )

    settings.with_assignments(FIRST, contract)


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("acme.opne_account=x", "unknown setting acme.opne_account"),
        ("nonsense=1", "unknown setting nonsense"),
        ("profiles.device.color=1", r"unknown setting profiles\.device\.color"),
        ("port=yes", "port"),
        ("port=65533", "port must be from 1 to 65532"),
        ("port.x=1", "is not a table"),
        ("port", "takes key=value"),
        ("=1", "takes key=value"),
        ("listen=localhost", "listen"),
        ("renewal.window_days=-1", "window_days"),
        ('acme.probe_networks=["10.0.0.1/8"]', "probe_networks"),
        ("crl.issuing_lifetime_hours=0", "from an hour"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(assignment: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        settings.with_assignments(FIRST, (assignment,))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("host = ", "is not TOML"),
        ("port = 1", "missing setting `host`"),
        ('host = "a"\nport = 1\nunknown = 1', "unknown setting unknown"),
    ],
)
def test_a_file_that_makes_no_sense_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said) as caught:
        settings.load(home(tmp_path, text))
    assert str(tmp_path) in str(caught.value)


def test_a_home_that_is_not_there_is_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"soapstone --home .* init"):
        settings.load(tmp_path)


def test_a_settings_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "soapstone.toml").mkdir()

    with pytest.raises(Misconfigured, match="cannot read"):
        settings.load(tmp_path)


def test_secrets_come_by_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("abc\n")
    monkeypatch.setenv("SOME_SECRET", "def")

    assert settings.read_secret("file:secret", tmp_path).reveal() == "abc"
    assert settings.read_secret("env:SOME_SECRET", tmp_path).reveal() == "def"


@pytest.mark.parametrize(
    ("reference", "said"),
    [("file:nothing", "cannot read the secret"), ("env:NOT_SET", "is not set"), ("abc", "is a reference")],
)
def test_a_secret_that_is_not_there_is_named(tmp_path: Path, reference: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        settings.read_secret(reference, tmp_path)
