"""No body makes EST answer with an error of ours or take 64 MB: good requests, changed anywhere, are served or refused.

`SOAPSTONE_MUTATIONS` is how many are sent: 2,000 by default, 100,000 in `make test-long`.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from asn1crypto.core import OctetString
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca_core import der
from ca_core.names import Identifier, Kind
from ca_core.policy.profile import BUILT_IN, KeyMaking
from ca_core.registration.account import Grant
from conformance.cmc import Ask, message
from protocols.est.labels import OPERATIONS, Label
from protocols.est.messages import MAX_BODY_OCTETS
from protocols.wire import Peer, Reply
from tests.builders.cmc import PKI_REQUEST, CmcHouse, cmc_house
from tests.builders.est import CLIENT, Csr, certificate_in, new_key, post, sheet_basic, showing

MUTATIONS = int(os.environ.get("SOAPSTONE_MUTATIONS", "2000"))
MOST_KIB = 64 * 1024
NAMES = ("a.example", "b.example")

Tree = tuple[int, "bytes | list[Tree]"]
"""A tag, and its content: octets, or what is in it."""

_PLACE = Path("/proc/self")
_CONSTRUCTED = 0x20
_LONG_FORM = 0x80

_OPERATIONS = ("simpleenroll", "simplereenroll", "device/simpleenroll", "clear/serverkeygen", "fullcmc")
_PKCS10 = "application/pkcs10"

CLEAR = msgspec.structs.replace(BUILT_IN["device"], name="clear", server_keygen=KeyMaking.CLEAR)


class Bench:
    """A house, and a device in it that has a code and a certificate."""

    def __init__(self, folder: Path) -> None:
        self.runner, self.open = asyncio.Runner(), AsyncExitStack()
        profiles = {**BUILT_IN, "clear": CLEAR}
        labels = {name: Label() for name in ("device", "clear")}
        entered = self.open.enter_async_context(cmc_house(folder, profiles, labels))
        self.house: CmcHouse = self.runner.run(entered)
        grants = [Grant(Identifier(Kind.DNS, name)) for name in NAMES]
        registered = self.house.core.register("meter", *grants, kind="device", profiles=("device", "clear"))
        self.sheet = self.runner.run(registered)
        self.key = new_key()
        self.request = Csr(self.key, names=NAMES).der()
        self.held = certificate_in(self.send("simpleenroll", base64.encodebytes(self.request), CLIENT))
        # Without a nonce, so that what is changed elsewhere is no replay.
        asked = Ask().certificate(self.request).query(b"token").control(4, OctetString(b"data"))
        self.asked = asked.revocation(self.house.core.authority.issuing, 1).der()
        self.message = message(self.asked, self.key, self.held)

    def close(self) -> None:
        self.runner.run(self.open.aclose())
        self.runner.close()

    def good(self, operation: str) -> bytes:
        """What an operation may well be sent."""
        return self.message if operation == "fullcmc" else self.request

    def signed(self, data: st.DataObject, operation: str) -> bytes:
        """A message whose content was changed before it was signed."""
        if operation == "fullcmc":
            (tree,) = trees(self.asked)
            return message(encoded(data.draw(changed(tree))), self.key, self.held)
        ((_, parts),) = trees(self.request)
        assert isinstance(parts, list)
        info = encoded(data.draw(changed(parts[0])))
        return der.assemble(info, der.ECDSA_SHA256, self.key.sign(info, ec.ECDSA(SHA256())))

    def send(self, operation: str, body: bytes, peer: Peer, media_type: str = _PKCS10) -> Reply:
        authorization = None if operation == "fullcmc" else sheet_basic(self.sheet)
        request = post(operation, body, authorization=authorization, peer=peer, media_type=media_type)
        return self.runner.run(self.house.est.answer(request))

    def serves_or_refuses(self, data: st.DataObject, operation: str, body: bytes) -> None:
        media_type = PKI_REQUEST if operation == "fullcmc" else _PKCS10
        peer = data.draw(st.sampled_from([CLIENT, showing(self.held)]))
        before = resident()

        reply = self.send(operation, body, peer, media_type)

        assert highest() - before < MOST_KIB
        assert reply.status < 500, reply
        is_text = dict(reply.headers).get("Content-Type", "").startswith("text/plain")
        assert reply.status < 400 or not is_text or reply.body.count(b"\n") == 1


def resident() -> int:
    """The memory of this process in KiB; its highest is measured from here on."""
    (_PLACE / "clear_refs").write_text("5")
    return _kib("VmRSS")


def highest() -> int:
    """The most that it has been, in KiB."""
    return _kib("VmHWM")


def _kib(name: str) -> int:
    lines = (_PLACE / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def trees(octets: bytes) -> list[Tree]:
    """DER elements one after the other; what is in a string and reads as DER is read as well."""
    found: list[Tree] = []
    while octets:
        tag, length, start = octets[0], octets[1], 2
        if length & _LONG_FORM:
            start += length & ~_LONG_FORM
            length = int.from_bytes(octets[2:start])
        content, octets = octets[start : start + length], octets[start + length :]
        found.append((tag, trees(content) if tag & _CONSTRUCTED else content))
    return found


def encoded(tree: Tree) -> bytes:
    tag, content = tree
    octets = content if isinstance(content, bytes) else b"".join(map(encoded, content))
    return der.header(tag, len(octets)) + octets


@st.composite
def changed(draw: st.DrawFn, tree: Tree) -> Tree:
    """A tree with an element that is another, missing, doubled, or wrapped, somewhere in it; its lengths fit."""
    tag, content = tree
    if isinstance(content, bytes):
        return draw(st.sampled_from([tag, *_TAGS])), draw(spoiled(content))
    if not content or draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(_TAGS)), draw(st.binary(max_size=12))
    at = draw(st.integers(0, len(content) - 1))
    one = content[at]
    match draw(st.integers(0, 7)):
        case 0:
            put: list[Tree] = []
        case 1:
            put = [one] * draw(st.sampled_from([2, 3, 200]))
        case 2:
            put = [draw(st.sampled_from(content)), one]
        case 3:
            octets = encoded(one)
            for _ in range(draw(st.sampled_from([0, 1, 60, 3000]))):
                octets = der.sequence(octets)
            put = [(draw(st.sampled_from([0x30, 0x31, 0xA0])), octets)]
        case _:
            put = [draw(changed(one))]
    return tag, [*content[:at], *put, *content[at + 1 :]]


@st.composite
def spoiled(draw: st.DrawFn, octets: bytes) -> bytes:
    """Octets of which some are others, missing, or more."""
    at = draw(st.integers(0, len(octets)))
    more = draw(st.binary(max_size=4) | st.sampled_from([b"\0" * 5000, b"\x84\xff\xff\xff\xff", b"\x30\x80" * 2000]))
    return octets[:at] + more + octets[at + draw(st.integers(0, 6)) :]


_TAGS = (0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0C, 0x13, 0x16, 0x17, 0x1E, 0x1F, 0x30, 0x31, 0x80, 0xA0, 0xA1, 0xBF)

many = settings(
    max_examples=max(1, MUTATIONS // 4),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
pytestmark = pytest.mark.timeout(120 + MUTATIONS // 20)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"))
    yield made
    made.close()


operations = st.sampled_from(_OPERATIONS)


@many
@given(data=st.data(), operation=operations)
def test_a_changed_body_is_served_or_refused(bench: Bench, data: st.DataObject, operation: str) -> None:
    armour = b"-----BEGIN CERTIFICATE REQUEST-----\n%b-----END CERTIFICATE REQUEST-----\n"
    text = base64.encodebytes(bench.good(operation))

    bench.serves_or_refuses(data, operation, data.draw(spoiled(text) | spoiled(armour % text)))


@many
@given(data=st.data(), operation=operations)
def test_a_message_with_other_octets_is_served_or_refused(bench: Bench, data: st.DataObject, operation: str) -> None:
    bench.serves_or_refuses(data, operation, base64.b64encode(data.draw(spoiled(bench.good(operation)))))


@many
@given(data=st.data(), operation=operations)
def test_a_message_with_other_elements_is_served_or_refused(bench: Bench, data: st.DataObject, operation: str) -> None:
    (tree,) = trees(bench.good(operation))

    bench.serves_or_refuses(data, operation, base64.b64encode(encoded(data.draw(changed(tree)))))


@many
@given(data=st.data(), operation=operations)
def test_a_message_with_other_elements_that_is_signed_well_is_served_or_refused(
    bench: Bench, data: st.DataObject, operation: str
) -> None:
    bench.serves_or_refuses(data, operation, base64.b64encode(bench.signed(data, operation)))


def test_every_operation_that_takes_a_body_gets_some(bench: Bench) -> None:
    taking = {name for name in OPERATIONS if bench.send(name, b"", CLIENT).status != 405}

    assert taking == {operation.rpartition("/")[2] for operation in _OPERATIONS}
    assert bench.send("fullcmc", base64.b64encode(bench.message), CLIENT, PKI_REQUEST).status < 500


@pytest.mark.parametrize(
    "body",
    [
        lambda: b"A" * MAX_BODY_OCTETS,
        lambda: base64.b64encode(b"\x30\x80" * (MAX_BODY_OCTETS * 3 // 8)),
        lambda: base64.b64encode(b"\x30\x84\xff\xff\xff\xff" * (MAX_BODY_OCTETS // 8)),
        lambda: b"\n" * MAX_BODY_OCTETS,
        lambda: b"-----BEGIN " * (MAX_BODY_OCTETS // 11),
        lambda: base64.b64encode(Csr(names=[f"{number}.a.example" for number in range(1500)]).der()),
    ],
    ids=["base64", "nested", "lengths", "white", "armour", "names"],
)
@pytest.mark.parametrize("operation", _OPERATIONS)
def test_the_largest_bodies_take_little(bench: Bench, operation: str, body: Callable[[], bytes]) -> None:
    sent, media_type = body()[:MAX_BODY_OCTETS], PKI_REQUEST if operation == "fullcmc" else _PKCS10
    before = resident()

    reply = bench.send(operation, sent, showing(bench.held), media_type)

    assert highest() - before < MOST_KIB
    assert 400 <= reply.status < 500


def test_what_was_good_still_is(bench: Bench) -> None:
    """After all of it: the device gets what it got before."""
    assert certificate_in(bench.send("simpleenroll", base64.encodebytes(bench.request), CLIENT)) == bench.held
