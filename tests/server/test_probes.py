"""RFC 8555, 8.3; DESIGN, invariant 12; WIRE, "Probes"."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ca_core import names
from conformance.dns import Responder
from protocols.acme import challenges
from protocols.acme.probes import Probes, Question, Seen
from server.probes.network import NetworkProbes
from server.probes.policy import Address, Network, ProbePolicy, objection
from server.probes.resolving import _from_system
from tests.builders.dns import name_server

TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
KEY_AUTHORIZATION = TOKEN + ".nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"
PATH = f"/.well-known/acme-challenge/{TOKEN}"
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
PUBLIC = ProbePolicy()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def site(
    handler: Handler, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """An HTTP server with one handler for all paths; yields its port."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    server = TestServer(app, host=host, port=port, scheme="https" if tls else "http")
    await server.start_server(ssl=tls)
    try:
        yield server.port or 0
    finally:
        await server.close()


def holding(text: str, status: int = 200) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status)

    return answer


def leading(target: str, status: int = 302) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": target.format(port=request.url.port)})

    return answer


async def probe(
    port: int,
    name: str = "localhost",
    *,
    allowed: tuple[Network, ...] = LOOPBACK,
    resolvers: tuple[str, ...] = (),
    own_listeners: frozenset[tuple[Address, int]] = frozenset(),
    total_seconds: float = 10.0,
) -> Seen:
    policy = ProbePolicy(
        http_01_port=port,
        resolvers=resolvers,
        allowed=allowed,
        own_listeners=own_listeners,
        total_seconds=total_seconds,
    )
    probes: Probes = NetworkProbes(policy)
    kind = names.ip if name[-1].isdigit() else names.dns
    return await probes.look(Question(challenges.HTTP_01, kind(name), TOKEN, KEY_AUTHORIZATION, ""))


def assert_unproved(seen: Seen, problem: str, words: str) -> None:
    assert not seen.proved
    assert seen.problem == problem
    assert words in seen.detail


