"""An ACME client that does as it is told, also what no client should: for attacks and for races."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import ssl
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

Json = dict[str, Any]


class Place(Protocol):
    """Where ACME is served, by one server or by a balancer in front of several."""

    @property
    def trust(self) -> Path: ...

    @property
    def port(self) -> int: ...


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def jwk_of(key: ec.EllipticCurvePrivateKey) -> Json:
    numbers = key.public_key().public_numbers()
    return {
        "crv": "P-256",
        "kty": "EC",
        "x": b64(numbers.x.to_bytes(32, "big")),
        "y": b64(numbers.y.to_bytes(32, "big")),
    }


def es256(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def csr(key: ec.EllipticCurvePrivateKey, *names: str, common_name: str | None = None) -> bytes:
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if names:
        general = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(general, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def certificate_id(der: bytes) -> str:
    """How a certificate is named (RFC 9773, 4.1)."""
    certificate = x509.load_der_x509_certificate(der)
    issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier or b""
    serial = certificate.serial_number
    return f"{b64(issuer)}.{b64(serial.to_bytes(serial.bit_length() // 8 + 1, 'big'))}"


def bound(eab: Json, url: str, key: Json, *, alg: str = "HS256") -> Json:
    """An external account binding of a key (RFC 8555, 7.3.4)."""
    protected = b64(json.dumps({"alg": alg, "kid": eab["kid"], "url": url}).encode())
    payload = b64(json.dumps(key).encode())
    padded = eab["hmac_key"] + "=" * (-len(eab["hmac_key"]) % 4)
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[alg]
    mac = hmac.digest(base64.urlsafe_b64decode(padded), f"{protected}.{payload}".encode(), digest)
    return {"protected": protected, "payload": payload, "signature": b64(mac)}


class Answer:
    """Status, headers and body of one answer."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Json:
        parsed: Json = json.loads(self.body)
        return parsed

    @property
    def problem(self) -> str:
        """The problem's type without its prefix; the form of the problem document is checked on the way."""
        assert self.headers["Content-Type"] == "application/problem+json", self.body
        prefix, _, kind = self.json["type"].rpartition(":")
        assert prefix == "urn:ietf:params:acme:error"
        assert self.json["status"] == self.status
        assert self.json["detail"]
        return str(kind)


class Client:
    """One ACME account key and what it talks to; every request is a new connection, so clients may race."""

    def __init__(self, house: Place) -> None:
        self._tls = ssl.create_default_context(cafile=str(house.trust))
        self._netloc = f"localhost:{house.port}"
        self.base = f"https://{self._netloc}"
        self.key = new_key()
        self.account: str | None = None
        self.directory = self.get("/acme/directory").json

    def raw(self, method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """Send one request as it is given."""
        connection = http.client.HTTPSConnection(self._netloc, context=self._tls, timeout=60)
        try:
            parts = urlsplit(url)
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            connection.request(method, target, body or None, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, url: str) -> Answer:
        return self.raw("GET", url)

    def nonce(self) -> str:
        return str(self.raw("HEAD", self.directory["newNonce"]).headers["Replay-Nonce"])

    def signed(
        self,
        url: str,
        payload: Json | bytes | None,
        *,
        header: Json | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
        without: tuple[str, ...] = (),
    ) -> Json:
        """A flattened JWS; `header` replaces members of the protected header, `without` takes some away."""
        protected: Json = {"alg": "ES256", "nonce": None, "url": url}
        protected |= {"kid": self.account} if self.account else {"jwk": jwk_of(self.key)}
        protected |= header or {}
        if protected["nonce"] is None:
            protected["nonce"] = self.nonce()
        for member in without:
            protected.pop(member, None)
        content = payload if isinstance(payload, bytes) else b"" if payload is None else json.dumps(payload).encode()
        first, second = b64(json.dumps(protected).encode()), b64(content)
        signature = es256(key or self.key, f"{first}.{second}".encode())
        return {"protected": first, "payload": second, "signature": b64(signature)}

    def send(self, url: str, jws: Json | bytes, media_type: str = "application/jose+json") -> Answer:
        body = jws if isinstance(jws, bytes) else json.dumps(jws).encode()
        return self.raw("POST", url, body, {"Content-Type": media_type})

    def post(self, url: str, payload: Json | bytes | None = None, **changes: Any) -> Answer:
        return self.send(url, self.signed(url, payload, **changes))

    def binding(self, eab: Json, *, url: str | None = None, alg: str = "HS256", key: Json | None = None) -> Json:
        """An external account binding for this account key."""
        return bound(eab, url or self.directory["newAccount"], key or jwk_of(self.key), alg=alg)

    def new_account(self, eab: Json | None = None, **members: Any) -> Answer:
        payload = {"termsOfServiceAgreed": True, **members}
        if eab is not None:
            payload["externalAccountBinding"] = self.binding(eab)
        answer = self.post(self.directory["newAccount"], payload, header={"jwk": jwk_of(self.key)}, without=("kid",))
        if answer.status in {200, 201}:
            self.account = answer.headers["Location"]
        return answer

    def new_order(self, *names: str, **members: Any) -> Answer:
        identifiers = [{"type": "dns", "value": name} for name in names]
        return self.post(self.directory["newOrder"], {"identifiers": identifiers, **members})

    def certificate(self, *names: str, key: ec.EllipticCurvePrivateKey | None = None) -> tuple[str, bytes]:
        """Order, finalize and download for vetted names; return the certificate's URL and DER."""
        order = self.new_order(*names).json
        done = self.post(order["finalize"], {"csr": b64(csr(key or new_key(), *names))})
        assert done.status == 200, done.body
        url = done.json["certificate"]
        pem = self.post(url).body
        return url, x509.load_pem_x509_certificates(pem)[0].public_bytes(Encoding.DER)
