"""`kill -9` under load of both doors: nothing acknowledged is lost, and every serial that was signed is known."""

from __future__ import annotations

import base64
import http.client
import itertools
import secrets
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from conformance import stores
from conformance.acme import Client, csr, new_key
from conformance.house import House

_CUTS = 20
_SHORTEST_MILLISECONDS = 30
_SPREAD_MILLISECONDS = 700
_LONGEST_SECONDS = 60


class Load:
    """Two subscribers that enroll as fast as they can, and remember what was acknowledged."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._tls = ssl.create_default_context(cafile=str(house.trust))
        zone = ("--zone", "load.example", "--uses", "unlimited")
        self.partner = house.register("--kind", "partner", "--subject", "CN=Partner,C=TW", *zone)
        self.fleet = house.register("--kind", "device", "--subject", "CN=Fleet,C=TW", *zone)
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self.acknowledged: list[bytes] = []
        self.downloads: list[tuple[Client, str, bytes]] = []

    def start(self) -> list[threading.Thread]:
        self._stop.clear()
        threads = [threading.Thread(target=self._repeat, args=(step,)) for step in (self._acme, self._est)]
        for thread in threads:
            thread.start()
        return threads

    def stop(self, threads: list[threading.Thread]) -> None:
        self._stop.set()
        for thread in threads:
            thread.join()

    def wait_for(self, count: int) -> None:
        """Until so many are acknowledged in all."""
        deadline = time.monotonic() + _LONGEST_SECONDS
        while len(self.acknowledged) < count:
            assert time.monotonic() < deadline, "nothing is acknowledged any more"
            time.sleep(0.01)

    def _repeat(self, step: Callable[[], None]) -> None:
        while not self._stop.is_set():
            try:
                step()
            except (OSError, http.client.HTTPException, AssertionError, KeyError, ValueError):
                # The server went away in the middle of something; what was not acknowledged counts for nothing.
                time.sleep(0.01)

    def _name(self) -> str:
        return f"n{next(self._numbers)}.load.example"

    def _acme(self) -> None:
        client = Client(self._house)
        assert client.new_account(self.partner["eab"]).status == 201
        while not self._stop.is_set():
            url, der = client.certificate(self._name())
            self.acknowledged.append(der)
            self.downloads.append((client, url, der))

    def _est(self) -> None:
        body = base64.b64encode(csr(new_key(), self._name()))
        user = base64.b64encode(f"{self.fleet['account']}:{self.fleet['enrollment_code']}".encode()).decode()
        headers = {"Content-Type": "application/pkcs10", "Authorization": f"Basic {user}"}
        connection = http.client.HTTPSConnection("localhost", self._house.port + 1, context=self._tls, timeout=10)
        try:
            connection.request("POST", "/.well-known/est/device/simpleenroll", body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, content
        (certificate,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(content))
        self.acknowledged.append(certificate.public_bytes(Encoding.DER))


@pytest.mark.timeout(240)
def test_nothing_acknowledged_is_lost_at_twenty_power_cuts(house: House) -> None:
    load = Load(house)

    for cuts in range(_CUTS):
        threads = load.start()
        # At any moment; but where a machine is so busy that hardly anything would be lost, it comes later.
        load.wait_for(cuts + 2)
        time.sleep((_SHORTEST_MILLISECONDS + secrets.randbelow(_SPREAD_MILLISECONDS)) / 1000)
        house.kill()
        load.stop(threads)
        house.start()

    assert len(load.acknowledged) > _CUTS
    assert_all_known(house, load)
    for client, url, der in load.downloads[:: max(1, len(load.downloads) // 50)]:
        pem = client.post(url).body
        assert x509.load_pem_x509_certificates(pem)[0].public_bytes(Encoding.DER) == der


def assert_all_known(house: House, load: Load) -> None:
    """Every acknowledged certificate is stored and journaled; no intention is left open; none was issued twice."""
    wait_for_intentions(house)
    rows = house.behind_its_back("SELECT serial, der FROM certificates WHERE state = 'issued'")
    stored = {der: serial for serial, der in rows}
    rows = house.behind_its_back("SELECT serial FROM journal WHERE event = 'certificate-issued'")
    journaled = [serial for (serial,) in rows]
    for der in load.acknowledged:
        assert stored[der] in journaled
    assert len(journaled) == len(set(journaled)) == len(stored)
    listed = {row["serial"] for account in (load.partner, load.fleet) for row in house.certificates(account["account"])}
    assert {stored[der] for der in load.acknowledged} <= listed


def wait_for_intentions(house: House) -> None:
    """None is open at a start; but where other servers may be at it, only once it has been left alone for a while."""
    deadline = time.monotonic() + (0 if house.store == stores.IN_A_FILE else _LONGEST_SECONDS)
    while house.behind_its_back("SELECT count(*) FROM certificates WHERE state = 'intended'") != [(0,)]:
        assert time.monotonic() < deadline, "an intention is left open"
        time.sleep(0.2)


def test_house_keeps_its_files_to_itself(house: House) -> None:
    for path in (house.home / "secrets", house.home / "authority", house.home / "tls"):
        assert Path(path).stat().st_mode & 0o077 == 0