class TestProving:
    async def test_the_key_authorization_at_its_path_proves(self) -> None:
        asked = []

        async def answer(request: web.Request) -> web.Response:
            asked.append((request.method, request.path, request.headers["Host"], "Cookie" in request.headers))
            return web.Response(text=KEY_AUTHORIZATION)

        async with site(answer) as port:
            seen = await probe(port)

        assert seen == Seen(proved=True)
        assert asked == [("GET", PATH, f"localhost:{port}", False)]

    @pytest.mark.parametrize("after", ["\n", "\r\n", "  \t\r\n\n"])
    async def test_white_space_after_it_is_tolerated(self, after: str) -> None:
        async with site(holding(KEY_AUTHORIZATION + after)) as port:
            assert (await probe(port)).proved

    @pytest.mark.parametrize(
        "text",
        ["", "\n", " " + KEY_AUTHORIZATION, KEY_AUTHORIZATION + "x", KEY_AUTHORIZATION[:-1], TOKEN],
        ids=["empty", "blank", "led by a blank", "longer", "shorter", "token only"],
    )
    async def test_anything_else_does_not_prove_and_is_not_repeated(self, text: str) -> None:
        async with site(holding(text)) as port:
            seen = await probe(port)

        assert_unproved(seen, "incorrectResponse", "127.0.0.1 holds something other")

    @pytest.mark.parametrize("status", [201, 204, 404, 500])
    async def test_only_200_proves(self, status: int) -> None:
        async with site(holding("" if status == 204 else KEY_AUTHORIZATION, status)) as port:
            assert_unproved(await probe(port), "incorrectResponse", f"status {status}")

    async def test_response_bytes_are_never_shown(self) -> None:
        async with site(holding("the secret of the intranet")) as port:
            assert "secret" not in (await probe(port)).detail

    async def test_an_address_is_proved_like_a_name(self) -> None:
        async with site(holding(KEY_AUTHORIZATION)) as port:
            assert (await probe(port, "127.0.0.1")).proved

    async def test_an_ipv6_address_is_proved_like_a_name(self) -> None:
        async with site(holding(KEY_AUTHORIZATION), host="::1") as port:
            assert (await probe(port, "::1")).proved

    @pytest.mark.parametrize(("address", "host"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
    async def test_an_address_is_its_own_host_field_and_nobody_is_asked_for_it(self, address: str, host: str) -> None:
        """RFC 8738, 4 and 5."""
        asked = []

        async def answer(request: web.Request) -> web.Response:
            asked.append(request.headers["Host"])
            return web.Response(text=KEY_AUTHORIZATION)

        with Responder() as dns:
            async with site(answer, host=address) as port:
                seen = await probe(port, address, resolvers=(dns.address,))

        assert seen.proved
        assert asked == [f"{host}:{port}"]
        assert not dns.asked

    async def test_a_compressed_body_is_not_unpacked(self) -> None:
        async def answer(request: web.Request) -> web.Response:
            response = web.Response(text=KEY_AUTHORIZATION)
            response.enable_compression(web.ContentCoding.gzip)
            assert request.headers["Accept-Encoding"] == "identity"
            return response

        async with site(answer) as port:
            assert not (await probe(port)).proved

    async def test_the_environments_proxy_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

        async with site(holding(KEY_AUTHORIZATION)) as port:
            assert (await probe(port)).proved


class TestLimits:
    async def test_a_giant_body_is_read_only_as_far_as_it_may_matter(self) -> None:
        sent = 0

        async def answer(request: web.Request) -> web.StreamResponse:
            nonlocal sent
            response = web.StreamResponse()
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):
                for _ in range(10_000):
                    await response.write(b"x" * 65_536)
                    sent += 1
            return response

        async with site(answer) as port:
            assert_unproved(await probe(port), "incorrectResponse", "something other")

        assert sent < 1000

    async def test_a_body_that_never_ends_is_given_up(self) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):
                while True:
                    await response.write(b"x")
                    await asyncio.sleep(0.05)
            return response

        async with site(answer) as port:
            assert_unproved(await probe(port, total_seconds=0.4), "connection", "within 0.4 s")

    async def test_a_server_that_is_silent_is_given_up(self) -> None:
        async def answer(_: web.Request) -> web.Response:
            await asyncio.sleep(30)
            return web.Response()

        async with site(answer) as port:
            assert_unproved(await probe(port, total_seconds=0.3), "connection", "within 0.3 s")

    async def test_what_is_not_http_is_said_to_be_so(self) -> None:
        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            seen = await probe(server.sockets[0].getsockname()[1])

        assert_unproved(seen, "connection", "did not answer in HTTP")
        assert "SSH" not in seen.detail

    async def test_a_refused_connection_names_address_and_port(self) -> None:
        port = unused_port()

        seen = await probe(port, "127.0.0.1")

        assert_unproved(seen, "connection", f"took no connection on port {port}")
        assert not seen.is_final


