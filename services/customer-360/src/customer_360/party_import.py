"""Parties from the bank's files: sealed batch by batch on their way into the stage, then written set-wise.

In a job's process only: it needs Arrow. What is staged of identities is sealed already, so that neither a temporary
table nor the log of the database ever holds a name. While the database writes a batch, the next one is being sealed.
"""

import asyncio
import gc
import io
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from attune_contracts.datasets import IDENTITY_COLUMNS
from attune_service_kit.database import Transaction
from customer_360 import detail_import, risk_import
from customer_360.identity import COLUMNS, Identities
from customer_360.loads import LOADS, STAGE
from customer_360.resolution_import import FRESH

_IDENTITY = IDENTITY_COLUMNS["parties"]
_PARTY = [name for name in LOADS["parties"].columns if name not in _IDENTITY]
_PLAIN = [name for name in _PARTY if name not in ("customer_id", "personalisation")]
_SEALED = (*_IDENTITY, "digest", "keys", "document_key")

# Parties come into being one import at a time, so that those that stand are known before they are written.
_TURN = "SELECT pg_advisory_xact_lock(hashtext('customer_360.parties'))"
# Batch by batch, each sorted and joined in memory; of large tables a batch touches few rows.
_SETTINGS = "SELECT set_config('work_mem', '64MB', true), set_config('random_page_cost', '1.1', true)"
_ANY_PARTY = "SELECT EXISTS (SELECT FROM party)"
_ANY_IDENTITY = "SELECT EXISTS (SELECT FROM party_identity)"
_KNOWN = """
SELECT p.customer_id::text, i.digest FROM party p LEFT JOIN party_identity i USING (customer_id)
WHERE p.customer_id = ANY ($1::text[]::uuid[])"""


AT_ONCE = 10_000
"""Parties in a batch: what is staged of them stays in the memory that PostgreSQL has for temporary tables."""
_GIVES_WAY = 0.0005


def _list(prefix: str, names: Sequence[str]) -> str:
    return ", ".join(f"{prefix}{name}" for name in names)


STAGED = (*_PARTY, *_SEALED, "name_birth", "name_phone", "stands")
"""The stage's columns. A row whose identity stands already is staged with its digest alone."""

_TYPES = {"keys": "bigint[]", "name_birth": "bigint", "name_phone": "bigint", "stands": "boolean"} | dict.fromkeys(
    (*_IDENTITY, "digest", "document_key"), "bytea"
)
_COMPARED = {"customer_id": "uuid", "document_key": "bytea", "name_birth": "bigint", "name_phone": "bigint"}

# A party is two rows: identity data apart.
_ADD_PARTIES = f"""
INSERT INTO party ({_list("", _PARTY)}, source, version, updated_at)
SELECT {_list("", _PARTY)}, $1::text, 1, $2::timestamptz FROM {STAGE} WHERE NOT stands
"""  # noqa: S608 - names of this package
_ADD_IDENTITIES = f"""
INSERT INTO party_identity ({_list("", ["customer_id", *_SEALED])}, told_at, told_by)
SELECT {_list("", ["customer_id", *_SEALED])}, $1::timestamptz, $2::text FROM {STAGE} WHERE NOT stands
"""  # noqa: S608 - names of this package
_ADD_HOMES = f"""
INSERT INTO household (household_id)
SELECT DISTINCT household_id FROM {STAGE} WHERE household_id IS NOT NULL AND NOT stands ON CONFLICT DO NOTHING
"""  # noqa: S608 - names of this package
# A version counts changes of either row. An import may end personalisation but not bring it back: that word belongs to
# the customer.
_CHANGE = f"""
WITH changed AS MATERIALIZED (
    SELECT {_list("s.", ["customer_id", *_PLAIN, *_SEALED])},
           s.personalisation AND p.personalisation AS personalisation,
           s.keys IS NOT NULL AND i.digest IS DISTINCT FROM s.digest AS known_otherwise
    FROM {STAGE} s JOIN party p USING (customer_id) LEFT JOIN party_identity i USING (customer_id)
    WHERE s.stands AND (({_list("p.", _PLAIN)}) IS DISTINCT FROM ({_list("s.", _PLAIN)})
       OR p.personalisation AND NOT s.personalisation
       OR s.keys IS NOT NULL AND i.digest IS DISTINCT FROM s.digest)
), parties AS (
    UPDATE party t SET
        {", ".join(f"{name} = c.{name}" for name in [*_PLAIN, "personalisation"])},
        version = t.version + 1, updated_at = $1::timestamptz
    FROM changed c WHERE c.customer_id = t.customer_id
), identities AS (
    INSERT INTO party_identity ({_list("", ["customer_id", *_SEALED])}, told_at, told_by)
    SELECT {_list("", ["customer_id", *_SEALED])}, $1::timestamptz, $2::text FROM changed WHERE known_otherwise
    ON CONFLICT (customer_id) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in [*_SEALED, "told_at", "told_by"])}
), homes AS (
    INSERT INTO household (household_id) SELECT DISTINCT household_id FROM changed WHERE household_id IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM changed
"""  # noqa: S608 - names of this package
_KEEP_COMPARED = f"""
INSERT INTO {FRESH} ({_list("", list(_COMPARED))})
SELECT {_list("", list(_COMPARED))} FROM {STAGE} WHERE keys IS NOT NULL
"""  # noqa: S608 - names of this package


