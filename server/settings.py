"""Settings: a TOML file, read once into frozen values; an unknown key is an error."""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from ca_core import names
from ca_core.applicant import Door
from ca_core.errors import BadName, Misconfigured
from ca_core.names import Identifier
from ca_core.policy.profile_settings import ProfileSettings, profiles_from, read_profiles
from ca_core.registration.account import checked_account
from ca_core.registration.agreement import is_version
from ca_core.registration.kind_settings import KindSettings, kinds_from, read_kinds
from ca_core.secret import Secret
from protocols.est.labels import OPERATIONS, Label
from server import limit_settings, notice_settings, sign_in_settings
from server.addresses import is_base_url, is_web_page
from server.probes import settings as probe_settings
from server.proxies import checked_networks
from server.setting_tables import (
    Acme,
    Agreement,
    Authority,
    Chaos,
    Credentials,
    Crl,
    Est,
    Journal,
    Keys,
    Limits,
    Mail,
    Ocsp,
    Officers,
    Passwords,
    Portal,
    Renewal,
    Sessions,
    Store,
    Webhook,
)

FILE_NAME = "soapstone.toml"
_UNKNOWN_FIELD = re.compile(r"Object contains unknown field `([^`]+)`(?: - at `\$\.?([^`]*)`)?")
_FEWEST_STORE_CONNECTIONS = 2
_MOST_STORE_CONNECTIONS = 1000
_HIGHEST_PORT = 65_532
"""The last port from which four consecutive ones fit."""
_LONGEST_WINDOW_DAYS = 3_660


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Everything that an operator may set.

    Attributes:
        host: the name in this server's own certificate.
        port: of the public listener; EST, the RA desk and the repository take the next three.
        listen: the address to bind.
        proxies: addresses or networks whose word is taken for who asks, on all listeners but EST's.
        public_url, est_url, desk_url, repository_url: how others reach the listeners; empty: by host and port.
        development: probes may reach loopback when `acme.probe_networks` names it, and the clock can be moved.
    """

    host: str
    port: int
    listen: str = "0.0.0.0"  # noqa: S104  # a server for everybody; `init` narrows it for localhost
    proxies: tuple[str, ...] = ()
    public_url: str = ""
    est_url: str = ""
    desk_url: str = ""
    repository_url: str = ""
    development: bool = False
    store: Store = Store()
    authority: Authority = Authority()
    credentials: Credentials = Credentials()
    journal: Journal = Journal()
    acme: Acme = msgspec.field(default_factory=Acme)
    agreement: Agreement = Agreement()
    est: Est = msgspec.field(default_factory=Est)
    renewal: Renewal = Renewal()
    crl: Crl = Crl()
    ocsp: Ocsp = Ocsp()
    keys: Keys = Keys()
    passwords: Passwords = Passwords()
    sessions: Sessions = Sessions()
    officers: Officers = Officers()
    portal: Portal = Portal()
    limits: Limits = Limits()
    mail: Mail = Mail()
    webhooks: dict[str, Webhook] = {}
    chaos: Chaos = Chaos()
    profiles: dict[str, ProfileSettings] = {}
    kinds: dict[str, KindSettings] = {}

    @property
    def ports(self) -> range:
        """The four listeners' ports."""
        return range(self.port, self.port + 4)

    @property
    def public(self) -> str:
        """The base URL of ACME and the portal."""
        return self.public_url.rstrip("/") or f"https://{_in_url(self.host)}:{self.port}"

    @property
    def est_base(self) -> str:
        """The base URL of EST."""
        return self.est_url.rstrip("/") or f"https://{_in_url(self.host)}:{self.port + 1}"

    @property
    def desk(self) -> str:
        """The base URL of the RA's pages and API."""
        return self.desk_url.rstrip("/") or f"https://{_in_url(self.host)}:{self.port + 2}"

    @property
    def repository(self) -> str:
        """The base URL of CRLs and CA certificates."""
        return self.repository_url.rstrip("/") or f"http://{_in_url(self.host)}:{self.port + 3}"


def load(home: Path) -> Settings:
    """Read a home's settings.

    Raises:
        Misconfigured: no such home, no TOML, an unknown key or an impossible value; says which.
    """
    path = home / FILE_NAME
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is not TOML: it is not UTF-8") from None
    except FileNotFoundError:
        raise Misconfigured(f"there is no home at {home}; make one with: soapstone --home {home} init") from None
    except OSError as error:
        raise Misconfigured(f"cannot read {path}: {error.strerror}") from None
    try:
        return from_builtins(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path} is not TOML: {error}") from None
    except Misconfigured as error:
        raise Misconfigured(f"{path}: {error}") from None


