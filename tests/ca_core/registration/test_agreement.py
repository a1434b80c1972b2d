from __future__ import annotations

import hashlib

import pytest

from ca_core.errors import Misconfigured
from ca_core.registration import agreement
from ca_core.registration.agreement import HTML, MAX_OCTETS, Acceptance

TEXT = "約定條款".encode()
CURRENT = agreement.agreement("2026-1", TEXT, HTML, "agreement.html")
DIGEST = hashlib.sha256(TEXT).hexdigest()


def test_an_agreement_is_known_by_its_version_and_the_digest_of_its_text() -> None:
    assert (CURRENT.version, CURRENT.sha256) == ("2026-1", DIGEST)
    assert CURRENT.is_accepted(Acceptance("2026-1", DIGEST, 1))


@pytest.mark.parametrize(
    "accepted", [None, Acceptance("2025-9", DIGEST, 1), Acceptance("2026-1", "0" * 64, 1)], ids=["none", "old", "other"]
)
def test_another_version_or_text_is_no_acceptance(accepted: Acceptance | None) -> None:
    assert not CURRENT.is_accepted(accepted)


@pytest.mark.parametrize("text", [b"", b" \n", b"a" * (MAX_OCTETS + 1), b"\xff"])
def test_a_text_that_nobody_can_read_is_refused(text: bytes) -> None:
    with pytest.raises(Misconfigured, match=r"agreement\.txt must"):
        agreement.agreement("1", text, HTML, "agreement.txt")


@pytest.mark.parametrize("version", ["1", "2026-1", "v1.0_a", "a" * 32])
def test_a_version_fits_into_a_url(version: str) -> None:
    assert agreement.is_version(version)


@pytest.mark.parametrize("version", ["", ".", "-1", "a/b", "a b", "ä", "a" * 33, "1\n"])
def test_what_does_not_fit_into_a_url_is_no_version(version: str) -> None:
    assert not agreement.is_version(version)
