"""Other ACME servers on this machine, started for a comparison: Debian's Pebble, and acme2certifier behind gunicorn.

Neither is a copy of ours. Pebble keeps nothing: what it is told lives in memory and ends with it. acme2certifier keeps
orders and certificates in SQLite, synced at each commit as SQLite does it by default. Both sign with RSA-2048.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench import bare
from bench.issuing import Account, Peer, Place, Wanted, fresh, wanted
from bench.wire import Connection, Steps, drive
from conformance.house import CLIENTS, free_ports

LANES = 32
_MOST_ECHOES = 4_000
_PATIENCE_SECONDS = 30.0
_PEBBLE = {
    "PEBBLE_VA_NOSLEEP": "1",
    "PEBBLE_VA_ALWAYS_VALID": "1",
    "PEBBLE_WFE_NONCEREJECT": "0",
    "PEBBLE_AUTHZREUSE": "100",
}
_ZONE = "bench.example"
_TOP = Path(__file__).parents[1]
_A2C = CLIENTS / "acme2certifier" / "bin"


@contextmanager
def pebble(folder: Path, core: int) -> Iterator[Peer]:
    """Pebble, with one name proved for each account beforehand: its orders for that name are ready at once."""
    port = free_ports()
    bare.certify(folder / "pebble.pem")
    settings = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{port + 1}",
        "certificate": str(folder / "pebble.pem"),
        "privateKey": str(folder / "pebble.pem"),
        "httpPort": port + 2,
        "tlsPort": port + 3,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    program = shutil.which("pebble")
    if program is None:
        sys.exit("pebble is missing; run bench/install")
    with _started(
        folder, core, [program, "-config", str(folder / "pebble.json")], _PEBBLE, folder / "pebble.log"
    ) as pid:
        place = Place(port, "/dir", ssl.create_default_context(cafile=str(folder / "pebble.pem")))
        _wait_for(place)
        accounts = [Account(place) for _ in range(LANES)]
        drive(_proved(account, _name(number)) for number, account in enumerate(accounts))
        yield Peer((pid,), [(account, _again(_name(number))) for number, account in enumerate(accounts)])


@contextmanager
def echo(folder: Path, core: int) -> Iterator[Peer]:
    """Answers that were made beforehand: what our client can do at most."""
    port = free_ports()
    bare.certify(folder / "echo.pem")
    command = [sys.executable, "-m", "bench.echo", "--port", str(port), "--pem", str(folder / "echo.pem")]
    with _started(_TOP, core, command, {}, folder / "echo.log") as pid:
        place = Place(port, "/directory", ssl.create_default_context(cafile=str(folder / "echo.pem")))
        yield _opened(pid, place)._replace(most=_MOST_ECHOES)


@contextmanager
def acme2certifier(folder: Path, core: int) -> Iterator[Peer]:
    """acme2certifier's WSGI application with its CA in files; the names of the zone need no challenge."""
    port = free_ports()
    bare.certify(folder / "a2c.pem")
    _certify_ca(folder)
    (folder / "acme_srv.cfg").write_text(
        f"""[DEFAULT]
debug: False
[DBhandler]
handler: wsgi
dbfile: {folder}/a2c.db
[CAhandler]
handler_module: acme2certifier.cahandlers.openssl_ca_handler
issuing_ca_key: {folder}/ca-key.pem
issuing_ca_cert: {folder}/ca-cert.pem
issuing_ca_crl: {folder}/ca.crl
cert_validity_days: 90
cert_save_path: {folder}/certs
[Authorization]
prevalidated_domainlist: ["*.{_ZONE}"]
[Challenge]
challenge_validation_disable: False
[Order]
tnauthlist_support: False
"""
    )
    command = [
        str(_A2C / "gunicorn"),
        *("--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread", "--threads", "4"),
        *("--keep-alive", "75", "--certfile", str(folder / "a2c.pem"), "--keyfile", str(folder / "a2c.pem")),
        "acme2certifier.share.acme2certifier_wsgi:application",
    ]
    environment = {"ACME_SRV_CONFIGFILE": str(folder / "acme_srv.cfg"), "ACME2CERTIFIER_BASE_DIR": str(folder)}
    with _started(folder, core, command, environment, folder / "a2c.log") as pid:
        place = Place(port, "/directory", ssl.create_default_context(cafile=str(folder / "a2c.pem")))
        yield _opened(pid, place)


def _opened(pid: int, place: Place) -> Peer:
    """Accounts that want names which never come again."""
    _wait_for(place)
    accounts = [Account(place) for _ in range(LANES)]
    drive(account.open() for account in accounts)
    return Peer((pid,), [(account, fresh(_name(number))) for number, account in enumerate(accounts)])


def _name(number: int) -> str:
    return f"zone{number}.{_ZONE}"


def _again(name: str) -> Iterator[Wanted]:
    """Certificates for one name, each with a key of its own."""
    return (wanted(name) for _ in itertools.count())


def _proved(account: Account, name: str) -> Steps[None]:
    """Open an account, and prove a name for it."""
    yield from account.open()
    _, order = yield from account.order(wanted(name))
    for url in order.authorizations:
        authorization = json.loads((yield from account.post(url, "")).body)
        yield from account.post(authorization["challenges"][0]["url"], "e30")
        while authorization["status"] == "pending":
            yield 0.05
            authorization = json.loads((yield from account.post(url, "")).body)


def _certify_ca(folder: Path) -> None:
    """A CA with an RSA-2048 key in files."""
    key = rsa.generate_private_key(65_537, 2_048)
    name = x509.Name.from_rfc4514_string("CN=Bench CA")
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    period = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, *period)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    (folder / "certs").mkdir(exist_ok=True)
    (folder / "ca-key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "ca-cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


@contextmanager
def _started(folder: Path, core: int, command: list[str], environment: dict[str, str], log: Path) -> Iterator[int]:
    """A program on one core, for the length of the block."""
    with log.open("a") as said:
        process = subprocess.Popen(
            ["/usr/bin/taskset", "-c", str(core), *command],
            cwd=folder,
            env=os.environ | environment,
            stdout=said,
            stderr=said,
        )
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _wait_for(place: Place) -> None:
    """Wait until somebody answers with TLS."""
    patience = time.perf_counter() + _PATIENCE_SECONDS
    while True:
        connection = Connection(place.context, place.port)
        try:
            drive([connection.reached()])
        except (ConnectionError, ssl.SSLError):
            if time.perf_counter() > patience:
                raise
            time.sleep(0.1)
        else:
            return
