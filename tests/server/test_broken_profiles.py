"""Profiles that could issue what nobody should get: each is refused when settings are read, in one sentence."""

from __future__ import annotations

import string
import tomllib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import Misconfigured
from ca_core.policy.key_types import FAMILIES
from ca_core.policy.profile import OWN_TLS, ApprovalRule
from ca_core.policy.profile_rules import validated
from ca_core.policy.profile_settings import ProfileSettings, profiles_from, read_profiles
from ca_core.registration.kind import RESERVED
from protocols.est.labels import OPERATIONS
from server import settings
from tests.architecture.house import ROOT

UNITS = ("validity_days", "validity_hours", "validity_minutes", "validity_seconds")
HOST = 'host = "localhost"\nport = 8443\n'

# Profile and field, what is written there, and what the sentence says about it.
BROKEN = [
    # What only CAs do.
    ("tls-server.ca", "ca = true", "only CAs"),
    ("device.basic_constraints", "basic_constraints = {ca = true}", "only CAs"),
    ("device.path_length", "path_length = 0", "only CAs"),
    ("device.rsa_usage", 'rsa_usage = ["digitalSignature", "keyCertSign"]', "must not hold keyCertSign: only CAs"),
    ("device.ec_usage", 'ec_usage = ["cRLSign"]', "must not hold cRLSign: only CAs"),
    # What the certificate may be used for.
    ("device.extended_key_usage", 'extended_key_usage = ["anyExtendedKeyUsage"]', "would do for everything"),
    ("device.extended_key_usage", "extended_key_usage = []", "must not be empty"),
    ("device.extended_key_usage", 'extended_key_usage = ["OCSPSigning"]', "speaks for the CA"),
    ("device.extended_key_usage", 'extended_key_usage = ["emailProtection"]', "for authentication must not hold email"),
    ("device.extended_key_usage", 'extended_key_usage = ["1.3.6.1.5.5.7.3.2"]', "choose among serverAuth, clientAuth"),
    ("device.extended_key_usage", 'extended_key_usage = ["timeStamping"]', "choose among"),
    ("device.extended_key_usage", 'extended_key_usage = ["clientAuth", "clientAuth"]', "holds 'clientAuth' twice"),
    ("device.extended_key_usage", 'extended_key_usage = ["serverAuth"]', "names are required"),
    ("signing.extended_key_usage", 'extended_key_usage = ["serverAuth"]', "for signing must not hold serverAuth"),
    ("encryption.extended_key_usage", 'extended_key_usage = ["clientAuth"]', "for encryption must not hold clientAuth"),
    ("encryption.extended_key_usage", 'extended_key_usage = ["codeSigning"]', "must not hold codeSigning"),
    # Keys that sign and decipher.
    ("signing.rsa_usage", 'rsa_usage = ["digitalSignature", "keyEncipherment"]', "must not hold keyEncipherment"),
    ("signing.ec_usage", 'ec_usage = ["digitalSignature", "keyAgreement"]', "must not hold keyAgreement"),
    ("encryption.rsa_usage", 'rsa_usage = ["keyEncipherment", "digitalSignature"]', "must not hold digitalSignature"),
    ("encryption.ec_usage", 'ec_usage = ["keyAgreement", "contentCommitment"]', "must not hold contentCommitment"),
    (
        "tls-server.rsa_usage",
        'rsa_usage = ["digitalSignature", "contentCommitment"]',
        "must not hold contentCommitment",
    ),
    # Keys that cannot.
    ("tls-server.ec_usage", 'ec_usage = ["digitalSignature", "keyEncipherment"]', "EC keys cannot"),
    ("tls-server.rsa_usage", 'rsa_usage = ["digitalSignature", "keyAgreement"]', "RSA keys cannot"),
    ("tls-server.rsa_usage", 'rsa_usage = ["keyEncipherment"]', "must hold digitalSignature"),
    ("tls-server.rsa_usage", "rsa_usage = []", "must not be empty"),
    ("tls-server.ec_usage", "ec_usage = []", "must not be empty"),
    ("tls-server.rsa_usage", 'rsa_usage = ["dataEncipherment"]', "choose among digitalSignature"),
    ("tls-server.rsa_usage", 'key_types = ["rsa-2048"]\nrsa_usage = []', "must not be empty"),
    ("tls-server.ec_usage", 'key_types = ["ed25519"]\nec_usage = []', "must not be empty"),
    ("encryption.key_types", 'key_types = ["ed25519"]', "must not hold ed25519"),
    ("encryption.key_types", 'key_types = ["ec-p256", "ml-dsa-65"]', "must not hold ml-dsa-65"),
    ("device.key_types", 'key_types = ["rsa-1024"]', "choose among rsa-2048"),
    ("device.key_types", 'key_types = ["P-256"]', "choose among"),
    # How long.
    ("device.validity_seconds", "validity_seconds = 59", "must be 60 to"),
    ("device.validity_seconds", "validity_days = 0", "must be 60 to"),
    ("device.validity_seconds", "validity_hours = -1", "must be 60 to"),
    ("device.validity_seconds", "validity_days = 3651", "10 years"),
    ("device.validity_days", "validity_days = 1\nvalidity_hours = 24", "both set"),
    ("device.validity_days", 'validity_days = "90"', "must be a whole number"),
    ("device.validity_days", "validity_days = 1.5", "must be a whole number"),
    ("device.renewal_window_days", "renewal_window_days = 0", "must be 1 to"),
    ("device.renewal_window_days", "renewal_window_days = 5000", "must be 1 to"),
    ("device.renewal_grace_days", "renewal_grace_days = -1", "must be 0 to 366"),
    ("device.renewal_grace_days", "renewal_grace_days = 367", "must be 0 to 366"),
    ("device.renewal_grace_days", "renewal_grace_days = 1\ndoors = ['acme']", "must be 0 without est"),
    ("ocsp-responder.validity_seconds", "validity_days = 31", "nobody asks about it"),
    # Names.
    ("tls-server.name_kinds", "name_kinds = []", "must not be empty"),
    ("tls-server.name_kinds", 'name_kinds = ["dns", "host"]', "choose among dns, ip"),
    ("tls-server.extended_key_usage", 'name_kinds = ["email"]\ndoors = ["est"]', "names are required and may be dns"),
    ("tls-server.extended_key_usage", "names_required = false", "clients compare them"),
    ("device.subject", 'subject = ["CN", "XX"]', "choose among CN"),
    ("device.subject", 'subject = ["CN", "CN"]', "holds 'CN' twice"),
    ("device.subject", "subject = []", "nothing would name the subject"),
    ("device.subject", 'subject = "CN"', "must be a list of words"),
    ("device.subject", "subject = [1]", "must be a list of words"),
    ("device.crl", "crl = 1", "must be true or false"),
    ("device.issuer", "issuer = 1", "must be text"),
    # Who may ask.
    ("device.doors", "doors = []", "nobody could ask"),
    ("device.doors", 'doors = ["est", "server"]', "must not hold server"),
    ("device.doors", 'doors = ["cli"]', "must not hold cli"),
    ("device.doors", 'doors = ["window"]', "choose among acme, est"),
    ("signing.doors", 'doors = ["acme", "est"]', "must not hold acme"),
    ("device.doors", 'name_kinds = ["uri"]', "neither dns nor ip"),
    # What it says of itself.
    ("device.policies", 'policies = ["1.3.6.1.four"]', "no object identifier"),
    ("device.policies", 'policies = ["3.1.1"]', "no object identifier"),
    ("device.policies", 'policies = ["1"]', "no object identifier"),
    ("device.policies", 'policies = ["2.5.29.32.0"]', "anyPolicy"),
    ("device.policies", 'policies = ["1.2.3", "1.2.3"]', "twice"),
    ("device.policies", 'policies = ["1.1","1.2","1.3","1.4","1.5","1.6","1.7","1.8","1.9"]', "not hold more than 8"),
    ("device.cps_url", 'cps_url = "https://ca.example/cps"', "needs policies"),
    ("device.cps_url", 'policies = ["1.2.3"]\ncps_url = "ca.example/cps"', "no URL"),
    ("device.cps_url", 'policies = ["1.2.3"]\ncps_url = "ftp://ca.example/cps"', "no URL"),
    ("device.cps_url", 'policies = ["1.2.3"]\ncps_url = "https://[::1/"', "no URL"),
    ("device.cps_url", 'policies = ["1.2.3"]\ncps_url = "https://憑證.example/"', "no URL"),
    # Whether anybody hears of a revocation.
    ("device.no_rev_avail", "no_rev_avail = true", "more than 7 days"),
    ("device.no_rev_avail", "no_rev_avail = true\nvalidity_seconds = 604801", "more than 7 days"),
    ("device.no_rev_avail", "no_rev_avail = true\nvalidity_days = 1\nocsp = true", "RFC 9608"),
    ("device.no_rev_avail", "no_rev_avail = true\nvalidity_days = 1\ncrl = true", "RFC 9608"),
    (
        "device.no_rev_avail",
        'no_rev_avail = true\nvalidity_days = 1\nrevocation = "reviewed-on-hold"',
        "puts certificates on hold",
    ),
    ("tls-server.must_staple", "must_staple = true\nocsp = false", "without ocsp"),
    ("tls-server.must_staple", "must_staple = true\nno_rev_avail = true\nvalidity_hours = 6", "without ocsp"),
    ("device.must_staple", "must_staple = true", "without serverAuth"),
    ("device.crl", "crl = false\nocsp = false", "nobody would hear"),
    ("device.revocation", 'revocation = "never"', "choose among immediate, reviewed"),
    # Profiles that are not there, or not to be touched.
    ("own-tls.approval", 'approval = "always"', "server's own"),
    ("own-tls.doors", 'doors = ["est"]', "server's own"),
    ("ocsp-responder.extended_key_usage", 'extended_key_usage = ["clientAuth"]', "server's own"),
    ("device.based_on", 'based_on = "tls-server"', "built in"),
    ("signing.key_purpose", 'key_purpose = "authentication"', "built in"),
    ("printer", "validity_days = 1", "write based_on: tls-server, device"),
    ("printer.based_on", 'based_on = "own-tls"', "must be one of tls-server"),
    ("printer.based_on", 'based_on = "ocsp-responder"', "must be one of tls-server"),
    ("printer.based_on", 'based_on = "scanner"', "must be one of tls-server"),
    ("printer.key_purpose", 'based_on = "device"\nkey_purpose = "everything"', "choose among signing"),
    ("printer.doors", 'based_on = "device"\nkey_purpose = "signing"', "must not hold acme"),
    ("'Printer'", 'based_on = "device"', "lower-case"),
    ("'a printer'", 'based_on = "device"', "lower-case"),
    ("cacerts", 'based_on = "device"', "EST operation"),
    ("device.color", 'color = "red"', "unknown setting profiles.device.color"),
    ("device.'color\\nred'", '"color\\nred" = "red"', "unknown setting"),
    ("device.approval", 'approval = "officer"', "choose among automatic, first, always"),
    ("device.server_keygen", 'server_keygen = "always"', "choose among never, encrypted, clear"),
    ("tls-server.server_keygen", 'doors = ["acme"]\nserver_keygen = "clear"', "must be never unless doors hold est"),
    ("device.extended_key_usage", 'extended_key_usage = ["cmcCA"]', "must not hold cmcCA: it speaks for the CA"),
    ("device.extended_key_usage", 'extended_key_usage = ["cmcRA"]', "must hold clientAuth beside cmcRA"),
]


