"""Phone and address between the bank's files and what managers and customers have said since. In a job's process only.

Their word stands against a file as long as it is fresh; after that the file's value is taken again.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
import pyarrow as pa

from attune_service_kit.database import Transaction
from customer_360.detail_rules import IDENTITY, Detail
from customer_360.identity import Identities
from customer_360.loads import STAGE

_LOCAL = """
SELECT f.customer_id::text AS id, f.field, i.phone, i.address
FROM profile_field f JOIN party_identity i USING (customer_id)
WHERE f.customer_id = ANY ($1::text[]::uuid[]) AND f.source <> 'import' AND f.field IN ('phone', 'address')
  AND f.updated_at >= CASE f.field WHEN 'phone' THEN $2::timestamptz ELSE $3::timestamptz END"""
# Nobody's word is needed where only files have spoken: the identity itself says when they did.
_TAKE_OVER = f"""
UPDATE profile_field f SET source = 'import', updated_by = i.told_by, updated_at = i.told_at
FROM {STAGE} s JOIN party_identity i USING (customer_id)
WHERE f.customer_id = s.customer_id AND s.stands AND s.keys IS NOT NULL AND i.xmin = pg_current_xact_id()::xid
  AND CASE f.field WHEN 'phone' THEN i.phone IS NOT NULL WHEN 'address' THEN i.address IS NOT NULL ELSE false END
  AND (f.source = 'import'
       OR f.updated_at < CASE f.field WHEN 'phone' THEN $1::timestamptz ELSE $2::timestamptz END)
"""  # noqa: S608 - names of this package

Since = Mapping[Detail, datetime]
"""From when on a word is fresh, by field."""


async def kept(batch: pa.RecordBatch, keys: Identities, pool: asyncpg.Pool, since: Since) -> pa.RecordBatch:
    """A batch of the file, with the fresh word of managers and customers in the place of the file's."""
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


async def take_over(tx: Transaction, since: Since) -> None:
    """After parties that stood are written: the file is the source of what it has changed."""
    await tx.conn.execute(_TAKE_OVER, since["phone"], since["address"])
