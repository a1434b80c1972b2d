"""Races (WIRE, "Attacks that must fail"): many ask at once, and one wins.

=========================================  ====================================================================
one nonce 100 times                        test_acme_envelope.py: test_a_nonce_works_once_among_a_hundred
50 newAccounts with one key                test_fifty_new_accounts_with_one_key_make_one
one single-use EAB with 50 keys            test_one_single_use_binding_makes_one_of_fifty_accounts
parallel finalizes                         test_parallel_finalizes_bring_one_certificate
the same finalize many times               test_one_request_many_times_brings_one_certificate
parallel orders for one name               test_two_ready_orders_for_one_name_bring_one_certificate
parallel replaces                          ../test_renewal_info.py, and test_parallel_replacements_make_one_order
parallel keyChanges                        test_of_many_changes_of_one_key_one_wins
parallel revocations                       test_of_many_revocations_one_succeeds
finalize against deactivation              test_a_finalize_beside_a_deactivation_is_before_it_or_refused
=========================================  ====================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from conformance.acme import Answer, Client, b64, certificate_id, csr, jwk_of, new_key
from conformance.hostile.conftest import account, registered
from conformance.hostile.test_acme_accounts import change_of_key
from conformance.house import House

_PARALLEL = 50
_THREADS = 16

T = TypeVar("T")


def at_once(ask: Callable[[T], Answer], of: Sequence[T]) -> list[Answer]:
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(ask, of))


def statuses(answers: list[Answer]) -> list[int]:
    return sorted(answer.status for answer in answers)


def problems(answers: list[Answer]) -> set[str]:
    return {answer.problem for answer in answers if answer.status >= 400}


def test_fifty_new_accounts_with_one_key_make_one(acme: House) -> None:
    sheet = registered(acme, "--uses", "1")
    client = Client(acme)
    payload = {"externalAccountBinding": client.binding(sheet["eab"])}
    url = client.directory["newAccount"]
    bodies = [
        client.signed(url, payload, header={"jwk": jwk_of(client.key)}, without=("kid",)) for _ in range(_PARALLEL)
    ]

    answers = at_once(lambda body: client.send(url, body), bodies)

    assert statuses(answers) == [200] * (_PARALLEL - 1) + [201]
    assert len({answer.headers["Location"] for answer in answers}) == 1


def test_one_single_use_binding_makes_one_of_fifty_accounts(acme: House) -> None:
    sheet = registered(acme, "--uses", "1")
    clients = [Client(acme) for _ in range(_PARALLEL)]

    answers = at_once(lambda client: client.new_account(sheet["eab"]), clients)

    assert statuses(answers) == [201] + [403] * (_PARALLEL - 1)
    assert problems(answers) == {"unauthorized"}


def test_parallel_finalizes_bring_one_certificate(acme: House) -> None:
    sheet = registered(acme)
    client = account(acme, sheet)
    order = client.new_order("race.partner.example").json
    requests = [{"csr": b64(csr(new_key(), "race.partner.example"))} for _ in range(_PARALLEL)]

    answers = at_once(lambda payload: client.post(order["finalize"], payload), requests)

    assert statuses(answers) == [200] + [403] * (_PARALLEL - 1)
    assert problems(answers) == {"orderNotReady"}
    assert len(acme.certificates(sheet["account"])) == 1


def test_one_request_many_times_brings_one_certificate(acme: House) -> None:
    sheet = registered(acme)
    client = account(acme, sheet)
    order = client.new_order("again.partner.example").json
    payload = {"csr": b64(csr(new_key(), "again.partner.example"))}

    answers = at_once(lambda _: client.post(order["finalize"], payload), range(_PARALLEL))
    later = client.post(order["finalize"], payload)

    assert set(statuses(answers)) == {200}
    assert {answer.json["status"] for answer in answers} <= {"processing", "valid"}
    assert {answer.json.get("certificate", later.json["certificate"]) for answer in answers} == {
        later.json["certificate"]
    }
    assert len(acme.certificates(sheet["account"])) == 1


def test_two_ready_orders_for_one_name_bring_one_certificate(acme: House) -> None:
    sheet = registered(acme)
    client = account(acme, sheet)
    orders = [client.new_order("twice.partner.example").json for _ in range(10)]

    answers = at_once(
        lambda order: client.post(order["finalize"], {"csr": b64(csr(new_key(), "twice.partner.example"))}), orders
    )

    # Too early for a second one; or the first is being signed, and whoever asks again later is told so.
    assert [answer.status for answer in answers].count(200) == 1
    assert set(statuses(answers)) <= {200, 429, 503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers if answer.status != 200)
    assert len(acme.certificates(sheet["account"])) == 1


def test_parallel_replacements_make_one_order(acme: House) -> None:
    sheet = registered(acme)
    client = account(acme, sheet)
    _, der = client.certificate("old.partner.example")
    # Revoked, so that it may be replaced at once.
    assert client.post(client.directory["revokeCert"], {"certificate": b64(der), "reason": 4}).status == 200
    replaced = certificate_id(der)

    answers = at_once(lambda _: client.new_order("old.partner.example", replaces=replaced), range(_PARALLEL))

    assert statuses(answers) == [201] + [409] * (_PARALLEL - 1)
    assert problems(answers) == {"alreadyReplaced"}


def test_of_many_changes_of_one_key_one_wins(acme: House) -> None:
    client = account(acme, registered(acme))
    keys = [new_key() for _ in range(20)]

    answers = at_once(lambda key: change_of_key(client, key), keys)

    assert [answer.status for answer in answers].count(200) == 1
    assert problems(answers) <= {"malformed", "unauthorized"}
    able = [key for key in keys if client.post(str(client.account), key=key).status == 200]
    assert able == [key for key, answer in zip(keys, answers, strict=True) if answer.status == 200]


def test_of_many_revocations_one_succeeds(acme: House) -> None:
    sheet = registered(acme)
    client = account(acme, sheet)
    _, der = client.certificate("revoked.partner.example")

    answers = at_once(
        lambda _: client.post(client.directory["revokeCert"], {"certificate": b64(der), "reason": 1}), range(20)
    )

    assert statuses(answers) == [200] + [400] * 19
    assert problems(answers) == {"alreadyRevoked"}
    assert [one["status"] for one in acme.certificates(sheet["account"])] == ["revoked"]


def test_a_finalize_beside_a_deactivation_is_before_it_or_refused(acme: House) -> None:
    sheet = registered(acme)
    client = account(acme, sheet)
    names = [f"n{number}.partner.example" for number in range(12)]
    orders = [client.new_order(name).json for name in names]

    def ask(number: int) -> Answer:
        if number == len(names) // 2:
            return client.post(str(client.account), {"status": "deactivated"})
        return client.post(orders[number]["finalize"], {"csr": b64(csr(new_key(), names[number]))})

    answers = at_once(ask, range(len(names)))

    assert problems(answers) <= {"unauthorized", "orderNotReady"}
    issued = sum(answer.status == 200 for answer in answers) - 1
    assert len(acme.certificates(sheet["account"])) == issued
