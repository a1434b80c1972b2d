"""certbot's `acme` library does what no tool does: it finds, pages, changes keys, gives up and takes over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from conformance.clients.library import Library, Refused, Session
from conformance.house import House
from conformance.openssl import verifies

VETTED, PROVED = ("a.example", "b.example"), "proved.localhost"

# A window that is always open lets each test have certificates of the same names.
_SETTINGS = ("renewal.window_days=90", "profiles.short.based_on=tls-server", "profiles.short.validity_days=7")
_RFC_3339 = "%Y-%m-%dT%H:%M:%SZ"
_TRIES = 30
_ORDERS = 101  # one more than fit on a page


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), *_SETTINGS)
    try:
        built.start()
        yield built
    finally:
        built.close()


@pytest.fixture(scope="module")
def library(house: House) -> Iterator[Library]:
    with Library(house) as opened:
        yield opened


@pytest.fixture(scope="module")
def sheet(house: House) -> dict[str, Any]:
    return house.register(
        *("--kind", "partner", "--subject", "O=Partner,C=TW", "--account", "partner"),
        *("--dns", VETTED[0], "--dns", VETTED[1], "--profile", "tls-server", "--profile", "short"),
    )


@pytest.fixture(scope="module")
def challenged(house: House) -> dict[str, Any]:
    return house.register(
        *("--kind", "partner", "--subject", "O=Other,C=TW", "--account", "other", "--dns", PROVED, "--challenged")
    )


@pytest.fixture(scope="module")
def alice(library: Library, sheet: dict[str, Any]) -> Session:
    session = library.session("alice")
    session("new_account", eab=sheet["eab"], contact=["mailto:alice@example.com"])
    return session


def saved(folder: Path, chain: str) -> Path:
    path = folder / "chain.pem"
    path.write_text(chain)
    return path


def leaf(chain: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(chain.encode())


def test_vetted_names_are_certified_without_a_challenge(house: House, alice: Session, tmp_path: Path) -> None:
    order = alice("order", names=list(VETTED))

    chain = saved(tmp_path, alice("finalize")["chain"])

    assert order["body"]["status"] == "ready"
    assert verifies(house, chain, untrusted=chain)


@pytest.mark.parametrize("alg", ["HS384", "HS512"])
def test_a_binding_may_use_a_longer_hash(library: Library, sheet: dict[str, Any], alg: str) -> None:
    account = library.session(alg)("new_account", eab=sheet["eab"], alg=alg)

    assert account["body"]["externalAccountBinding"]


def test_an_account_is_found_by_its_key(library: Library, sheet: dict[str, Any]) -> None:
    session = library.session("finder")
    made = session("new_account", eab=sheet["eab"])

    assert session("find_account")["uri"] == made["uri"]


def test_a_key_without_account_is_told_so(library: Library) -> None:
    with pytest.raises(Refused) as refused:
        library.session("stranger")("find_account")

    assert refused.value.type == "accountDoesNotExist"


def test_a_name_is_proved_by_the_librarys_own_server(
    house: House, library: Library, challenged: dict[str, Any], tmp_path: Path
) -> None:
    session = library.session("prover")
    session("new_account", eab=challenged["eab"])
    session("order", names=[PROVED])

    authorizations = session("prove", port=house.http_01_port)
    chain = saved(tmp_path, session("finalize")["chain"])

    assert [one["status"] for one in authorizations] == ["valid"]
    assert verifies(house, chain, untrusted=chain)


def test_an_authorization_that_was_given_up_proves_nothing_any_more(
    house: House, library: Library, challenged: dict[str, Any]
) -> None:
    session = library.session("giver")
    session("new_account", eab=challenged["eab"])
    url = session("order", names=[PROVED])["body"]["authorizations"][0]
    session("prove", port=house.http_01_port)
    assert session("order", names=[PROVED])["body"]["status"] == "ready"

    done = session("deactivate_authorization", url=url)

    assert done["status"] == "deactivated"
    assert session("order", names=[PROVED])["body"]["status"] == "pending"


def test_another_account_that_proved_the_name_may_revoke(
    house: House, library: Library, challenged: dict[str, Any]
) -> None:
    holder, controller = library.session("holder"), library.session("controller")
    for session in (holder, controller):
        session("new_account", eab=challenged["eab"])
    holder("order", names=[PROVED])
    holder("prove", port=house.http_01_port)
    certificate = holder("finalize")["chain"]
    with pytest.raises(Refused) as refused:
        controller("revoke", certificate=certificate, reason=4)
    controller("order", names=[PROVED])
    controller("prove", port=house.http_01_port)

    controller("revoke", certificate=certificate, reason=4)

    assert refused.value.type == "unauthorized"
    with pytest.raises(Refused) as again:
        controller("revoke", certificate=certificate, reason=4)
    assert again.value.type == "alreadyRevoked"


def test_an_account_with_a_new_key_keeps_what_it_has(library: Library, sheet: dict[str, Any]) -> None:
    session = library.session("changer")
    made = session("new_account", eab=sheet["eab"])
    order = session("order", names=[VETTED[0]])

    assert session("change_key") == made["uri"]

    assert session("post", url=order["uri"])["body"]["status"] == "ready"
    assert session("find_account")["uri"] == made["uri"]
    with pytest.raises(Refused):
        session("with_the_old_key")


def test_contacts_are_changed_and_the_account_ends(library: Library, sheet: dict[str, Any]) -> None:
    session = library.session("leaver")
    session("new_account", eab=sheet["eab"], contact=["mailto:old@example.com"])

    changed = session("change_contacts", contact=["mailto:new@example.com"])
    ended = session("deactivate")

    assert changed["body"]["contact"] == ["mailto:new@example.com"]
    assert ended["body"]["status"] == "deactivated"
    with pytest.raises(Refused) as refused:
        session("order", names=[VETTED[0]])
    assert refused.value.type == "unauthorized"


def test_the_list_of_orders_is_read_page_by_page(library: Library, sheet: dict[str, Any]) -> None:
    session = library.session("pager")
    session("new_account", eab=sheet["eab"])
    placed = [session("order", names=[VETTED[0]], members={})["uri"] for _ in range(_ORDERS)]

    pages = session("orders")

    assert len(pages) > 1
    assert sorted(url for page in pages for url in page) == sorted(placed)


def test_a_name_is_authorized_ahead_of_its_order(house: House, library: Library, challenged: dict[str, Any]) -> None:
    session = library.session("early")
    session("new_account", eab=challenged["eab"])

    pending = session("authorize", name=PROVED)
    session("prove", port=house.http_01_port)

    assert pending["body"]["status"] == "pending"
    order = session("order", names=[PROVED])["body"]
    assert (order["status"], order["authorizations"]) == ("ready", [pending["uri"]])


def test_an_order_says_when_its_certificate_ends(alice: Session) -> None:
    expires = datetime.fromisoformat(alice("order", names=[VETTED[0]])["body"]["expires"])
    wished = (expires + timedelta(days=13)).strftime(_RFC_3339)

    order = alice("order", names=[VETTED[0]], members={"notAfter": wished})
    certificate = leaf(alice("finalize")["chain"])

    assert order["body"]["notAfter"] == wished
    assert certificate.not_valid_after_utc.strftime(_RFC_3339) == wished


def test_a_longer_life_than_the_profile_gives_is_refused(alice: Session) -> None:
    with pytest.raises(Refused) as refused:
        alice("order", names=[VETTED[0]], members={"notAfter": "2099-01-01T00:00:00Z"})

    assert refused.value.type == "malformed"


def test_an_order_chooses_a_profile_that_is_granted(alice: Session) -> None:
    order = alice("order", names=[VETTED[0]], profile="short")
    certificate = leaf(alice("finalize")["chain"])

    assert order["body"]["profile"] == "short"
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=7)
    with pytest.raises(Refused) as refused:
        alice("order", names=[VETTED[0]], profile="device")
    assert refused.value.type == "invalidProfile"


def test_a_certificate_is_replaced_once(alice: Session) -> None:
    alice("order", names=[VETTED[1]])
    replaced = alice("certificate_id", certificate=alice("finalize")["chain"])

    order = alice("order", names=[VETTED[1]], members={"replaces": replaced})

    assert order["body"]["replaces"] == replaced
    with pytest.raises(Refused) as refused:
        alice("order", names=[VETTED[1]], members={"replaces": replaced})
    assert refused.value.type == "conflict"


def test_renewal_is_suggested_for_the_last_third_and_at_once_for_what_is_revoked(alice: Session) -> None:
    alice("order", names=[VETTED[1]])
    chain = alice("finalize")["chain"]
    certificate = leaf(chain)

    suggested = datetime.fromisoformat(alice("renewal_time", certificate=chain))
    alice("revoke", certificate=chain, reason=4)
    at_once = datetime.fromisoformat(alice("renewal_time", certificate=chain))

    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert certificate.not_valid_before_utc + life * 2 / 3 <= suggested < certificate.not_valid_after_utc
    assert at_once <= datetime.fromisoformat(alice("order", names=[VETTED[1]])["body"]["expires"]) - timedelta(days=7)


def test_after_a_rotation_the_other_chains_are_offered_too(house: House, alice: Session, tmp_path: Path) -> None:
    alice("order", names=[VETTED[0]])
    alice("finalize")
    house.command("authority", "rotate")

    # A running server follows within seconds.
    chains = next(again for _ in range(_TRIES) if (again := alice("fetch_again"))["others"])

    for chain in (chains["chain"], *chains["others"]):
        assert leaf(chain) == leaf(chains["chain"])
        path = saved(tmp_path, chain)
        assert verifies(house, path, untrusted=path)
