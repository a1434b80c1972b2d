"""What the system's own way of looking names up does beside."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from server.cli.main import cli
from server.probes import system
from server.probes.system import search_list


@pytest.mark.parametrize(
    ("text", "domains"),
    [
        ("", ()),
        ("nameserver 192.0.2.53\nsearch corp.example lab.example.\n", ("corp.example", "lab.example")),
        ("search one.example\nsearch two.example # not three.example\n", ("two.example",)),
        ("search one.example\ndomain two.example\n", ("two.example",)),
        ("domain one.example two.example\n", ("one.example",)),
        ("; search one.example\n#search two.example\nsearch\n", ()),
        ("search .\n", ()),
        ("options ndots:2 search\n", ()),
    ],
)
def test_the_last_line_that_sets_a_search_list_counts(text: str, domains: tuple[str, ...]) -> None:
    assert search_list(text, hostname="server") == domains


def test_without_such_a_line_it_is_the_machines_own_domain() -> None:
    assert search_list("nameserver 192.0.2.53\n", hostname="server.corp.example") == ("corp.example",)
    assert search_list("search .\n", hostname="server.corp.example") == ()


@pytest.mark.parametrize(
    ("text", "option", "is_told"),
    [
        ("search corp.example\n", (), True),
        ("search corp.example\n", ("--set", 'acme.resolvers=["192.0.2.53:53"]'), False),
        ("search .\n", (), False),
    ],
)
def test_doctor_tells_where_names_are_searched_for_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, option: tuple[str, ...], *, is_told: bool
) -> None:
    conf, home = tmp_path / "resolv.conf", str(tmp_path / "home")
    conf.write_text(text)
    monkeypatch.setattr(system, "RESOLV_CONF", conf)
    run = CliRunner().invoke
    assert run(cli, ["--home", home, "init", "--port", "18743", *option]).exit_code == 0

    said = run(cli, ["--home", home, "doctor"])

    assert ("looked for below corp.example" in said.output) is is_told, said.output
