"""SignedData: read strictly, checked against a key, and built (RFC 5652, 5).

Only DER is read (RFC 8951, 3.1), so that what is hashed anew is byte for byte what was received.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ObjectIdentifier

from ca_core import der as encoding
from protocols.cms import algorithms
from protocols.cms.errors import NotAuthenticated, NotDecrypted, UnreadableMessage, WrongSignature
from protocols.cms.structures import (
    AUTH_ENVELOPED_DATA,
    AUTHENTICATED_DATA,
    CONTENT_TYPE,
    DATA,
    ENVELOPED_DATA,
    MESSAGE_DIGEST,
    SIGNED_DATA,
    Attribute,
    ContentInfo,
    EncapsulatedContent,
    IssuerAndSerial,
    SignedData,
    SignerInfo,
)

MAX_OCTETS = 64 * 1024
_BY_ISSUER = 1
_UNREADABLE = "the message cannot be read; it must be DER of a signed message (RFC 5652, 5)"


class Signer(msgspec.Struct, frozen=True):
    """One signature of a message, still to be checked.

    Attributes:
        issuer: DER of the issuer's Name of the signer's certificate; None where `key_id` says who signed.
        serial: of that certificate.
        key_id: subjectKeyIdentifier of the signer's key; None where `issuer` and `serial` say who signed.
        attributes: the signed ones, each with the DER of its values.
        to_be_signed: the signed attributes in DER, which the signature is over.
        digest_algorithm: the content's.
        signature_algorithm: AlgorithmIdentifier in DER.
    """

    issuer: bytes | None
    serial: int | None
    key_id: bytes | None
    attributes: Mapping[ObjectIdentifier, tuple[bytes, ...]]
    to_be_signed: bytes
    digest_algorithm: ObjectIdentifier
    signature_algorithm: bytes
    signature: bytes

    def is_of(self, certificate: x509.Certificate) -> bool:
        """Whether the message says that this certificate's key signed it; proves nothing."""
        if self.key_id is None:
            return (certificate.issuer.public_bytes(), certificate.serial_number) == (self.issuer, self.serial)
        try:
            named = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        except x509.ExtensionNotFound:
            return False
        return named.value.digest == self.key_id


class Signed(msgspec.Struct, frozen=True):
    """A message that was read; nothing in it is proved before `require_signed_by`.

    Attributes:
        content_type: what the content is.
        certificates: in DER, as the sender put them in.
    """

    content_type: ObjectIdentifier
    content: bytes
    certificates: tuple[bytes, ...]
    signers: tuple[Signer, ...]


class Draft(msgspec.Struct, frozen=True):
    """A message that lacks its signature only.

    Attributes:
        to_be_signed: what the signature is to be over.
    """

    to_be_signed: bytes
    _finish: Callable[[bytes], bytes]

    def signed(self, signature: bytes) -> bytes:
        """The SignedData, in DER; `content_info` makes a message of it."""
        return self._finish(signature)


def read(message: bytes) -> Signed:
    """Read a signed message.

    Raises:
        UnreadableMessage: more than 64 KiB, not DER, not signed data, without content, or a signer without exactly
            one content type, which is the content's, and one message digest (RFC 5652, 5.3 and 11).
        UnknownAlgorithm: a digest off the list.
        NotDecrypted, NotAuthenticated: it is protected in another way than by a signature.
    """
    if len(message) > MAX_OCTETS:
        raise UnreadableMessage(f"a signed message has at most {MAX_OCTETS} octets here")
    try:
        return _parsed(message)
    except (ValueError, TypeError):
        raise UnreadableMessage(_UNREADABLE) from None


def require_signed_by(signed: Signed, signer: Signer, public_key: PublicKeyTypes) -> None:
    """Check that a key signed the content; whose the key is and that it is affordable is the caller's to know.

    Raises:
        WrongSignature: it did not.
        UnknownAlgorithm: a signature off the list.
        UnreadableMessage: the signature's algorithm cannot be read.
    """
    try:
        (stated,) = signer.attributes[MESSAGE_DIGEST]
        if asn1.decode_der(bytes, stated) != algorithms.digest(signer.digest_algorithm, signed.content):
            raise WrongSignature
        algorithms.verify(
            encoding.tlv(signer.signature_algorithm),
            signer.digest_algorithm,
            public_key,
            signer.signature,
            signer.to_be_signed,
        )
    except (ValueError, TypeError):
        raise UnreadableMessage(_UNREADABLE) from None