@dataclass(frozen=True)
class Desk:
    """What the parties of one import are worked on with. `pool` shows what is committed."""

    identities: Identities
    pool: asyncpg.Pool
    since: detail_import.Since
    source: str


@dataclass(frozen=True)
class Sealed:
    """A batch as PostgreSQL's CSV, and what it needs: new ones are added, those that stand compared."""

    csv: bytes
    rows: int
    standing: int
    homes: bool
    rated: bool


@dataclass(frozen=True)
class Loaded:
    """How many parties were added or changed, and whether there were identities before."""

    changed: int
    older: bool


async def load(tx: Transaction, batches: Iterator[pa.RecordBatch], desk: Desk) -> Loaded:
    """Write what is new of the batches and what differs; who was changed stands in FRESH afterwards."""
    await tx.conn.execute(_TURN)
    await tx.conn.execute(_SETTINGS)
    for name, columns in ((STAGE, _staged()), (FRESH, _COMPARED)):
        listed = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        await tx.conn.execute(f"CREATE TEMPORARY TABLE {name} ({listed}) ON COMMIT DROP")
    any_stands, older = [bool(await tx.conn.fetchval(any_)) for any_ in (_ANY_PARTY, _ANY_IDENTITY)]
    changed = 0
    with _two_at_once():
        async with aclosing(_ahead(_sealed(batches, desk, any_stands))) as ready:
            async for batch in ready:
                changed += await _write(tx, batch, desk)
    return Loaded(changed, older)


@contextmanager
def _two_at_once() -> Iterator[None]:
    """Seal in one thread without keeping the database waiting for the other one, which speaks to it.

    By default a thread that computes gives way after 5 ms, each time that the socket has room again. A batch is
    hundreds of thousands of small objects without a circle among them: the collector of garbage would look for none.
    """
    interval, collects = sys.getswitchinterval(), gc.isenabled()
    sys.setswitchinterval(_GIVES_WAY)
    gc.disable()
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        if collects:
            gc.enable()


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    """For COPY, which reads a file piece by piece in a thread."""
    yield content


async def _write(tx: Transaction, batch: Sealed, desk: Desk) -> int:
    conn, now = tx.conn, tx.now
    await conn.execute(f"TRUNCATE {STAGE}")
    await conn.copy_to_table(STAGE, source=_whole(batch.csv), columns=STAGED, format="csv")
    changed = batch.rows - batch.standing
    if batch.standing:
        await conn.execute(f"ANALYZE {STAGE}")
        await risk_import.keep_newer(tx)
        changed += int(await conn.fetchval(_CHANGE, now, tx.who))
        await detail_import.take_over(tx, desk.since)
    if batch.rows > batch.standing:
        await conn.execute(_ADD_PARTIES, desk.source, now)
        await conn.execute(_ADD_IDENTITIES, now, tx.who)
        if batch.homes:
            await conn.execute(_ADD_HOMES)
    if batch.rated:
        await risk_import.remember(tx)
    await conn.execute(_KEEP_COMPARED)
    return changed


