"""Who asks, where a proxy that settings name stands in front: by its word, and by nobody else's."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator

import msgspec
from cryptography import x509

from ca_core.errors import BadRequest, Misconfigured
from ca_core.networks import checked, is_within
from protocols.wire import Peer, Request
from server.client_cert import CLIENT_CERT, CLIENT_CERT_CHAIN, presented

_FORWARDED = "forwarded"
_X_FORWARDED_FOR = "x-forwarded-for"
_CERTIFICATES = frozenset({CLIENT_CERT, CLIENT_CERT_CHAIN})
_PROXYS_OWN = _CERTIFICATES | {_FORWARDED, _X_FORWARDED_FOR}
_WIDEST_PREFIX = 8
_NOWHERE = "unknown"
"""Within no network, and one source to throttle."""


class Proxies:
    """What the proxies of one listener say, checked.

    Args:
        networks: where they are; empty: there are none.
        tls: the listener's context where client certificates are asked for: who is trusted in its handshakes is
            trusted in a field too.
    """

    def __init__(self, networks: tuple[str, ...] = (), tls: ssl.SSLContext | None = None) -> None:
        self.networks = networks
        self._tls = tls
        self._known: tuple[list[bytes], list[x509.Certificate]] = ([], [])

    def judged(self, request: Request) -> Request:
        """The request as protocols may see it: its peer is who asks, and no field is left that only a proxy may set.

        Raises:
            BadRequest: fields of client certificates that are malformed, or not from a proxy that settings name.
            CertificateNotAccepted: a certificate that no CA of ours has issued.
        """
        is_proxy = bool(self.networks) and is_within(request.peer.address, self.networks)
        if not is_proxy and not _PROXYS_OWN & request.headers.keys():
            return request
        headers = {name: value for name, value in request.headers.items() if name not in _PROXYS_OWN}
        if is_proxy:
            return msgspec.structs.replace(request, headers=headers, peer=self._client(request))
        # Elsewhere no one asks for certificates, and what is left out harms nobody.
        if self._tls is not None and _CERTIFICATES & request.headers.keys():
            raise BadRequest(
                f"Client-Cert is taken only from proxies that est.proxies names, and {request.peer.address} is none:"
                " connect directly, or have the operator name the proxy"
            )
        return msgspec.structs.replace(request, headers=headers)

    def _client(self, request: Request) -> Peer:
        """Who asks through the proxy. The certificate and the channel of the proxy's own connection are not theirs."""
        address = self._source(request)
        if self._tls is None:
            return Peer(address)
        field, chain = request.headers.get(CLIENT_CERT), request.headers.get(CLIENT_CERT_CHAIN)
        return Peer(address, certificate=presented(field, chain, self._anchors(self._tls)))

    def _anchors(self, tls: ssl.SSLContext) -> list[x509.Certificate]:
        trusted = tls.get_ca_certs(binary_form=True)
        if self._known[0] != trusted:
            self._known = trusted, [x509.load_der_x509_certificate(der) for der in trusted]
        return self._known[1]

    def _source(self, request: Request) -> str:
        """The last address on the way that is no proxy of ours; the proxy's own where a proxy asks for itself.

        A proxy sets X-Forwarded-For or Forwarded, and may pass on the other one as a client wrote it: where both are
        there and do not agree, neither is believed. The proxy's own would be a gift then, to who may not come from
        everywhere (`ca_core.networks`).
        """
        own = request.peer.address
        said = {
            self._last(addresses(value), own)
            for addresses, name in ((_listed, _X_FORWARDED_FOR), (_for, _FORWARDED))
            if (value := request.headers.get(name)) is not None
        } or {own}
        return said.pop() if len(said) == 1 else _NOWHERE

    def _last(self, addresses: Iterator[str], own: str) -> str:
        return next((address for address in addresses if not is_within(address, self.networks)), own)


def checked_networks(key: str, networks: tuple[str, ...]) -> None:
    """Refuse what names no proxy, or half of the world.

    Raises:
        Misconfigured: says which.
    """
    for text in networks:
        try:
            prefix = ipaddress.ip_network(checked(text)).prefixlen
        except BadRequest as error:
            raise Misconfigured(f"{key}: {error}") from None
        if prefix < _WIDEST_PREFIX:
            raise Misconfigured(f"{key}: {text} is no proxy; whoever is in it could pass for anybody")


def _listed(value: str) -> Iterator[str]:
    for entry in reversed(value.split(",")):
        yield _address(entry)


def _for(value: str) -> Iterator[str]:
    """RFC 7239, 4. What stands before the proxy's own element may be a client's, and changes nothing in it."""
    for element in reversed(value.split(",")):
        pairs = (pair.strip().partition("=") for pair in element.split(";"))
        yield _address(next((node for name, _, node in pairs if name.lower() == "for"), ""))


def _address(entry: str) -> str:
    """An address, perhaps quoted, in brackets or with a port; what is none comes from nowhere."""
    text = entry.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return _NOWHERE
