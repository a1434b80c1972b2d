"""The files of makers' CAs, as the settings name them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import Misconfigured
from protocols.est.labels import Label
from server import manufacturers
from tests.builders.idevid import Maker

MAKER, OTHER = Maker(), Maker("Other CA")


def written(folder: Path, *certificates: bytes) -> dict[str, Label]:
    (folder / "makers.pem").write_bytes(b"".join(certificates))
    return {"device": Label(trust_anchors="makers.pem"), "signing": Label()}


def pem(maker: Maker) -> bytes:
    return maker.certificate.public_bytes(Encoding.PEM)


def test_a_file_holds_all_cas_of_a_label(tmp_path: Path) -> None:
    first, second = pem(MAKER), pem(OTHER)

    found = manufacturers.read(written(tmp_path, first, second), tmp_path)

    assert list(found) == ["device"]
    assert [ca.public_bytes(Encoding.PEM) for ca in found["device"]] == [first, second]
    assert manufacturers.in_pem(found).encode() == b"".join(sorted([first, second]))


def test_what_is_no_ca_or_no_certificate_is_refused(tmp_path: Path) -> None:
    device = MAKER.device("SN-1").public_bytes(Encoding.PEM)

    for certificates, why in (((device,), "is no CA"), ((b"none",), "holds no certificates")):
        with pytest.raises(Misconfigured, match=rf"est\.labels\.device\.trust_anchors.*{why}"):
            manufacturers.read(written(tmp_path, *certificates), tmp_path)
    with pytest.raises(Misconfigured, match="cannot read"):
        manufacturers.read({"device": Label(trust_anchors="missing.pem")}, tmp_path)


def test_a_certificate_that_does_not_say_what_it_is_is_no_ca(tmp_path: Path) -> None:
    plain = MAKER.issue(MAKER.subject, MAKER.key, says_what_it_is=False).public_bytes(Encoding.PEM)

    with pytest.raises(Misconfigured, match="is no CA"):
        manufacturers.read(written(tmp_path, plain), tmp_path)


def test_our_own_cas_are_nobodys_makers(tmp_path: Path) -> None:
    found = manufacturers.read(written(tmp_path, pem(MAKER)), tmp_path)

    manufacturers.require_foreign(found, [OTHER.certificate])
    with pytest.raises(Misconfigured, match="holds a CA of this home"):
        manufacturers.require_foreign(found, [OTHER.certificate, MAKER.certificate])