@pytest.mark.parametrize(("where", "written", "said"), BROKEN)
def test_a_profile_that_makes_no_sense_is_named_with_its_field(where: str, written: str, said: str) -> None:
    name = where.partition(".")[0]
    table = tomllib.loads(f"{HOST}[profiles.{name}]\n{written}")

    with pytest.raises(Misconfigured) as refused:
        settings.from_builtins(table)

    sentence = str(refused.value)
    assert f"profiles.{where}" in sentence
    assert said in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_no_label_is_called_as_an_operation_of_est_is(operation: str) -> None:
    """RFC 7030, 3.2.2."""
    table = tomllib.loads(f'{HOST}[profiles.{operation}]\nbased_on = "device"')

    with pytest.raises(Misconfigured, match=f"profiles.{operation}: the name is that of an EST operation"):
        settings.from_builtins(table)


def test_there_are_forty_and_more() -> None:
    assert len({(where, written) for where, written, _ in BROKEN}) == len(BROKEN) >= 40


@pytest.mark.parametrize("profiles", [3, "device", ["device"], {"device": 1}, {"device": "signing"}, {"device": []}])
def test_what_is_no_table_is_named(profiles: object) -> None:
    with pytest.raises(Misconfigured, match=r"profiles.* must be a table"):
        settings.from_builtins({"host": "localhost", "port": 8443, "profiles": profiles})


