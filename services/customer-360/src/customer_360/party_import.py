"""Parties from the bank's files: sealed batch by batch on their way into the stage, then written set-wise.

In a job's process only: it needs Arrow. What is staged of identities is sealed already, so that neither a temporary
table nor the log of the database ever holds a name.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pyarrow as pa

from attune_contracts.datasets import IDENTITY_COLUMNS
from attune_service_kit.database import Transaction
from customer_360.identity import COLUMNS, Identities, Identity
from customer_360.loads import LOADS, STAGE

_IDENTITY = IDENTITY_COLUMNS["parties"]
_PARTY = [name for name in LOADS["parties"].columns if name not in _IDENTITY]
_PLAIN = [name for name in _PARTY if name not in ("customer_id", "personalisation")]
_SEALED = (*_IDENTITY, "digest", "keys", "document_key")

_KNOWN = "SELECT customer_id::text, digest FROM party_identity WHERE customer_id = ANY($1::text[]::uuid[])"


def _list(prefix: str, names: Sequence[str]) -> str:
    return ", ".join(f"{prefix}{name}" for name in names)


STAGED = (*_PARTY, *_SEALED, "name_birth", "name_phone")
"""The stage's columns. A row whose identity stands already is staged with its digest alone."""

_TYPES = {"keys": "bigint[]", "name_birth": "bigint", "name_phone": "bigint"} | dict.fromkeys(
    (*_IDENTITY, "digest", "document_key"), "bytea"
)

# A party is two rows: identity data apart. A version counts changes of either. An import may end personalisation but
# not bring it back: that word belongs to the customer. `$1` is the source system, `$2` the moment.
_UPSERT = f"""
WITH changed AS MATERIALIZED (
    SELECT {_list("s.", ["customer_id", *_PLAIN, *_SEALED])},
           s.personalisation AND coalesce(p.personalisation, true) AS personalisation,
           s.keys IS NOT NULL AND i.digest IS DISTINCT FROM s.digest AS known_otherwise
    FROM {STAGE} s LEFT JOIN party p USING (customer_id) LEFT JOIN party_identity i USING (customer_id)
    WHERE p.customer_id IS NULL
       OR ({_list("p.", _PLAIN)}) IS DISTINCT FROM ({_list("s.", _PLAIN)})
       OR p.personalisation AND NOT s.personalisation
       OR s.keys IS NOT NULL AND i.digest IS DISTINCT FROM s.digest
), parties AS (
    INSERT INTO party AS t ({_list("", _PARTY)}, source, version, updated_at)
    SELECT {_list("", _PARTY)}, $1::text, 1, $2::timestamptz FROM changed
    ON CONFLICT (customer_id) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in [*_PLAIN, "personalisation"])},
        version = t.version + 1, updated_at = excluded.updated_at
), identities AS (
    INSERT INTO party_identity ({_list("", ["customer_id", *_SEALED])})
    SELECT {_list("", ["customer_id", *_SEALED])} FROM changed WHERE known_otherwise
    ON CONFLICT (customer_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _SEALED)}
), homes AS (
    INSERT INTO household (household_id) SELECT DISTINCT household_id FROM changed WHERE household_id IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM changed
"""  # noqa: S608 - names of this package


def stage() -> str:
    """The temporary table: identities sealed, their digests beside them."""
    plain = LOADS["parties"]
    columns = [f"{name} {_TYPES.get(name) or plain.type_of(name)}" for name in STAGED]
    return f"CREATE TEMPORARY TABLE {STAGE} ({', '.join(columns)}) ON COMMIT DROP"


async def sealed(
    batches: AsyncIterator[pa.RecordBatch], identities: Identities, pool: asyncpg.Pool
) -> AsyncIterator[pa.RecordBatch]:
    """Batches of the load's columns as batches of STAGED; a batch is never more than one in memory."""
    async for batch in batches:
        ids = batch["customer_id"].to_pylist()
        known = {row["customer_id"]: row["digest"] for row in await pool.fetch(_KNOWN, ids)}
        yield seal(batch, identities, known)


def seal(batch: pa.RecordBatch, identities: Identities, known: dict[str, bytes]) -> pa.RecordBatch:
    """One batch. `known` has the digests of the parties that stand already."""
    ids: list[str] = batch["customer_id"].to_pylist()
    values = {name: batch[name].to_pylist() for name in COLUMNS}
    rows = list(zip(*(values[name] for name in COLUMNS), strict=True))
    digests = [identities.digest(id_, row) for id_, row in zip(ids, rows, strict=True)]
    fresh = [known.get(id_) != mark for id_, mark in zip(ids, digests, strict=True)]
    keys: list[str | None] = [None] * len(ids)
    documents: list[str | None] = [None] * len(ids)
    births: list[int | None] = [None] * len(ids)
    phones: list[int | None] = [None] * len(ids)
    kinds, born = batch["party_kind"].to_pylist(), batch["birth_date"].to_pylist()
    for number, new in enumerate(fresh):
        if new:
            traces = identities.traces(kinds[number], born[number], Identity(*rows[number]))
            keys[number], documents[number] = _array(traces.keys), _bytea(traces.document)
            births[number], phones[number] = traces.name_birth, traces.name_phone
    columns: dict[str, Any] = {name: batch[name] for name in _PARTY}
    for name in COLUMNS:
        chosen = [value if new else None for value, new in zip(values[name], fresh, strict=True)]
        columns[name] = [_bytea(text) for text in identities.columns[name].seal_texts(ids, chosen)]
    columns |= {"digest": [_bytea(mark) for mark in digests], "keys": keys}
    columns |= {"document_key": documents, "name_birth": births, "name_phone": phones}
    types = {"name_birth": pa.int64(), "name_phone": pa.int64()}
    made = {name: pa.array(values, types.get(name)) for name, values in columns.items() if isinstance(values, list)}
    return pa.RecordBatch.from_pydict({name: (columns | made)[name] for name in STAGED})


def _bytea(value: bytes | None) -> str | None:
    return None if value is None else "\\x" + value.hex()


def _array(values: tuple[int, ...]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


async def write(tx: Transaction, source: str) -> int:
    """Write what differs of the staged parties; return how many that were."""
    return int(await tx.conn.fetchval(_UPSERT, source, tx.now))
