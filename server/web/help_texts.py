"""The words of the pages that help, as they stand in `texts`.

What is said of one refusal is a table of `texts/help`, in a file for each group and language; a topic that needs more
room is a file of paragraphs beside that folder, with `code` between backticks and facts between braces. What officers
do next stands in `server.web.advice`, and is not said twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

import msgspec

from protocols.acme.links import Help
from protocols.help_address import PREFIX
from server.web.languages import phrase

GROUPS: Mapping[str, str] = {
    "signing-in": phrase("Accounts and secrets"),
    "requests": phrase("Certification requests, names and keys"),
    "certificates": phrase("Renewing and revoking"),
    "protocol": phrase("What programs send"),
    "server": phrase("The server, and the registration authority"),
}
"""The headings of the groups, by the names of their files."""
ACME = "acme"
"""The file of what ACME calls problem types: they have no title but their own name."""
ACME_PREFIX = f"{PREFIX}acme/"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one page says.

    Attributes:
        title: empty for a problem type, which is its own.
        happened: what the server means by it.
        subscriber, device, client, office: what to do, for each who may see it; empty where nobody of them does.
    """

    happened: str
    title: str = ""
    subscriber: str = ""
    device: str = ""
    client: str = ""
    office: str = ""


@cache
def entries(group: str, language: str) -> Mapping[str, Entry]:
    """What is said in a group, by the words of refusals; of `ACME`, by problem types."""
    file = resources.files("server.web") / "texts" / "help" / f"{group}.{language}.toml"
    return msgspec.toml.decode(file.read_bytes(), type=dict[str, Entry])


def topic(about: Help, language: str, facts: Mapping[str, int]) -> list[str]:
    """The title of a topic, and its paragraphs."""
    file = resources.files("server.web") / "texts" / f"{about.removeprefix(PREFIX)}.{language}.txt"
    return file.read_text("utf-8").format_map(facts).strip().split("\n\n")
