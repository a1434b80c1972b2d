"""Lines to paste for programs that have a key or code: the blocks of the guides that our tests run, filled in.

The guides below `guides` are those of `docs/guides`, and are written once.
"""

from __future__ import annotations

import base64
import re
import shlex
from functools import lru_cache
from importlib import resources

import msgspec
from cryptography import x509

from ca_core.names import Kind
from ca_core.policy.profile import Profile
from ca_core.registration.account import Registration
from ca_core.registration.credential import Credential
from ca_core.registration.sheet import Places
from server.web.languages import phrase

_TRUST = "/etc/ssl/soapstone/trust.pem"
_MAIL = "you@example.com"
_EXAMPLE_NAME = "www.example.com"
_ZONE = "zone"
_BLOCK = re.compile(r"<!-- run: ([a-z_ -]+) -->\n```[a-z]*\n(.*?)```", re.DOTALL)
_FENCED = re.compile(r"```[a-z]*\n(.*?)```", re.DOTALL)
_WITH_OPENSSL = phrase("For curl and OpenSSL 3; the key is in key.pem, the certificate in cert.pem.")
_WITH_PKI = phrase(
    "For the command pki, in Debian's package strongswan-pki; the key is in key.pem, the certificate in cert.pem."
)
_IN_A_CLUSTER = phrase(
    "For kubectl, with cert-manager in the cluster; write your own ingress class in the place of nginx."
)
_ACME = (
    ("certbot", ("certbot trust", "certbot settings", "certbot issue"), phrase("As root, with certbot 5 or newer.")),
    ("lego", ("lego trust", "lego issue"), ""),
    ("Caddy", ("caddy config", "caddy run"), phrase("Where no other program has the ports.")),
    (
        "mod_md (Apache)",
        ("mod_md config",),
        phrase("It writes md.conf, for Apache's configuration to include; Apache needs the modules md and ssl."),
    ),
)


class Site(msgspec.Struct, frozen=True):
    """What lines to paste say of a server.

    Attributes:
        roots: what subscribers trust, in PEM.
        http_port, tls_port: where the server looks for answers to challenges.
    """

    places: Places
    roots: bytes
    http_port: int
    tls_port: int


class Recipe(msgspec.Struct, frozen=True):
    """What to paste for one program.

    Attributes:
        hint: what to know before, an English source text; empty where there is nothing.
    """

    program: str
    text: str
    hint: str = ""


def for_key(made: Credential, secret: str, site: Site, registration: Registration) -> tuple[Recipe, ...]:
    """Of a new EAB key, for each ACME client.

    Args:
        secret: the MAC key as clients take it.
    """
    kid, name = made.kid or "", name_of(made, registration)
    settings = {
        "SERVER": site.places.acme_directory,
        "TRUST": _TRUST,
        "KID": kid,
        "KEY": secret,
        "NAME": name,
        "MAIL": _MAIL,
        "HTTP_PORT": str(site.http_port),
        "TLS_PORT": str(site.tls_port),
    }
    head = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in settings.items())
    blocks = dict(_BLOCK.findall(_guide("acme-clients.md")))
    run = [Recipe(program, head + "".join(blocks[title] for title in titles), hint) for program, titles, hint in _ACME]
    return (*run, _cert_manager(kid, secret, site))


def _cert_manager(kid: str, secret: str, site: Site) -> Recipe:
    issuer = _fenced("acme-clients.md", "kind: ClusterIssuer")
    filled = {
        "https://pki.example:8443/acme/directory": site.places.acme_directory,
        "caBundle: BASE64": f"caBundle: {base64.b64encode(site.roots).decode()}",
        "keyID: KID": f"keyID: {kid}",
    }
    for was, now in filled.items():
        issuer = issuer.replace(was, now)
    kept = f"kubectl -n cert-manager create secret generic soapstone-eab --from-literal=secret={shlex.quote(secret)}\n"
    return Recipe("cert-manager", f"{kept}kubectl apply -f - <<'END'\n{issuer}END\n", _IN_A_CLUSTER)


def for_code(
    made: Credential, secret: str, site: Site, registration: Registration, profile: Profile
) -> tuple[Recipe, ...]:
    """Of a new enrollment code, for EST clients.

    Args:
        profile: the one to enroll for.
    """
    who = f"{registration.account}:{secret}"
    # Without a name, whoever must have one gets all that are registered, and not those that the code is for.
    has_name = Kind.DNS in profile.name_kinds and bool(made.names or registration.grants)
    name = name_of(made, registration) if has_name else ""
    url = f"{site.places.est_url}/{profile.name}"
    alt = f" -addext {shlex.quote('subjectAltName=DNS:' + name)}" if name else ""
    curl = (
        "openssl ecparam -name prime256v1 -genkey -noout -out key.pem\n"
        f"openssl req -new -key key.pem -subj /{alt} -outform DER | base64 > request.b64\n"
        f"curl --fail-with-body --cacert {_TRUST} -u {who} -H 'Content-Type: application/pkcs10' \\\n"
        f"     --data-binary @request.b64 {url}/simpleenroll \\\n"
        "     | base64 -d | openssl pkcs7 -inform DER -print_certs -out cert.pem\n"
    )
    pki = _fenced("est-devices.md", "pki --estca").partition("\n# renewing")[0].rstrip() + "\n"
    host = site.places.est_url.removeprefix("https://").partition("/")[0]
    filled = {
        "https://HOST:8444/device": f"https://{host}/{profile.name}",
        "--cacert trust.pem": f"--cacert {_TRUST}",
        "ACCOUNT:CODE": who,
        "'C=TW, O=Net, CN=gateway'": shlex.quote(_in_order(registration.subject)),
        " --san gateway.example": f" --san {name}" if name else "",
    }
    for was, now in filled.items():
        pki = pki.replace(was, now)
    return (Recipe("curl", curl, _WITH_OPENSSL), Recipe("strongSwan", pki, _WITH_PKI))


def name_of(made: Credential, registration: Registration) -> str:
    """A DNS name that a credential is good for: its own before those that are registered; else one for examples."""
    limits = [name.partition(":")[::2] for name in made.names]
    granted = [(_ZONE if one.zone else one.identifier.kind.value, one.identifier.value) for one in registration.grants]
    known = limits or granted
    exact = [value for kind, value in known if kind == Kind.DNS and "*" not in value]
    below = [f"www.{value}" for kind, value in known if kind == _ZONE]
    return [*exact, *below, _EXAMPLE_NAME][0]


def _in_order(subject: str) -> str:
    """A distinguished name in the order of its certificate, as strongSwan writes it."""
    parts = (one.rfc4514_string() for one in x509.Name.from_rfc4514_string(subject).rdns)
    return ", ".join(parts)


@lru_cache
def _guide(name: str) -> str:
    return (resources.files("server.portal") / "guides" / name).read_text()


def _fenced(guide: str, holding: str) -> str:
    """The block of a guide that holds a text."""
    blocks: list[str] = _FENCED.findall(_guide(guide))
    return next(block for block in blocks if holding in block)
