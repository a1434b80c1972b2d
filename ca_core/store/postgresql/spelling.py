"""Our SQL as PostgreSQL spells it.

`:names` become `$1` and on, in the order in which they first appear. BLOB becomes BYTEA, and the one aggregate that
SQLite calls otherwise is renamed. A table's TEXT is told to be compared by the bytes of its UTF-8, as in SQLite: by the
order of a database's own language, a page that begins after a key would leave rows out. A table that is
`/* unlogged */` is empty after a crash of the database, and costs no write-ahead log.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

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


class Spelled(msgspec.Struct, frozen=True):
    """One statement for the server.

    Attributes:
        text: with `$1` and on, UTF-8.
        names: whose values these are, in order.
    """

    text: bytes
    names: tuple[str, ...]


@lru_cache(maxsize=_MOST_TEXTS)
def spelled(sql: str) -> Spelled:
    """Spell one statement."""
    places: dict[str, int] = {}
    makes_columns = _MAKES_COLUMNS.match(sql) is not None

    def respell(token: re.Match[str]) -> str:
        if name := token["name"]:
            return f"${places.setdefault(name, len(places) + 1)}"
        if joined := token["joined"]:
            return f"STRING_AGG(UPPER(ENCODE({joined}, 'hex')), '')"
        if token["unlogged"]:
            return "UNLOGGED"
        if token["type"] == "BLOB":
            return "BYTEA"
        return 'TEXT COLLATE "C"' if token["type"] and makes_columns else token[0]

    text = _TOKEN.sub(respell, sql)
    return Spelled(text.encode(), tuple(places))


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
