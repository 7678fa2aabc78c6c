"""Phone and address between the bank's files and what managers and customers have said since. In a job's process only.

Their word stands against a file as long as it is fresh; after that the file's value is taken again.
"""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import asyncpg
import pyarrow as pa

from attune_service_kit.database import Transaction
from customer_360.detail_rules import IDENTITY, Detail
from customer_360.identity import Identities

_LOCAL = """
SELECT f.customer_id::text AS id, f.field, i.phone, i.address
FROM profile_field f JOIN party_identity i USING (customer_id)
WHERE f.customer_id = ANY ($1::text[]::uuid[]) AND f.source <> 'import' AND f.field IN ('phone', 'address')
  AND f.updated_at >= CASE f.field WHEN 'phone' THEN $2::timestamptz ELSE $3::timestamptz END"""
_REMEMBER = """
INSERT INTO profile_field AS f (customer_id, field, source, updated_by, updated_at)
SELECT i.customer_id, v.field, 'import', $1, $2
FROM party_identity i CROSS JOIN LATERAL (VALUES ('phone', i.phone), ('address', i.address)) AS v (field, sealed)
WHERE i.xmin = pg_current_xact_id()::xid AND v.sealed IS NOT NULL
ON CONFLICT (customer_id, field) DO UPDATE SET source = excluded.source, updated_by = excluded.updated_by,
    updated_at = excluded.updated_at
WHERE f.source = 'import' OR f.updated_at < CASE f.field WHEN 'phone' THEN $3::timestamptz ELSE $4::timestamptz END"""

Since = Mapping[Detail, datetime]
"""From when on a word is fresh, by field."""


async def _kept(batch: pa.RecordBatch, keys: Identities, pool: asyncpg.Pool, since: Since) -> pa.RecordBatch:
    """One batch, as `standing` says."""
    ids: list[str] = batch["customer_id"].to_pylist()
    rows = await pool.fetch(_LOCAL, ids, since["phone"], since["address"])
    if not rows:
        return batch
    columns: dict[str, Any] = {name: batch[name].to_pylist() for name in IDENTITY}
    places = {id_: number for number, id_ in enumerate(ids)}
    for row in rows:
        opened = keys.columns[row["field"]].open_text(row["id"], row[row["field"]])
        columns[row["field"]][places[row["id"]]] = opened
    for name, values in columns.items():
        batch = batch.set_column(batch.schema.get_field_index(name), name, pa.array(values, pa.string()))
    return batch


async def standing(
    batches: AsyncIterator[pa.RecordBatch], keys: Identities, pool: asyncpg.Pool, since: Since
) -> AsyncIterator[pa.RecordBatch]:
    """The file's batches, with the fresh word of managers and customers in the place of the file's."""
    async for batch in batches:
        yield await _kept(batch, keys, pool, since)


async def remember(tx: Transaction, since: Since) -> None:
    """After the parties are written: the file is the source of what it has changed."""
    await tx.conn.execute(_REMEMBER, tx.who, tx.now, since["phone"], since["address"])
