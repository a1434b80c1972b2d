"""The first registration of `soapstone up`, and how its first certificates are got: in a browser, and by commands."""

from __future__ import annotations

import shlex

from ca_core import names
from ca_core.registration import sheet as sheet_module
from ca_core.registration.account import Grant
from ca_core.registration.desk import Form
from ca_core.registration.sheet import Places, Sheet
from server.office import Office
from server.sheets import addresses
from server.web import asset_files

HTTP_01_PORT = 5002
VETTED = "www.example.localhost"
# Vetted as well: what is applied for in the browser has both names, and so leaves the commands the certificate of one.
BESIDE = "mail.example.localhost"
CHALLENGED = "challenged.example.localhost"
ACCOUNT = "example"
_SUBJECT = "CN=Example,O=Example Organization,C=TW"

_WITH_KEYS = """\
Press "Sign in" and choose a password of your own. Under "Apply for certificates" choose a passphrase, press
"Apply", and save the file (PKCS #12) of each certificate: for a mail program, a browser or a keychain.
"""
_NO_SCRIPTS = """\
The portal's scripts are not built, and so it makes no keys: install Node.js 18 or newer with npm (on Debian: apt
install nodejs npm), and start again with `make up`. Until then it takes certification requests made with openssl.
"""


async def register_and_explain(office: Office, *, actor: str) -> str:
    """Register the example and return its sheet with commands to paste."""
    form = Form(
        kind="organization",
        subject=_SUBJECT,
        uses=None,
        account=ACCOUNT,
        grants=(
            Grant(names.dns(VETTED)),
            Grant(names.dns(BESIDE)),
            Grant(names.dns(CHALLENGED), vetted=False),
        ),
        profiles=("tls-server", "device", "signing", "encryption"),
    )
    _, sheet = await office.desk.register(form, actor=actor)
    text = sheet_module.as_text(sheet, office.places)
    walk = in_a_browser(sheet, office.places, makes_keys=asset_files.is_built("keys.js"))
    return f"{text}\n\n{walk}\n{commands(sheet, office.places)}\n"


def in_a_browser(sheet: Sheet, places: Places, *, makes_keys: bool) -> str:
    """What the holder of the sheet types at the portal.

    Args:
        makes_keys: whether the portal's scripts were built.
    """
    link = addresses.link(sheet, places)
    if link is None or sheet.initial_password is None:
        raise ValueError("the example's kind signs in at the portal")
    return f"""\
# The portal: {places.portal_url} - for whoever holds the sheet above, in a browser that trusts the trust anchor.
# An officer's certificate is not needed there; a browser that only warns may be told to go on, on this machine.
address with the sheet  {link.reveal()}
or type                 account {sheet.account}, password {sheet.initial_password.reveal()}
{_WITH_KEYS if makes_keys else _NO_SCRIPTS}"""


def commands(sheet: Sheet, places: Places) -> str:
    """Lines for a shell in a folder that may be written; each block works when pasted after the ones above it."""
    if sheet.eab is None or sheet.enrollment_code is None:
        raise ValueError("the example's kind has both secrets")
    anchor = shlex.quote(places.ca_bundle)
    certbot = (
        f"REQUESTS_CA_BUNDLE={anchor} certbot certonly --server {places.acme_directory} --non-interactive"
        f" --agree-tos -m you@example.com --eab-kid {sheet.eab.kid} --eab-hmac-key {sheet.eab.mac_key.reveal()}"
        f" --standalone --preferred-challenges http --http-01-port {HTTP_01_PORT} --http-01-address 127.0.0.1"
        " --config-dir try/certbot --work-dir try/certbot --logs-dir try/certbot -d"
    )
    verify = f"openssl verify -CAfile {anchor} -untrusted"
    curl = f"curl --silent --show-error --fail-with-body --cacert {anchor}"
    post = f"{curl} -H 'Content-Type: application/pkcs10' --data-binary @try/device.b64"
    unpack = "base64 -d | openssl pkcs7 -inform DER -print_certs -out"
    subject = "/C=TW/O=Example Organization/CN=Example"
    user = f"{sheet.account}:{sheet.enrollment_code.reveal()}"
    return f"""\
# Commands to paste into another terminal. certbot first, unless you have it:
mkdir -p try
command -v certbot >/dev/null || {{ python3 -m venv try/venv && try/venv/bin/pip install --quiet certbot; }}
export PATH="$PWD/try/venv/bin:$PATH"

# ACME: a certificate for a name that the registration authority has vetted, so nothing is challenged
{certbot} {VETTED}
{verify} try/certbot/live/{VETTED}/chain.pem try/certbot/live/{VETTED}/cert.pem

# ACME: a name whose control is proved by http-01
{certbot} {CHALLENGED}
{verify} try/certbot/live/{CHALLENGED}/chain.pem try/certbot/live/{CHALLENGED}/cert.pem

# EST: a device enrolls with curl, openssl and the enrollment code
openssl ecparam -name prime256v1 -genkey -noout -out try/device.key
openssl req -new -key try/device.key -subj '{subject}' -outform DER | base64 > try/device.b64
{curl} {places.est_url}/cacerts | {unpack} try/cas.pem
{post} -u {user} {places.est_url}/device/simpleenroll | {unpack} try/device.pem
{verify} try/cas.pem try/device.pem

# EST: in the last 30 days of its life the certificate renews itself; before, the answer says when. To see it:
# {post} --cert try/device.pem --key try/device.key {places.est_url}/device/simplereenroll
"""
