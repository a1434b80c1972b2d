"""What becomes of real clients when the subscriber agreement changes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from conformance.clients.certbot import at_home
from conformance.clients.machine import Machine, web_server
from conformance.house import House

_PAGE = re.compile(r"accept it at (https://\S+)")
# A window that is always open lets acme-tiny come again whenever it likes.
_SETTINGS = (
    *("agreement.file=agreement.txt", "agreement.version=2026-1"),
    *("acme.open_account=everybody", "renewal.window_days=90"),
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), *_SETTINGS)
    (built.home / "agreement.txt").write_text("The subscriber keeps the key.")
    try:
        built.register("--kind", "partner", "--subject", "O=Everybody", "--zone", "localhost", "--account", "everybody")
        built.start()
        yield built
    finally:
        built.close()


def publish_another(house: House) -> None:
    """What an operator does when the agreement changes."""
    (house.home / "agreement.txt").write_text("The subscriber keeps the key, and tells when it is lost.")
    settings = house.home / "soapstone.toml"
    settings.write_text(settings.read_text().replace("2026-1", "2026-2"))
    house.stop()
    house.start()


@pytest.fixture(scope="module")
def life(house: House, tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    """What became of each command, before and after the change."""
    sheet = house.register(
        *("--kind", "partner", "--subject", "O=Shop,C=TW", "--dns", "one.example", "--dns", "two.example")
    )
    machine = Machine(house, tmp_path_factory.mktemp("machine"), sheet, NAME="one.example")
    at_home(machine.folder, house)
    machine.paste_first("certbot trust")
    assert machine.paste("certbot settings").returncode == 0
    done = {"before": machine.paste("certbot issue")}
    done["tiny keys"] = machine.paste("acme-tiny keys", NAME="tiny.localhost")
    with web_server(machine.webroot, house.http_01_port):
        done["tiny before"] = machine.paste("acme-tiny issue")
    publish_another(house)
    done["tiny after"] = machine.paste("acme-tiny issue")
    done["not yet"] = machine.paste("certbot issue", NAME="two.example")
    page = _PAGE.search(done["not yet"].stderr)
    assert page, done["not yet"].stderr
    # What the page's button does in a browser.
    done["accept"] = machine.shell(f"curl --silent --show-error --fail --cacert $TRUST -X POST '{page[1]}'")
    done["after"] = machine.paste("certbot issue", NAME="two.example")
    return done


def test_certbot_accepts_the_agreement_with_its_account(life: dict[str, subprocess.CompletedProcess[str]]) -> None:
    assert life["before"].returncode == 0, life["before"].stderr


def test_after_a_change_it_is_told_where_the_text_is(
    house: House, life: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    assert life["not yet"].returncode != 0
    assert f"https://localhost:{house.port}/agreement/2026-2" in life["not yet"].stderr


def test_once_its_holder_has_accepted_on_the_page_it_goes_on(life: dict[str, subprocess.CompletedProcess[str]]) -> None:
    for step in ("accept", "after"):
        assert life[step].returncode == 0, life[step].stderr


def test_acme_tiny_accepts_at_each_run(life: dict[str, subprocess.CompletedProcess[str]]) -> None:
    for step in ("tiny keys", "tiny before", "tiny after"):
        assert life[step].returncode == 0, life[step].stderr
