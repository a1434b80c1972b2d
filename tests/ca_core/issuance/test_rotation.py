"""CAs that follow each other (RFC 4210, 4.4), and those that another CA certifies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.clock import as_datetime
from ca_core.errors import Misconfigured
from ca_core.issuance.rotation import NewKey
from ca_core.policy.profile import DEVICE
from ca_core.policy.subject import subject_der
from ca_core.signing.software import kind_of
from ca_core.store import authorities as table
from conformance.house import run
from tests.builders.csr import ec_key, rsa_key
from tests.builders.store import unchangeable
from tests.builders.succession import Dynasty, dynasty

DAY = 86_400
YEAR = 365 * DAY
LIKE_BEFORE = NewKey()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Dynasty]:
    async with dynasty(tmp_path) as opened:
        yield opened


def certificate(house: Dynasty, name: str) -> x509.Certificate:
    return house.succession.authorities.path(name)[0].certificate.certificate


def current(house: Dynasty, line: str = "issuing") -> str:
    return house.succession.authorities.current(line, now=house.core.clock.now()).certificate.name


def ends(house: Dynasty, chain: Sequence[x509.Certificate]) -> str:
    """The root whose key signed the last certificate of a chain."""
    signed_by = chain[-1].extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    roots = [one for one in house.succession.authorities.all() if one.is_root]
    return next(root.name for root in roots if root.certificate.key_identifier == signed_by)


def verified(house: Dynasty, leaf: x509.Certificate, *, trusted: str, untrusted: Sequence[x509.Certificate]) -> bool:
    """What openssl says, with one trusted certificate and nothing else but what the server sent."""
    files = {"leaf": [leaf], "trusted": [certificate(house, trusted)], "untrusted": untrusted}
    for name, certificates in files.items():
        pem = b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
        (house.folder / f"{name}.pem").write_bytes(pem)
    at = ["-attime", str(house.core.clock.now() + 1)]
    trust: list[str | Path] = ["-x509_strict", "-CAfile", house.folder / "trusted.pem"]
    beside: list[str | Path] = ["-untrusted", house.folder / "untrusted.pem"] if untrusted else []
    return run("openssl", "verify", *at, *trust, *beside, house.folder / "leaf.pem").returncode == 0


async def test_a_rotation_makes_root_issuer_and_both_cross_certificates(house: Dynasty) -> None:
    made = await house.rotation.rotate_root("issuing", LIKE_BEFORE, at=house.core.clock.now())

    assert list(made) == ["root-2", "issuing-2"]
    assert current(house) == "issuing-2"
    assert certificate(house, "root-2").subject == certificate(house, "root").subject
    certificate(house, "issuing-2").verify_directly_issued_by(certificate(house, "root-2"))
    published = house.succession.authorities.published(now=house.core.clock.now())
    crossed = [
        one for one in published if one.issuer == one.subject and one.issuer == certificate(house, "root").issuer
    ]
    # Two roots, OldWithNew and NewWithOld.
    assert len(crossed) == 4
    assert len({one.serial_number for one in published}) == len(published) == 6


async def test_who_trusts_the_old_root_follows_to_the_new_issuer(house: Dynasty) -> None:
    await house.rotation.rotate_root("issuing", LIKE_BEFORE, at=house.core.clock.now())

    *below, new_with_old = house.succession.authorities.chains("issuing-2", now=house.core.clock.now())[0]

    new_with_old.verify_directly_issued_by(certificate(house, "root"))
    assert verified(house, certificate(house, "issuing-2"), trusted="root", untrusted=[*below[1:], new_with_old])
    assert not verified(house, certificate(house, "issuing-2"), trusted="root", untrusted=below[1:])
    assert verified(house, certificate(house, "issuing-2"), trusted="root-2", untrusted=[])


async def test_who_trusts_the_new_root_verifies_what_the_old_one_leads_to(house: Dynasty) -> None:
    await house.rotation.rotate_root("issuing", LIKE_BEFORE, at=house.core.clock.now())

    old_with_new = [
        one
        for one in house.succession.authorities.published(now=house.core.clock.now())
        if one.public_key() == certificate(house, "root").public_key() and one != certificate(house, "root")
    ]

    assert len(old_with_new) == 1
    old_with_new[0].verify_directly_issued_by(certificate(house, "root-2"))
    assert verified(house, certificate(house, "issuing"), trusted="root-2", untrusted=old_with_new)
    assert not verified(house, certificate(house, "issuing"), trusted="root-2", untrusted=[])


async def test_the_chain_of_the_old_issuer_stays_as_it_was(house: Dynasty) -> None:
    before = house.succession.authorities.chains("issuing", now=house.core.clock.now())[0]

    await house.rotation.rotate_root("issuing", LIKE_BEFORE, at=house.core.clock.now())

    assert house.succession.authorities.chains("issuing", now=house.core.clock.now())[0] == before


async def test_the_new_ca_issues_from_its_date_on(house: Dynasty) -> None:
    await house.rotation.rotate("issuing", NewKey("ec-p384"), at=house.core.clock.now() + 10 * DAY)

    before = current(house)
    house.core.clock.move(10 * DAY)

    assert (before, current(house)) == ("issuing", "issuing-2")


async def test_the_old_ca_signs_crls_until_after_its_last_certificate_has_expired(house: Dynasty) -> None:
    await house.core.register("acc", kind="device")
    async with house.core.database.write() as tx:
        await tx.execute(
            "INSERT INTO certificates (serial, issuer, state, registration_id, profile, names, names_digest,"
            " spki_sha256, not_before, not_after, door, intended_at)"
            " SELECT :serial, 'issuing', 'issued', id, 'device', '', :digest, :digest, 0, :end, 'est', 0"
            " FROM registrations WHERE account = 'acc'",
            serial="0" * 40,
            digest=bytes(32),
            end=house.core.clock.now() + 90 * DAY,
        )
    await house.rotation.rotate("issuing", LIKE_BEFORE, at=house.core.clock.now())

    async def publishing(days: int) -> set[str]:
        house.core.clock.move(days * DAY)
        await house.succession.turn()
        now = house.core.clock.now()
        return {ca.certificate.name for ca in house.succession.authorities.publishing(now=now)}

    assert await publishing(90) == {"root", "issuing", "issuing-2"}
    # And some CRLs longer, so that what was revoked is on one that was issued after its end (RFC 5280, 3.3).
    assert await publishing(100) == {"root", "issuing", "issuing-2"}
    assert await publishing(1) == {"root", "issuing-2"}


async def test_another_process_reads_what_a_ceremony_made(house: Dynasty) -> None:
    await house.rotation.rotate_root("issuing", LIKE_BEFORE, at=house.core.clock.now())
    other = house.restarted()

    await other.turn()

    assert [one.name for one in other.authorities.all()] == [one.name for one in house.succession.authorities.all()]
    now = house.core.clock.now()
    assert other.authorities.published(now=now) == house.succession.authorities.published(now=now)


async def test_a_ceremony_that_a_crash_interrupted_is_finished_with_the_same_bytes(house: Dynasty) -> None:
    # It is lost for whatever follows the intention.
    async with unchangeable(house.core.database, "authorities"):
        with pytest.raises(Exception, match="power cut"):
            await house.rotation.rotate_root("issuing", LIKE_BEFORE, at=house.core.clock.now())
    async with house.core.database.read() as tx:
        intended = {row.name: row.tbs for row in await table.every(tx) if row.tbs is not None}

    made = await house.rotation.finish()

    assert set(made) == set(intended) == {"root-2", "issuing-2"}
    for name, tbs in intended.items():
        assert certificate(house, name).tbs_certificate_bytes == tbs
    assert len(await house.core.journal("ca-made")) == 2
    assert len(await house.core.journal("roots-crossed")) == 2


async def test_a_second_line_stands_beside_the_first(house: Dynasty) -> None:
    made = await house.rotation.add("vault", NewKey("rsa-2048"), own_root=True)

    assert list(made) == ["vault-root", "vault"]
    assert (current(house), current(house, "vault")) == ("issuing", "vault")
    assert house.succession.authorities.lines == {"issuing", "vault"}
    certificate(house, "vault").verify_directly_issued_by(certificate(house, "vault-root"))


async def test_a_line_may_share_the_root(house: Dynasty) -> None:
    await house.rotation.add("vault", LIKE_BEFORE, own_root=False)

    certificate(house, "vault").verify_directly_issued_by(certificate(house, "root"))
    made = await house.rotation.rotate_root("vault", LIKE_BEFORE, at=house.core.clock.now())
    assert set(made) == {"root-2", "issuing-2", "vault-2"}


@pytest.mark.parametrize("line", ["issuing", "root", "issuing-2", "a/b", "", "Upper", "-x"])
async def test_a_lines_name_is_its_own_and_fits_into_urls(line: str, house: Dynasty) -> None:
    with pytest.raises(Misconfigured):
        await house.rotation.add(line, LIKE_BEFORE, own_root=False)


async def test_a_subscribers_key_never_becomes_a_cas(house: Dynasty) -> None:
    uri = house.succession.strongbox.make_key("taken", "ec-p256", None)
    await house.rotation.add("vault", NewKey("ec-p256", uri), own_root=False)

    with pytest.raises(Misconfigured, match="already"):
        await house.rotation.add("vault", NewKey("ec-p256", uri), own_root=False)


async def test_one_key_serves_one_line(house: Dynasty) -> None:
    await house.rotation.add("vault", LIKE_BEFORE, own_root=False)
    uri = house.succession.strongbox.make_key("shared", "ec-p256", None)

    with pytest.raises(Misconfigured, match="one key cannot serve issuing, vault"):
        await house.rotation.rotate_root("issuing", NewKey(uri=uri), at=house.core.clock.now())


async def test_a_line_that_is_not_there_has_no_ca(house: Dynasty) -> None:
    with pytest.raises(Misconfigured, match="no CA vault that issues"):
        house.succession.authorities.current("vault", now=house.core.clock.now())
    with pytest.raises(Misconfigured, match="no CA vault;"):
        house.succession.authorities.named("vault")


async def test_an_expired_ca_needs_no_proof_and_says_nothing_any_more(house: Dynasty) -> None:
    house.core.clock.move(11 * YEAR)

    await house.succession.turn()

    assert [ca.certificate.name for ca in house.succession.authorities.publishing(now=house.core.clock.now())] == [
        "root"
    ]
    with pytest.raises(Misconfigured, match="no CA issuing that issues"):
        current(house)
    await house.rotation.rotate("issuing", NewKey("ec-p256"), at=house.core.clock.now())
    assert current(house) == "issuing-2"


async def test_a_root_is_no_line_of_issuing_cas(house: Dynasty) -> None:
    for rotated in (house.rotation.rotate, house.rotation.rotate_root):
        with pytest.raises(Misconfigured, match="no line of issuing CAs 'root'"):
            await rotated("root", LIKE_BEFORE, at=house.core.clock.now())
    with pytest.raises(Misconfigured, match="name of a root"):
        await requested(house, "root")

    assert [one.name for one in house.succession.authorities.all()] == ["issuing", "root"]


async def test_nothing_outlives_its_root(house: Dynasty) -> None:
    house.core.clock.move(15 * YEAR)
    await house.rotation.rotate("issuing", NewKey("ec-p256"), at=house.core.clock.now())

    root = certificate(house, "root").not_valid_after_utc
    assert certificate(house, "issuing-2").not_valid_after_utc == root
    for rotated in (house.rotation.rotate, house.rotation.rotate_root):
        with pytest.raises(Misconfigured, match="has to begin before that"):
            await rotated("issuing", NewKey("ec-p256"), at=house.core.clock.now() + 4000 * YEAR)


async def test_two_cas_never_share_a_key(house: Dynasty) -> None:
    for uri in ("file:authority/root.key", "file:authority/issuing.key"):
        with pytest.raises(Misconfigured, match="serves another purpose"):
            await house.rotation.rotate("issuing", NewKey(uri=uri), at=house.core.clock.now())
    made = house.succession.strongbox.make_key("made", "ec-p384", None)
    await house.rotation.rotate("issuing", NewKey(uri=made), at=house.core.clock.now())
    with pytest.raises(Misconfigured, match="serves another purpose"):
        await house.rotation.rotate("issuing", NewKey(uri=made), at=house.core.clock.now())


async def test_a_key_that_is_there_is_of_the_kind_that_is_asked_for(house: Dynasty) -> None:
    made = house.succession.strongbox.make_key("made", "ec-p384", None)

    with pytest.raises(Misconfigured, match="is no rsa-3072"):
        await house.rotation.rotate("issuing", NewKey("rsa-3072", made), at=house.core.clock.now())


async def test_a_line_may_begin_with_a_key_that_is_there_of_any_kind(house: Dynasty) -> None:
    made = house.succession.strongbox.make_key("made", "ec-p384", None)

    assert await house.rotation.add("vault", NewKey(uri=made), own_root=False) == ["vault"]


async def test_who_trusts_the_first_root_follows_through_two_rotations(house: Dynasty) -> None:
    for _ in range(2):
        await house.rotation.rotate_root("issuing", LIKE_BEFORE, at=house.core.clock.now())

    issuing, *links = house.succession.authorities.chains("issuing-3", now=house.core.clock.now())[0]

    assert len(links) == 2
    assert verified(house, issuing, trusted="root", untrusted=links)
    assert verified(house, issuing, trusted="root-2", untrusted=links)
    assert verified(house, issuing, trusted="root-3", untrusted=[])


async def test_there_is_a_chain_for_who_trusts_any_one_of_the_roots(house: Dynasty) -> None:
    for _ in range(2):
        await house.rotation.rotate_root("issuing", LIKE_BEFORE, at=house.core.clock.now())
    now, known = house.core.clock.now(), house.succession.authorities

    oldest, middle, newest = (known.chains(name, now=now) for name in ("issuing", "issuing-2", "issuing-3"))

    # Each ends at another root: the one that its last certificate names as the key that signed it.
    assert [ends(house, chain) for chain in oldest] == ["root", "root-2", "root-3"]
    assert [ends(house, chain) for chain in middle] == ["root", "root-2", "root-3"]
    assert [ends(house, chain) for chain in newest] == ["root", "root-2", "root-3"]
    for chain, trusted in zip(middle, ("root", "root-2", "root-3"), strict=True):
        assert verified(house, chain[0], trusted=trusted, untrusted=chain[1:])


async def test_without_a_rotation_there_is_one_chain(house: Dynasty) -> None:
    chains = house.succession.authorities.chains("issuing", now=house.core.clock.now())

    assert chains == ((certificate(house, "issuing"),),)


async def test_the_old_root_signs_crls_as_long_as_it_vouches_for_the_new_one(house: Dynasty) -> None:
    house.core.clock.move(YEAR)
    await house.rotation.rotate_root("issuing", LIKE_BEFORE, at=house.core.clock.now())
    house.core.clock.move(10 * YEAR)

    await house.succession.turn()

    now = house.core.clock.now()
    assert {ca.certificate.name for ca in house.succession.authorities.publishing(now=now)} >= {"root", "root-2"}


async def test_a_ca_that_cannot_be_used_keeps_nobody_from_using_the_others(house: Dynasty) -> None:
    await house.rotation.rotate("issuing", LIKE_BEFORE, at=house.core.clock.now())
    (house.folder / "authority" / "root.key").unlink()
    other = house.restarted()

    await other.turn()

    now = house.core.clock.now()
    assert other.authorities.current("issuing", now=now).certificate.name == "issuing-2"
    assert "cannot be read" in other.authorities.path("root")[0].trouble
    with pytest.raises(Misconfigured, match="cannot be read"):
        other.authorities.current("root", now=now)


async def test_the_key_of_a_ca_that_signs_nothing_any_more_is_not_asked_for(house: Dynasty) -> None:
    await house.rotation.rotate("issuing", LIKE_BEFORE, at=house.core.clock.now())
    (house.folder / "authority" / "issuing.key").unlink()
    other = house.restarted()

    await other.turn()

    assert [one.trouble for one in other.authorities.all()] == ["", "", ""]


async def test_where_a_key_is_in_a_token_somebody_says_where_the_next_one_is_to_be(house: Dynasty) -> None:
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE authorities SET key_uri = 'pkcs11:object=issuing' WHERE name = 'issuing'")
    await house.succession.turn()

    with pytest.raises(Misconfigured, match="is in a token"):
        await house.rotation.rotate("issuing", LIKE_BEFORE, at=house.core.clock.now())
    with pytest.raises(Misconfigured, match="is in a token"):
        await requested(house)
    assert await house.rotation.rotate("issuing", NewKey("ec-p256"), at=house.core.clock.now()) == ["issuing-2"]


# -- certified elsewhere -------------------------------------------------------------------------------------


OFFLINE_ROOT = x509.Name.from_rfc4514_string("CN=Offline Root,O=Elsewhere")


def signed_elsewhere(
    house: Dynasty, request: x509.CertificateSigningRequest, *, is_ca: bool = True
) -> list[x509.Certificate]:
    """What an offline root makes of a request: the CA's certificate, and the root's."""
    root_key = ec_key().public_key()
    constraints = x509.BasicConstraints(ca=True, path_length=0) if is_ca else x509.BasicConstraints(False, None)
    return [
        built(house, request.subject, request.public_key(), constraints),
        built(house, OFFLINE_ROOT, root_key, x509.BasicConstraints(ca=True, path_length=1)),
    ]


def built(
    house: Dynasty, subject: x509.Name, public_key: PublicKeyTypes, constraints: x509.BasicConstraints
) -> x509.Certificate:
    signs = dict.fromkeys(("key_cert_sign", "crl_sign"), True)
    never = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage = x509.KeyUsage(**signs, **dict.fromkeys((*never, "encipher_only", "decipher_only"), False))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(OFFLINE_ROOT)
        .public_key(public_key)  # type: ignore[arg-type]  # a key of ours
        .serial_number(x509.random_serial_number())
        .not_valid_before(as_datetime(house.core.clock.now() - DAY))
        .not_valid_after(as_datetime(house.core.clock.now() + 5 * YEAR))
        .add_extension(constraints, critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)  # type: ignore[arg-type]  # as above
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ec_key().public_key()), critical=False)
    )
    return builder.sign(ec_key(), hashes.SHA256())


async def requested(house: Dynasty, line: str = "issuing") -> x509.CertificateSigningRequest:
    der = await house.elsewhere.request(line, LIKE_BEFORE, subject_der=subject_der("CN=Issuing below elsewhere"))
    return x509.load_der_x509_csr(der)


async def test_an_offline_root_certifies_the_next_issuer(house: Dynasty) -> None:
    request = await requested(house)
    assert request.is_signature_valid
    assert request.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(True, 0)
    certificates = signed_elsewhere(house, request)

    name = await house.elsewhere.take(certificates, at=house.core.clock.now())

    assert name == current(house) == "issuing-2"
    assert list(house.succession.authorities.chains(name, now=house.core.clock.now())[0]) == certificates[:1]
    assert certificates[1] in house.succession.authorities.published(now=house.core.clock.now())
    assert [entry.detail["name"] for entry in await house.core.journal("root-trusted")] == ["issuing-2-root"]


async def test_a_request_is_repeated_while_it_waits(house: Dynasty) -> None:
    first, second = await requested(house), await requested(house)

    assert first.public_key() == second.public_key()
    assert current(house) == "issuing"


async def test_what_nobody_asked_for_is_not_taken_in(house: Dynasty) -> None:
    stranger = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(rsa_key(), hashes.SHA256())

    with pytest.raises(Misconfigured, match="no CA waits"):
        await house.elsewhere.take(signed_elsewhere(house, stranger), at=house.core.clock.now())


async def test_a_chain_without_its_root_is_not_taken_in(house: Dynasty) -> None:
    certificates = signed_elsewhere(house, await requested(house))

    with pytest.raises(Misconfigured, match="root last"):
        await house.elsewhere.take(certificates[:1], at=house.core.clock.now())
    with pytest.raises(Misconfigured, match="not issued by"):
        await house.elsewhere.take([certificates[0], certificate(house, "root")], at=house.core.clock.now())


async def test_a_certificate_that_is_no_cas_is_not_taken_in(house: Dynasty) -> None:
    certificates = signed_elsewhere(house, await requested(house), is_ca=False)

    with pytest.raises(Misconfigured, match="not that of a CA"):
        await house.elsewhere.take(certificates, at=house.core.clock.now())
    assert current(house) == "issuing"


async def test_below_an_offline_root_a_rotation_says_how_it_is_done(house: Dynasty) -> None:
    await house.elsewhere.take(signed_elsewhere(house, await requested(house)), at=house.core.clock.now())

    with pytest.raises(Misconfigured, match="authority csr"):
        await house.rotation.rotate("issuing", LIKE_BEFORE, at=house.core.clock.now())


async def test_a_second_line_below_the_same_offline_root_knows_it(house: Dynasty) -> None:
    await house.elsewhere.take(signed_elsewhere(house, await requested(house)), at=house.core.clock.now())
    certificates = signed_elsewhere(house, await requested(house, "vault"))
    roots = house.succession.authorities.path("issuing-2-root")[0].certificate.certificate

    name = await house.elsewhere.take([certificates[0], roots], at=house.core.clock.now())

    assert (name, current(house, "vault")) == ("vault", "vault")
    assert house.succession.authorities.path("vault")[0].parent == "issuing-2-root"


@pytest.mark.parametrize("line", ["../../evil", "a.b", "", "issuing-2"])
async def test_a_request_is_for_a_line_that_can_have_a_name(line: str, house: Dynasty) -> None:
    with pytest.raises(Misconfigured, match="a line's name"):
        await requested(house, line)


async def test_a_request_can_be_given_up(house: Dynasty) -> None:
    first = await requested(house)

    assert await house.elsewhere.withdraw("issuing") == "issuing-2"

    assert (await requested(house)).public_key() != first.public_key()
    assert len(await house.core.journal("ca-withdrawn")) == 1
    with pytest.raises(Misconfigured, match="no request of the line 'vault' waits"):
        await house.elsewhere.withdraw("vault")


async def test_a_request_has_a_key_as_its_line_has(house: Dynasty) -> None:
    await house.rotation.rotate("issuing", NewKey("rsa-2048"), at=house.core.clock.now())

    assert kind_of((await requested(house)).public_key()) == "rsa-2048"
    with pytest.raises(Misconfigured, match="is no ec-p384"):
        await house.elsewhere.request("issuing", NewKey("ec-p384"), subject_der=subject_der("CN=Another"))


async def test_a_ca_that_is_too_short_lived_for_its_profiles_is_not_taken_in(house: Dynasty) -> None:
    certificates = signed_elsewhere(house, await requested(house))
    long_lived = msgspec.structs.replace(DEVICE, validity_seconds=6 * YEAR)

    with pytest.raises(Misconfigured, match="nothing can outlive its issuer"):
        await house.elsewhere.take(certificates, at=house.core.clock.now(), profiles=[long_lived])
    assert current(house) == "issuing"
