"""RFC 8555, 6.7."""

from __future__ import annotations

import json

import pytest

from ca_core import errors as core
from protocols.acme import errors as acme
from protocols.acme import problems
from protocols.acme.links import Help, Links
from protocols.wire import Reply

LINKS = Links("https://ca.example")

# RFC 8555, 6.7; RFC 9773, 7.4; draft-ietf-acme-profiles, 7.
REGISTERED = frozenset(
    {
        "accountDoesNotExist",
        "alreadyReplaced",
        "alreadyRevoked",
        "badCSR",
        "badNonce",
        "badPublicKey",
        "badRevocationReason",
        "badSignatureAlgorithm",
        "caa",
        "compound",
        "connection",
        "dns",
        "externalAccountRequired",
        "incorrectResponse",
        "invalidContact",
        "invalidProfile",
        "malformed",
        "orderNotReady",
        "rateLimited",
        "rejectedIdentifier",
        "serverInternal",
        "tls",
        "unauthorized",
        "unsupportedContact",
        "unsupportedIdentifier",
        "userActionRequired",
    }
)


def document(reply: Reply) -> dict[str, object]:
    assert ("Content-Type", "application/problem+json") in reply.headers
    read: dict[str, object] = json.loads(reply.body)
    return read


def test_every_type_is_registered() -> None:
    assert {answer.type for answer in problems.TABLE.values()} - REGISTERED == set()


def test_a_refusal_becomes_type_detail_and_status() -> None:
    reply = problems.reply(core.BadCsr("it is no request"), LINKS)

    assert reply.status == 400
    assert document(reply) == {
        "type": "urn:ietf:params:acme:error:badCSR",
        "detail": "it is no request",
        "status": 400,
    }


@pytest.mark.parametrize(
    "refusal",
    [
        core.TooEarly("wait", opens_at=1060, now=1000),
        core.Throttled("wait", retry_after_seconds=60),
        core.StoreUnavailable("wait", retry_after_seconds=60),
        core.InProgress("wait", retry_after_seconds=60),
    ],
)
def test_what_may_come_again_says_when_in_whole_seconds(refusal: core.Refusal) -> None:
    assert ("Retry-After", "60") in problems.reply(refusal, LINKS).headers


def test_every_limit_leads_to_a_page_that_says_what_to_do() -> None:
    limited = {leaf for leaf, answer in problems.TABLE.items() if answer.type == "rateLimited"}

    assert limited <= problems.HELP.keys()


@pytest.mark.parametrize(
    ("refusal", "page"),
    [
        (core.Throttled("wait", retry_after_seconds=60), Help.RATE_LIMITS.value),
        (core.BadCsr("it is no request"), "/help/bad-csr"),
        (core.StaffUnproven(), "/help/unproven"),
        (acme.AccountDoesNotExist(), "/help/account-does-not-exist"),
    ],
)
def test_the_page_that_helps_is_linked_and_no_other(refusal: core.Refusal, page: str) -> None:
    links = [value for name, value in problems.reply(refusal, LINKS).headers if name == "Link"]

    assert links == [f'<https://ca.example{page}>;rel="help"']


def test_a_bad_algorithm_is_told_the_good_ones() -> None:
    reply = problems.reply(acme.BadSignatureAlgorithm("no", algorithms=("ES256", "EdDSA")), LINKS)

    assert document(reply)["algorithms"] == ["ES256", "EdDSA"]


def test_a_method_that_is_not_known_is_told_the_others() -> None:
    reply = problems.reply(acme.MethodNotAllowed("POST", "OPTIONS"), LINKS)

    assert reply.status == 405
    assert ("Allow", "POST, OPTIONS") in reply.headers


def test_each_rejected_name_has_a_subproblem_and_the_whole_has_no_identifier() -> None:
    refusal = acme.RejectedIdentifiers(
        (
            acme.Rejected("dns", "a.example", core.NameNotGranted("not a")),
            acme.Rejected("ip", "192.0.2.1", core.NameNotProved("not b")),
        )
    )

    read = document(problems.reply(refusal, LINKS))

    assert "identifier" not in read
    assert read["subproblems"] == [
        {
            "type": "urn:ietf:params:acme:error:rejectedIdentifier",
            "detail": "not a",
            "identifier": {"type": "dns", "value": "a.example"},
        },
        {
            "type": "urn:ietf:params:acme:error:unauthorized",
            "detail": "not b",
            "identifier": {"type": "ip", "value": "192.0.2.1"},
        },
    ]


def test_a_bug_shows_its_number_only() -> None:
    reply = problems.bug_reply("4f1c", LINKS)

    assert reply.status == 500
    assert ("Link", '<https://ca.example/help/internal-error>;rel="help"') in reply.headers
    assert document(reply) == {
        "type": "urn:ietf:params:acme:error:serverInternal",
        "detail": "internal error, reference 4f1c",
        "status": 500,
    }


def test_a_stored_problem_has_type_and_detail() -> None:
    assert json.loads(problems.stored("connection", "nobody answered")) == {
        "type": "urn:ietf:params:acme:error:connection",
        "detail": "nobody answered",
    }