def test_a_new_profile_is_written_and_read_again() -> None:
    table = tomllib.loads(f'{HOST}[profiles.printer]\nbased_on = "device"\nvalidity_hours = 12\npolicies = ["1.2.3"]')

    read = settings.from_builtins(table)

    assert settings.from_builtins(tomllib.loads(settings.as_toml(read))) == read
    assert read.profiles["printer"].validity_hours == 12


def test_a_new_profile_may_be_an_est_label() -> None:
    label = '[est.labels.printer]\nwire = "rfc"\n'

    settings.from_builtins(tomllib.loads(f'{HOST}[profiles.printer]\nbased_on = "device"\n{label}'))
    with pytest.raises(Misconfigured, match=r"est\.labels\.printer"):
        settings.from_builtins(
            tomllib.loads(f'{HOST}[profiles.printer]\nbased_on = "device"\ndoors = ["acme"]\n{label}')
        )


def test_the_guide_shows_every_field_and_its_example_is_sound() -> None:
    guide = (ROOT / "docs" / "guides" / "operator.md").read_text("utf-8").partition("## Profiles\n")[2]
    example = guide.partition("```toml\n")[2].partition("```")[0]

    read = settings.from_builtins(tomllib.loads(HOST + example))

    assert set(read.profiles) == {"device", "visitor", "staff"}
    shown = guide.replace("`validity_days`, `_hours`, `_minutes`, `_seconds`", " ".join(f"`{unit}`" for unit in UNITS))
    assert [field for field in ProfileSettings.__struct_fields__ if f"`{field}`" not in shown] == []


