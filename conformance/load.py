"""Subscribers who order certificates one after the other, each in a thread, and remember what they were promised."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from conformance.acme import Answer, Client, Place, b64, csr, new_key

_LONGEST_SECONDS = 45.0
_PAUSE_SECONDS = 0.1
_FIRST_SERVER_ERROR = 500


class Lost(Exception):
    """A request had no answer, or one that only a client that tries again lives with."""


class Subscriber(threading.Thread):
    """Orders, finalizes and fetches under names of its own until told to stop.

    Args:
        patient: whether it tries a request again that has no good answer, as certbot and others do; one that is not
            patient takes that for a failure.

    Attributes:
        promised: by name, the DER of the certificate that it fetched.
        slowest_seconds: how long it waited for one of them, from the first request to the last answer.
    """

    def __init__(self, place: Place, sheet: dict[str, Any], zone: str, number: int, *, patient: bool) -> None:
        super().__init__(name=f"subscriber-{number}", daemon=True)
        self._client = Client(place)
        answer = self._client.new_account(sheet["eab"])
        assert answer.status == 201, answer.body
        self._zone = f"s{number}.{zone}"
        self._patient = patient
        self._stopping = threading.Event()
        self.promised: dict[str, bytes] = {}
        self.tried: list[str] = []
        self.failures: list[str] = []
        self.slowest_seconds = 0.0

    def run(self) -> None:
        while not self._stopping.is_set():
            name = f"n{len(self.tried)}.{self._zone}"
            self.tried.append(name)
            began = time.monotonic()
            try:
                self.promised[name] = self._certificate(name)
            except Exception as error:  # noqa: BLE001  # whatever it is, the test is to show it
                self.failures.append(f"{name}: {error!r}")
                return
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)

    def stop(self) -> None:
        """Let it come to the end of what it has begun."""
        self._stopping.set()

    def _certificate(self, name: str) -> bytes:
        client = self._client
        placed, body = self._answered(lambda: client.new_order(name)), {"csr": b64(csr(new_key(), name))}
        url, order = placed.headers["Location"], placed.json
        while order["status"] != "valid":
            if order["status"] == "ready":
                try:
                    order = self._once(lambda: client.post(placed.json["finalize"], body)).json
                    continue
                except Lost:
                    if not self._patient:
                        raise
            time.sleep(_PAUSE_SECONDS)
            # Whether the finalize that had no answer did something, the order says.
            order = self._answered(lambda: client.post(url)).json
            assert order["status"] in {"ready", "processing", "valid"}, order
        pem = self._answered(lambda: client.post(order["certificate"])).body
        return x509.load_pem_x509_certificates(pem)[0].public_bytes(Encoding.DER)

    def _answered(self, send: Callable[[], Answer]) -> Answer:
        """An answer, however often one has to ask; who is not patient asks once."""
        deadline = time.monotonic() + _LONGEST_SECONDS
        while True:
            try:
                return self._once(send)
            except Lost:
                if not self._patient or time.monotonic() > deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)

    def _once(self, send: Callable[[], Answer]) -> Answer:
        try:
            answer = send()
        except (OSError, http.client.HTTPException) as error:
            raise Lost(repr(error)) from error
        if answer.status >= _FIRST_SERVER_ERROR or (answer.status == 400 and answer.problem == "badNonce"):
            raise Lost(f"{answer.status} {answer.body!r}")
        assert answer.status < 400, answer.body
        return answer


def under_load(subscribers: list[Subscriber], do: Callable[[], None]) -> None:
    """Do something while all of them order; returns when the last one has what it wanted."""
    for one in subscribers:
        one.start()
    try:
        do()
    finally:
        for one in subscribers:
            one.stop()
        for one in subscribers:
            one.join(2 * _LONGEST_SECONDS)
