"""Our SQL as PostgreSQL spells it.

`:names` become `$1` and on, in the order in which they first appear, and each says the type of its value: left to the
server, a whole number would be as narrow as what stands beside it. BLOB becomes BYTEA, and the one aggregate that
SQLite calls otherwise is renamed. A table's TEXT is told to be compared by the bytes of its UTF-8, as in SQLite: by the
order of a database's own language, a page that begins after a key would leave rows out. A table that is
`/* unlogged */` is empty after a crash of the database, and costs no write-ahead log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from ca_core.store.database import Statement, Value

_MOST_TEXTS = 2048

# What holds no names comes first: a string, a quoted word, a comment, a cast.
_TOKEN = re.compile(
    r"""(?P<opaque>'(?:[^']|'')*'|"[^"]*"|::)"""
    r"|(?P<comment>--[^\n]*)"
    r"|/\* (?P<unlogged>unlogged) \*/"
    r"|(?<![:\w]):(?P<name>[a-z_][a-z0-9_]*)"
    r"|(?P<end>;)"
    r"|\bGROUP_CONCAT\(HEX\((?P<joined>\w+)\), ''\)"
    r"|\b(?P<type>BLOB|TEXT)\b"
)
_MAKES_COLUMNS = re.compile(r"\s*(?:CREATE|ALTER)\s+(?:/\* unlogged \*/\s+)?TABLE\b")


_TYPES = {str: "TEXT", int: "BIGINT", bool: "BIGINT", bytes: "BYTEA"}


class Spelled(msgspec.Struct, frozen=True):
    """One statement for the server.

    Attributes:
        text: with `$1` and on.
        names: whose values these are, in order.
    """

    text: str
    names: tuple[str, ...]


def bound(sql: str, values: Mapping[str, Value]) -> tuple[str, list[Value]]:
    """A statement and its values in order."""
    statement = spelled(sql, _types(values))
    return statement.text, [values[name] for name in statement.names]


def bound_each(sql: str, values: Sequence[Mapping[str, Value]]) -> tuple[str, list[list[Value]]]:
    """One statement for several sets of values, in which the same may be None here and there."""
    known = {name: value for each in values for name, value in each.items() if value is not None}
    statement = spelled(sql, tuple((name, type(value)) for name, value in known.items()))
    return statement.text, [[each[name] for name in statement.names] for each in values]


def joined(parts: Sequence[Statement], *, needed: int | None = None) -> tuple[str, list[Value]]:
    """Several statements that change something as one, whose only row says how many rows each has changed; and values.

    Args:
        needed: which of them fails all when it changes none.
    """
    text, places = _joined(tuple((sql, _types(values)) for sql, values in parts), needed)
    return text, [parts[number].values[name] for number, name in places]


def beside(change: Statement, look: Statement) -> tuple[str, list[Value]]:
    """One that changes something and one that looks as one, whose rows begin with how many rows were changed."""
    first = spelled(change.sql, _types(change.values))
    second = spelled(look.sql, _types(look.values), len(first.names) + 1)
    text = _beside(first.text, second.text)
    return text, [*(change.values[name] for name in first.names), *(look.values[name] for name in second.names)]


@lru_cache(maxsize=_MOST_TEXTS)
def _beside(change: str, look: str) -> str:
    columns = look.removeprefix("SELECT ")
    return f"WITH part AS ({change} RETURNING 1) SELECT (SELECT COUNT(*) FROM part), {columns}"  # noqa: S608  # ours


@lru_cache(maxsize=_MOST_TEXTS)
def _joined(
    parts: tuple[tuple[str, tuple[tuple[str, type], ...]], ...], needed: int | None
) -> tuple[str, tuple[tuple[int, str], ...]]:
    each: list[Spelled] = []
    for sql, types in parts:
        each.append(spelled(sql, types, sum(len(one.names) for one in each) + 1))
    changes = ", ".join(f"part{number} AS ({one.text} RETURNING 1)" for number, one in enumerate(each))
    # They are run in the order in which they are counted. No function fails, but dividing by nothing does.
    counted = ("1 / COUNT(*)" if number == needed else "COUNT(*)" for number in range(len(each)))
    counts = ", ".join(f"(SELECT {one} FROM part{number})" for number, one in enumerate(counted))  # noqa: S608  # ours
    places = tuple((number, name) for number, one in enumerate(each) for name in one.names)
    return f"WITH {changes} SELECT {counts}", places


@lru_cache(maxsize=_MOST_TEXTS)
def spelled(sql: str, types: tuple[tuple[str, type], ...] = (), first: int = 1) -> Spelled:
    """Spell one statement.

    Args:
        types: of the values, by their names; of one that is None the server finds it.
        first: the number of its first value.
    """
    places: dict[str, int] = {}
    casts = {name: f"::{_TYPES[kind]}" for name, kind in types if kind in _TYPES}
    makes_columns = _MAKES_COLUMNS.match(sql) is not None

    def respell(token: re.Match[str]) -> str:
        if name := token["name"]:
            return f"${places.setdefault(name, len(places) + first)}{casts.get(name, '')}"
        if joined := token["joined"]:
            return f"STRING_AGG(UPPER(ENCODE({joined}, 'hex')), '')"
        if token["unlogged"]:
            return "UNLOGGED"
        if token["type"] == "BLOB":
            return "BYTEA"
        return 'TEXT COLLATE "C"' if token["type"] and makes_columns else token[0]

    return Spelled(_TOKEN.sub(respell, sql), tuple(places))


def statements(script: str) -> list[str]:
    """The statements of a migration, without their comments and the semicolons behind them."""
    found = [""]
    reached = 0
    for token in _TOKEN.finditer(script):
        if token["comment"] or token["end"]:
            found[-1] += script[reached : token.start()]
            reached = token.end()
        if token["end"]:
            found.append("")
    found[-1] += script[reached:]
    return [statement.strip() for statement in found if statement.strip()]


def _types(values: Mapping[str, Value]) -> tuple[tuple[str, type], ...]:
    return tuple(zip(values, map(type, values.values()), strict=True))
