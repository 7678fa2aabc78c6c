"""Reads within a scope in one round trip: the query and the settings that row security looks at are one statement.

`SELECT … FROM (set_config …) AS entry CROSS JOIN LATERAL (the query, gated by entry OFFSET 0)`. OFFSET 0 keeps the
planner from flattening the query into the join and the gate makes it depend on the entry, so the settings stand before
the first row of a table is looked at; they end with the statement, so a connection never carries them on. Should an
order ever be wrong, the policies see no setting and show nothing.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg

if TYPE_CHECKING:
    from attune_service_kit.database import Scope

SETTINGS = ("app.scope", "app.branch", "app.customer", "app.subject")


class Queryable(Protocol):
    """What a query needs: a transaction's connection, one of the pool's, or `Reads`."""

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """All rows."""

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """The first row, or None."""

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first row's first value, or None."""


class Reads:
    """Single queries as one scope may see them, each in one round trip and one transaction of its own."""

    def __init__(self, pool: Callable[[], asyncpg.Pool], scope: "Scope") -> None:
        self._pool = pool
        self.scope = scope

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """All rows of a query that ends without FOR UPDATE."""
        rows: list[Any] = await self._pool().fetch(scoped(query, len(args)), *args, *self.scope.settings())
        return rows

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """The first row, or None."""
        return await self._pool().fetchrow(scoped(query, len(args)), *args, *self.scope.settings())

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first row's first value, or None."""
        return await self._pool().fetchval(scoped(query, len(args)), *args, *self.scope.settings())


@lru_cache(maxsize=1024)
def scoped(query: str, arguments: int) -> str:
    """The query, entered through the scope; the four settings are its last parameters."""
    entry = " || ".join(
        f"set_config('{name}', ${number}::text, true)" for number, name in enumerate(SETTINGS, arguments + 1)
    )
    return (
        f"SELECT answer.* FROM (SELECT {entry} AS made) entry CROSS JOIN LATERAL"  # noqa: S608 - a query of ours
        f" (SELECT asked.* FROM ({query}) asked WHERE entry.made IS NOT NULL OFFSET 0) answer"
    )
