"""What EST clients are told; that every refusal has a row is seen in tests/architecture."""

from __future__ import annotations

import pytest

from ca_core import errors as core
from protocols.est import errors as est
from protocols.est.refusals import TABLE, bug_reply, reply
from protocols.help_address import path, word
from tests.builders.est import HELP_BASE, header


@pytest.mark.parametrize("refusal", [core.WrongSecret(), est.AuthenticationRequired()])
def test_401_names_basic_once(refusal: core.Refusal) -> None:
    answer = reply(refusal, HELP_BASE)

    assert answer.status == 401
    assert header(answer, "WWW-Authenticate") == 'Basic realm="soapstone EST", charset="UTF-8"'


def test_401_stands_only_where_another_password_could_help() -> None:
    assert {leaf for leaf, status in TABLE.items() if status == 401} == {
        core.WrongSecret,
        est.AuthenticationRequired,
    }


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (core.RegistrationSuspended(), 403),
        (core.RegistrationClosed(), 403),
        (core.RegistrationExpired(), 403),
        (core.CredentialSpent("spent"), 403),
        (core.CertificateExpired("expired"), 403),
        (est.CertificateRequired(), 403),
        (core.BadCsr("bad"), 400),
        (core.TooLarge("large"), 413),
        (est.UnknownLabel(), 404),
        (est.UnsupportedMediaType(), 415),
    ],
)
def test_a_refusal_is_one_sentence_of_text_and_asks_for_no_password(refusal: core.Refusal, status: int) -> None:
    answer = reply(refusal, HELP_BASE)

    assert answer.status == status
    assert answer.headers == (("Content-Type", "text/plain; charset=utf-8"),)
    assert answer.body == f"{refusal}; see {HELP_BASE}{path(word(type(refusal)))}\n".encode()


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (core.TooEarly("too early", opens_at=130, now=100), 429),
        (core.Throttled("wait", retry_after_seconds=30), 429),
        (core.StoreUnavailable("wait", retry_after_seconds=30), 503),
        (core.InProgress("wait", retry_after_seconds=30), 202),
    ],
)
def test_what_may_come_again_says_when_in_whole_seconds(refusal: core.Refusal, status: int) -> None:
    answer = reply(refusal, HELP_BASE)

    assert answer.status == status
    assert header(answer, "Retry-After") == "30"


def test_405_names_the_methods() -> None:
    answer = reply(est.MethodNotAllowed("GET", "HEAD"), HELP_BASE)

    assert answer.status == 405
    assert header(answer, "Allow") == "GET, HEAD"


def test_a_bug_shows_its_reference_number_only() -> None:
    answer = bug_reply("4711", HELP_BASE)

    assert answer.status == 500
    assert answer.body == b"internal error, reference 4711; see https://ca.example/help/internal-error\n"
