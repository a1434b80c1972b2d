from __future__ import annotations

import pytest

from ca_core.store.postgresql.spelling import spelled, statements


@pytest.mark.parametrize(
    ("ours", "theirs", "names"),
    [
        ("SELECT 1", "SELECT 1", ()),
        ("SELECT 1 WHERE b = :b AND c = :c AND d = :b", "SELECT 1 WHERE b = $1 AND c = $2 AND d = $1", "bc"),
        ("SELECT ':no', CAST(:a AS BIGINT), b::text", "SELECT ':no', CAST($1 AS BIGINT), b::text", "a"),
        ("SELECT 'it''s :no', \":no\" FROM t WHERE a=:a", "SELECT 'it''s :no', \":no\" FROM t WHERE a=$1", "a"),
        ("SELECT GROUP_CONCAT(HEX(der), '') FROM t", "SELECT STRING_AGG(UPPER(ENCODE(der, 'hex')), '') FROM t", ()),
        ("SELECT CAST(:a AS BLOB), CAST(:b AS TEXT)", "SELECT CAST($1 AS BYTEA), CAST($2 AS TEXT)", "ab"),
        ("CREATE TABLE t (a TEXT NOT NULL, b BLOB)", 'CREATE TABLE t (a TEXT COLLATE "C" NOT NULL, b BYTEA)', ()),
        ("ALTER TABLE t ADD COLUMN a TEXT", 'ALTER TABLE t ADD COLUMN a TEXT COLLATE "C"', ()),
    ],
)
def test_what_the_two_spell_differently_is_respelled(ours: str, theirs: str, names: str | tuple[()]) -> None:
    statement = spelled(ours)

    assert (statement.text, statement.names) == (theirs, tuple(names))


def test_a_migration_is_told_apart_into_its_statements() -> None:
    script = "-- It's one; of two.\nCREATE TABLE t (a TEXT DEFAULT ';'); -- behind\n\nINSERT INTO t VALUES ('--');\n"

    assert statements(script) == ["CREATE TABLE t (a TEXT DEFAULT ';')", "INSERT INTO t VALUES ('--')"]
