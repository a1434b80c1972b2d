from __future__ import annotations

import tomllib
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
        "kinds.device.code_uses=3",
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
        ("acme.website=pki.example", "acme.website: 'pki.example' is not a URL"),
        ("acme.website=https://a@pki.example/", "acme.website"),
        ("acme.website=https:///nowhere", "acme.website"),
        ("acme.website=https://pki.example/a b", "acme.website"),
        ("acme.website=https://[", "acme.website"),
        ('acme.caa_identities=["*.ca.example"]', "acme.caa_identities: .* is not a DNS name"),
        ('acme.caa_identities=["Ca.Example"]', "acme.caa_identities"),
        ("agreement.file=a.txt", "agreement.file and agreement.version belong together"),
        ("agreement.version=2026-1", "agreement.file and agreement.version belong together"),
        ('agreement={file="a.txt", version="2026/1"}', "agreement.version: '2026/1' is not"),
        ('agreement={file="a\\u0000b", version="1"}', "agreement.file: .* is not the name of a file"),
        ("acme.opne_account=x", "unknown setting acme.opne_account"),
        ("nonsense=1", "unknown setting nonsense"),
        ("kinds.device.color=1", r"unknown setting kinds\.device\.color"),
        ('kinds.device.profiles=["robot"]', r"kinds\.device\.profiles holds 'robot'"),
        ("profiles.device.color=1", r"unknown setting profiles\.device\.color"),
        ("port=yes", "port"),
        ("port=65533", "port must be from 1 to 65532"),
        ("port.x=1", "is not a table"),
        ("port", "takes key=value"),
        ("=1", "takes key=value"),
        ("listen=localhost", "listen"),
        ("renewal.window_days=-1", "window_days"),
        ("limits.orders_per_hour=0", "limits.orders_per_hour must be from 1 to 1000000000"),
        ("limits.paused_after_failures=2000000000", "limits.paused_after_failures"),
        ("chaos.shuffle=true", "chaos: trouble on purpose is for a development home only"),
        ("limits.orders=1", "unknown setting limits.orders"),
        ('acme.probe_networks=["10.0.0.1/8"]', "probe_networks"),
        ("crl.issuing_lifetime_hours=0", "from an hour"),
        ('acme.resolvers=["127.0.0.1:99999"]', "acme.resolvers"),
        ('acme.resolvers=["127.0.0.1:0"]', "acme.resolvers"),
        ('acme.resolvers=["[::1:53"]', "acme.resolvers"),
        ('acme.resolvers=["127.0.0.1"]', "acme.resolvers"),
        ('journal.checkpoint_file=""', "must name a file such as journal/checkpoint"),
        ("journal.checkpoint_file=.", "must name a file such as journal/checkpoint"),
        ('journal.checkpoint_file="a\\u0000b"', "journal.checkpoint_file: .* is not the name of a file"),
        ('keys.blocklist="a\\u0000b"', "keys.blocklist: .* is not the name of a file"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(assignment: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        settings.with_assignments(FIRST, (assignment,))


@pytest.mark.parametrize(
    "url",
    [
        "http://pki example",
        "http://pki.example\n",
        "http://pki.example/a b",
        "http://pki.example/\\x",
        "http://pki.example/100%",
        "http://x:99999",
        "http://x:0",
        "http://x:",
        "http://x:http",
        "http://[::1",
        "http://[::1%25eth0]",
        "http://[fe80::1%eth0]",
        "http://user@pki.example",
        "http://pki_example",
        "http://*.example",
        "http://192.0.2.256",
        "http://",
        "http:///path",
        "http:pki.example",
        "http://pki.example?",
        "http://pki.example#a",
        "http://\u738b.example",
        "https://pki.example",
        "pki.example",
    ],
)
def test_a_url_that_nobody_could_fetch_is_not_written_into_certificates(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"repository_url: .* is not a base URL such as http://"):
        settings.from_builtins({"host": "localhost", "port": 8443, "repository_url": url})


@pytest.mark.parametrize("key", ["public_url", "est_url", "desk_url"])
def test_what_is_no_url_at_all_is_named(key: str) -> None:
    with pytest.raises(Misconfigured, match=rf"{key}: .* is not a base URL such as https://"):
        settings.with_assignments(FIRST, (f"{key}=https://[::1",))


@pytest.mark.parametrize(
    "url",
    [
        "http://pki.example",
        "http://pki.example/",
        "http://PKI.example:8080/ca/%7Eone/",
        "HTTP://pki",
        "http://192.0.2.1:80",
        "http://[2001:db8::1]:8446",
    ],
)
def test_a_base_url_has_a_host_and_perhaps_a_port_and_a_path(url: str) -> None:
    changed = settings.from_builtins({"host": "localhost", "port": 8443, "repository_url": url})

    assert changed.repository == url.rstrip("/")


@pytest.mark.parametrize("resolver", ["192.0.2.53:53", "[::1]:5353"])
def test_a_resolver_is_an_address_and_a_port(resolver: str) -> None:
    changed = settings.with_assignments(FIRST, (f'acme.resolvers=["{resolver}"]',))

    assert changed.acme.resolvers == (resolver,)


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
    [
        ("file:nothing", "cannot read the secret"),
        ("file:\0", "cannot read the secret"),
        ("env:NOT_SET", "is not set"),
        ("abc", "is a reference"),
    ],
)
def test_a_secret_that_is_not_there_is_named(tmp_path: Path, reference: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        settings.read_secret(reference, tmp_path)


def test_http_01_asks_at_port_80_unless_told_otherwise() -> None:
    assert FIRST.acme.http_01_port == 80
    assert settings.with_assignments(FIRST, ("acme.http_01_port=5002",)).acme.http_01_port == 5002


@pytest.mark.parametrize("assignment", ["chaos.nonces_refused_percent=91", "chaos.slow_seconds=-1"])
def test_chaos_has_its_limits_too(assignment: str) -> None:
    with pytest.raises(Misconfigured, match=r"must be from 0 to"):
        settings.with_assignments(FIRST, ("development=true", assignment))


def test_a_development_home_may_have_chaos() -> None:
    chaotic = settings.with_assignments(FIRST, ("development=true", "chaos.nonces_refused_percent=5"))

    assert chaotic.chaos.nonces_refused_percent == 5


def test_tls_alpn_01_asks_at_port_443_unless_told_otherwise() -> None:
    assert FIRST.acme.tls_alpn_01_port == 443


@pytest.mark.parametrize("entry", ["a b", "x", "..fleet", ".", ".*.fleet.example:"])
@pytest.mark.parametrize("table", ['{{gateway=["{}"]}}', '{{"{}"=[]}}'])
def test_who_may_ask_for_others_is_an_account_and_for_whom_an_account_or_a_zone(entry: str, table: str) -> None:
    with pytest.raises(Misconfigured, match=r"est\.labels\.device\.ra_clients: .* is neither an account nor a zone"):
        settings.with_assignments(FIRST, (f"est.labels.device.ra_clients={table.format(entry)}",))


def test_a_client_of_a_label_is_read() -> None:
    changed = settings.with_assignments(
        FIRST, ('est.labels.device.ra_clients={gateway=["meter-7", ".fleet.example"]}',)
    )

    assert changed.est.labels["device"].ra_clients == {"gateway": ("meter-7", ".fleet.example")}
    assert settings.from_builtins(tomllib.loads(settings.as_toml(changed))) == changed


def test_peers_are_accounts() -> None:
    changed = settings.with_assignments(FIRST, ('est.labels.device.peers={meter-7=["head-end"]}',))

    assert changed.est.labels["device"].peers == {"meter-7": ("head-end",)}
    for entry in ('{meter-7=[".fleet.example"]}', '{"a b"=["head-end"]}'):
        with pytest.raises(Misconfigured, match=r"est\.labels\.device\.peers: .* is no account"):
            settings.with_assignments(FIRST, (f"est.labels.device.peers={entry}",))
