"""certbot's `acme` library as a client, driven by lines of JSON.

It runs under the Python of certbot's environment, which has the library, and knows nothing of this house. Each line
of standard input is one step, `{"as": SESSION, "do": NAME, "with": ARGUMENTS}`; a session has an account key of its
own. Its answer is one line: `{"done": RESULT}`, or `{"refused": PROBLEM}` with the problem document.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from acme import challenges, client, crypto_util, errors, jws, messages, standalone
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from josepy.interfaces import JSONDeSerializable
from josepy.jwa import ES256
from josepy.jwk import JWKEC

Json = dict[str, Any]

_PROBE_SECONDS = 0.3  # after which the library's first look finds the answer, and not its second, a second later
_FOR_EVER = dt.datetime.max  # noqa: DTZ901  # the library compares it with a naive time; the test has a timeout


class Payload(JSONDeSerializable):
    """Members for which the library has no class."""

    def __init__(self, members: Json) -> None:
        self._members = members

    def to_partial_json(self) -> Json:
        return self._members

    @classmethod
    def from_json(cls, jobj: Any) -> Payload:
        return cls(jobj)


class Session:
    """One account key, and the order that it is at."""

    def __init__(self, directory: str, trust: str) -> None:
        self._net = client.ClientNetwork(_new_key(), alg=ES256, verify_ssl=trust)
        self._client = client.ClientV2(client.ClientV2.get_directory(directory, self._net), self._net)
        self._order: Any = None

    def directory(self) -> Any:
        return self._client.directory.to_json()

    def new_account(self, eab: Json | None = None, alg: str = "HS256", contact: tuple[str, ...] = ()) -> Json:
        binding = None
        if eab is not None:
            binding = messages.ExternalAccountBinding.from_data(
                self._net.key.public_key(), eab["kid"], eab["hmac_key"], self._client.directory, alg
            )
        wanted = messages.NewRegistration(
            contact=tuple(contact), terms_of_service_agreed=True, external_account_binding=binding
        )
        return _shown(self._client.new_account(wanted))

    def agree_again(self) -> str:
        """Accept the agreement of today by a newAccount of the same key; the account's URL."""
        known, self._net.account = self._net.account, None
        try:
            self._client.new_account(messages.NewRegistration(terms_of_service_agreed=True))
        except errors.ConflictError as conflict:
            self._net.account = known
            return str(conflict.location)
        raise AssertionError("the key had an account, and got another one")

    def find_account(self) -> Json:
        """The account of this key, by `onlyReturnExisting`."""
        return _shown(self._client.query_registration(self._known()))

    def change_contacts(self, contact: tuple[str, ...]) -> Json:
        known = self._known()
        return _shown(self._client.update_registration(known, known.body.update(contact=tuple(contact))))

    def deactivate(self) -> Json:
        return _shown(self._client.deactivate_registration(self._known()))

    def _known(self) -> Any:
        """The account without its binding: the library can read that, and cannot write it again."""
        known = self._net.account or messages.RegistrationResource(body=messages.Registration(), uri="")
        return known.update(body=known.body.update(external_account_binding=None))

    def change_key(self) -> str:
        """Put a new key in the place of the session's; the library signs it inside and outside."""
        old, new, url = self._net.key, _new_key(), self._client.directory["keyChange"]
        payload = json.dumps({"account": self._net.account.uri, "oldKey": old.public_key().to_json()}).encode()
        inner = jws.JWS.sign(payload, key=new, alg=ES256, nonce=None, url=url)
        self._client._post(url, inner)
        self._old_key, self._net.key = old, new
        return str(self._net.account.uri)

    def with_the_old_key(self) -> Json:
        """Look at the account, signed with the key that it had before."""
        new, self._net.key = self._net.key, self._old_key
        try:
            return self.post(self._net.account.uri)
        finally:
            self._net.key = new

    def post(self, url: str, payload: Json | None = None) -> Json:
        """Sign and send what the library has no method for; without payload it is POST-as-GET."""
        response = self._client._post(url, None if payload is None else Payload(payload))
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        return {
            "status": response.status_code,
            "headers": dict(response.headers),
            "body": response.json() if is_json else response.text,
        }

    def order(self, names: list[str], profile: str | None = None, members: Json | None = None) -> Json:
        """Place an order; the request for it has a new key. `members` are what the library's order lacks."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        csr = crypto_util.make_csr(pem, names)
        if members is None:
            self._order = self._client.new_order(csr, profile)
        else:
            identifiers = [{"type": "dns", "value": name} for name in names]
            wanted = Payload({"identifiers": identifiers, **members})
            response = self._client._post(self._client.directory["newOrder"], wanted)
            self._order = messages.OrderResource(
                body=messages.Order.from_json(response.json()),
                uri=response.headers["Location"],
                authorizations=[],
                csr_pem=csr,
            )
        return self.post(self._order.uri) | {"uri": self._order.uri}

    def authorize(self, name: str) -> Json:
        """Ask for an authorization ahead of any order (RFC 8555, 7.4.1)."""
        wanted = Payload({"identifier": {"type": "dns", "value": name}})
        response = self._client._post(self._client.directory["newAuthz"], wanted)
        held = self._client._authzr_from_response(response)
        body = messages.Order(authorizations=[held.uri])
        self._order = messages.OrderResource(body=body, uri="", authorizations=[held], csr_pem=b"")
        return {"uri": held.uri, "body": response.json()}

    def certificate_id(self, certificate: str) -> str:
        """How an order names the certificate that it replaces (RFC 9773, 4.1)."""
        return str(client._renewal_info_path_component(x509.load_pem_x509_certificate(certificate.encode())))

    def orders(self) -> list[list[str]]:
        """The URLs of the account's orders, page by page."""
        url = self._client._post_as_get(self._net.account.uri).json()["orders"]
        pages = []
        while url:
            response = self._client._post_as_get(url)
            pages.append(response.json()["orders"])
            url = response.links.get("next", {}).get("url")
        return pages

    def prove(self, port: int) -> list[Json]:
        """Answer http-01 for each pending authorization of the order with the library's own server."""
        pending = [one for one in self._order.authorizations if one.body.status == messages.STATUS_PENDING]
        chosen = [
            next(one for one in authorization.body.challenges if isinstance(one.chall, challenges.HTTP01))
            for authorization in pending
        ]
        with self._serving(chosen, port):
            for challenge in chosen:
                self._client.answer_challenge(challenge, challenge.response(self._net.key))
            time.sleep(_PROBE_SECONDS)
            self._order = self._client.poll_authorizations(self._order, _FOR_EVER)
        return [one.body.to_json() for one in self._order.authorizations]

    @contextmanager
    def _serving(self, chosen: list[Any], port: int) -> Iterator[None]:
        resources = {
            standalone.HTTP01RequestHandler.HTTP01Resource(
                one.chall, one.response(self._net.key), one.validation(self._net.key)
            )
            for one in chosen
        }
        servers = standalone.HTTP01DualNetworkedServers(("", port), resources)
        servers.serve_forever()
        try:
            yield
        finally:
            servers.shutdown_and_server_close()

    def finalize(self) -> Json:
        """Have the order's certificate issued and fetch it, at once where nobody has to look; the chains are in PEM."""
        self._order = self._client.begin_finalization(self._order)
        if self._order.body.certificate is None:
            return self.fetch_again()
        answer = self._client._post_as_get(self._order.body.certificate)
        others = [self._client._post_as_get(url).text for url in self._client._get_links(answer, "alternate")]
        return {"chain": answer.text, "others": others}

    def fetch_again(self) -> Json:
        """The chains as they are now, by the library's own way, which waits a second before it asks."""
        self._order = self._client.poll_finalization(self._order, _FOR_EVER, fetch_alternative_chains=True)
        return {"chain": self._order.fullchain_pem, "others": list(self._order.alternative_fullchains_pem)}

    def deactivate_authorization(self, url: str) -> Json:
        held = messages.AuthorizationResource(
            uri=url, body=messages.Authorization.from_json(self._client._post_as_get(url).json())
        )
        done: Json = self._client.deactivate_authorization(held).body.to_json()
        return done

    def revoke(self, certificate: str, reason: int) -> None:
        self._client.revoke(x509.load_pem_x509_certificate(certificate.encode()), reason)

    def renewal_time(self, certificate: str) -> str | None:
        """When the server suggests to renew (RFC 9773); None when it says nothing."""
        at, _ = self._client.renewal_time(certificate.encode())
        return None if at is None else at.isoformat()


def _new_key() -> JWKEC:
    return JWKEC(key=ec.generate_private_key(ec.SECP256R1()))


def _shown(account: Any) -> Json:
    return {"uri": account.uri, "body": account.body.to_json()}


def _answer(sessions: dict[str, Session], step: Json) -> Json:
    name, do = step["as"], step["do"]
    try:
        if name not in sessions:
            sessions[name] = Session(*sys.argv[1:3])
        return {"done": getattr(sessions[name], do)(**step["with"])}
    except messages.Error as problem:
        return {"refused": problem.to_json()}
    except errors.ConflictError as conflict:
        return {"refused": {"type": "conflict", "detail": conflict.location}}
    except errors.IssuanceError as failed:
        return {"refused": failed.error.to_json()}
    except errors.ValidationError as failed:
        return {"refused": {"type": "validation", "detail": str(failed)}}


def main() -> None:
    sessions: dict[str, Session] = {}
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(sessions, json.loads(line)), default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