class TestRedirects:
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_redirect_is_followed(self, status: int) -> None:
        async def answer(request: web.Request) -> web.Response:
            if request.path == PATH:
                return web.Response(status=status, headers={"Location": "/elsewhere?x=1#part"})
            assert request.path_qs == "/elsewhere?x=1"
            return web.Response(text=KEY_AUTHORIZATION)

        async with site(answer) as port:
            assert (await probe(port)).proved

    async def test_a_loop_ends_after_ten(self) -> None:
        asked = 0

        async def answer(_: web.Request) -> web.Response:
            nonlocal asked
            asked += 1
            return web.Response(status=302, headers={"Location": PATH})

        async with site(answer) as port:
            assert_unproved(await probe(port), "connection", "more than 10 redirects")

        assert asked == 11

    @pytest.mark.parametrize(
        ("target", "words"),
        [
            ("http://localhost:8443/x", "a port other than"),
            ("http://localhost:22/", "a port other than"),
            ("ftp://localhost/", "other than http"),
            ("file:///etc/passwd", "no URL"),
            ("gopher://localhost:{port}/", "other than http"),
            ("http://user:secret@localhost:{port}/", "user or a password"),
            ("http://localhost:{port}/" + "x" * 2000, "longer than 2000"),
            ("http://localhost:99999/", "no URL"),
            ("http://[::1/", "no URL"),
            ("http://2130706433:{port}/", "no URL"),
            ("http://0x7f.1:{port}/", "no URL"),
            ("http://[fd00::1%251]:{port}/", "no URL"),
            ("", "other than http"),
        ],
    )
    async def test_a_redirect_out_of_bounds_is_not_followed_nor_repeated(self, target: str, words: str) -> None:
        async with site(leading(target)) as port:
            seen = await probe(port)

        assert_unproved(seen, "unauthorized", words)
        assert "passwd" not in seen.detail
        assert "secret" not in seen.detail

    async def test_a_redirect_without_a_location_is_not_followed(self) -> None:
        async with site(holding("", 302)) as port:
            assert_unproved(await probe(port), "unauthorized", "redirect")

    @pytest.mark.parametrize(
        "target",
        [
            "http://127.0.0.1:{port}/",
            "http://[::1]:{port}/",
            "http://[::ffff:127.0.0.1]:{port}/",
            "http://[64:ff9b::7f00:1]:{port}/",
            "http://169.254.169.254/latest/meta-data/",
            "http://[fd00:ec2::254]/",
            "http://0.0.0.0:{port}/",
            "http://localhost:{port}/",
            "http://anything.localhost.:{port}/",
        ],
    )
    async def test_a_redirect_to_a_denied_address_is_not_dialled(self, target: str) -> None:
        asked = 0

        async def answer(request: web.Request) -> web.Response:
            nonlocal asked
            asked += 1
            return web.Response(status=302, headers={"Location": target.format(port=request.url.port)})

        async with site(answer, host="127.0.0.2") as port:
            seen = await probe(port, "127.0.0.2", allowed=(ip_network("127.0.0.2/32"),))

        assert_unproved(seen, "connection", "redirect 1 is not dialled")
        assert asked == 1

    async def test_a_redirect_to_https_is_followed_without_judging_the_certificate(self, tmp_path: Path) -> None:
        async with (
            site(leading("https://127.0.0.2:{port}/")) as port,
            site(holding(KEY_AUTHORIZATION), host="127.0.0.2", port=port, tls=self_signed(tmp_path)),
        ):
            assert (await probe(port)).proved

    async def test_a_failed_handshake_is_a_tls_problem(self) -> None:
        async with site(leading("https://127.0.0.1:{port}/")) as port:
            assert_unproved(await probe(port), "tls", "redirect 1 failed in the TLS handshake")


