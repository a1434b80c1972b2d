"""What the operator's guide lists is what an operator may set, all of it and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import msgspec

from ca_core.policy.profile_settings import ProfileSettings
from ca_core.registration.kind_settings import KindSettings
from server.settings import Settings
from tests.architecture.house import ROOT

GUIDE = ROOT / "docs" / "guides" / "operator.md"
QUOTED = re.compile(r"`([^`]+)`")
ELSEWHERE = ("profiles.NAME...", "kinds.NAME...")


class Inner(msgspec.Struct, frozen=True):
    shards: int = 1


class Outer(msgspec.Struct, frozen=True):
    host: str
    crl: Inner = Inner()
    labels: dict[str, Inner] = {}


def test_the_guide_lists_every_setting_and_no_other() -> None:
    listed = first_column(GUIDE.read_text("utf-8"), "## Settings", "| key |")

    assert sorted(listed) == sorted([*keys(Settings), *ELSEWHERE])


def test_the_guide_lists_every_field_of_a_profile_and_no_other() -> None:
    listed = first_column(GUIDE.read_text("utf-8"), "## Profiles", "| field |")

    assert sorted(listed) == sorted(ProfileSettings.__struct_fields__)


def test_the_guide_lists_every_field_of_a_kind_and_no_other() -> None:
    listed = first_column(GUIDE.read_text("utf-8"), "## Kinds", "| field |")

    assert sorted(listed) == sorted(KindSettings.__struct_fields__)


def test_keys_are_dotted_and_tables_of_any_name_are_shown_as_such() -> None:
    assert list(keys(Outer)) == ["host", "crl.shards", "labels.NAME.shards"]


def test_a_first_column_is_read_up_to_the_end_of_its_table() -> None:
    text = "## A\n\n| key | what |\n|---|---|\n| `a`, `b.c` | `not this` |\n| `d` | |\n\n| key |\n|---|\n| `e` |\n"

    assert first_column(text, "## A", "| key |") == ["a", "b.c", "d"]


def keys(table: type[msgspec.Struct], above: str = "") -> Iterator[str]:
    """The dotted keys of a table of settings; those of profiles and kinds have tables of their own in the guide."""
    for field in msgspec.structs.fields(table):
        key, inner = f"{above}{field.name}", inner_table(field.type)
        if inner in {ProfileSettings, KindSettings}:
            continue
        if inner is None:
            yield key
        else:
            yield from keys(inner, f"{key}.NAME." if get_origin(field.type) is dict else f"{key}.")


def inner_table(kind: Any) -> type[msgspec.Struct] | None:
    """The table that a setting is, or that each value in it is."""
    value = get_args(kind)[1] if get_origin(kind) is dict else kind
    return value if isinstance(value, type) and issubclass(value, msgspec.Struct) else None


def first_column(text: str, heading: str, head: str) -> list[str]:
    """What is quoted in the first column of the table below a heading that begins with `head`."""
    table = text.partition(f"{heading}\n")[2].partition(head)[2].partition("\n\n")[0]
    return [name for line in table.splitlines()[2:] for name in QUOTED.findall(line.split("|")[1])]
