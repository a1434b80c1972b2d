"""RFC 8659, 4; RFC 8657: whether CAA records permit a certificate."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.acme import caa, issue_value
from protocols.acme.caa import CaaRecord, Wish
from protocols.acme.issue_value import IssueValue

ACCOUNT = "https://ca.example/acme/account/1"
PLAIN = Wish(wildcard=False, identities=("ca.example", "ca.example.net"), account_url=ACCOUNT, method="dns-01")
WILD = Wish(wildcard=True, identities=PLAIN.identities, account_url=ACCOUNT, method="dns-01")


def issue(value: str, tag: str = "issue", *, critical: bool = False) -> CaaRecord:
    return CaaRecord(critical, tag, value)


class TestIssueValue:
    @pytest.mark.parametrize(
        ("text", "issuer", "parameters"),
        [
            ("ca.example", "ca.example", ()),
            (" CA.Example\t", "ca.example", ()),
            ("", "", ()),
            (";", "", ()),
            ("ca.example; account=230123", "ca.example", (("account", "230123"),)),
            ("ca.example ; A-B = x:y/z?= ;c=", "ca.example", (("a-b", "x:y/z?="), ("c", ""))),
            ("ca.example ;", "ca.example", ()),
            ("; a=1", "", (("a", "1"),)),
        ],
    )
    def test_what_has_the_form_is_read(self, text: str, issuer: str, parameters: tuple[tuple[str, str], ...]) -> None:
        assert issue_value.parse(text) == IssueValue(issuer, parameters)

    @pytest.mark.parametrize(
        "text",
        [
            "ca_example",
            "-ca.example",
            "ca..example",
            "ca.example.",
            "%%%%%",
            "ca.example; a",
            "ca.example; =1",
            "ca.example; a=b c",
            "ca.example; a=1;; b=2",
            "ca.example; a=1;",
            "ca.example;;",
            "ca.example a=1",
            "ca.example; a=ü",
            "ca.example\n",
        ],
    )
    def test_what_has_another_form_is_not(self, text: str) -> None:
        assert issue_value.parse(text) is None

    @given(st.text())
    def test_any_text_is_read_or_not(self, text: str) -> None:
        issue_value.parse(text)


@pytest.mark.parametrize(
    "records",
    [
        [],
        [issue("ca.example")],
        [issue("CA.EXAMPLE")],
        [issue("other.example"), issue("ca.example.net")],
        [issue("", "iodef")],
        [issue("mailto:a@b.example", "iodef", critical=True)],
        [issue("ca.example", critical=True)],
        [issue("other.example", "issuewild")],
        [issue("x", "unknown")],
        [issue(f"ca.example; accounturi={ACCOUNT}")],
        [issue("ca.example; validationmethods=http-01,dns-01")],
        [issue(f"ca.example; ValidationMethods=dns-01; accounturi={ACCOUNT}")],
        [issue("ca.example; accounturi=https://ca.example/acme/account/2"), issue("ca.example")],
        [issue("ca.example; unknown=1")],
    ],
    ids=str,
)
def test_it_is_permitted(records: list[CaaRecord]) -> None:
    assert caa.objection(records, PLAIN) is None


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([issue("other.example")], "do not name"),
        ([issue("")], "do not name"),
        ([issue(";")], "do not name"),
        ([issue("%%%%%")], "do not name"),
        ([issue("ca.example; malformed")], "do not name"),
        ([issue("ca.example; a=1;")], "do not name"),
        ([issue("sub.ca.example")], "do not name"),
        ([issue(f"other.example; accounturi={ACCOUNT}; validationmethods=dns-01")], "do not name"),
        ([issue("ca.example"), issue("x", "unknown", critical=True)], "critical property"),
        ([issue("ca.example; accounturi=https://ca.example/acme/account/2")], "another account"),
        ([issue(f"ca.example; accounturi={ACCOUNT}/")], "another account"),
        ([issue(f"ca.example; accounturi={ACCOUNT}; accounturi={ACCOUNT}")], "another account"),
        ([issue(f"ca.example; AccountURI={ACCOUNT}2")], "another account"),
        ([issue("ca.example; validationmethods=http-01")], "other challenges"),
        ([issue("ca.example; validationmethods=")], "other challenges"),
        ([issue("ca.example; validationmethods=,dns-01")], "other challenges"),
        ([issue("ca.example; validationmethods=dns-01,dns_01")], "other challenges"),
        ([issue("ca.example; validationmethods=dns-01; validationmethods=dns-01")], "other challenges"),
        ([issue("other.example"), issue("ca.example; validationmethods=http-01")], "other challenges"),
    ],
    ids=str,
)
def test_it_is_forbidden(records: list[CaaRecord], words: str) -> None:
    assert words in str(caa.objection(records, PLAIN))


@pytest.mark.parametrize("method", ["http-01", "dns-01", "tls-alpn-01", "dns-account-01", "dns-persist-01"])
def test_a_label_of_another_way_permits_none_of_ours(method: str) -> None:
    """RFC 8657, 4: labels that begin with `ca-` are each CA's own, and this one has none."""
    wish = msgspec.structs.replace(PLAIN, method=method)

    assert caa.objection([issue(f"ca.example; validationmethods=ca-vetted,x-{method},{method.upper()}")], wish)
    assert caa.objection([issue(f"ca.example; validationmethods=ca-vetted,{method}")], wish) is None


@pytest.mark.parametrize(
    ("records", "is_permitted"),
    [
        ([issue("ca.example")], True),
        ([issue("other.example")], False),
        ([issue("ca.example"), issue("other.example", "issuewild")], False),
        ([issue("other.example"), issue("ca.example", "issuewild")], True),
        ([issue("ca.example"), issue(";", "issuewild")], False),
        ([issue("", "iodef")], True),
    ],
    ids=str,
)
def test_a_wildcard_has_properties_of_its_own(records: list[CaaRecord], *, is_permitted: bool) -> None:
    assert (caa.objection(records, WILD) is None) is is_permitted
