"""What relying parties get from one core: OCSP from ready-made answers, and CRLs (`make bench-status`).

The installed server runs alone on one core, wrk on another; each figure is of several runs over keep-alive HTTP.
CPU time is printed beside the rate, and aiohttp answering with bytes and nothing else in the same run: on a machine
that others use too, how far ours is from that is what can be compared.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote
from urllib.request import Request, urlopen

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509 import ocsp

from bench import report
from bench.report import Goal
from ca_core.identity import new_serial, serial_text
from ca_core.revocation import crl
from ca_core.revocation.reason import Reason
from ca_core.store import revocations
from server.office import office

SOAPSTONE = Path(sys.executable).with_name("soapstone")
PORT = 18_543
CERTIFICATES = 200
REVOKED = 10_000
LEAST_OCSP = 8_000
"""Requests a second that one core has to answer."""

_CONNECTIONS = 16
_BARE = "aiohttp and nothing else"
_BARE_PORT = PORT + 4
_BARE_URL = f"http://127.0.0.1:{_BARE_PORT}/"
_BARE_OCTETS = 760
_ZONE = "bench.example"
_MICROSECONDS_PER_TICK = 1_000_000 / os.sysconf("SC_CLK_TCK")
_SCRIPT = """
local asked, at = {{}}, 0
init = function()
    for line in io.lines("{requests}") do
        asked[#asked + 1] = {request}
    end
end
request = function()
    at = at % #asked + 1
    return asked[at]
end
"""
_GET = 'wrk.format("GET", "/ocsp/" .. line)'
_POST = (
    'wrk.format("POST", "/ocsp", {["Content-Type"] = "application/ocsp-request"},'
    ' (line:gsub("..", function(hex) return string.char(tonumber(hex, 16)) end)))'
)


class Run(NamedTuple):
    """One run of wrk: requests a second, latencies in milliseconds, the server's CPU in µs a request."""

    rate: float
    p50: float
    p99: float
    cpu: float


def main() -> None:
    """Measure, print, and end with 1 when OCSP is too slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.bare:
        asyncio.run(answer_barely())
        return
    require_wrk()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="bench-status-") as name:
        folder = Path(name)
        home = folder / "home"
        soapstone(home, "init", "--port", str(PORT))
        asyncio.run(revoke_nobodys(home))
        sheet = json.loads(
            soapstone(home, "register", "--json", "--kind", "organization", "--subject", "CN=Bench", "--zone", _ZONE)
        )
        soapstone(home, "crl", "publish")
        command = [str(SOAPSTONE), "--home", str(home), "serve"]
        itself = [sys.executable, "-m", "bench.status", "--bare"]
        with served(folder, command, core=cores[0]) as server, served(folder, itself, core=cores[0]) as bare:
            asked = [request(home, enroll(home, sheet, number)) for number in range(CERTIFICATES)]
            kinds = targets(folder, asked)
            print(f"server on core {cores[0]}, wrk on core {cores[-1]} with {_CONNECTIONS} connections, keep-alive")
            print(f"{wanted.runs} runs of {wanted.seconds} s; {CERTIFICATES} certificates, {REVOKED:,} revoked")
            print(f"{'':28}{'requests/s: min':>16}{'median':>9}{'max':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs':>9}")
            runs = {_BARE: [run(bare, cores[-1], wanted.seconds, _BARE_URL) for _ in range(wanted.runs)]}
            show(_BARE, runs[_BARE])
            for label, target in kinds.items():
                runs[label] = [run(server, cores[-1], wanted.seconds, *target) for _ in range(wanted.runs)]
                show(label, runs[label])
    rows = [
        report.together(label, list(map(in_milliseconds, found)), unit="requests/s") for label, found in runs.items()
    ]
    slowest = min(row.rate.median for row in rows if row.label.startswith("OCSP"))
    report.keep("status", rows, [Goal("OCSP answers a second from one core", slowest, LEAST_OCSP, LEAST_OCSP)])
    print(f"OCSP from ready-made answers: {slowest:,.0f} requests/s, at least {LEAST_OCSP:,} wanted")
    sys.exit(int(slowest < LEAST_OCSP))


def require_wrk() -> None:
    """Have wrk, from Debian where it is missing."""
    if subprocess.run(["/bin/sh", "-c", "command -v wrk"], check=False, capture_output=True).returncode == 0:
        return
    print("wrk is missing; installing it from Debian", file=sys.stderr)
    for arguments in (("update", "-qq"), ("install", "-qq", "-y", "wrk")):
        subprocess.run(["/usr/bin/apt-get", *arguments], check=True, stdout=sys.stderr)


def soapstone(home: Path, *arguments: str) -> str:
    """Run the installed command; returns what it prints."""
    return subprocess.run([SOAPSTONE, "--home", home, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


async def revoke_nobodys(home: Path) -> None:
    """Revoke serials that nobody was ever given, so that the CRL has a usual length."""
    reason = Reason.SUPERSEDED
    async with office(home) as opened, opened.database.write() as tx:
        now = opened.clock.now()
        for _ in range(REVOKED):
            serial = new_serial()
            entry = crl.entry(serial, now, reason)
            await revocations.insert(
                tx,
                serial_text(serial),
                "issuing",
                shard=0,
                not_after=now + 86_400,
                reason=reason,
                entry=entry,
                now=now,
            )


async def answer_barely() -> None:
    """What aiohttp alone does for an answer of the same length."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(body=bytes(_BARE_OCTETS), content_type="application/ocsp-response")

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", _BARE_PORT).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


@contextmanager
def served(folder: Path, command: list[str], *, core: int | str) -> Iterator[subprocess.Popen[str]]:
    """A server on one core, or on several such as `0,1`, for the length of the block."""
    with (folder / "log").open("a") as log:
        pinned = ["taskset", "-c", str(core), *command]
        process = subprocess.Popen(pinned, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        for line in process.stdout or ():
            if line.strip() == "ready":
                break
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        # Whatever else it has to say is read, or it might never end.
        process.communicate()


def enroll(home: Path, sheet: dict[str, str], number: int) -> x509.Certificate:
    """Get one certificate by EST."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.DNSName(f"host{number}.{_ZONE}")
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False).sign(key, SHA256())
    basic = base64.b64encode(f"{sheet['account']}:{sheet['enrollment_code']}".encode()).decode()
    post = Request(
        f"https://localhost:{PORT + 1}/.well-known/est/simpleenroll",
        base64.b64encode(csr.public_bytes(Encoding.DER)),
        {"Authorization": f"Basic {basic}", "Content-Type": "application/pkcs10"},
    )
    context = ssl.create_default_context(cafile=str(home / "trust.pem"))
    with urlopen(post, context=context) as answer:
        (certificate,) = pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.read()))
    return certificate


def request(home: Path, certificate: x509.Certificate) -> bytes:
    """What a client asks about a certificate, in DER."""
    issuer = x509.load_pem_x509_certificate((home / "authority" / "issuing.pem").read_bytes())
    # SHA-1 names the issuer, as nearly every client does (RFC 5019, 2.1.1).
    built = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA1()).build()  # noqa: S303
    return built.public_bytes(Encoding.DER)


def targets(folder: Path, asked: list[bytes]) -> dict[str, tuple[str, ...]]:
    """What wrk is to fetch, by what it is called."""
    url = f"http://127.0.0.1:{PORT + 3}"
    get, post = folder / "get", folder / "post"
    get.write_text("\n".join(quote(base64.b64encode(der).decode(), safe="") for der in asked))
    post.write_text("\n".join(der.hex() for der in asked))
    scripts = [folder / "get.lua", folder / "post.lua"]
    scripts[0].write_text(_SCRIPT.format(requests=get, request=_GET))
    scripts[1].write_text(_SCRIPT.format(requests=post, request=_POST))
    with urlopen(f"{url}/crl/issuing.crl") as answer:
        kilobytes = len(answer.read()) // 1000
    return {
        "OCSP GET": (url, "-s", str(scripts[0])),
        "OCSP POST": (url, "-s", str(scripts[1])),
        f"CRL of {kilobytes} kB": (f"{url}/crl/issuing.crl",),
        "CRL, none revoked": (f"{url}/crl/root.crl",),
    }


def run(process: subprocess.Popen[str], core: int, seconds: int, *target: str) -> Run:
    """One run of wrk on its own core."""
    before = ticks(process.pid)
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", "--latency", *target]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if done.returncode != 0 or "Non-2xx" in said or "Socket errors" in said:
        sys.exit(f"not every request was answered:\n{said}")
    requests = int(found(r"(\d+) requests in", said))
    cpu = (ticks(process.pid) - before) * _MICROSECONDS_PER_TICK / requests
    rate = float(found(r"Requests/sec:\s+([\d.]+)", said))
    return Run(rate, milliseconds(found(r"\n +50% +(\S+)", said)), milliseconds(found(r"\n +99% +(\S+)", said)), cpu)


def ticks(pid: int) -> int:
    """The CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def found(pattern: str, text: str) -> str:
    """The one group of a pattern."""
    match = re.search(pattern, text)
    if match is None:
        sys.exit(f"wrk said something else than expected:\n{text}")
    return match[1]


def milliseconds(text: str) -> float:
    """Read what wrk prints, such as `812.00us`."""
    for unit, factor in (("us", 0.001), ("ms", 1.0), ("s", 1000.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    sys.exit(f"wrk printed {text!r} for a time")


def in_milliseconds(one: Run) -> report.Run:
    """A run as the reports of all benchmarks have it."""
    return report.Run(one.rate, one.p50, one.p99, one.cpu / 1_000)


def show(label: str, runs: list[Run]) -> None:
    """Print a line."""
    rates = [one.rate for one in runs]
    middle = [statistics.median(getattr(one, field) for one in runs) for field in ("p50", "p99", "cpu")]
    median = statistics.median(rates)
    print(
        f"{label:28}{min(rates):>16,.0f}{median:>9,.0f}{max(rates):>9,.0f}"
        f"{middle[0]:>9.2f}{middle[1]:>9.2f}{middle[2]:>9.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