class TestNames:
    async def test_a_name_is_resolved_once_and_the_judged_address_is_dialled(self) -> None:
        zone = {"www.example.com": [["127.0.0.2"], ["127.0.0.1"]]}
        async with (
            name_server(zone) as dns,
            site(holding(KEY_AUTHORIZATION), host="127.0.0.2") as port,
            site(holding("wrong"), host="127.0.0.1", port=port),
        ):
            seen = await probe(port, "www.example.com", resolvers=(dns.address,))

        assert seen.proved
        assert dns.asked == {("www.example.com", "A"): 1, ("www.example.com", "AAAA"): 1}

    async def test_a_name_that_turns_to_loopback_between_hops_is_not_dialled(self) -> None:
        zone = {"rebind.example.com": [["127.0.0.2"], ["127.0.0.1"]]}
        async with (
            name_server(zone) as dns,
            site(leading("http://rebind.example.com:{port}/again"), host="127.0.0.2") as port,
            site(holding(KEY_AUTHORIZATION), host="127.0.0.1", port=port),
        ):
            seen = await probe(
                port,
                "rebind.example.com",
                resolvers=(dns.address,),
                allowed=(ip_network("127.0.0.2/32"),),
            )

        assert_unproved(seen, "connection", "redirect 1 is not dialled, for it is a loopback address")
        assert dns.asked["rebind.example.com", "A"] == 2

    async def test_a_name_of_loopback_is_not_dialled(self) -> None:
        zone = {"inside.example.com": [["127.0.0.1", "::1", "169.254.169.254"]]}
        async with name_server(zone) as dns, site(holding(KEY_AUTHORIZATION)) as port:
            seen = await probe(port, "inside.example.com", resolvers=(dns.address,), allowed=())

        assert_unproved(seen, "connection", "127.0.0.1 is not dialled, for it is a loopback address")
        assert "link-local" in seen.detail
        assert seen.is_final

    async def test_the_next_address_is_tried_when_one_takes_no_connection(self) -> None:
        zone = {"two.example.com": [["::1", "127.0.0.3", "127.0.0.2"]]}
        async with name_server(zone) as dns, site(holding(KEY_AUTHORIZATION), host="127.0.0.2") as port:
            assert (await probe(port, "two.example.com", resolvers=(dns.address,))).proved

    async def test_only_a_few_addresses_of_a_name_are_tried(self) -> None:
        zone = {"many.example.com": [[f"127.0.0.{last}" for last in range(2, 60)]]}
        async with name_server(zone) as dns:
            seen = await probe(unused_port(), "many.example.com", resolvers=(dns.address,))

        assert seen.detail.count("took no connection") == 4

    async def test_a_name_with_an_ipv6_address_only_is_dialled_there(self) -> None:
        zone = {"six.example.com": [["::1"]]}
        async with name_server(zone) as dns, site(holding(KEY_AUTHORIZATION), host="::1") as port:
            assert (await probe(port, "six.example.com", resolvers=(dns.address,))).proved

    async def test_an_unknown_name_is_a_dns_problem(self) -> None:
        async with name_server({}) as dns:
            seen = await probe(80, "nobody.example.com", resolvers=(dns.address,))

        assert_unproved(seen, "dns", "nobody.example.com has no address")

    async def test_a_name_without_addresses_is_a_dns_problem(self) -> None:
        async with name_server({"empty.example.com": [[]]}) as dns:
            assert_unproved(await probe(80, "empty.example.com", resolvers=(dns.address,)), "dns", "empty")

    async def test_a_silent_resolver_is_given_up(self) -> None:
        async with name_server({"mute.example.com": []}) as dns:
            seen = await probe(80, "mute.example.com", resolvers=(dns.address,), total_seconds=0.3)

        assert_unproved(seen, "dns", "do not answer")

    async def test_localhost_means_loopback_whatever_a_resolver_says(self) -> None:
        async with (
            name_server({"localhost": [["192.0.2.1"]], "app.localhost": [["192.0.2.1"]]}) as dns,
            site(holding(KEY_AUTHORIZATION)) as port,
        ):
            for name in ("localhost", "app.localhost"):
                assert (await probe(port, name, resolvers=(dns.address,))).proved

        assert not dns.asked

    async def test_without_resolvers_the_system_is_asked(self) -> None:
        seen = await probe(80, "nobody.invalid", total_seconds=5)

        assert not seen.proved
        assert seen.problem in {"dns", "connection"}

    async def test_the_systems_answer_is_read_as_addresses(self) -> None:
        # A literal needs no network, yet walks the same way through getaddrinfo.
        with ThreadPoolExecutor(1) as threads:
            assert await _from_system("127.0.0.1", threads) == (ip_address("127.0.0.1"),)

    async def test_an_internationalized_name_is_asked_for_as_it_was_ordered(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        def note(name: str, *_: object, **__: object) -> list[object]:
            asked.append(name)
            return []

        monkeypatch.setattr(socket, "getaddrinfo", note)

        # The U-label has a sharp s, which IDNA 2003 makes two of: another name, and perhaps another's.
        await probe(80, "xn--strae-oqa.example.com")

        assert asked == ["xn--strae-oqa.example.com"]

    async def test_a_zone_of_an_internationalized_name_has_its_own_resolvers(self) -> None:
        async with (
            name_server({"www.xn--bcher-kva.example": [["127.0.0.1"]]}) as dns,
            site(holding(KEY_AUTHORIZATION)) as port,
        ):
            policy = ProbePolicy(
                http_01_port=port, allowed=LOOPBACK, zone_resolvers={"xn--bcher-kva.example": (dns.address,)}
            )
            question = Question(
                challenges.HTTP_01, names.dns("www.xn--bcher-kva.example"), TOKEN, KEY_AUTHORIZATION, ""
            )
            seen = await NetworkProbes(policy).look(question)

        assert seen.proved

    async def test_a_redirect_to_an_internationalized_name_is_followed(self) -> None:
        async with name_server({"www.xn--strae-oqa.example": [["127.0.0.1"]]}) as dns:

            async def answer(request: web.Request) -> web.Response:
                if request.host.startswith("www.xn--strae-oqa.example:"):
                    return web.Response(text=KEY_AUTHORIZATION)
                location = f"http://www.xn--strae-oqa.example:{request.url.port}/"
                return web.Response(status=302, headers={"Location": location})

            async with site(answer) as port:
                seen = await probe(port, "127.0.0.1", resolvers=(dns.address,))

        assert seen.proved

    async def test_a_system_that_is_slow_to_answer_holds_up_no_other_threads(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        released = threading.Event()

        def slow(*_: object, **__: object) -> list[object]:
            released.wait(10)
            return []

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))

        seen = await probe(80, "slow.example.com", total_seconds=0.1)
        try:
            await asyncio.wait_for(asyncio.to_thread(bool), 5)
        finally:
            released.set()

        assert_unproved(seen, "connection", "was not read within 0.1 s")


