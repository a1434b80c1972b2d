"""No body makes full CMC answer with an error of ours or take 64 MB, as `test_est_mutations` has it for the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca_core.revocation.reason import Reason
from conformance.cmc import CONTROLS, SEQUENCE, Ask, Template, element, message, secret_proof
from protocols.wire import Reply
from tests.builders.cmc import CmcHouse, Held, answer, by_certificate, cmc_house, code_of
from tests.builders.est import Csr, new_key
from tests.properties.test_est_mutations import MOST_KIB, MUTATIONS, changed, encoded, highest, resident, spoiled, trees

many = settings(
    max_examples=max(1, MUTATIONS // 4),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
pytestmark = pytest.mark.timeout(120 + MUTATIONS // 20)


class Bench:
    """A house, and a device in it that has a code and a certificate."""

    def __init__(self, folder: Path) -> None:
        self.runner, self.open = asyncio.Runner(), AsyncExitStack()
        self.house: CmcHouse = self.runner.run(self.open.enter_async_context(cmc_house(folder)))
        self.sheet = self.runner.run(self.house.core.register("meter", kind="device"))
        self.key = new_key()
        first = Ask().certificate(Csr(key=self.key).der()).proof(self.sheet.account, code_of(self.sheet))
        self.by_code = first.transaction(1, b"nonce").der()
        self.held = Held(answer(self.send(message(self.by_code, self.key))).issued_to(self.key), self.key)
        # A reason that is refused: what is revoked could not ask again.
        asked = Ask().certificate(Csr().der()).revocation(self.held.certificate, Reason.CERTIFICATE_HOLD)
        self.asked = asked.query(b"e" + bytes(8)).der()
        self.template = self._template()
        self.whole = by_certificate(self.held, asked)

    def _template(self) -> Template:
        """A request by CRMF, with everything in it that is read."""
        name = x509.Name.from_rfc4514_string("CN=meter,O=Example,C=TW")
        change = element(SEQUENCE, element(0xA0, name.public_bytes()))
        return Template(
            new_key(),
            subject=name,
            extensions=[x509.SubjectAlternativeName([x509.DNSName("a.example")])],
            controls=[(f"{CONTROLS}.33", secret_proof("code", b"random").dump()), (f"{CONTROLS}.36", change)],
        )

    def close(self) -> None:
        self.runner.run(self.open.aclose())
        self.runner.close()

    def send(self, body: bytes) -> Reply:
        return self.runner.run(self.house.send(body))

    def serves_or_refuses(self, body: bytes) -> None:
        before = resident()

        reply = self.send(body)

        assert highest() - before < MOST_KIB
        assert reply.status < 500, reply
        if dict(reply.headers)["Content-Type"].startswith("application/"):
            assert answer(reply).told
        else:
            assert reply.body.count(b"\n") == 1


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"))
    yield made
    made.close()


@many
@given(data=st.data())
def test_a_changed_message_is_served_or_refused(bench: Bench, data: st.DataObject) -> None:
    (tree,) = trees(bench.whole)

    bench.serves_or_refuses(data.draw(spoiled(bench.whole) | changed(tree).map(encoded)))


@many
@given(data=st.data())
def test_a_changed_content_that_a_certificate_signed_is_served_or_refused(bench: Bench, data: st.DataObject) -> None:
    (tree,) = trees(bench.asked)
    content = data.draw(spoiled(bench.asked) | changed(tree).map(encoded))

    bench.serves_or_refuses(message(content, bench.held.key, bench.held.certificate))


@many
@given(data=st.data())
def test_a_changed_request_by_crmf_that_its_key_signed_is_served_or_refused(bench: Bench, data: st.DataObject) -> None:
    request, *_ = bench.template.parts(1)
    (tree,) = trees(request)
    changed_request = data.draw(spoiled(request) | changed(tree).map(encoded))
    ask = Ask(requests=[element(0xA1, changed_request, bench.template.signed(changed_request))])

    bench.serves_or_refuses(message(ask.der(), bench.held.key, bench.held.certificate))


@many
@given(data=st.data())
def test_a_changed_content_that_a_new_key_signed_is_served_or_refused(bench: Bench, data: st.DataObject) -> None:
    (tree,) = trees(bench.by_code)
    content = data.draw(spoiled(bench.by_code) | changed(tree).map(encoded))

    bench.serves_or_refuses(message(content, bench.key))


def test_the_largest_messages_take_little(bench: Bench) -> None:
    count = 700
    for ask in (Ask(controls=Ask().revocation(bench.held.certificate, 1).controls * count), Ask()):
        ask.requests.extend(Ask().certificate(Csr().der()).requests * (0 if ask.controls else 150))
        bench.serves_or_refuses(message(ask.der(), bench.held.key, bench.held.certificate)[: 48 * 1024])


def test_what_was_good_still_is(bench: Bench) -> None:
    """After all of it: the device may still ask."""
    ask = Ask().revocation(bench.held.certificate, Reason.CERTIFICATE_HOLD)

    assert bench.send(by_certificate(bench.held, ask)).status == 400
