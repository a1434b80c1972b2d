"""An officer's certificate for the desk: for a key of their own, or in a file that a browser loads."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from ca_core.applicant import Applicant, Door
from ca_core.errors import Misconfigured, SoapstoneError
from ca_core.policy.profile import OFFICER
from ca_core.policy.request import parse
from ca_core.referral.request import at_once
from ca_core.staff.officer import Officer
from ca_core.store.certificates import Certificate
from server.assembly import Strongroom, strongroom
from server.cli.new_files import Put, new_file
from server.cli.shared import operator_actor
from server.journaling import open_sequencer
from server.office import Office

_PASSPHRASE_OCTETS = 15


class Made(msgspec.Struct, frozen=True):
    """Who was taken on, and what they were given.

    Attributes:
        certificate: with its chain, in PEM; None where none was wanted, or where it is in `p12`.
        p12: the path of the file with key and certificate.
        passphrase: of `p12`; nobody can tell it again.
        passkey_code: with which they register a passkey, where the desk wants one; nobody can tell it again either.
    """

    name: str
    role: str
    realm: str
    account: str
    serial: str | None = None
    certificate: str | None = None
    p12: str | None = None
    passphrase: str | None = None
    passkey_code: str | None = None
    passkey_code_expires_at: str | None = None


async def certified(office: Office, taken: Officer, *, request: bytes | None = None, p12: Path | None = None) -> Made:
    """Give an officer a certificate, or none where neither is wanted.

    Args:
        request: PKCS#10 in DER, for a key of the officer's own.
        p12: a new file, its owner's alone, for a key that is made here, certificate and chain.

    Raises:
        Misconfigured: the file exists or cannot be written, or the CA's key cannot be used.
        BadCsr, Refused: the request, or its key.
    """
    with new_file(p12) if p12 else nullcontext() as put:
        return await _certified(office, taken, request, p12, put)


async def taken_on_and_certified(
    office: Office, add: Callable[[], Awaitable[Officer]], *, request: bytes | None = None, p12: Path | None = None
) -> Made:
    """Take somebody on, and give them a certificate; nobody is taken on whose file could not be written.

    Raises:
        Misconfigured: nothing was done, or the officer was taken on and has no certificate yet; says which.
    """
    with new_file(p12) if p12 else nullcontext() as put:
        taken = await add()
        try:
            return await _certified(office, taken, request, p12, put)
        except SoapstoneError as error:
            # The name is given for good: to ask for the same once more would be refused.
            further = (
                f"{taken.name} is taken on, but has no certificate yet: soapstone officer certificate {taken.name}"
            )
            raise Misconfigured(f"{error}; {further} makes one") from error


async def _certified(office: Office, taken: Officer, request: bytes | None, p12: Path | None, put: Put | None) -> Made:
    made = Made(taken.name, taken.role.value, taken.realm, taken.account)
    if request is None and put is None:
        return made
    room = await strongroom(office)
    # As a server does before it opens its doors: nothing is issued that could not be recorded.
    await (await open_sequencer(office, room.gate)).turn()
    if request is not None:
        issued = await _issue(room, taken, request)
        return msgspec.structs.replace(made, serial=issued.serial, certificate=_pem(room, issued))
    key, passphrase = ec.generate_private_key(ec.SECP256R1()), secrets.token_urlsafe(_PASSPHRASE_OCTETS)
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    issued = await _issue(room, taken, builder.sign(key, SHA256()).public_bytes(Encoding.DER))
    leaf, *chain = x509.load_pem_x509_certificates(_pem(room, issued).encode())
    encryption = BestAvailableEncryption(passphrase.encode())
    if put is not None:
        put(serialize_key_and_certificates(taken.name.encode(), key, leaf, chain, encryption))
    return msgspec.structs.replace(made, serial=issued.serial, p12=str(p12), passphrase=passphrase)


async def _issue(room: Strongroom, taken: Officer, request: bytes) -> Certificate:
    applicant = Applicant(taken.registration_id, Door.CLI, "operator", operator_actor().rpartition(":")[2])
    return at_once(await room.enrollment.enroll(applicant, parse(request), profile_name=OFFICER.name))


def _pem(room: Strongroom, issued: Certificate) -> str:
    leaf = x509.load_der_x509_certificate(issued.der).public_bytes(Encoding.PEM)
    return (leaf + room.chains_pem(issued.issuer)[0]).decode()