def from_builtins(values: dict[str, Any]) -> Settings:
    """Turn parsed TOML into settings.

    Raises:
        Misconfigured: an unknown key or an impossible value; says which.
    """
    # These name their faults by profile or kind and field; the library would call the profile `[...]`.
    for table, read in (("profiles", read_profiles), ("kinds", read_kinds)):
        if table in values:
            values = {**values, table: read(values[table])}
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise Misconfigured(_explained(str(error))) from None
    _check(settings)
    return settings


def with_assignments(settings: Settings, assignments: tuple[str, ...]) -> Settings:
    """Settings with `key=value` applied: dotted keys, TOML values; what is no TOML value is taken as text.

    Raises:
        Misconfigured: no `=`, an unknown key or an impossible value.
    """
    values: dict[str, Any] = msgspec.to_builtins(settings)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise Misconfigured(f"--set takes key=value, not {assignment!r}")
        *tables, name = key.strip().split(".")
        place = values
        for table in tables:
            place = place.setdefault(table, {})
            if not isinstance(place, dict):
                raise Misconfigured(f"the setting {table} in {key} is not a table")
        place[name] = _toml_value(text)
    return from_builtins(values)


def as_toml(settings: Settings) -> str:
    """The settings file's text; what has its default is left out."""
    return tomli_w.dumps(msgspec.to_builtins(settings))


def read_secret(reference: str, home: Path) -> Secret:
    """Read what `file:PATH` (relative to the home) or `env:NAME` refers to, without surrounding white space.

    Raises:
        Misconfigured: another scheme, an unreadable file or an unset variable.
    """
    scheme, _, name = reference.partition(":")
    if scheme == "file":
        try:
            return Secret((home / name).read_text("utf-8").strip())
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise Misconfigured(f"cannot read the secret {home / name}: {why}; restore it from your backup") from None
    if scheme == "env" and name in os.environ:
        return Secret(os.environ[name].strip())
    if scheme == "env":
        raise Misconfigured(f"the environment variable {name} is not set; it must hold a secret of soapstone.toml")
    raise Misconfigured("a secret is a reference, file:PATH or env:NAME, never the secret itself")


def _check(settings: Settings) -> None:
    """Refuse values that make no sense, each with its name."""
    if not 1 <= settings.port <= _HIGHEST_PORT:
        raise Misconfigured(f"port must be from 1 to {_HIGHEST_PORT}")
    if not settings.host.isascii() or settings.host != settings.host.lower():
        raise Misconfigured("host must be an address, or a DNS name in lower-case ASCII (xn--... where it needs more)")
    if not _FEWEST_STORE_CONNECTIONS <= settings.store.connections <= _MOST_STORE_CONNECTIONS:
        raise Misconfigured(f"store.connections must be from {_FEWEST_STORE_CONNECTIONS} to {_MOST_STORE_CONNECTIONS}")
    probe_settings.check(settings.acme)
    if not 0 <= settings.renewal.window_days <= _LONGEST_WINDOW_DAYS:
        raise Misconfigured(f"renewal.window_days must be from 0 to {_LONGEST_WINDOW_DAYS}")
    limit_settings.check_lifetimes(settings.crl, settings.ocsp)
    limit_settings.check_limits(settings.limits)
    notice_settings.check(settings.mail, settings.webhooks)
    limit_settings.check_chaos(settings.chaos, is_allowed=settings.development)
    _check_addresses(settings)
    sign_in_settings.check(settings.passwords, settings.sessions, settings.officers, settings.desk)
    sign_in_settings.check_portal(settings.portal, is_development=settings.development)
    _check_agreement(settings.agreement)
    _check_files(settings)
    _check_profiles(settings)


def _check_profiles(settings: Settings) -> None:
    known = profiles_from(settings.profiles)
    kinds_from(settings.kinds, known)
    if taken := OPERATIONS & known.keys():
        raise Misconfigured(f"profiles.{min(taken)}: the name is that of an EST operation (RFC 7030, 3.2.2)")
    for label in settings.est.labels:
        if label not in known or Door.EST not in known[label].doors:
            raise Misconfigured(f"est.labels.{label}: EST offers no such profile")
        _check_ra_clients(label, settings.est.labels[label])
        _check_peers(label, settings.est.labels[label])
        if settings.est.labels[label].demands_binding and settings.est.proxies:
            raise Misconfigured(
                f'est.labels.{label}.challenge_password: "pop-required" and est.proxies exclude each other: what a'
                " proxy passes on is bound to no connection that is seen here; take one of them out"
            )


