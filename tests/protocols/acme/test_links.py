"""RFC 8555, 6.4 and 7.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.acme import links
from protocols.acme.links import Help, Links, Place, Resource

BASE = "https://ca.example:8443"
ID = "0123456789abcdef0123456789abcdef"
LINKS = Links(BASE)


@pytest.mark.parametrize("resource", Resource)
def test_every_url_leads_back_to_its_resource(resource: Resource) -> None:
    id_ = ID if "ID" in resource else ""

    path = LINKS.to(resource, id_).removeprefix(BASE)

    assert links.place(path) == Place(resource, id_)


def test_the_alternates_of_a_chain_are_numbered() -> None:
    serial = "0123456789" * 4
    place = Place(Resource.CERTIFICATE, f"{serial}/2")

    assert links.place(LINKS.to(Resource.CERTIFICATE, links.alternate(serial, 2)).removeprefix(BASE)) == place
    assert links.alternate(serial, 0) == serial
    for wrong in ("0", "01", "-1", "x", "100", "2/", ""):
        assert links.place(f"/acme/certificate/{serial}/{wrong}") is None


def test_what_stands_behind_renewal_info_is_looked_at_there() -> None:
    assert links.place("/acme/renewal-info/a.b") == Place(Resource.RENEWAL_INFO, "a.b")
    assert links.place("/acme/renewal-info/a/b") == Place(Resource.RENEWAL_INFO, "a/b")


@pytest.mark.parametrize(
    "path",
    [
        "/acme/nowhere",
        "/acme/order/ID",
        "/acme/order/",
        f"/acme/order/{ID}/",
        f"/acme/order/{ID}0",
        f"/acme/order/{ID.upper()}",
        f"/acme/order/{ID}/orders",
        f"/acme/new-order/{ID}",
        f"//acme/order/{ID}",
        f"/acme/order/{ID}\n",
        "/acme/directory/",
    ],
)
def test_what_is_no_path_of_ours_leads_nowhere(path: str) -> None:
    assert links.place(path) is None


@given(st.text())
def test_any_path_is_answered(path: str) -> None:
    links.place(path)


def test_a_kid_names_an_account() -> None:
    assert LINKS.account_id(f"{BASE}/acme/account/{ID}") == ID


@pytest.mark.parametrize(
    "kid",
    [
        ID,
        f"/acme/account/{ID}",
        f"https://other.example:8443/acme/account/{ID}",
        f"http://ca.example:8443/acme/account/{ID}",
        f"{BASE}/acme/order/{ID}",
        f"{BASE}/acme/account/{ID}/orders",
        f"{BASE}/acme/account/{ID}?x",
        f"{BASE}.evil.example/acme/account/{ID}",
        "",
    ],
)
def test_a_kid_that_is_not_exactly_an_account_url_of_ours_names_nobody(kid: str) -> None:
    assert LINKS.account_id(kid) is None


def test_a_query_is_a_part_of_what_is_signed() -> None:
    assert LINKS.signed("/acme/new-order", "") == f"{BASE}/acme/new-order"
    assert LINKS.signed("/acme/new-order", "a=b") == f"{BASE}/acme/new-order?a=b"


def test_the_next_page_of_orders_begins_where_this_one_ends() -> None:
    _, _, query = LINKS.more_orders(ID, ID[::-1]).partition("?")

    assert links.cursor(query) == ID[::-1]


@pytest.mark.parametrize("query", ["", "cursor=", "cursor=zz", f"page={ID}"])
def test_another_query_is_the_first_page(query: str) -> None:
    assert links.cursor(query) is None


@pytest.mark.parametrize("topic", Help)
def test_a_page_that_helps_has_a_url_below_the_base(topic: Help) -> None:
    assert Links("https://ca.example:8443").help(topic) == f"https://ca.example:8443{topic}"
    assert links.place(topic) is None
