"""Insight's segments as tags: a job that reads the published features and writes what differs. Needs DuckDB."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import duckdb

from attune_contracts.datasets import FEATURES
from attune_contracts.pointer import Pointer
from attune_service_kit.database import Transaction
from attune_service_kit.jobs import JobContext
from attune_service_kit.lake_sql import connect, scan
from customer_360.settings import settings_of

SOURCE = "insight"
QUADRANT, BAND = "value_quadrant", "aum_band"
CHUNK = 50_000

_NEWER = """
INSERT INTO tag_load AS l (source, as_of, manifest) VALUES ($1, $2, $3)
ON CONFLICT (source) DO UPDATE SET as_of = excluded.as_of, manifest = excluded.manifest
WHERE (excluded.as_of, excluded.manifest) >= (l.as_of, l.manifest) RETURNING true"""
_STAGE = """
CREATE TEMPORARY TABLE incoming_tag (customer_id uuid, tag text, value text) ON COMMIT DROP"""
# A night without news writes nothing: a tag is renewed when its value changes, or half its life is over.
_MERGE = """
INSERT INTO tag AS t (customer_id, tag, source, value, assigned_by, assigned_at, expires_on)
SELECT i.customer_id, i.tag, $1, i.value, $1, $2, $3::date + d.keep_days
FROM incoming_tag i JOIN tag_definition d USING (tag) JOIN party p USING (customer_id)
WHERE NOT EXISTS (
    SELECT FROM tag_deletion x WHERE x.customer_id = i.customer_id AND x.tag = i.tag AND x.source = $1)
ORDER BY i.customer_id, i.tag
ON CONFLICT (customer_id, tag, source) DO UPDATE SET
    value = excluded.value, assigned_at = excluded.assigned_at, expires_on = excluded.expires_on
WHERE t.value <> excluded.value OR (t.expires_on - $3::date) * 2 < excluded.expires_on - $3::date"""


async def load(job: JobContext) -> dict[str, Any]:
    """Write everybody's segments as tags, in order of their ids; a killed run goes on where it was.

    Deleted ones stay deleted, and customers who are not known here are left out. An older snapshot changes nothing.
    """
    pointer = Pointer.model_validate(job.params["pointer"])
    done: dict[str, Any] = dict(job.cursor or {"after": "", "read": 0, "written": 0})
    con = connect(job.runtime.lake, job.runtime.settings)
    try:
        query = _query(con, job, pointer)
        while True:
            rows = con.execute(query, [done["after"], CHUNK]).fetchall()
            if not rows:
                break
            async with job.transaction() as tx:
                if await tx.conn.fetchval(_NEWER, SOURCE, pointer.as_of, pointer.manifest) is not True:
                    return {"read": 0, "written": 0, "skipped": "older"}
                written = await _merge(tx, rows, pointer)
                done = {"after": rows[-1][0], "read": done["read"] + len(rows), "written": done["written"] + written}
                job.cursor = done
            await job.progress(done["read"], pointer.rows, "segments become tags")
    finally:
        con.close()
    return {"read": done["read"], "written": done["written"]}


def _query(con: duckdb.DuckDBPyConnection, job: JobContext, pointer: Pointer) -> str:
    """The next customers with their quadrant and the number of their asset band, from behind an id."""
    files = job.runtime.lake.read_pointer(pointer)
    con.execute(f"CREATE OR REPLACE VIEW features AS {scan(FEATURES, files)}")
    bounds = settings_of(job.runtime).aum_bands_minor
    over = " + ".join(f"(aum_90d_minor >= {bound})::INTEGER" for bound in bounds)
    return (
        f"SELECT customer_id, value_quadrant, 'band_' || (1 + {over}) FROM features"  # noqa: S608 - numbers of the settings
        " WHERE customer_id > ? ORDER BY customer_id LIMIT ?"
    )


async def _merge(tx: Transaction, rows: Sequence[tuple[Any, ...]], pointer: Pointer) -> int:
    await tx.conn.execute(_STAGE)
    records = [
        (UUID(customer), tag, value)
        for customer, quadrant, band in rows
        for tag, value in ((QUADRANT, quadrant), (BAND, band))
        if value is not None
    ]
    columns = ("customer_id", "tag", "value")
    await tx.conn.copy_records_to_table("incoming_tag", records=records, columns=columns)
    status: str = await tx.conn.execute(_MERGE, SOURCE, tx.now, pointer.as_of)
    return int(status.rpartition(" ")[2])
