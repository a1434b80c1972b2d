"""Lines to paste for programs that have a key or code: the blocks of the guides that our tests run, filled in.

The guides below `guides` are those of `docs/guides`, and are written once.
"""

from __future__ import annotations

import re
import shlex
from functools import lru_cache
from importlib import resources

import msgspec
from cryptography import x509

from ca_core.registration.credential import Credential
from ca_core.registration.sheet import Places

_TRUST = "/etc/ssl/soapstone/trust.pem"
_MAIL = "you@example.com"
_EXAMPLE_NAME = "www.example.com"
_BLOCK = re.compile(r"<!-- run: ([a-z_ -]+) -->\n```[a-z]*\n(.*?)```", re.DOTALL)
_FENCED = re.compile(r"```[a-z]*\n(.*?)```", re.DOTALL)
_ACME = (
    ("certbot", ("certbot trust", "certbot settings", "certbot issue")),
    ("lego", ("lego trust", "lego issue")),
    ("Caddy", ("caddy config", "caddy run")),
    ("mod_md (Apache)", ("mod_md config",)),
)


class Recipe(msgspec.Struct, frozen=True):
    """What to paste for one program."""

    program: str
    text: str


def for_key(made: Credential, secret: str, places: Places) -> tuple[Recipe, ...]:
    """Of a new EAB key, for each ACME client.

    Args:
        secret: the MAC key as clients take it.
    """
    kid, name = made.kid or "", name_of(made)
    settings = {
        "SERVER": places.acme_directory,
        "TRUST": _TRUST,
        "KID": kid,
        "KEY": secret,
        "NAME": name,
        "MAIL": _MAIL,
        "HTTP_PORT": "80",
        "TLS_PORT": "443",
    }
    head = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in settings.items())
    blocks = dict(_BLOCK.findall(_guide("acme-clients.md")))
    run = [Recipe(program, head + "".join(blocks[title] for title in titles)) for program, titles in _ACME]
    issuer = _fenced("acme-clients.md", "kind: ClusterIssuer")
    filled = {"https://pki.example:8443/acme/directory": places.acme_directory, "keyID: KID": f"keyID: {kid}"}
    for was, now in filled.items():
        issuer = issuer.replace(was, now)
    kept = f"kubectl -n cert-manager create secret generic soapstone-eab --from-literal=secret={shlex.quote(secret)}\n"
    return (*run, Recipe("cert-manager", f"{kept}kubectl apply -f - <<'END'\n{issuer}END\n"))


def for_code(
    made: Credential, secret: str, places: Places, *, account: str, subject: str, profile: str
) -> tuple[Recipe, ...]:
    """Of a new enrollment code, for EST clients.

    Args:
        subject: the registered one, as an RFC 4514 string.
        profile: the one to enroll for.
    """
    name, who = name_of(made), f"{account}:{secret}"
    url = f"{places.est_url}/{profile}"
    alt = f" -addext {shlex.quote('subjectAltName=DNS:' + name)}" if made.names else ""
    curl = (
        "openssl ecparam -name prime256v1 -genkey -noout -out key.pem\n"
        f"openssl req -new -key key.pem -subj /{alt} -outform DER | base64 > request.b64\n"
        f"curl --fail-with-body --cacert {_TRUST} -u {who} -H 'Content-Type: application/pkcs10' \\\n"
        f"     --data-binary @request.b64 {url}/simpleenroll \\\n"
        "     | base64 -d | openssl pkcs7 -inform DER -print_certs -out cert.pem\n"
    )
    pki = _fenced("est-devices.md", "pki --estca").partition("\n# renewing")[0].rstrip() + "\n"
    host = places.est_url.removeprefix("https://").partition("/")[0]
    filled = {
        "https://HOST:8444/device": f"https://{host}/{profile}",
        "trust.pem": _TRUST,
        "ACCOUNT:CODE": who,
        "'C=TW, O=Net, CN=gateway'": shlex.quote(_in_order(subject)),
        " --san gateway.example": f" --san {name}" if made.names else "",
    }
    for was, now in filled.items():
        pki = pki.replace(was, now)
    return (Recipe("curl", curl), Recipe("strongSwan", pki))


def name_of(made: Credential) -> str:
    """A DNS name that a credential is for, or one for examples."""
    exact = (name.removeprefix("dns:") for name in made.names if name.startswith("dns:") and "*" not in name)
    return next(exact, _EXAMPLE_NAME)


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
