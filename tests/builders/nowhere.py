"""A transaction for those who are handed one and do without."""

from __future__ import annotations

from collections.abc import Sequence

from ca_core.store.database import Row, Transaction, Value


class NoTransaction(Transaction):
    """Nothing can be asked of it."""

    async def execute(self, sql: str, **values: Value) -> int:
        raise AssertionError(sql, values)

    async def execute_each(self, sql: str, values: Sequence[dict[str, Value]]) -> None:
        raise AssertionError(sql, values)

    async def all(self, sql: str, **values: Value) -> list[Row]:
        raise AssertionError(sql, values)

    async def hold(self, *names: str, shared: bool = False) -> None:
        raise AssertionError(names)

    async def script(self, sql: str) -> None:
        raise AssertionError(sql)
