"""Every command of docs/guides/subscriber.md, as a subscriber types it with a sheet in the hand."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.clients import guide
from conformance.house import House, must

_GUIDE = Path(__file__).parents[1] / "docs" / "guides" / "subscriber.md"
_SHELL = re.compile(r"^```sh$", re.MULTILINE)


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house in which every window is open, so that what was issued can be renewed at once."""
    built = House(tmp_path_factory.mktemp("house"), "renewal.window_days=3660")
    try:
        built.start()
        yield built
    finally:
        built.close()


def test_the_guide_is_followed_with_openssl_and_curl(open_house: House, tmp_path: Path) -> None:
    sheet = open_house.register("--kind", "person", "--subject", "CN=王小明,O=範例,C=TW", "--account", "ming")
    text = _GUIDE.read_text("utf-8")
    blocks = guide.blocks(text)
    given = {
        "EST": sheet["est_url"],
        "TRUST": sheet["ca_bundle"],
        "ACCOUNT": sheet["account"],
        "CODE": sheet["enrollment_code"],
        "PASSPHRASE": "correct horse",
        "FULL_CHAIN": "full.pem",
        "FILE": "signing.p12",
    }

    def typed(script: str) -> str:
        command = ("bash", "-eu", "-o", "pipefail", "-c", script)
        return must(*command, cwd=tmp_path, env={**os.environ, **given})

    typed(blocks["enroll by EST"].text)
    typed(blocks["renew by EST"].text)
    typed(blocks["a request of your own"].text)
    # What the portal does with a pasted request has tests of its own; here EST stands in for it.
    typed(
        "openssl req -in signing.csr -outform DER | base64 > pasted.b64\n"
        'enrolled() { curl --silent --fail --cacert "$TRUST" -u "$ACCOUNT:$CODE" "$@" | base64 -d |'
        " openssl pkcs7 -inform DER -print_certs; }\n"
        "enrolled -H 'Content-Type: application/pkcs10' --data-binary @pasted.b64"
        ' "$EST/signing/simpleenroll" > full.pem\n'
        'enrolled "$EST/cacerts" >> full.pem\n'
    )
    typed(blocks["put a file together"].text)
    said = typed(blocks["take a file apart"].text)

    assert said.strip() == "mine.pem: OK"
    assert len(blocks) == len(_SHELL.findall(text)), "a block of commands has no <!-- run: NAME --> above it"
    assert {one["profile"] for one in open_house.certificates("ming")} == {"signing", "encryption"}
    assert must("openssl", "x509", "-in", tmp_path / "next.pem", "-noout", "-pubkey") == must(
        "openssl", "pkey", "-in", tmp_path / "next.key", "-pubout"
    )
