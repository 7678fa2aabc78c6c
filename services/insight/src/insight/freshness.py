"""How far the data and the snapshots have come, and the watchdog that says when a snapshot falls behind."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import asyncpg
import structlog

from attune_service_kit.runtime import Runtime
from insight.settings import settings_of

log = structlog.get_logger(__name__)

WATCH_SECONDS = 60.0

_KNOWN = """
INSERT INTO known_data (dataset, as_of) SELECT * FROM unnest($1::text[], $2::date[])
ON CONFLICT (dataset) DO UPDATE SET as_of = greatest(known_data.as_of, excluded.as_of)"""
_STATE = """
SELECT (SELECT as_of FROM known_data WHERE dataset = 'transactions') AS data,
       (SELECT max(as_of) FROM feature_snapshot) AS snapshot"""


@dataclass(frozen=True)
class Freshness:
    """The last day of the ledger that the lake is known to hold, and the newest snapshot's."""

    data: date | None
    snapshot: date | None
    allowed: int

    def stale(self, as_of: date) -> bool:
        """Whether a snapshot of this day is older than the data by more than is allowed."""
        return self.data is not None and self.data - as_of > timedelta(days=self.allowed)

    @property
    def behind(self) -> bool:
        """Whether the newest snapshot is stale."""
        return self.snapshot is not None and self.stale(self.snapshot)


async def heard(conn: asyncpg.Connection, days: Iterable[tuple[str, date]]) -> None:
    """Note up to which day datasets lie in the lake; an older day changes nothing."""
    newest: dict[str, date] = {}
    for dataset, day in days:
        newest[dataset] = max(day, newest.get(dataset, day))
    if newest:
        await conn.execute(_KNOWN, list(newest), list(newest.values()))


async def state(runtime: Runtime) -> Freshness:
    """How far both have come."""
    row: Any = await runtime.database.pool.fetchrow(_STATE)
    return Freshness(row["data"], row["snapshot"], settings_of(runtime).stale_after_days)


async def watch(runtime: Runtime) -> None:
    """Background task: say once when the newest snapshot falls behind the data, and once when it is fresh again."""
    behind = False
    while True:
        found = await state(runtime)
        if found.behind != behind:
            behind = found.behind
            say = log.warning if behind else log.info
            say("snapshot_stale" if behind else "snapshot_fresh", reason=f"data {found.data}, as_of {found.snapshot}")
        await asyncio.sleep(WATCH_SECONDS)