class TestOwnListeners:
    async def test_an_own_listener_is_not_dialled_even_where_loopback_is_allowed(self) -> None:
        async with site(holding(KEY_AUTHORIZATION)) as port:
            own = frozenset({(ip_address("127.0.0.1"), port)})
            seen = await probe(port, "127.0.0.1", own_listeners=own)

        assert_unproved(seen, "connection", "one of our own listeners")

    @pytest.mark.parametrize(
        ("listener", "dialled", "denied"),
        [
            (("127.0.0.1", 8443), ("127.0.0.1", 8443), True),
            (("127.0.0.1", 8443), ("127.0.0.1", 5002), False),
            (("127.0.0.1", 8443), ("::ffff:127.0.0.1", 8443), True),
            (("0.0.0.0", 8443), ("127.0.0.7", 8443), True),
            (("::", 8443), ("127.0.0.1", 8443), True),
            (("::", 8443), ("10.0.0.1", 8443), False),
            (("10.0.0.1", 8443), ("10.0.0.1", 8443), True),
            (("10.0.0.1", 8443), ("10.0.0.2", 8443), False),
        ],
    )
    def test_an_own_listener_is_an_address_and_a_port(
        self, listener: tuple[str, int], dialled: tuple[str, int], *, denied: bool
    ) -> None:
        own = frozenset({(ip_address(listener[0]), listener[1])})
        policy = ProbePolicy(allowed=(*LOOPBACK, ip_network("10.0.0.0/8")), own_listeners=own)

        why = objection(ip_address(dialled[0]), dialled[1], policy)

        assert (why is not None) is denied


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody else")])
    now = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "expired.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pem.write_bytes(certificate.public_bytes(Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_a_listener_on_every_address_is_never_dialled_at_any_of_our_own() -> None:
    policy = ProbePolicy(
        http_01_port=80, allowed=(ip_network("0.0.0.0/0"),), own_listeners=frozenset({(ip_address("0.0.0.0"), 80)})
    )
    # An address of this machine that is no loopback, as a datagram to a documentation address would show it.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            own = ip_address(probe.getsockname()[0])
        except OSError:
            own = ip_address("127.0.0.1")

    seen = await NetworkProbes(policy).look(
        Question(challenges.HTTP_01, names.ip(str(own)), "token", "token.thumbprint", "")
    )

    assert (seen.proved, seen.problem) == (False, "connection")
    assert "our own listeners" in seen.detail
