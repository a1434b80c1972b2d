"""ACME against a small model of it: whatever clients do in whatever order, and whenever, both say the same.

`SOAPSTONE_MACHINE_STEPS` is how many steps are taken: 500 by default, 20,000 in `make test-long`.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ca_core.names import dns
from ca_core.registration.sheet import Sheet
from conformance import stores
from protocols.acme.expiry import KEPT_SECONDS, Expiry
from protocols.acme.links import Resource
from protocols.acme.probes import Seen
from protocols.encoding import base64url
from tests.builders import jws
from tests.builders.acme import LINKS, AcmeHouse, Answer, Client, acme_house, csr_for
from tests.builders.core import granted
from tests.builders.store import copied, kept, store_of
from tests.properties.acme_model import (
    DAY,
    ORDER_SECONDS,
    Account,
    Authorization,
    Certificate,
    Model,
    Order,
    may_become,
)

STEPS = int(os.environ.get("SOAPSTONE_MACHINE_STEPS", "500"))
STEPS_A_RUN = 50
MOST_ACCOUNTS = 4

VETTED = {"one": ("a.example", "b.example", "*.w.example"), "two": ("d.example",)}
PROVED = {"one": ("p.example", "q.example", "*.q.example"), "two": ("p.example", "r.example")}
FOREIGN = ("bank.example", "sub.a.example", "*.a.example")

RIGHT = Seen(proved=True)
WRONG = Seen(proved=False, problem="unauthorized", detail="something else is there")
UNREACHABLE = Seen(proved=False, problem="connection", detail="nobody answers")
UNAUTHORIZED = {(401, "unauthorized"), (403, "unauthorized")}

T = TypeVar("T")
# Not integers, of which small ones are preferred.
which = st.sampled_from(range(60))
has_accounts = precondition(lambda self: self.model.accounts)
has_orders = precondition(lambda self: self.model.orders)


@functools.cache
def template() -> Path:
    """A home with its CA, made once and copied for each run."""
    folder = Path(tempfile.mkdtemp(prefix="machine-"))
    atexit.register(shutil.rmtree, folder)

    async def make() -> None:
        async with acme_house(folder):
            pass

    asyncio.run(make())
    kept(folder)
    return folder


class AcmeMachine(RuleBasedStateMachine):
    """Clients of two registrations, a validator, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.open = AsyncExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="machine-"))
        copied(template(), self.folder)
        self.house: AcmeHouse = self.run(self.open.enter_async_context(acme_house(self.folder)))
        self.model = Model()
        self.clients: dict[str, Client] = {}
        self.keys = 0
        self.seen: dict[str, tuple[str, str]] = {}
        self.sheets = {account: self.run(self.register(account)) for account in VETTED}

    async def register(self, account: str) -> Sheet:
        vetted, proved = (map(dns, names[account]) for names in (VETTED, PROVED))
        grants = (*granted(*vetted), *granted(*proved, vetted=False))
        return await self.house.core.register(account, *grants, kind="partner")

    def teardown(self) -> None:
        self.run(self.open.aclose())
        self.runner.close()
        stores.forget(store_of(self.folder))
        shutil.rmtree(self.folder)

    # -- What clients do ------------------------------------------------------------------------------------

    @initialize(registrations=st.lists(st.sampled_from(sorted(VETTED)), min_size=2, max_size=3))
    def begin(self, registrations: list[str]) -> None:
        for registration in registrations:
            self.new_account(registration)

    @precondition(lambda self: len(self.model.accounts) < MOST_ACCOUNTS)
    @rule(registration=st.sampled_from(sorted(VETTED)))
    def new_account(self, registration: str) -> None:
        client = self.house.client(self.fresh_key())
        answer = self.checked(self.run(client.new_account(self.sheets[registration])))

        assert answer.status == 201
        account = Account(answer.header("Location"), registration, self.keys)
        self.model.accounts.append(account)
        self.clients[account.url] = client
        self.note("account", account.url, answer.json["status"])

    @has_accounts
    @rule(pick=which)
    def find_account(self, pick: int) -> None:
        account = self.account(pick)
        client = self.clients[account.url]

        answer = self.checked(self.run(client.post(LINKS.to(Resource.NEW_ACCOUNT), {}, by_key=True)))

        if account.is_valid:
            assert (answer.status, answer.header("Location")) == (200, account.url)
        else:
            assert answer.refusal in UNAUTHORIZED

    @has_accounts
    @rule(pick=which, picked=st.lists(which, min_size=1, max_size=3), greedy=st.sampled_from([False] * 9 + [True]))
    def place_order(self, pick: int, picked: list[int], greedy: bool) -> None:
        account, now = self.account(pick), self.now
        own = (*VETTED[account.registration], *PROVED[account.registration])
        some = (*own, *FOREIGN) if greedy else own
        wanted = sorted({some[one % len(some)] for one in picked})

        answer = self.checked(self.run(self.clients[account.url].order(*wanted)))

        if not account.is_valid:
            assert answer.refusal in UNAUTHORIZED
        elif not {*wanted} <= {*own}:
            assert answer.refusal == (403, "rejectedIdentifier")
        elif self.model.is_too_early(account.registration, wanted, now):
            assert answer.refusal == (429, "rateLimited")
        else:
            assert answer.status == 201, answer
            self.remember(account, answer)

    @has_orders
    @rule(pick=which, challenge=which)
    def answer_challenge(self, pick: int, challenge: int) -> None:
        self.answer_one(self.authorization(pick), challenge)

    def answer_one(self, authorization: Authorization, challenge: int) -> None:
        url = authorization.challenges[challenge % len(authorization.challenges)]
        was = self.seen[url][1]

        answer = self.post(authorization.account, url, {})

        if not authorization.account.is_valid:
            assert answer.refusal in UNAUTHORIZED
        elif was == "pending" and authorization.status != "valid" and authorization.status_at(self.now) != "pending":
            assert answer.refusal == (409, "malformed")
        else:
            assert answer.status == 200
            self.note("challenge", url, answer.json["status"])
            if was == "pending" and authorization.status == "valid":
                # Another challenge was met: nothing is left to prove.
                assert answer.json["status"] == "pending"
            elif was == "pending":
                assert answer.json["status"] == "processing"
                authorization.answered.append(url)

    @has_orders
    @rule(pick=which)
    def deactivate_authorization(self, pick: int) -> None:
        authorization = self.authorization(pick)

        answer = self.post(authorization.account, authorization.url, {"status": "deactivated"})

        if not authorization.account.is_valid:
            assert answer.refusal in UNAUTHORIZED
        elif authorization.status_at(self.now) in {"pending", "valid"}:
            assert (answer.status, answer.json["status"]) == (200, "deactivated")
            self.model.give_up(authorization, "deactivated")
        else:
            assert answer.refusal == (409, "malformed")

    @precondition(lambda self: len(self.model.accounts) == MOST_ACCOUNTS)
    @has_accounts
    @rule(pick=which)
    def deactivate_account(self, pick: int) -> None:
        account = self.account(pick)
        if sum(one.is_valid for one in self.model.accounts) == 1:
            return

        answer = self.post(account, account.url, {"status": "deactivated"})

        if account.is_valid:
            assert (answer.status, answer.json["status"]) == (200, "deactivated")
            account.is_valid = False
        else:
            assert answer.refusal in UNAUTHORIZED

    @has_accounts
    @rule(pick=which)
    def change_key(self, pick: int) -> None:
        account = self.account(pick)
        client, new = self.clients[account.url], jws.signer("ES256", self.fresh_key())

        answer = self.key_change(account, new)

        if not account.is_valid:
            assert answer.refusal in UNAUTHORIZED
            return
        assert answer.status == 200
        old, client.signer = client.signer, new
        assert self.checked(self.run(client.post(account.url))).status == 200
        forged = Client(self.house, old, account.url)
        assert self.checked(self.run(forged.post(account.url))).refusal == (400, "malformed")

    @has_accounts
    @rule(pick=which, other=which)
    def change_to_a_key_in_use(self, pick: int, other: int) -> None:
        account, holder = self.account(pick), self.account(other)
        if not account.is_valid:
            return

        answer = self.key_change(account, self.clients[holder.url].signer)

        assert answer.status == 409
        assert answer.header("Location") == holder.url

    @has_accounts
    @rule(pick=which, picked=which)
    def authorize_ahead(self, pick: int, picked: int) -> None:
        account = self.account(pick)
        own = [name for name in (*VETTED[account.registration], *PROVED[account.registration]) if "*" not in name]
        wanted = [*own, "bank.example"][picked % (len(own) + 1)]

        answer = self.post(account, LINKS.to(Resource.NEW_AUTHZ), {"identifier": {"type": "dns", "value": wanted}})

        if not account.is_valid:
            assert answer.refusal in UNAUTHORIZED
        elif wanted not in own:
            assert answer.refusal == (403, "rejectedIdentifier")
        else:
            assert (answer.status, answer.json["identifier"]["value"]) == (201, wanted)
            self.known(account, answer.header("Location"))

    @has_accounts
    @rule(pick=which, picked=st.lists(which, min_size=1, max_size=2))
    def go_the_whole_way(self, pick: int, picked: list[int]) -> None:
        """What a good client does; by single steps alone, few would arrive."""
        placed = len(self.model.orders)
        self.place_order(pick, picked, greedy=False)
        if len(self.model.orders) == placed:
            return
        newest = self.model.orders[-1]
        for authorization in newest.authorizations:
            if authorization.status_at(self.now) == "pending":
                self.answer_one(authorization, picked[0])
        self.validate(dict.fromkeys("pqr", RIGHT))
        self.finalize_one(newest, "good")

    # -- What becomes of it ---------------------------------------------------------------------------------

    @has_orders
    @rule(shown=st.fixed_dictionaries({name: st.sampled_from([RIGHT, RIGHT, WRONG, UNREACHABLE]) for name in "pqr"}))
    def validate(self, shown: dict[str, Seen]) -> None:
        self.house.probes.staged = {
            f"{star}{name}.example": seen for name, seen in shown.items() for star in ("", "*.")
        }

        self.run(self.house.validator.turn())

        for authorization in self.model.authorizations.values():
            waits = bool(authorization.answered) and authorization.status_at(self.now) == "pending"
            if waits:
                self.settle(authorization, shown[authorization.name.removeprefix("*.")[0]])

    @has_orders
    @rule(pick=which, kind=st.sampled_from(["good", "good", "good", "other name", "no csr", "account key"]))
    def finalize(self, pick: int, kind: str) -> None:
        self.finalize_one(self.order(pick), kind)

    def finalize_one(self, order: Order, kind: str) -> None:
        client, fresh = self.clients[order.account.url], ec.generate_private_key(ec.SECP256R1())
        requests: dict[str, Callable[[], bytes]] = {
            "good": lambda: csr_for(*order.names, key=fresh),
            "other name": lambda: csr_for(*order.names, "more.example", key=fresh),
            "no csr": lambda: b"no csr",
            "account key": lambda: csr_for(*order.names, key=client.signer.private),
        }
        der = requests[kind]()

        answer = self.post(order.account, order.finalize_url, {"csr": base64url(der)})

        if not order.account.is_valid:
            assert answer.refusal in UNAUTHORIZED
        elif order.status_at(self.now) != "ready":
            assert answer.refusal == (403, "orderNotReady")
        elif kind != "good":
            assert answer.refusal == (400, "badCSR")
        elif any(one.status_at(self.now) != "valid" for one in order.authorizations):
            assert answer.refusal in UNAUTHORIZED
        elif self.model.is_too_early(order.account.registration, order.names, self.now):
            assert answer.refusal == (429, "rateLimited")
        else:
            assert (answer.status, answer.json["status"]) == (200, "valid"), answer
            self.issued(order, answer, der)

    @has_orders
    @rule(pick=which)
    def finalize_again(self, pick: int) -> None:
        order = self.order(pick)
        if order.csr is None or not order.account.is_valid:
            return

        answer = self.post(order.account, order.finalize_url, {"csr": base64url(order.csr)})

        assert (answer.status, answer.json["certificate"]) == (200, order.certificate)

    @has_orders
    @rule(pick=which)
    def revoke(self, pick: int) -> None:
        order = self.order(pick)
        if order.certificate is None or not order.account.is_valid:
            return
        certificate = self.model.certificates[order.certificate]
        der = self.leaf(self.post(order.account, order.certificate)).public_bytes(Encoding.DER)

        answer = self.checked(self.run(self.clients[order.account.url].revoke(der)))

        if certificate.is_revoked:
            assert answer.refusal == (400, "alreadyRevoked")
        elif self.now > certificate.expires_at:
            assert answer.status >= 400
        else:
            assert answer.status == 200
            certificate.is_revoked = True

    @rule(days=st.sampled_from([0.0001, 1, 6.9, 8, 29, 31, 58]))
    def wait(self, days: float) -> None:
        self.house.core.clock.move(int(days * 86_400))

    @rule()
    def sweep(self) -> None:
        """Marking what has run out changes nothing that anybody sees; what came to nothing long ago may be gone."""
        self.run(Expiry(self.house.core.database, self.house.core.clock).turn())
        for order in self.model.useless_orders(placed_before=self.now - KEPT_SECONDS, now=self.now):
            if self.is_gone(order.account, order.url):
                self.model.orders.remove(order)
        for authorization in self.model.useless_authorizations(self.now):
            if self.is_gone(authorization.account, authorization.url):
                del self.model.authorizations[authorization.url]

    def is_gone(self, account: Account, url: str) -> bool:
        return account.is_valid and self.post(account, url).status == 404

    # -- What must hold -------------------------------------------------------------------------------------

    @has_accounts
    @rule(pick=which)
    def read_all_of_an_account(self, pick: int) -> None:
        account = self.account(pick)
        if not account.is_valid:
            assert self.post(account, account.url).refusal in UNAUTHORIZED
            return
        self.note("account", account.url, self.post(account, account.url).json["status"])
        for order in (one for one in self.model.orders if one.account is account):
            shown = self.post(account, order.url).json
            assert (shown["status"], shown.get("certificate")) == (order.status_at(self.now), order.certificate), order
            assert shown["authorizations"] == [one.url for one in order.authorizations]
            self.note("order", order.url, shown["status"])
        for authorization in (one for one in self.model.authorizations.values() if one.account is account):
            self.look_at(authorization)

    @has_orders
    @rule(pick=which, other=which)
    def read_of_another(self, pick: int, other: int) -> None:
        order, stranger = self.order(pick), self.account(other)
        if stranger is order.account or not stranger.is_valid:
            return
        challenges = [url for one in order.authorizations for url in one.challenges]
        urls = [order.account.url, order.url, *(one.url for one in order.authorizations), *challenges]

        for url in [*urls, *([order.certificate] if order.certificate else [])]:
            answer = self.post(stranger, url)
            assert answer.refusal == (404, "malformed")
            assert all(name not in answer.body.decode() for name in order.names)

    @invariant()
    def every_valid_order_has_one_certificate(self) -> None:
        issued = [order.certificate for order in self.model.orders if order.certificate]

        assert len(issued) == len(set(issued)) == self.run(self.house.core.count("certificates"))

    # -- How ------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self.house.core.clock.now()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(coroutine)

    def fresh_key(self) -> int:
        self.keys += 1
        return self.keys

    def account(self, pick: int) -> Account:
        return self.model.accounts[pick % len(self.model.accounts)]

    def order(self, pick: int) -> Order:
        """Mostly one of the newest: the old ones have ended."""
        recent = self.model.orders[-4:] if pick % 4 else self.model.orders
        return recent[pick % len(recent)]

    def authorization(self, pick: int) -> Authorization:
        order = self.order(pick)
        return order.authorizations[pick % len(order.authorizations)]

    def post(self, account: Account, url: str, payload: object = b"") -> Answer:
        return self.checked(self.run(self.clients[account.url].post(url, payload)))

    def key_change(self, account: Account, new: jws.Signer) -> Answer:
        url, old = LINKS.to(Resource.KEY_CHANGE), self.clients[account.url].signer
        payload = json.dumps({"account": account.url, "oldKey": old.jwk}).encode()
        return self.post(account, url, jws.flattened({"alg": new.alg, "jwk": new.jwk, "url": url}, payload, new.sign))

    def checked(self, answer: Answer) -> Answer:
        """Whatever is answered is a success, or a client's error as a problem; and brings a nonce."""
        assert answer.status < 500, answer
        assert len(answer.header("Replay-Nonce")) == 43
        assert answer.status < 400 or answer.problem
        return answer

    def note(self, kind: str, url: str, status: str) -> None:
        """What was seen before leads to what is seen now."""
        _, was = self.seen.setdefault(url, (kind, status))
        assert may_become(kind, was, status), f"{kind} {url} went from {was} to {status}"
        self.seen[url] = (kind, status)

    def remember(self, account: Account, answer: Answer) -> None:
        needed = [self.known(account, url) for url in answer.json["authorizations"]]
        order = Order(
            url=answer.header("Location"),
            finalize_url=answer.json["finalize"],
            account=account,
            names=tuple(one["value"] for one in answer.json["identifiers"]),
            authorizations=needed,
            placed_at=self.now,
            expires_at=min(self.now + ORDER_SECONDS, *(one.expires_at for one in needed)),
        )
        self.model.orders.append(order)
        assert epoch(answer.json["expires"]) == order.expires_at
        assert sorted(one.name for one in needed) == sorted(order.names)
        assert answer.json["status"] == order.status_at(self.now)
        self.note("order", order.url, answer.json["status"])

    def known(self, account: Account, url: str) -> Authorization:
        """An authorization of a new order: one that is valid already, or a new one."""
        if (old := self.model.authorizations.get(url)) is not None:
            assert old.account is account
            # A valid one outlives the order; one that pends is used again while nobody has touched it.
            good_until = {"valid": ORDER_SECONDS, "pending": DAY}[old.status_at(self.now)]
            assert old.expires_at >= self.now + good_until
            assert old.status == "valid" or not old.answered
            return old
        shown = self.post(account, url).json
        name = f"*.{shown['identifier']['value']}" if shown.get("wildcard") else shown["identifier"]["value"]
        is_vetted = name in VETTED[account.registration]
        assert shown["status"] == ("valid" if is_vetted else "pending")
        # Each order has the RA's word afresh.
        assert is_vetted or not self.model.proved(account, name, self.now + ORDER_SECONDS)
        made = Authorization(
            url=url,
            account=account,
            name=name,
            status=shown["status"],
            expires_at=epoch(shown["expires"]),
            challenges=[challenge["url"] for challenge in shown["challenges"]],
        )
        self.model.authorizations[url] = made
        self.look_at(made)
        return made

    def look_at(self, authorization: Authorization) -> None:
        """It shows what the model says, and so do its challenges."""
        shown = self.post(authorization.account, authorization.url).json
        assert shown["status"] == authorization.status_at(self.now), authorization
        for challenge in shown["challenges"]:
            self.note("challenge", challenge["url"], challenge["status"])
            assert ("validated" in challenge) is (challenge["status"] == "valid")
        statuses = {challenge["status"] for challenge in shown["challenges"]}
        if shown["status"] in {"valid", "expired"}:
            assert "valid" in statuses
        elif authorization.status != "deactivated":
            assert "valid" not in statuses
        self.note("authorization", authorization.url, shown["status"])

    def settle(self, authorization: Authorization, seen: Seen) -> None:
        """What a turn of the validator has made of an authorization that waited."""
        if not authorization.account.is_valid:
            # Nobody can look any more, and nothing can come of it.
            self.model.give_up(authorization, "invalid")
            return
        shown = self.post(authorization.account, authorization.url).json
        if seen is UNREACHABLE or authorization.is_shaken:
            # When to try again, and how often, is the server's to decide.
            authorization.is_shaken = True
            assert shown["status"] in {"pending", "invalid" if seen is not RIGHT else "valid"}
        else:
            assert shown["status"] == ("valid" if seen is RIGHT else "invalid")
        if shown["status"] == "valid":
            authorization.status, authorization.expires_at = "valid", epoch(shown["expires"])
        elif shown["status"] == "invalid":
            self.model.give_up(authorization, "invalid")
        self.look_at(authorization)

    def issued(self, order: Order, answer: Answer, der: bytes) -> None:
        order.certificate, order.csr = answer.json["certificate"], der
        leaf = self.leaf(self.post(order.account, answer.json["certificate"]))
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert sorted(san.get_values_for_type(x509.DNSName)) == sorted(order.names)
        self.model.certificates[answer.json["certificate"]] = Certificate(
            order.account.registration, frozenset(order.names), int(leaf.not_valid_after_utc.timestamp())
        )
        self.note("order", order.url, "valid")

    def leaf(self, answer: Answer) -> x509.Certificate:
        assert answer.status == 200
        return x509.load_pem_x509_certificates(answer.body)[0]


def epoch(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


TestAcmeMachine = pytest.mark.timeout(120 + STEPS)(AcmeMachine.TestCase)
TestAcmeMachine.settings = settings(
    max_examples=max(1, STEPS // STEPS_A_RUN),
    stateful_step_count=STEPS_A_RUN,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
