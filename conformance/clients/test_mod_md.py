"""Apache with mod_md, which asks for renewal information, by the configuration in our guide."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from conformance.clients.apache import configure, foreground
from conformance.clients.machine import Machine, served_certificate
from conformance.dns import Responder
from conformance.house import House

NAME = "apache.example"
_SECONDS = 60


@pytest.fixture(scope="module")
def house(responder: Responder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    resolver = f'acme.resolvers=["{responder.address}"]'
    built = House(tmp_path_factory.mktemp("house"), resolver)
    try:
        built.start()
        yield built
    finally:
        built.close()


@pytest.fixture(scope="module")
def machine(house: House) -> Iterator[Machine]:
    """Root's Apache works as another user, who has to get into its folder."""
    sheet = house.register(
        *("--kind", "organization", "--subject", "CN=Shop,O=Example,C=TW", "--account", "shop"),
        *("--dns", NAME, "--challenged"),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(house.trust, folder / "trust.pem")
        yield Machine(house, folder, sheet, NAME=NAME, TRUST=str(folder / "trust.pem"))


def apache(machine: Machine) -> AbstractContextManager[Path]:
    return machine.meanwhile(foreground(machine.folder))


def serve_until_there_is_another(machine: Machine) -> None:
    """Run Apache until mod_md has put a new certificate where the next start finds it."""
    staged = machine.folder / "md" / "staging" / NAME / "pubcert.pem"
    deadline = time.monotonic() + _SECONDS
    with apache(machine) as said:
        while not staged.exists():
            log = machine.folder / "error.log"
            assert time.monotonic() < deadline, said.read_text() + log.read_text()[-6000:]
            time.sleep(0.1)


def test_apache_gets_a_certificate_and_renews_it_when_ari_says(house: House, machine: Machine) -> None:
    """What was revoked is not due by Apache's own rule; only ARI calls for it."""
    assert machine.paste("mod_md config").returncode == 0
    configure(house, machine.folder, NAME)

    serve_until_there_is_another(machine)
    with apache(machine):
        first = served_certificate(house, NAME)
    (held,) = house.certificates("shop")
    house.command("revoke", held["serial"], "--reason", "superseded")
    serve_until_there_is_another(machine)
    with apache(machine):
        second = served_certificate(house, NAME)

    assert first != second
    assert "CA advises renew via ARI now" in (machine.folder / "error.log").read_text()