def _check_ra_clients(name: str, label: Label) -> None:
    for client, allowed in label.ra_clients.items():
        for entry in (client, *allowed):
            try:
                # A zone is written with the dot that an account never begins with.
                names.dns(entry[1:]) if entry.startswith(".") and entry != client else checked_account(entry)
            except BadName:
                raise Misconfigured(
                    f"est.labels.{name}.ra_clients: {entry[:200]!r} is neither an account nor a zone such as"
                    ' .fleet.example; write ACCOUNT = ["ACCOUNT", ".ZONE"]'
                ) from None


def _check_peers(name: str, label: Label) -> None:
    for account in {account for entry in label.peers.items() for account in (entry[0], *entry[1])}:
        try:
            checked_account(account)
        except BadName:
            raise Misconfigured(
                f'est.labels.{name}.peers: {account[:200]!r} is no account; write ACCOUNT = ["ACCOUNT"]'
            ) from None


def _check_addresses(settings: Settings) -> None:
    own_names(settings.host)
    try:
        ipaddress.ip_address(settings.listen)
    except ValueError:
        raise Misconfigured(f"listen: {settings.listen!r} is not an address such as 0.0.0.0") from None
    checked_networks("proxies", settings.proxies)
    checked_networks("est.proxies", settings.est.proxies)
    if settings.acme.website and not is_web_page(settings.acme.website):
        raise Misconfigured(f"acme.website: {settings.acme.website[:200]!r} is not a URL such as https://pki.example/")
    for name in settings.acme.caa_identities:
        _check_caa_identity(name)
    for key, url, scheme in (
        ("public_url", settings.public_url, "https"),
        ("est_url", settings.est_url, "https"),
        ("desk_url", settings.desk_url, "https"),
        ("repository_url", settings.repository_url, "http"),
    ):
        if url and not is_base_url(url, scheme):
            raise Misconfigured(f"{key}: {url[:200]!r} is not a base URL such as {scheme}://pki.example:8080")


def _check_agreement(agreement: Agreement) -> None:
    if bool(agreement.file) is not bool(agreement.version):
        raise Misconfigured("agreement.file and agreement.version belong together; set both, or neither")
    if agreement.version and not is_version(agreement.version):
        raise Misconfigured(f"agreement.version: {agreement.version[:200]!r} is not 1 to 32 of A-Z, a-z, 0-9, `.-_`")


def _check_caa_identity(name: str) -> None:
    try:
        if not names.dns(name).is_wildcard:
            return
    except BadName:
        pass
    raise Misconfigured(f"acme.caa_identities: {name[:200]!r} is not a DNS name such as ca.example (RFC 8659, 4.2)")


def _check_files(settings: Settings) -> None:
    # What names no file would be read as the home's folder, which is always there.
    if not Path(settings.journal.checkpoint_file).name:
        raise Misconfigured("journal.checkpoint_file must name a file such as journal/checkpoint; it has no off switch")
    for key, path in (
        ("journal.checkpoint_file", settings.journal.checkpoint_file),
        ("keys.blocklist", settings.keys.blocklist),
        ("passwords.blocklist", settings.passwords.blocklist),
        ("agreement.file", settings.agreement.file),
        *((f"est.labels.{name}.trust_anchors", one.trust_anchors) for name, one in settings.est.labels.items()),
    ):
        if "\0" in path:
            raise Misconfigured(f"{key}: {path[:200]!r} is not the name of a file")


def own_names(host: str) -> frozenset[Identifier]:
    """The names in this server's own certificate; `localhost` is also reached by its addresses.

    Raises:
        Misconfigured: the host is neither an address nor a DNS name.
    """
    if host == "localhost":
        return frozenset({names.dns(host), names.ip("127.0.0.1"), names.ip("::1")})
    try:
        return frozenset({names.ip(str(ipaddress.ip_address(host)))})
    except ValueError:
        pass
    try:
        return frozenset({names.dns(host)})
    except BadName as error:
        raise Misconfigured(f"host: {error}") from None


def _explained(error: str) -> str:
    """The library's message in the words of a TOML file."""
    unknown = _UNKNOWN_FIELD.fullmatch(error)
    if unknown:
        table = f"{unknown[2]}." if unknown[2] else ""
        return f"unknown setting {table}{unknown[1]}; remove it, or see docs/guides/operator.md for what there is"
    return error.replace("`$.", "`").replace("Object missing required field", "missing setting")


def _toml_value(text: str) -> Any:  # noqa: ANN401  # a TOML value may be anything, and is converted next
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
