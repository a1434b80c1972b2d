"""TLS that can export keying material (RFC 5705), behind the face of the standard library's.

The standard library has no exporter through Python 3.13, and without one there is no channel binding under TLS 1.3
(RFC 9266). pyOpenSSL has one. asyncio runs TLS over two memory buffers and asks its context for the object between
them; here that object is pyOpenSSL's, and all else (flow control, timeouts, shutdown) stays asyncio's.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID
from OpenSSL import SSL, crypto

LABEL = b"EXPORTER-Channel-Binding"
"""RFC 9266, 2; the context is empty."""
BINDING_OCTETS = 32
_HTTP = b"http/1.1"
_NO_CHECK_TIME = 0x200000
_SESSION_CACHE_OFF = SSL.SESS_CACHE_OFF
# What Python's own contexts offer under TLS 1.2; those of TLS 1.3 are all good.
_CIPHERS = b"@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!SHA1:!AESCCM"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_TURNS = 4
_RECORD_OCTETS = 16_384
_FLUSH_OCTETS = 1 << 14

T = TypeVar("T")
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]


class ExportingContext(ssl.SSLContext):
    """A server's context whose connections can export; it asks for client certificates and resumes nothing.

    It is used through `load_cert_chain`, `load_verify_locations` and asyncio only: other settings of the base class
    have no effect. Loading makes a new context inside: connections that were made before keep theirs.
    """

    _own: tuple[x509.Certificate, ...] = ()
    _key: _Key | None = None
    _anchors: tuple[x509.Certificate, ...] = ()
    _inner: SSL.Context | None = None

    def load_cert_chain(
        self,
        certfile: _Path,
        keyfile: _Path | None = None,  # noqa: ARG002  # the base's: all of it is in one file here
        password: Callable[[], str | bytes | bytearray] | str | bytes | bytearray | None = None,
    ) -> None:
        """Load key, certificate and chain out of one PEM file.

        Raises:
            OSError: it cannot be read, or what it holds does not fit together.
        """
        pem = Path(os.fsdecode(certfile)).read_bytes()
        secret = password() if callable(password) else password
        try:
            key = load_pem_private_key(pem, None if secret is None else _octets(secret))
            own = tuple(x509.load_pem_x509_certificates(pem))
        except (ValueError, TypeError) as error:
            raise ssl.SSLError(str(error)) from None
        if not isinstance(key, _Key):
            raise ssl.SSLError("the key of the TLS certificate must be EC or RSA")
        self._rebuild(own, key, self._anchors)

    def load_verify_locations(
        self,
        cafile: _Path | None = None,  # noqa: ARG002  # the base's, as the next one
        capath: _Path | None = None,  # noqa: ARG002
        cadata: Any = None,  # noqa: ANN401  # the base's: text or octets
    ) -> None:
        """Trust these in PEM, beside those that were trusted before."""
        pem = cadata.encode() if isinstance(cadata, str) else bytes(cadata)
        anchors = (*self._anchors, *x509.load_pem_x509_certificates(pem))
        self._rebuild(self._own, self._key, tuple(dict.fromkeys(anchors)))

    def get_ca_certs(self, binary_form: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002  # the base's
        """DER of each that is trusted; the base's dictionaries nobody asks for."""
        return [anchor.public_bytes(Encoding.DER) for anchor in self._anchors] if binary_form else []

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: ARG002, FBT001, FBT002  # the base's, as the next two
        server_hostname: str | bytes | None = None,  # noqa: ARG002
        session: ssl.SSLSession | None = None,  # noqa: ARG002
    ) -> ssl.SSLObject:
        """What asyncio calls for each connection."""
        if self._inner is None:
            raise ssl.SSLError("no certificate was loaded")
        return cast(ssl.SSLObject, ExportingObject(self._inner, incoming, outgoing))

    def _rebuild(
        self,
        own: tuple[x509.Certificate, ...],
        key: _Key | None,
        anchors: tuple[x509.Certificate, ...],
    ) -> None:
        # All or nothing: what cannot be used leaves the context as it was.
        inner = None if key is None else _context(own, key, anchors)
        self._own, self._key, self._anchors, self._inner = own, key, anchors, inner


