"""Refusals that exist only because of EST (RFC 7030), as leaves of the one tree.

::

    Unproven
    ├── AuthenticationRequired        neither a code nor a client certificate was presented
    ├── CertificateRequired           re-enrollment, or a label that needs it, without a client certificate
    ├── BindingMismatch               the channel binding in the request is not this connection's
    └── BindingRequired               the label takes only requests with a channel binding
    Malformed
    ├── MethodNotAllowed              carries `allow`
    ├── UnsupportedMediaType          not `application/pkcs10`
    ├── AttributesMissing             the request lacks what `/csrattrs` demands for the label
    ├── EncryptionRequired            a made key travels enveloped only, and the request names no key for that
    ├── SuiteTooWeak                  a made key would be worth more than what keeps the connection secret
    ├── DecryptionKeyUnknown          the key that it names is not known here, or cannot be used for that
    ├── BindingUnavailable            a channel binding that cannot be verified on this connection
    └── ChallengeNotOffered           an otpChallenge or revocationChallenge (RFC 7894) that nobody asked for
    Missing
    ├── UnknownLabel                  no profile of this name behind EST
    └── UnknownOperation              no such operation, or not such a path

Status codes are `refusals.TABLE`'s; here is only what was wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

from ca_core.errors import Malformed, Missing, Unproven


class AuthenticationRequired(Unproven):
    """Nothing says who asks (RFC 7030, 3.2.3)."""

    def __init__(self) -> None:
        super().__init__("sign in with the account and enrollment code of your password sheet")


class CertificateRequired(Unproven):
    """Only a client certificate will do: the one to be renewed (RFC 7030, 4.2.2), or the label's second proof."""


class BindingMismatch(Unproven):
    """The request was signed for another connection, or by somebody else's client (RFC 7030, 3.5)."""

    def __init__(self) -> None:
        super().__init__(
            "the challengePassword or estIdentityLinking is not the channel binding of this connection;"
            " sign anew or leave it out"
        )


class BindingRequired(Unproven):
    """The label takes only requests that were signed for their connection (RFC 7030, 3.5)."""

    def __init__(self) -> None:
        super().__init__(
            "this label needs a request that is bound to its TLS connection: put tls-unique (TLS 1.2) or tls-exporter"
            " (TLS 1.3) in base64 into its challengePassword, on a direct connection"
        )


class MethodNotAllowed(Malformed):
    """The operation does not know this method (405).

    Args:
        allow: the methods that it knows, for the Allow header.
    """

    def __init__(self, *allow: str) -> None:
        super().__init__(f"this operation answers to {', '.join(allow)} only")
        self.allow = allow


class UnsupportedMediaType(Malformed):
    """The body does not say that it is what the operation takes (415; RFC 7030, 4.2.1 and 4.3.1).

    Args:
        expected: the media type that it takes.
    """

    def __init__(self, expected: str = "application/pkcs10") -> None:
        super().__init__(f"send the certification request with Content-Type: {expected}")


class BindingUnavailable(Malformed):
    """A channel binding that nothing can be compared with (RFC 7030, 3.5; RFC 9325, 3.3)."""

    def __init__(self) -> None:
        super().__init__(
            "the challengePassword or estIdentityLinking cannot be verified: this connection has no channel binding;"
            " leave it out, or connect without a proxy, with TLS 1.2 and without session resumption"
        )


class ChallengeNotOffered(Malformed):
    """A value that would have to be verified, or kept for later, and is neither (RFC 7894, 3)."""

    def __init__(self) -> None:
        super().__init__(
            "no otpChallenge or revocationChallenge is taken here; leave it out:"
            " the enrollment code signs in, and the certificate's key revokes"
        )


class AttributesMissing(Malformed):
    """The request lacks what the label demands of it (RFC 7030, 4.5.2; RFC 9908).

    Args:
        asked: the names of all extensions that are demanded.
        missing: those among them that the request lacks, or has with another value.
    """

    def __init__(self, asked: Iterable[str], missing: Iterable[str]) -> None:
        super().__init__(
            f"this label asks for a request with {', '.join(asked)}, as csrattrs says;"
            f" this one lacks {', '.join(missing)} or asks for another value of it"
        )


class EncryptionRequired(Malformed):
    """The profile's keys travel enveloped only, and nothing says for whom (RFC 7030, 4.4.1)."""

    def __init__(self) -> None:
        super().__init__(
            "keys of this profile travel encrypted only: name a key in the request, by DecryptKeyIdentifier or"
            " AsymmetricDecryptKeyIdentifier (RFC 7030, 4.4.1)"
        )


class SuiteTooWeak(Malformed):
    """Whoever breaks the connection would have a key that is worth more (RFC 7030, 4.4)."""

    def __init__(self) -> None:
        super().__init__(
            "a key of this type is worth more than the cipher of this connection keeps secret: connect with AES-256 or"
            " ChaCha20, ask for a shorter key, or name one to encrypt for by DecryptKeyIdentifier or"
            " AsymmetricDecryptKeyIdentifier"
        )


class DecryptionKeyUnknown(Malformed):
    """The key that a made key shall be enveloped for is none that can be used (RFC 7030, 4.4.1)."""


class UnknownLabel(Missing):
    """No profile of this name behind EST."""

    def __init__(self) -> None:
        super().__init__("there is no such EST label here; use a profile's name, or none")


class UnknownOperation(Missing):
    """No such operation.

    Args:
        known: the names of those that there are.
    """

    def __init__(self, known: Iterable[str] = ("cacerts", "simpleenroll")) -> None:
        super().__init__(f"there is no such EST operation here; there are {', '.join(known)}")
