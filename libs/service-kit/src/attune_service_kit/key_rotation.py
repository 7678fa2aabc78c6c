"""Changing keys while everything runs: the key that wraps, and the data key with all that it has sealed (X25).

The wrapping key: a newer one stands above the older one in `kek_file`, the owner's command wraps the keys anew, then
the older line goes. The data key: a job makes a new one, waits until every process holds it, and seals anew, in small
transactions, what older ones have sealed. Older data keys stay: what lies in import histories, in cursors that clients
hold and in backups is theirs. The index key: a job makes a new one, waits likewise, and lets the service make its
digests anew (`Service.reindex`). What is looked for is looked up by older index keys too, so they stay as well.
"""

import asyncio
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import structlog

from attune_service_kit import crypto
from attune_service_kit.crypto import KekUnusable, Keyring, NotOurs, SealedTable
from attune_service_kit.failpoints import failpoint

if TYPE_CHECKING:  # those modules are made of this one's callers
    from attune_service_kit.job_context import JobContext
    from attune_service_kit.runtime import Runtime, Service

log = structlog.get_logger(__name__)

AT_ONCE = 500
# A process looks for new keys so many times until they begin to seal.
_LOOKS = 6

_KEY = ("client_id", "method", "route", "key")
ANSWERS = SealedTable("idempotency_key", dict.fromkeys(_KEY, "text"), {"response": "response"}, _KEY)

# All look again within a sixth of the time: none seals with an older key any more.
_SETTLED = "SELECT created_at < now() - make_interval(secs => $2) FROM encryption_key WHERE id = $1"


async def follow(runtime: "Runtime") -> None:
    """Take over data keys that were made since the start; a background task of every process."""
    while True:
        await asyncio.sleep(runtime.settings.key_spread_seconds / _LOOKS)
        try:
            await refresh(runtime)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, KekUnusable) as error:
            log.warning("keys_not_read", error=type(error).__name__)


async def rewrap(service: "Service", owner_url: str, kek_file: Path) -> int:
    """Wrap the keys of a service's database anew by the first key of the file; return how many were another's."""
    connection = await asyncpg.connect(owner_url, timeout=10)
    try:
        return await crypto.rewrap(connection, service.name, crypto.read_keks(kek_file))
    finally:
        await connection.close()


async def start(runtime: "Runtime", purpose: str = "data") -> UUID:
    """Start the job of a new data or index key, from a command line; one that is under way is returned instead."""
    await runtime.database.open()
    try:
        async with runtime.database.transaction() as tx:
            tx.who = "operator"
            kind = "reindex" if purpose == "index" else "reseal"
            job_id = await runtime.jobs.start(tx, kind, {}, key=purpose)
            await tx.audit("keys.rotation_started", "job", job_id)
        return job_id
    finally:
        await runtime.database.close()


async def run(job: "JobContext") -> dict[str, Any]:
    """The job. Result: `{key, resealed, unreadable}`. Its cursor says which key it has made: no second one comes of it.

    What is sealed by the new key already is not looked at again, so a killed job needs no other mark. A value that does
    not open is left as it is and counted.
    """
    number = await _made(job, "data")
    pause = await _spread(job, number)
    tables = (*job.runtime.service.sealed, ANSWERS)
    resealed = int((job.cursor or {}).get("resealed", 0))
    unreadable = 0
    # What others have locked is passed by, and looked at again.
    while (left := sum([await _count(job, table, number) for table in tables])) > unreadable:
        unreadable = 0
        for table in tables:
            resealed, damaged = await _reseal(job, table, number, resealed, resealed + left)
            unreadable += damaged
        await asyncio.sleep(pause)
    async with job.transaction() as tx:
        detail = {"rows": resealed, "unreadable": unreadable}
        await tx.audit("keys.data_key_rotated", "encryption_key", number, detail=detail)
    await job.progress(resealed, resealed)
    return {"key": number, "resealed": resealed, "unreadable": unreadable}


async def run_index(job: "JobContext") -> dict[str, Any]:
    """The job of a new index key. Result: `{key, reindexed, unreadable}`; killed in between it goes on."""
    number = await _made(job, "index")
    await _spread(job, number)
    reindexed = unreadable = 0
    if (name := job.runtime.service.reindex) is not None:
        module, _, function = name.partition(":")
        reindexed, unreadable = await getattr(importlib.import_module(module), function)(job)
    async with job.transaction() as tx:
        detail = {"rows": reindexed, "unreadable": unreadable}
        await tx.audit("keys.index_key_rotated", "encryption_key", number, detail=detail)
    return {"key": number, "reindexed": reindexed, "unreadable": unreadable}