def _context(own: tuple[x509.Certificate, ...], key: _Key, anchors: tuple[x509.Certificate, ...]) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_CIPHERS)
    # A resumed session repeats another connection's channel binding and client certificate; a renegotiated one
    # changes them under way. With the cache off and no tickets there is nothing to resume, under 1.2 as under 1.3.
    context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    context.set_tlsext_servername_callback(_without_tickets)
    # The longest key that both know, as the standard library's contexts do it: private keys may travel here.
    context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_session_cache_mode(_SESSION_CACHE_OFF)
    context.set_alpn_select_callback(_select)
    context.set_verify(SSL.VERIFY_PEER)
    store = context.get_cert_store()
    assert store is not None  # noqa: S101  # a context of ours has one; pyOpenSSL's types cannot say so
    store.set_flags(_NO_CHECK_TIME)
    for anchor in anchors:
        store.add_cert(crypto.X509.from_cryptography(anchor))
    try:
        context.use_privatekey(key)
        context.use_certificate(own[0])
        for certificate in own[1:]:
            context.add_extra_chain_cert(certificate)
        context.check_privatekey()
    except (SSL.Error, TypeError) as error:
        raise ssl.SSLError(f"the key and the certificate do not fit together ({error})") from None
    return context


def _without_tickets(connection: SSL.Connection) -> None:
    """Called for each ClientHello, whether it names a server or not; where this fails, the handshake does.

    A context that has the option from the start sends two tickets under TLS 1.3 nevertheless, which open nothing here
    and cost as much as a record each, and pyOpenSSL cannot set how many. Set here, it takes back that one was due.
    """
    connection.set_options(SSL.OP_NO_TICKET)


def _select(_: SSL.Connection, offered: list[bytes]) -> Any:  # noqa: ANN401  # octets, or a type without a public name
    return _HTTP if _HTTP in offered else SSL.NO_OVERLAPPING_PROTOCOLS