def _staged() -> dict[str, str]:
    plain = LOADS["parties"]
    return {name: _TYPES.get(name) or plain.type_of(name) for name in STAGED}


async def _sealed(batches: Iterator[pa.RecordBatch], desk: Desk, any_stands: bool) -> AsyncGenerator[Sealed]:
    """The batches of the load's columns, sealed in a thread."""
    known: dict[str, bytes | None] = {}
    while (batch := await asyncio.to_thread(next, batches, None)) is not None:
        if any_stands:
            batch = await detail_import.kept(batch, desk.identities, desk.pool, desk.since)
            rows = await desk.pool.fetch(_KNOWN, batch["customer_id"].to_pylist())
            known = {row["customer_id"]: row["digest"] for row in rows}
        yield await asyncio.to_thread(_as_csv, batch, desk.identities, known)


def _as_csv(batch: pa.RecordBatch, identities: Identities, known: dict[str, bytes | None]) -> Sealed:
    """In the order of the keys: a batch goes once through each index."""
    batch = batch.take(pa.compute.sort_indices(batch["customer_id"]))
    out = io.BytesIO()
    options = pa.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    pa.csv.write_csv(seal(batch, identities, known), out, options)
    given = {name: batch[name].null_count < batch.num_rows for name in ("household_id", "risk_rating")}
    return Sealed(out.getvalue(), batch.num_rows, len(known), given["household_id"], given["risk_rating"])


async def _ahead(batches: AsyncGenerator[Sealed]) -> AsyncGenerator[Sealed]:
    """While one batch is being written, the next one is made."""
    coming = asyncio.ensure_future(anext(batches, None))
    try:
        while (batch := await asyncio.shield(coming)) is not None:
            coming = asyncio.ensure_future(anext(batches, None))
            yield batch
    finally:
        await asyncio.wait([coming])  # its thread uses what the caller is about to close


def seal(batch: pa.RecordBatch, identities: Identities, known: dict[str, bytes | None]) -> pa.RecordBatch:
    """One batch. `known` has the digests of the parties that stand already, None where they have no identity."""
    ids: list[str] = batch["customer_id"].to_pylist()
    values = {name: batch[name].to_pylist() for name in COLUMNS}
    digests = identities.digests(ids, zip(*(values[name] for name in COLUMNS), strict=True))
    fresh = [known.get(id_) != mark for id_, mark in zip(ids, digests, strict=True)]
    told = {
        name: [value if new else None for value, new in zip(column, fresh, strict=True)]
        for name, column in values.items()
    }
    kinds, born = batch["party_kind"].to_pylist(), batch["birth_date"].to_pylist()
    traces = identities.traces_of(kinds, born, told["name"], told["phone"], told["document"])
    columns: dict[str, Any] = {name: batch[name] for name in _PARTY}
    for name in COLUMNS:
        columns[name] = [_bytea(text) for text in identities.columns[name].seal_texts(ids, told[name])]
    columns["digest"] = [_bytea(mark) for mark in digests]
    columns["keys"] = [_array(trace.keys) if new else None for trace, new in zip(traces, fresh, strict=True)]
    columns["document_key"] = [_bytea(trace.document) for trace in traces]
    columns["name_birth"] = [trace.name_birth for trace in traces]
    columns["name_phone"] = [trace.name_phone for trace in traces]
    columns["stands"] = [id_ in known for id_ in ids]
    types = {"name_birth": pa.int64(), "name_phone": pa.int64()}
    made = {name: pa.array(values, types.get(name)) for name, values in columns.items() if isinstance(values, list)}
    return pa.RecordBatch.from_pydict({name: (columns | made)[name] for name in STAGED})


def _bytea(value: bytes | None) -> str | None:
    return None if value is None else f"\\x{value.hex()}"


def _array(values: tuple[int, ...]) -> str:
    return "{" + ",".join(map(str, values)) + "}"