async def _made(job: "JobContext", purpose: str) -> int:
    """The number of this job's key: made once, whatever becomes of its process."""
    if job.cursor is None:
        kek = crypto.read_keks(job.runtime.settings.kek_file)[0]
        async with job.transaction() as tx:
            number = await crypto.add_key(tx.conn, job.runtime.service.name, kek, purpose)
            await tx.audit(f"keys.{purpose}_key_made", "encryption_key", number)
            job.cursor = {"key": number}
        failpoint("keys.made")
    return int((job.cursor or {})["key"])


async def _spread(job: "JobContext", number: int) -> float:
    """Wait until every process seals with the new key, this one too; return what is a good pause."""
    look = job.runtime.settings.key_spread_seconds / _LOOKS
    pause = min(look, 1.0)
    while not await job.runtime.database.pool.fetchval(_SETTLED, number, look * (_LOOKS + 2)):
        await job.progress(0, None, "until every process holds the new key")
        await asyncio.sleep(pause)
    await refresh(job.runtime)
    return pause


async def refresh(runtime: "Runtime") -> None:
    """Hold the keys that there are by now."""
    settings, pool = runtime.settings, runtime.database.pool
    await crypto.refresh(runtime.keys, pool, runtime.service.name, settings.kek_file, settings.key_spread_seconds)


def _older(table: SealedTable) -> str:
    return " OR ".join(f"substr({column}, 1, 4) <> $1" for column in table.columns)


async def _count(job: "JobContext", table: SealedTable, number: int) -> int:
    statement = f"SELECT count(*) FROM {table.name} WHERE {_older(table)}"  # noqa: S608 - names of the code
    return int(await job.runtime.database.pool.fetchval(statement, number.to_bytes(4, "big")))


async def _reseal(job: "JobContext", table: SealedTable, number: int, done: int, total: int) -> tuple[int, int]:
    """Go once through a table; return how many rows are sealed anew by now, and how many of its own cannot be."""
    damaged = 0
    after: list[str] = []
    while True:
        async with job.transaction() as tx:
            rows = await tx.conn.fetch(_batch(table, after), number.to_bytes(4, "big"), *after)
            if not rows:
                return done, damaged
            opened, anew = _anew(job.runtime.keys, table, rows)
            await tx.conn.execute(_write(table), *anew)
            done, damaged = done + opened, damaged + len(rows) - opened
            after = [str(rows[-1][name]) for name in table.key]
            job.cursor = {"key": number, "resealed": done}
        failpoint("keys.batch")
        await job.progress(done, max(done, total), table.name)


def _batch(table: SealedTable, after: Sequence[str]) -> str:
    """The next rows, locked. It waits for nobody, so that it stands in nobody's way either."""
    keys = ", ".join(table.key)
    places = ", ".join(f"${n}::text::{kind}" for n, kind in enumerate(table.key.values(), 2))
    beyond = f"({keys}) > ({places}) AND " if after else ""
    names = ", ".join(dict.fromkeys((*table.key, *table.row, *table.columns)))
    return (
        f"SELECT {names} FROM {table.name} WHERE {beyond}({_older(table)})"  # noqa: S608 - names of the code
        f" ORDER BY {keys} LIMIT {AT_ONCE} FOR UPDATE SKIP LOCKED"
    )


def _write(table: SealedTable) -> str:
    types = [f"{kind}[]" for kind in table.key.values()] + ["bytea[]"] * len(table.columns)
    arrays = ", ".join(
        f"${n}::{kind}" if kind == "bytea[]" else f"${n}::text[]::{kind}" for n, kind in enumerate(types, 1)
    )
    names = ", ".join((*table.key, *table.columns))
    values = ", ".join(f"{column} = n.{column}" for column in table.columns)
    same = " AND ".join(f"t.{name} = n.{name}" for name in table.key)
    return (
        f"UPDATE {table.name} t SET {values} FROM unnest({arrays}) AS n ({names})"  # noqa: S608 - names of the code
        f" WHERE {same}"
    )


def _anew(keys: Keyring, table: SealedTable, rows: Sequence[asyncpg.Record]) -> tuple[int, list[list[Any]]]:
    """How many rows opened, and all of them column by column: keys as texts, values by the key that seals now."""
    opened = 0
    columns: list[list[Any]] = [[str(row[name]) for row in rows] for name in table.key]
    columns += [[] for _ in table.columns]
    sealers = [(column, keys.column(table.name, called)) for column, called in table.columns.items()]
    for row in rows:
        place = table.place(row)
        values = [row[column] for column, _ in sealers]
        try:
            values = [sealer.anew(place, row[column]) for column, sealer in sealers]
            opened += 1
        except NotOurs:
            log.warning("value_does_not_open", kind=table.name)
        for column, value in zip(columns[len(table.key) :], values, strict=True):
            column.append(value)
    return opened, columns
