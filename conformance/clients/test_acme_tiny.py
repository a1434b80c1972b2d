"""acme-tiny, which knows no EAB: its account falls under the open one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from conformance.clients.machine import Machine, house_of_the_past, web_server
from conformance.house import House

NAME = "tiny.localhost"

Life = tuple[Machine, dict[str, subprocess.CompletedProcess[str]]]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house_of_the_past(tmp_path_factory.mktemp("house"), "acme.open_account=everybody") as built:
        subject = ("--kind", "partner", "--subject", "O=Everybody,C=TW", "--account", "everybody")
        built.register(*subject, "--zone", "localhost")
        built.start()
        yield built


@pytest.fixture(scope="module")
def life(house: House, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """The machine, and what became of each command, from the past until today."""
    machine = Machine(house, tmp_path_factory.mktemp("machine"), NAME=NAME)
    done = {"keys": machine.paste("acme-tiny keys")}
    with web_server(machine.webroot, house.http_01_port):
        done["issue"] = machine.paste("acme-tiny issue")
        machine.shell("cp fullchain.pem first.pem")
        done["too early"] = machine.paste("acme-tiny issue")
        house.move_clock(days=0)
        done["renew"] = machine.paste("acme-tiny issue")
    return machine, done


def test_it_gets_a_certificate_without_a_sheet(life: Life) -> None:
    machine, done = life

    assert done["keys"].returncode == 0, done["keys"].stderr
    assert done["issue"].returncode == 0, done["issue"].stderr
    assert machine.verifies("first.pem", untrusted="first.pem")


def test_before_the_window_it_is_told_when_that_opens(life: Life) -> None:
    _, done = life

    assert done["too early"].returncode != 0
    assert "the renewal window opens on 20" in done["too early"].stderr


def test_inside_the_window_the_same_lines_renew(life: Life) -> None:
    machine, done = life

    assert done["renew"].returncode == 0, done["renew"].stderr
    assert (machine.folder / "fullchain.pem").read_bytes() != (machine.folder / "first.pem").read_bytes()
    assert machine.verifies("fullchain.pem", untrusted="fullchain.pem")