def draft(
    content_type: ObjectIdentifier,
    content: bytes,
    *,
    certificate: x509.Certificate,
    signature_algorithm: bytes,
    attributes: Mapping[ObjectIdentifier, bytes] | None = None,
    certificates: Sequence[bytes] = (),
) -> Draft:
    """Lay down a message with one signer.

    Args:
        certificate: the signer's; stands in the message too.
        signature_algorithm: AlgorithmIdentifier in DER, as `ca_core.der.signature_algorithm` gives it.
        attributes: more to be signed, each with the DER of its one value.
        certificates: further ones in DER that help to check the signer's.
    """
    digest_algorithm = algorithms.digest_beside(signature_algorithm)
    named = {
        **(attributes or {}),
        CONTENT_TYPE: asn1.encode_der(content_type),
        MESSAGE_DIGEST: asn1.encode_der(algorithms.digest(digest_algorithm, content)),
    }
    signed_attributes = asn1.SetOf(
        [Attribute(type=kind, values=asn1.SetOf([encoding.tlv(value)])) for kind, value in named.items()]
    )
    issuer = encoding.tlv(certificate.issuer.public_bytes())
    enclosed = dict.fromkeys((certificate.public_bytes(Encoding.DER), *certificates))
    hashing = encoding.tlv(algorithms.plain(digest_algorithm))

    def finish(signature: bytes) -> bytes:
        signer = SignerInfo(
            version=_BY_ISSUER,
            sid=IssuerAndSerial(issuer=issuer, serial=certificate.serial_number),
            digest_algorithm=hashing,
            signed_attrs=signed_attributes,
            signature_algorithm=encoding.tlv(signature_algorithm),
            signature=signature,
            unsigned_attrs=None,
        )
        return asn1.encode_der(
            SignedData(
                version=1 if content_type == DATA else 3,
                digest_algorithms=asn1.SetOf([hashing]),
                encapsulated=EncapsulatedContent(content_type=content_type, content=content),
                certificates=asn1.SetOf(list(map(encoding.tlv, enclosed))),
                crls=None,
                signer_infos=asn1.SetOf([signer]),
            )
        )

    return Draft(asn1.encode_der(signed_attributes), finish)


def certs_only(certificates: Sequence[x509.Certificate]) -> bytes:
    """A message of version 1 that holds certificates, and no digests, signers and CRLs (RFC 5272, 4.1)."""
    return pkcs7.serialize_certificates(list(certificates), Encoding.DER)


def crls_only(crls: Sequence[bytes]) -> bytes:
    """A message that holds CRLs and nothing else (RFC 8551, 3.8: as certs-only, which may hold either).

    Args:
        crls: in DER.
    """
    signed = SignedData(
        version=1,
        digest_algorithms=asn1.SetOf([]),
        encapsulated=EncapsulatedContent(content_type=DATA, content=None),
        certificates=None,
        crls=asn1.SetOf([encoding.tlv(crl) for crl in crls]),
        signer_infos=asn1.SetOf([]),
    )
    return content_info(SIGNED_DATA, asn1.encode_der(signed))


def content_info(content_type: ObjectIdentifier, content: bytes) -> bytes:
    """The outermost SEQUENCE of a message (RFC 5652, 3).

    Args:
        content_type: SIGNED_DATA, ENVELOPED_DATA or AUTH_ENVELOPED_DATA.
        content: in DER.
    """
    return asn1.encode_der(ContentInfo(content_type=content_type, content=encoding.tlv(content)))


def _parsed(message: bytes) -> Signed:
    outer = asn1.decode_der(ContentInfo, message)
    if outer.content_type in {ENVELOPED_DATA, AUTH_ENVELOPED_DATA}:
        raise NotDecrypted
    if outer.content_type == AUTHENTICATED_DATA:
        raise NotAuthenticated
    if outer.content_type != SIGNED_DATA:
        raise UnreadableMessage(_UNREADABLE)
    inner = asn1.decode_der(SignedData, asn1.encode_der(outer.content))
    encapsulated = inner.encapsulated
    if encapsulated.content is None:
        raise UnreadableMessage("the signed message has no content; put in what is signed")
    certificates = inner.certificates.as_list() if inner.certificates else []
    return Signed(
        content_type=encapsulated.content_type,
        content=encapsulated.content,
        certificates=tuple(map(asn1.encode_der, certificates)),
        signers=tuple(_signer(signer, encapsulated.content_type) for signer in inner.signer_infos.as_list()),
    )


def _signer(signer: SignerInfo, content_type: ObjectIdentifier) -> Signer:
    listed = signer.signed_attrs.as_list() if signer.signed_attrs else []
    attributes = {one.type: tuple(map(asn1.encode_der, one.values.as_list())) for one in listed}
    # Without attributes the signature is over the content itself, which may be built to look like attributes.
    if (
        len(attributes) != len(listed)
        or attributes.get(CONTENT_TYPE) != (asn1.encode_der(content_type),)
        or len(attributes.get(MESSAGE_DIGEST, ())) != 1
    ):
        raise UnreadableMessage(
            "each signer must sign exactly one content type, which is the content's, and one message digest"
            " (RFC 5652, 5.3 and 11)"
        )
    by_name = signer.sid if isinstance(signer.sid, IssuerAndSerial) else None
    return Signer(
        issuer=asn1.encode_der(by_name.issuer) if by_name else None,
        serial=by_name.serial if by_name else None,
        key_id=signer.sid if isinstance(signer.sid, bytes) else None,
        attributes=attributes,
        to_be_signed=asn1.encode_der(signer.signed_attrs),
        digest_algorithm=algorithms.digest_named(signer.digest_algorithm),
        signature_algorithm=asn1.encode_der(signer.signature_algorithm),
        signature=signer.signature,
    )
