from __future__ import annotations

import msgspec
import pytest

from ca_core import names
from ca_core.policy.profile import BUILT_IN
from ca_core.policy.renewal import Window
from ca_core.revocation.reason import Reason
from ca_core.store.certificates import Certificate
from ca_core.subscriber.standing import Line, Standing, line

NOW, DAY = 1_900_000_000, 86_400
SIGNING, SERVER = BUILT_IN["signing"], BUILT_IN["tls-server"]
NAME = frozenset({names.dns("a.example")})


def window_of(certificate: Certificate) -> Window:
    opens_at = certificate.not_after - 30 * DAY
    return Window(min(opens_at, certificate.recalled_at or opens_at), certificate.not_after)


def held(days_left: int, *, reason: Reason | None = None, recalled_at: int | None = None) -> Certificate:
    not_after = NOW + days_left * DAY
    return Certificate(
        serial=f"{days_left + 1000:040x}",
        issuer="issuing",
        registration_id="r",
        profile="signing",
        names="",
        spki_sha256=b"",
        not_before=not_after - 365 * DAY,
        not_after=not_after,
        replaces=None,
        issued_at=not_after - 365 * DAY,
        der=b"",
        revoked_at=NOW if reason is not None else None,
        reason=reason,
        recalled_at=recalled_at,
    )


def stands(*certificates: Certificate, tolerated: int = 1) -> Line:
    return line(SIGNING, frozenset(), certificates, tolerated=tolerated, window_of=window_of, now=NOW)


@pytest.mark.parametrize(
    ("certificates", "standing"),
    [
        ([], Standing.FREE),
        ([held(300)], Standing.EARLY),
        ([held(30)], Standing.OPEN),
        ([held(29)], Standing.OPEN),
        ([held(0)], Standing.OPEN),
        ([held(-1)], Standing.EXPIRED),
        ([held(20), held(360)], Standing.REPLACED),
        ([held(20), held(25)], Standing.OPEN),
        ([held(300, reason=Reason.SUPERSEDED)], Standing.FREE),
        ([held(300, reason=Reason.CERTIFICATE_HOLD)], Standing.ON_HOLD),
        ([held(20, reason=Reason.CERTIFICATE_HOLD)], Standing.OPEN),
        ([held(-5), held(300)], Standing.EARLY),
        ([held(300, recalled_at=NOW)], Standing.OPEN),
        ([held(200, recalled_at=NOW), held(300)], Standing.REPLACED),
    ],
)
def test_a_line_stands_where_the_renewal_rule_puts_it(certificates: list[Certificate], standing: Standing) -> None:
    assert stands(*certificates).standing is standing


def test_where_two_are_tolerated_the_second_one_is_free() -> None:
    assert stands(held(300), tolerated=2).standing is Standing.FREE
    assert stands(held(300), held(310), tolerated=2).standing is Standing.EARLY


def test_a_profile_that_needs_a_name_is_nameless_without_one() -> None:
    def server(asked: frozenset[names.Identifier]) -> Line:
        return line(SERVER, asked, [], window_of=window_of, now=NOW)

    assert server(frozenset()).standing is Standing.NAMELESS
    assert server(NAME).standing is Standing.FREE


def test_what_is_shown_is_the_live_one_that_ends_last_and_the_window_of_the_first() -> None:
    found = stands(held(20), held(360), held(-5))

    assert found.certificate == held(360)
    assert found.window == window_of(held(20))
    assert found.is_held
    assert not stands(held(-5)).is_held


def test_for_encryption_rsa_is_advised_and_a_profile_is_asked_what_it_certifies() -> None:
    def offered(name: str, **changes: object) -> tuple[str, ...]:
        profile = msgspec.structs.replace(BUILT_IN[name], **changes)
        return line(profile, NAME, [], window_of=window_of, now=NOW).key_types

    assert offered("signing") == ("ec-p256", "ec-p384", "rsa-2048", "rsa-3072")
    assert offered("encryption")[0] == "rsa-3072"
    assert offered("signing", key_types=frozenset({"rsa-3072", "ed25519"})) == ("rsa-3072",)
    assert offered("encryption", ec_usage=frozenset()) == ("rsa-3072", "rsa-2048")
