"""aiohttp and nothing else: what a new TLS connection with a client certificate and an answer of some length cost."""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pem", type=Path, required=True, help="key and certificate")
    parser.add_argument("--home", type=Path, required=True, help="whose CAs clients have their certificates from")
    parser.add_argument("--octets", type=int, required=True, help="of an answer")
    parsed = parser.parse_args()
    asyncio.run(answer(parsed.port, parsed.pem, parsed.home, parsed.octets))


def command(port: int, pem: Path, home: Path, octets: int) -> list[str]:
    """What starts it; it prints `ready`."""
    options = {"--port": port, "--pem": pem, "--home": home, "--octets": octets}
    return [sys.executable, "-m", "bench.bare", *(str(part) for option in options.items() for part in option)]


def certify(path: Path) -> None:
    """A key and a certificate for the server that only answers."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name.from_rfc4514_string("CN=localhost")
    period = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, *period)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + certificate.public_bytes(Encoding.PEM))


async def answer(port: int, pem: Path, home: Path, octets: int) -> None:
    """What aiohttp alone does, with TLS that asks for a certificate."""

    async def one(request: web.BaseRequest) -> web.Response:
        await request.read()
        return web.Response(body=bytes(octets), content_type="application/pkcs7-mime")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.load_verify_locations(home / "trust.pem")
    context.load_verify_locations(home / "authority" / "issuing.pem")
    runner = web.ServerRunner(web.Server(one, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "localhost", port, ssl_context=context).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