class ExportingObject:
    """One server-side connection, with the methods of `ssl.SSLObject` that asyncio and the bridge call."""

    def __init__(self, context: SSL.Context, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        self._tls = SSL.Connection(context, None)
        self._tls.set_accept_state()
        self._incoming, self._outgoing = incoming, outgoing
        self._peer: bytes | None = None
        self._has_peer = False
        # Whether all that came is read: to ask OpenSSL once more would say the same, and take longer than most steps.
        self._is_dry = True

    @property
    def session_reused(self) -> bool:
        """Never: see `_context`."""
        return False

    def do_handshake(self) -> None:
        """Go on with what has come.

        Raises:
            ssl.SSLWantReadError: nothing has, or more has to; asyncio begins before a client has said anything.
        """
        self._take_in()
        if self._is_dry:
            raise _more_has_to_come()
        self._do(self._tls.do_handshake)

    def read(self, wanted: int, buffer: memoryview | None = None) -> bytes | int:
        """What has come, or nothing at the end.

        Raises:
            ssl.SSLWantReadError: nothing has come yet.
        """
        self._take_in()
        if self._is_dry:
            raise _more_has_to_come()
        try:
            octets = self._do(self._tls.recv, min(wanted, _RECORD_OCTETS))
        except ssl.SSLZeroReturnError:
            octets = b""
        if buffer is None:
            return octets
        buffer[: len(octets)] = octets
        return len(octets)

    def write(self, octets: bytes | bytearray | memoryview) -> int:
        # What has come in stays where it is: asyncio stops reading from the socket by how much of it waits there, and
        # a client that sends on and takes no answer would have all of it put into memory, piece by piece.
        return self._do(self._tls.send, bytes(octets))

    def unwrap(self) -> None:
        """Say that this side is done, and wait for the other one to say so.

        Raises:
            ssl.SSLWantReadError: it has not yet.
        """
        self._take_in()
        if self._do(self._tls.shutdown):
            return
        if self._is_dry:
            raise _more_has_to_come()
        self._do(self._tls.shutdown)

    def getpeercert(self, binary_form: bool = False) -> bytes | dict[str, str] | None:  # noqa: FBT001, FBT002  # the base's
        """DER of the client's certificate, or None; asyncio asks for a dictionary that nobody reads."""
        if not binary_form:
            return {}
        if not self._has_peer:
            certificate = self._tls.get_peer_certificate()
            self._peer = None if certificate is None else crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate)
            self._has_peer = True
        return self._peer

    def cipher(self) -> tuple[str, str, int] | None:
        name = self._tls.get_cipher_name()
        return None if name is None else (name, self._tls.get_cipher_version() or "", self._tls.get_cipher_bits() or 0)

    def compression(self) -> None:
        return None

    def version(self) -> str:
        return self._tls.get_protocol_version_name()

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """The channel binding of a type that fits this version, else None.

        Under TLS 1.2 `tls-unique`: without resumption the client's Finished message comes first (RFC 5929, 3.1).
        Under TLS 1.3 `tls-exporter` (RFC 9266).
        """
        match self.version(), cb_type:
            case "TLSv1.2", "tls-unique":
                return self._tls.get_peer_finished()
            case "TLSv1.3", "tls-exporter":
                return self._tls.export_keying_material(LABEL, BINDING_OCTETS, b"")
            case _:
                return None

    def _take_in(self) -> None:
        # After the end nothing is taken in any more; writing an empty buffer would be an error.
        if self._incoming.pending:
            self._tls.bio_write(self._incoming.read())
            self._is_dry = False

    def _do(self, step: Callable[..., T], *values: int | bytes) -> T:
        """Take one step, and send what goes out after it."""
        try:
            return step(*values)
        except SSL.WantReadError:
            self._is_dry = True
            raise _more_has_to_come() from None
        except SSL.ZeroReturnError:
            raise ssl.SSLZeroReturnError(ssl.SSL_ERROR_ZERO_RETURN, "the other side is done") from None
        except SSL.Error as error:
            raise ssl.SSLError(ssl.SSL_ERROR_SSL, _reason(error)) from None
        finally:
            self._flush()

    def _flush(self) -> None:
        going = _FLUSH_OCTETS
        # To find the buffer empty is an exception of pyOpenSSL's, and so is dear: fewer than asked for are all.
        while going == _FLUSH_OCTETS:
            try:
                going = self._outgoing.write(self._tls.bio_read(_FLUSH_OCTETS))
            except SSL.WantReadError:
                return


def _more_has_to_come() -> ssl.SSLWantReadError:
    return ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "more has to come")


def _reason(error: SSL.Error) -> str:
    """What OpenSSL says, in one line."""
    reasons = [str(part[-1]) for part in error.args[0]] if error.args and isinstance(error.args[0], list) else []
    return "; ".join(reasons) or str(error) or "unexpected end"


def why_not() -> str | None:
    """Try it: None when both ends of a connection export the same, and only for the same label; else what is wrong."""
    try:
        return _tried()
    except (SSL.Error, ssl.SSLError, ValueError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"


def _tried() -> str | None:
    context, to_server, to_client = _throwaway(), ssl.MemoryBIO(), ssl.MemoryBIO()
    server = ExportingObject(context, to_server, to_client)
    client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    client.set_connect_state()
    for _ in range(_TURNS):
        with suppress(SSL.WantReadError):
            client.do_handshake()
        to_server.write(client.bio_read(_FLUSH_OCTETS))
        with suppress(ssl.SSLWantReadError):
            server.do_handshake()
            break
        client.bio_write(to_client.read())
    ours, theirs = (
        server.get_channel_binding("tls-exporter"),
        client.export_keying_material(LABEL, BINDING_OCTETS, b""),
    )
    other = client.export_keying_material(b"EXPORTER-soapstone-self-test", BINDING_OCTETS, b"")
    if ours is None:
        return f"the connection came to {server.version()}"
    return None if ours == theirs != other and len(ours) == BINDING_OCTETS else "the two ends do not export the same"


def _throwaway() -> SSL.Context:
    """A context with a certificate of its own, which no one will see."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "self-test")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, _EPOCH, _EPOCH + timedelta(days=1))
    return _context((builder.sign(key, SHA256()),), key, ())


def _octets(secret: str | bytes | bytearray) -> bytes:
    return secret.encode() if isinstance(secret, str) else bytes(secret)
