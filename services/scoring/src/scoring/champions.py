"""The models that answer now, as one process holds them: a table that is replaced as a whole, never changed.

A request takes the table once and is answered from it to its end. The process that promotes swaps its own table with
the commit; every other hears a notification of the database, and the worker the event too. Nothing waits for a swap.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from weakref import WeakKeyDictionary

import structlog

from attune_service_kit.database import Database
from attune_service_kit.errors import NotFound
from attune_service_kit.runtime import Runtime
from scoring import registry
from scoring.model import Model
from scoring.registry import CHANNEL, Champion
from scoring.sql import Conn

log = structlog.get_logger(__name__)

_LOOK_AGAIN = 15.0  # seconds: a connection that died unheard is found by then


class NoChampion(NotFound):
    """No version of this model answers."""

    code = "no_champion"


class Table:
    """One process's champions by name."""

    def __init__(self) -> None:
        self._champions: Mapping[str, Champion] = MappingProxyType({})

    async def answering(self, database: Database, name: str | None = None) -> tuple[Model, ...]:
        """The models that answer, or the one of this name; looked up if none is held, for it may be brand-new."""
        if not (found := self._held(name)):
            async with database.transaction() as tx:
                await self.refresh(tx.conn)
            found = self._held(name)
        return found

    def _held(self, name: str | None) -> tuple[Model, ...]:
        return tuple(c.model for c in self._champions.values() if name in (None, c.model.name))

    def swap(self, champion: Champion) -> None:
        """Let a version answer from now on; one that was promoted earlier than the one held changes nothing."""
        held = self._champions.get(champion.model.name)
        if held is None or held.promotion < champion.promotion:
            changed = {**self._champions, champion.model.name: champion}
            self._champions = MappingProxyType(dict(sorted(changed.items())))

    async def refresh(self, conn: Conn) -> None:
        """Take over what the database says."""
        for champion in await registry.champions(conn):
            self.swap(champion)


_TABLES: WeakKeyDictionary[Database, Table] = WeakKeyDictionary()


def table(runtime: Runtime) -> Table:
    """The table of this running service."""
    if (held := _TABLES.get(runtime.database)) is None:
        held = _TABLES[runtime.database] = Table()
    return held


async def follow(runtime: Runtime) -> None:
    """Keep the table at what is promoted anywhere; a task of every process that answers."""
    connection = await runtime.database.connect()
    changed = asyncio.Event()
    try:
        await connection.add_listener(CHANNEL, lambda *_: changed.set())
        while True:
            changed.clear()
            await table(runtime).refresh(connection)
            try:
                async with asyncio.timeout(_LOOK_AGAIN):
                    await changed.wait()
            except TimeoutError:
                continue
    finally:
        connection.terminate()