# -- Whatever is written ---------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        *("digitalSignature", "contentCommitment", "keyEncipherment", "keyAgreement", "keyCertSign"),
        *("serverAuth", "clientAuth", "emailProtection", "OCSPSigning", "codeSigning", "anyExtendedKeyUsage"),
        *("dns", "ip", "email", "uri", "acme", "est", "server", "CN", "O", "", "1.2.3", "2.5.29.32.0", *FAMILIES),
        *("immediate", "reviewed-on-hold", "signing", "encryption", "authentication", "device", "tls-server"),
        *("https://ca.example/cps", "http://", "issuing"),
    ]
)
TEXT = WORDS | st.text(string.printable, max_size=12) | st.text(max_size=6)
VALUE = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.lists(TEXT, max_size=4)
FIELDS = st.sampled_from([*ProfileSettings.__struct_fields__, "ca", "color"])
TYPED = st.fixed_dictionaries(
    {},
    optional={
        "based_on": st.sampled_from(["device", "tls-server", "signing", "encryption"]),
        "validity_days": st.integers(-1, 4000),
        "validity_hours": st.integers(),
        "extended_key_usage": st.lists(WORDS, max_size=2),
        "rsa_usage": st.lists(WORDS, max_size=3),
        "ec_usage": st.lists(WORDS, max_size=3),
        "key_types": st.lists(WORDS, max_size=2),
        "name_kinds": st.lists(WORDS, max_size=2),
        "doors": st.lists(WORDS, max_size=2),
        "subject": st.lists(TEXT, max_size=2),
        "policies": st.lists(TEXT, max_size=2),
        "cps_url": TEXT,
        "crl": st.booleans(),
        "ocsp": st.booleans(),
        "must_staple": st.booleans(),
        "no_rev_avail": st.booleans(),
        "names_required": st.booleans(),
        "revocation": WORDS,
        "renewal_window_days": st.integers(),
        "renewal_grace_days": st.integers(),
    },
)


def test_the_servers_own_profiles_never_wait_for_an_officer() -> None:
    with pytest.raises(Misconfigured, match=r"profiles\.own-tls\.approval must be automatic"):
        validated(msgspec.structs.replace(OWN_TLS, approval=ApprovalRule.FIRST))


NOT_OF_SUBSCRIBERS = frozenset(profile for kind in RESERVED.values() for profile in kind.profiles)
NAMES = st.sampled_from(["device", "tls-server", "encryption", *sorted(NOT_OF_SUBSCRIBERS), "new"]) | TEXT


@given(st.dictionaries(NAMES, TYPED | st.dictionaries(FIELDS, VALUE, max_size=4) | VALUE, max_size=2))
def test_whatever_is_written_becomes_sound_profiles_or_one_sentence(tables: dict[str, object]) -> None:
    try:
        profiles = profiles_from(read_profiles(tables))
    except Misconfigured:
        return

    assert all(validated(profile).name == name for name, profile in profiles.items())
    assert {"own-tls", "ocsp-responder", "message-signer", "officer"} == NOT_OF_SUBSCRIBERS
    assert all(profiles[name].is_grantable for name in profiles.keys() - NOT_OF_SUBSCRIBERS)
