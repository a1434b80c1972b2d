"""What a fleet costs that is switched on at once: 2,000 devices enroll, then renew (`make bench-fleet`).

Each device has a registration, a key and a code of its own, and a new TLS connection for each request, as real ones do.
The installed server runs alone on one core, the devices on another. In the same run aiohttp serves as many new TLS
connections with a client certificate, and answers with bytes and nothing else: on a machine that others use too, how
far ours is from that is what can be compared.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs7

from bench import bare
from bench.status import SOAPSTONE, served, soapstone, ticks
from ca_core.registration.desk import Form
from server.office import office

PORT = 18_643
DEVICES = 2_000
AT_ONCE = 16

_BARE_PORT = PORT + 4
_BARE_OWN = "bare.pem"
_BARE_OCTETS = 1_200
_RENEWAL_DAYS = 61
_OFFSET_VARIABLE = "SOAPSTONE_CLOCK_OFFSET_FILE"
_MILLISECONDS_PER_TICK = 1_000 / os.sysconf("SC_CLK_TCK")
_DAY = 86_400


class Device(NamedTuple):
    """One device: its Authorization header, its request, and where its certificate and key are."""

    authorization: str
    request: bytes
    own: Path


class Phase(NamedTuple):
    """What became of one request from each device: milliseconds each took, and the server's CPU in ms a device."""

    label: str
    milliseconds: list[float]
    seconds: float
    cpu: float

    def show(self) -> None:
        """Print a line."""
        cuts = statistics.quantiles(self.milliseconds, n=100)
        rate = len(self.milliseconds) / self.seconds
        print(f"{self.label:28}{rate:>12,.0f}{cuts[49]:>9.1f}{cuts[98]:>9.1f}{self.cpu:>14.2f}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=DEVICES)
    wanted = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="bench-fleet-") as name:
        folder = Path(name)
        home, clock = folder / "home", folder / "clock"
        os.environ[_OFFSET_VARIABLE] = str(clock)
        # A development home, because its clock can be moved.
        soapstone(home, "init", "--port", str(PORT), "--development")
        bare.certify(folder / _BARE_OWN)
        devices = asyncio.run(registered(home, folder, wanted.devices))
        command = [str(SOAPSTONE), "--home", str(home), "serve"]
        nothing = bare.command(_BARE_PORT, folder / _BARE_OWN, home, _BARE_OCTETS)
        with served(folder, command, core=cores[0]) as server, served(folder, nothing, core=cores[0]) as answering:
            os.sched_setaffinity(0, {cores[-1]})
            print(f"server on core {cores[0]}, {len(devices):,} devices on core {cores[-1]}, {AT_ONCE} at once")
            print(f"load of the machine: {os.getloadavg()[0]:.1f}; every request on a new TLS 1.3 connection")
            print(f"{'':28}{'devices/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'CPU ms/device':>14}")
            phases = [measured("enroll by code", home, server, devices, enrolled)]
            clock.write_text(str(_RENEWAL_DAYS * _DAY))
            phases.append(measured("renew by certificate", home, server, devices, renewed))
            phases.append(measured("aiohttp and nothing else", home, answering, devices, answered))
    *ours, least = phases
    for phase in ours:
        print(f"{phase.label}: {phase.cpu / least.cpu:.1f} times the CPU of a bare TLS connection with certificates")


async def registered(home: Path, folder: Path, count: int) -> list[Device]:
    """Register devices, and make a key and a request for each."""
    devices = []
    async with office(home) as opened:
        for number in range(count):
            subject = f"CN=device-{number},O=Bench"
            _, sheet = await opened.desk.register(Form("device", subject, uses=1), actor="bench")
            assert sheet.enrollment_code is not None  # noqa: S101  # a device's sheet has one
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name.from_rfc4514_string(subject)
            csr = x509.CertificateSigningRequestBuilder(name).sign(key, SHA256()).public_bytes(Encoding.DER)
            own = folder / f"{number}.pem"
            own.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            pair = f"{sheet.account}:{sheet.enrollment_code.reveal()}".encode()
            authorization = f"Authorization: Basic {base64.b64encode(pair).decode()}\r\n"
            devices.append(Device(authorization, base64.encodebytes(csr), own))
    return devices


def measured(
    label: str,
    home: Path,
    process: subprocess.Popen[str],
    devices: list[Device],
    step: Callable[[Path, Device], Awaitable[float]],
) -> Phase:
    """Let every device take a step, some at once."""

    async def all_of_them() -> list[float]:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(device: Device) -> float:
            async with free:
                return await step(home, device)

        return await asyncio.gather(*map(one, devices))

    before, start = ticks(process.pid), time.perf_counter()
    milliseconds = asyncio.run(all_of_them())
    seconds = time.perf_counter() - start
    cpu = (ticks(process.pid) - before) * _MILLISECONDS_PER_TICK / len(devices)
    phase = Phase(label, milliseconds, seconds, cpu)
    phase.show()
    return phase


async def enrolled(home: Path, device: Device) -> float:
    """Enroll by code; the certificate goes beside the key."""
    context = ssl.create_default_context(cafile=str(home / "trust.pem"))
    took, body = await asked(context, PORT + 1, "simpleenroll", device.authorization, device.request)
    (certificate,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(body))
    with device.own.open("ab") as file:
        file.write(certificate.public_bytes(Encoding.PEM))
    return took


async def renewed(home: Path, device: Device) -> float:
    """Renew with the certificate."""
    took, _ = await asked(shows(home / "trust.pem", device), PORT + 1, "simplereenroll", "", device.request)
    return took


async def answered(_: Path, device: Device) -> float:
    """The same, of a server that answers with bytes and nothing else."""
    context = shows(device.own.with_name(_BARE_OWN), device)
    return (await asked(context, _BARE_PORT, "simplereenroll", "", device.request))[0]


def shows(trust: Path, device: Device) -> ssl.SSLContext:
    """TLS with the device's certificate."""
    context = ssl.create_default_context(cafile=str(trust))
    context.load_cert_chain(device.own)
    return context


async def asked(context: ssl.SSLContext, port: int, operation: str, header: str, request: bytes) -> tuple[float, bytes]:
    """One request on a new connection: milliseconds from before the handshake to the last octet, and the body."""
    start = time.perf_counter()
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    head = f"POST /.well-known/est/{operation} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n{header}"
    kind = f"Content-Type: application/pkcs10\r\nContent-Length: {len(request)}\r\nConnection: close\r\n\r\n"
    writer.write(f"{head}{kind}".encode() + request)
    answer = await reader.readuntil(b"\r\n\r\n")
    body = await reader.readexactly(int(answer.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
    took = (time.perf_counter() - start) * 1_000
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200 "):
        sys.exit(f"{operation}: {answer.decode()}{body.decode()}")
    return took, body


if __name__ == "__main__":
    main()
