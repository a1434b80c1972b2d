"""The first officer of `soapstone up`: without one, nobody could open the desk."""

from __future__ import annotations

import shlex

from ca_core.registration.account import MAIN
from ca_core.staff.role import Role
from server.cli.officer_certificates import taken_on_and_certified
from server.cli.officer_passkeys import said, with_code
from server.cli.shared import called, operator_actor
from server.office import Office

NAME = "first"
FILE_NAME = "first-officer.p12"


async def take_on_and_explain(office: Office) -> str:
    """Take them on, as a supervisor, who may take on the others; return where their certificate is and how to load it.

    Raises:
        Misconfigured: there is a file of that name in the home already.
    """
    made = await taken_on_and_certified(
        office,
        lambda: office.staff.officers.add(NAME, Role.SUPERVISOR, realm=MAIN, actor=operator_actor()),
        p12=office.home.resolve() / FILE_NAME,
    )
    made = await with_code(office, made)
    code = f"{said(made.passkey_code, made.passkey_code_expires_at)}\n" if made.passkey_code else ""
    p12, passphrase = made.p12 or "", made.passphrase or ""
    desk, command = office.settings.desk, called(office.home)
    return explained(p12, passphrase, desk=desk, trust=office.places.ca_bundle, command=command) + code


def explained(p12: str, passphrase: str, *, desk: str, trust: str, command: str) -> str:
    """Where the certificate is, and what a browser of each make wants done with it."""
    file, root, word = shlex.quote(p12), shlex.quote(trust), shlex.quote(passphrase)
    folder = '"$HOME/.pki/nssdb"'
    store = f"-d sql:{folder}"
    return f"""\
# The RA's desk: {desk}/ - a browser shows it to whoever has an officer's certificate. Here is the first one's.
key and certificate  {p12}
passphrase           {passphrase}
trust anchor         {trust}
The passphrase is shown once. Load both files, restart the browser, open the desk, and choose the certificate:
  Firefox    Settings > Privacy & Security > View Certificates. Your Certificates > Import takes the first file,
             Authorities > Import the trust anchor: "Trust this CA to identify websites".
  Chrome, Chromium on Linux    with certutil and pk12util from Debian's libnss3-tools:
             [ -e {folder} ] || {{ mkdir -p {folder} && certutil {store} -N --empty-password; }}
             pk12util {store} -i {file} -W {word}
             certutil {store} -A -t C,, -n soapstone -i {root}
  macOS      (Safari, Chrome; where it calls the passphrase wrong, it is too old for AES: take Firefox)
             security import {file} -f pkcs12 -P {word}
             security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db {root}
  Windows    (Edge, Chrome) in the folder with both files:
             certutil -user -f -p "{passphrase}" -importpfx {FILE_NAME}
             certutil -user -addstore Root trust.pem
Further officers: {command} officer add NAME --role officer --p12 FILE
"""
