"""EST: enroll and re-enroll, each on a new TLS connection and over keep-alive (`make bench-est`).

The installed server runs on one core, our client on another, 16 requests at once. In the same run, round by round,
aiohttp takes the same requests with a client certificate, and answers with as many bytes and nothing else.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import os
import ssl
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7

from bench import bare, loading, ours, processes, report
from bench.ours import Home, Subscriber
from bench.report import Goal, Row, Run
from bench.status import served
from bench.wire import Answer, Connection, Steps, drive
from conformance.acme import csr, new_key
from conformance.house import free_ports

AT_ONCE = 16
_MOST_A_SECOND = 800
_ENROLL, _RENEW, _BARE = "enroll", "re-enroll", "aiohttp mutual TLS, nothing else"
_NEW, _KEPT = "new TLS each", "keep-alive"
_SETTLING_SECONDS = 1.5
_PROFILE = (
    # Shorter than the renewal window: what was issued just now may be renewed.
    "profiles.tls-server.validity_days=20",
    # A certificate that is to renew itself is shown by a TLS client.
    'profiles.tls-server.extended_key_usage=["serverAuth", "clientAuth"]',
)


class Device(NamedTuple):
    """One who asks: for new names by its code, and for its own name by its certificate."""

    basic: str
    anonymous: ssl.SSLContext
    known: ssl.SSLContext
    requests: Iterator[bytes]
    renewals: Iterator[bytes]


class Way(NamedTuple):
    """One way to ask: what, where, whether by certificate, and whether each time on a new connection."""

    label: str
    port: int
    operation: str
    is_known: bool
    is_new: bool


def main() -> None:
    """Measure, print, and end with 1 when a gate was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.5)
    parsed = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    print(f"servers on core {cores[0]}, client on core {cores[-1]}, {AT_ONCE} at once")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}; RSA-2048 issuer; requests a second, CPU in ms a request")
    with tempfile.TemporaryDirectory(prefix="bench-est-") as name:
        folder = Path(name)
        home = ours.made(folder / "home", "rsa-2048", *(part for one in _PROFILE for part in ("--set", one)))
        with ours.serving(home, cores[0]) as pid:
            devices, octets = enrolled(home, folder)
            bare.certify(folder / "bare.pem")
            port = free_ports()
            nothing = bare.command(port, folder / "bare.pem", home.folder, octets)
            with served(folder, nothing, core=cores[0]) as process:
                rows = asked(devices, {home.port + 1: pid, port: process.pid}, parsed.runs, parsed.seconds)
    report.finish("est", list(rows.values()), goals(rows))


def enrolled(home: Home, folder: Path) -> tuple[list[Device], int]:
    """Give each subscriber a certificate; returns them, and the octets of an answer."""
    devices: list[Device] = []
    lengths = []
    way = Way("", home.port + 1, "simpleenroll", is_known=False, is_new=True)
    anonymous = ssl.create_default_context(cafile=str(home.folder / "trust.pem"))

    def first(subscriber: Subscriber) -> Steps[None]:
        name, key = f"own.{subscriber.zone}", new_key()
        pair = f"{subscriber.account}:{subscriber.code}".encode()
        basic = f"Authorization: Basic {base64.b64encode(pair).decode()}\r\n"
        answer = yield from ask(Connection(anonymous, way.port), basic, way, encoded(csr(key, name)))
        (certificate,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.body))
        own = folder / f"{name}.pem"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        own.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
        fresh = (encoded(csr(new_key(), f"host{number}.{subscriber.zone}")) for number in itertools.count())
        devices.append(Device(basic, anonymous, shows(own), fresh, renewals(certificate)))
        lengths.append(len(answer.body))

    drive(map(first, home.subscribers[:AT_ONCE]))
    return devices, max(lengths)


def shows(own: Path) -> ssl.SSLContext:
    """TLS with a client certificate, for whichever server: who that is, is not looked at."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(own)
    return context


def renewals(certificate: x509.Certificate) -> Iterator[bytes]:
    """Requests for the same subject and names with new keys (RFC 7030, 4.2.2)."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    builder = x509.CertificateSigningRequestBuilder().subject_name(certificate.subject)
    builder = builder.add_extension(names, critical=False)
    while True:
        yield encoded(builder.sign(new_key(), SHA256()).public_bytes(Encoding.DER))


def encoded(der: bytes) -> bytes:
    """A request as EST carries it."""
    return base64.b64encode(der) + b"\n"


def asked(devices: list[Device], pids: dict[int, int], runs: int, seconds: float) -> dict[Way, Row]:
    """Ask in each way in turn, round by round."""
    est, answering = pids
    ways = [
        Way(f"{what}, {how}", port, operation, is_known=is_known, is_new=how == _NEW)
        for how in (_NEW, _KEPT)
        for what, port, operation, is_known in (
            (_ENROLL, est, "simpleenroll", False),
            (_RENEW, est, "simplereenroll", True),
            (_BARE, answering, "simpleenroll", True),
        )
    ]
    seen: dict[Way, list[Run]] = {way: [] for way in ways}
    for _ in range(runs):
        for way, found in seen.items():
            found.append(one_run(devices, way, pids[way.port], seconds))
    report.heads()
    return {
        way: report.row(way.label, found, unit="requests/s", peak=processes.peak(pids[way.port]))
        for way, found in seen.items()
    }


def one_run(devices: list[Device], way: Way, pid: int, seconds: float) -> Run:
    """Ask for a while."""
    each = int(seconds * _MOST_A_SECOND) // len(devices) + 1
    lanes = []
    for one in devices:
        connection = Connection(one.known if way.is_known else one.anonymous, way.port)
        wanted = one.renewals if way.operation == "simplereenroll" else one.requests
        act = partial(ask, connection, "" if way.is_known else one.basic, way)
        lanes.append((act, deque(itertools.islice(wanted, each))))
    return loading.measured([pid], lanes, seconds, settling=_SETTLING_SECONDS)


def ask(connection: Connection, basic: str, way: Way, request: bytes) -> Steps[Answer]:
    """One request, by code or by certificate."""
    head = f"POST /.well-known/est/{way.operation} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n{basic}"
    kind = f"Content-Type: application/pkcs10\r\nContent-Length: {len(request)}\r\n"
    close = "Connection: close\r\n" if way.is_new else ""
    answer = yield from connection.ask(f"{head}{kind}{close}\r\n".encode() + request)
    if answer.status != 200:  # noqa: PLR2004  # it is either that or nothing that a measurement is made of
        sys.exit(f"{way.operation}: {answer.head.decode()}\n{answer.body.decode()}")
    if way.is_new:
        connection.close()
    return answer


def goals(rows: dict[Way, Row]) -> list[Goal]:
    """What the issue asks for of EST."""
    by_label = {way.label: row for way, row in rows.items()}
    enroll, least = by_label[f"{_ENROLL}, {_NEW}"], by_label[f"{_BARE}, {_NEW}"]
    return [
        Goal(
            "EST enroll on a new TLS connection, share of a bare echo's rate",
            enroll.rate.median / least.rate.median,
            0.5,
            0.7,
        ),
        Goal("the same by CPU, which a busy machine leaves alone", least.cpu.median / enroll.cpu.median, 0.5, 0.7),
    ]


if __name__ == "__main__":
    main()
