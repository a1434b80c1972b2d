"""What an operator may set about probes."""

from __future__ import annotations

import pytest

from ca_core.errors import Misconfigured
from protocols.acme import challenges
from server import settings
from server.probes.settings import policy
from server.settings import Settings

FIRST = Settings(host="localhost", port=8443)


def test_settings_become_the_policy() -> None:
    made = settings.with_assignments(
        FIRST,
        (
            "acme.tls_alpn_01_port=5001",
            'acme.resolvers=["127.0.0.1:53"]',
            'acme.zone_resolvers={"corp.example" = ["10.0.0.53:53", "[fd00::53]:53"]}',
            'acme.dnssec="require"',
        ),
    )

    found = policy(made.acme, made.listen, made.ports)

    assert found.tls_alpn_01_port == 5001
    assert found.zone_resolvers == {"corp.example": ("10.0.0.53:53", "[fd00::53]:53")}
    assert found.dnssec
    assert {port for _, port in found.own_listeners} == set(made.ports)


def test_the_three_standard_challenges_are_offered_unless_set() -> None:
    assert FIRST.acme.challenges == challenges.STANDARD
    assert settings.with_assignments(FIRST, ('acme.challenges=["dns-01"]',)).acme.challenges == ("dns-01",)


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("acme.http_01_port=0", "acme.http_01_port must be"),
        ("acme.tls_alpn_01_port=65536", "acme.tls_alpn_01_port must be"),
        ('acme.probe_networks=["10.0.0.1/8"]', "acme.probe_networks"),
        ('acme.resolvers=["dns.example:53"]', "acme.resolvers"),
        ('acme.challenges=["http-02"]', "is none of http-01"),
        ("acme.challenges=[]", "each once"),
        ('acme.challenges=["dns-01", "dns-01"]', "each once"),
        ('acme.zone_resolvers={"Corp.example" = ["10.0.0.53:53"]}', "a zone is a DNS name"),
        ('acme.zone_resolvers={"*.corp.example" = ["10.0.0.53:53"]}', "a zone is a DNS name"),
        ('acme.zone_resolvers={"corp.example" = []}', "must name a server"),
        ('acme.zone_resolvers={"corp.example" = ["10.0.0.53"]}', "is not address:port"),
        ('acme.dnssec="yes"', "acme.dnssec"),
        ('acme.dnssec="require"', "needs acme.resolvers"),
        ('acme.challenges=["dns-persist-01"]', "needs acme.caa_identities"),
        ("acme.caa=true", "needs acme.caa_identities"),
    ],
)
def test_what_makes_no_sense_is_refused(assignment: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=words.replace(".", r"\.")):
        settings.with_assignments(FIRST, (assignment,))


def test_that_an_answer_is_authentic_is_believed_of_near_name_servers_only() -> None:
    with pytest.raises(Misconfigured, match="over the internet"):
        settings.with_assignments(FIRST, ('acme.resolvers=["8.8.8.8:53"]', 'acme.dnssec="require"'))
