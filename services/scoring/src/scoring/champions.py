"""The models that answer now, as one process holds them: a table that is replaced as a whole, never changed.

A request takes the table once and is answered from it to its end. The process that promotes swaps its own table with
the commit; every other hears a notification of the database, and the worker the event too. Nothing waits for a swap.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from weakref import WeakKeyDictionary

import structlog

from attune_service_kit.database import Database
from attune_service_kit.errors import NotFound
from attune_service_kit.runtime import Runtime
from scoring import purposes, registry
from scoring.arms import Shares
from scoring.model import Model
from scoring.registry import CHANNEL, Answers
from scoring.sql import Conn

log = structlog.get_logger(__name__)

_LOOK_AGAIN = 15.0  # seconds: a connection that died unheard is found by then


class NoChampion(NotFound):
    """No version of this model answers."""

    code = "no_champion"


@dataclass(frozen=True)
class Held:
    """Who answers for which model, and which customers each purpose sets apart."""

    answers: Mapping[str, Answers]
    shares: Mapping[str, Shares]

    def of(self, name: str | None = None) -> tuple[Answers, ...]:
        """Who answers for the model of this name, or for every one; nobody for a model without champion."""
        return tuple(a for a in self.answers.values() if a.champion and name in (None, a.name))


_NOTHING = Held(MappingProxyType({}), MappingProxyType({}))


class Table:
    """One process's champions and challengers by model."""

    def __init__(self) -> None:
        self._held = _NOTHING

    async def held(self, database: Database, name: str | None = None) -> Held:
        """What answers; looked up if nothing of this name is held, for it may be brand-new."""
        if not self._held.of(name):
            async with database.transaction() as tx:
                await self.refresh(tx.conn)
        return self._held

    def champion(self, name: str) -> Model | None:
        """The champion of this name that is held; nothing is looked up."""
        answers = self._held.answers.get(name)
        return answers.champion if answers else None

    async def answering(self, database: Database, name: str | None = None) -> tuple[Model, ...]:
        """The champions, or the one of this name."""
        return tuple(a.champion for a in (await self.held(database, name)).of(name) if a.champion)

    def swap(self, answers: Answers, shares: Mapping[str, Shares] | None = None) -> None:
        """Let these answer from now on. What was changed before what is held, or does not load, changes nothing."""
        stands = self._held.answers.get(answers.name)
        changed = dict(self._held.answers)
        if stands is None or (stands.changed <= answers.changed and not answers.broken):
            changed[answers.name] = answers
        newer = dict(self._held.shares)
        for purpose, told in (shares or {}).items():
            if purpose not in newer or newer[purpose].version <= told.version:
                newer[purpose] = told
        self._held = Held(MappingProxyType(dict(sorted(changed.items()))), MappingProxyType(newer))

    async def refresh(self, conn: Conn) -> None:
        """Take over what the database says."""
        shares = await purposes.shares(conn)
        for answers in await registry.answers(conn):
            self.swap(answers, shares)


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
