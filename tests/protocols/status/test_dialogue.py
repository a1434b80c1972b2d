"""RFC 2585: the repository over plain HTTP, in front of the real publisher."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import BadRequest, StoreUnavailable
from ca_core.identity import serial_text
from ca_core.revocation.publisher import Publisher
from ca_core.revocation.reason import Reason
from ca_core.revocation.shelf import Publication
from protocols.status.dialogue import RepositoryDialogue
from protocols.wire import Reply, Request
from tests.builders.est import CLIENT, DAY, Csr, House, certificate_in, header, post, sheet_basic
from tests.builders.est import house as open_house
from tests.builders.ocsp import answering, asking


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
def repository(house: House, tmp_path: Path) -> RepositoryDialogue:
    certificates = {"issuing": house.authority.issuing, "root": house.authority.root}
    ders = {name: certificate.public_bytes(Encoding.DER) for name, certificate in certificates.items()}
    return RepositoryDialogue(house.core.publisher, house.clock, lambda: ders, answering(house.core, tmp_path).dialogue)


async def fetch(repository: RepositoryDialogue, path: str, *, method: str = "GET", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await repository.answer(Request(method, path, named, b"", CLIENT))


async def test_the_crl_shows_what_is_revoked(house: House, repository: RepositoryDialogue) -> None:
    sheet = await house.device()
    request = post("simpleenroll", Csr().body(), authorization=sheet_basic(sheet))
    certificate = certificate_in(await house.est.answer(request))
    await house.revocations.revoke(serial_text(certificate.serial_number), Reason.KEY_COMPROMISE, actor="test")
    await house.core.publisher.turn()

    reply = await fetch(repository, "/crl/issuing.crl")

    assert reply.status == 200
    assert header(reply, "Content-Type") == "application/pkix-crl"
    assert header(reply, "Cache-Control") == "public, max-age=30"
    crl = x509.load_der_x509_crl(reply.body)
    assert crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None


async def test_a_crl_that_is_held_is_not_sent_again(house: House, repository: RepositoryDialogue) -> None:
    await house.core.publisher.turn()
    etag = header(await fetch(repository, "/crl/issuing.crl"), "ETag") or ""

    held = await fetch(repository, "/crl/issuing.crl", if_none_match=etag)
    await house.core.publisher.publish_all()
    newer = await fetch(repository, "/crl/issuing.crl", if_none_match=etag)

    assert (held.status, held.body) == (304, b"")
    assert newer.status == 200


async def test_caches_let_go_of_a_crl_before_it_is_over(house: House, repository: RepositoryDialogue) -> None:
    await house.core.publisher.turn()
    house.clock.move(DAY - 20)

    reply = await fetch(repository, "/crl/issuing.crl")

    assert header(reply, "Cache-Control") == "public, max-age=20"


async def test_ca_certificates_come_as_der_and_as_pem(house: House, repository: RepositoryDialogue) -> None:
    der = await fetch(repository, "/ca/issuing.cer")
    pem = await fetch(repository, "/ca/root.pem")

    assert header(der, "Content-Type") == "application/pkix-cert"
    assert x509.load_der_x509_certificate(der.body) == house.authority.issuing
    assert x509.load_pem_x509_certificate(pem.body) == house.authority.root


async def test_head_is_answered_like_get(repository: RepositoryDialogue) -> None:
    get = await fetch(repository, "/ca/root.cer")

    assert await fetch(repository, "/ca/root.cer", method="HEAD") == get


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/crl/issuing.crl",  # nothing is published yet
        "/crl/other.crl",
        "/crl/.crl",
        "/crl/issuing",
        "/crl/a/issuing.crl",
        "/crl/issuing.crl/",
        "/ca/other.cer",
        "/ca/root.crt",
        "/ca/../ca/root.cer",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_not_there_is_404(repository: RepositoryDialogue, path: str, method: str) -> None:
    reply = await fetch(repository, path, method=method)

    assert reply.status == 404
    assert header(reply, "Content-Type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize("path", ["/crl/issuing.crl", "/ca/root.cer", "/ca/root.pem"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_the_repository_can_only_be_read(
    house: House, repository: RepositoryDialogue, path: str, method: str
) -> None:
    await house.core.publisher.turn()

    reply = await fetch(repository, path, method=method)

    assert reply.status == 405
    assert header(reply, "Allow") == "GET, HEAD"


async def test_a_store_that_cannot_be_read_is_503_and_says_when_to_come_again(house: House, tmp_path: Path) -> None:
    class Unreadable(Publisher):
        async def newest(self, name: str) -> Publication:
            raise StoreUnavailable(f"{name} cannot be read", retry_after_seconds=2)

    publisher = Unreadable(house.core.database, house.clock, list)
    repository = RepositoryDialogue(publisher, house.clock, dict, answering(house.core, tmp_path).dialogue)

    reply = await fetch(repository, "/crl/issuing.crl")

    assert reply.status == 503
    assert header(reply, "Retry-After") == "2"


@pytest.mark.parametrize("path", ["/ocsp", "/ocsp/"])
async def test_ocsp_is_answered_beside_the_crls(repository: RepositoryDialogue, path: str) -> None:
    request = Request("POST", path, {"content-type": "application/ocsp-request"}, asking(), CLIENT)

    assert header(await repository.answer(request), "Content-Type") == "application/ocsp-response"


async def test_a_bug_shows_its_reference_number_only(repository: RepositoryDialogue) -> None:
    assert repository.bug_reply("4711").body == b"internal error, reference 4711\n"


async def test_a_request_that_could_not_be_read_is_refused_as_text(repository: RepositoryDialogue) -> None:
    assert repository.refuse(BadRequest("not framed")).body == b"not framed\n"
