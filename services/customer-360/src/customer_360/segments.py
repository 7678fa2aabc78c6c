"""What insight finds of everybody, as tags: jobs read a published snapshot and write what differs. Need DuckDB."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from attune_contracts.datasets import FEATURES, SEGMENTS, Dataset
from attune_contracts.pointer import Pointer
from attune_service_kit.database import Transaction
from attune_service_kit.jobs import JobContext
from attune_service_kit.lake_sql import connect, scan
from customer_360.settings import settings_of

SOURCE = "insight"
BAND = "aum_band"
CHUNK = 20_000
"""Customers in one transaction."""

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
# A snapshot is about everybody: who is no longer in it, of this stretch of ids, has left the segment.
_LEFT = """
DELETE FROM tag t
WHERE t.source = $1 AND (t.tag = $2) = $3 AND ($4::uuid IS NULL OR t.customer_id > $4)
  AND ($5::uuid IS NULL OR t.customer_id <= $5)
  AND NOT EXISTS (SELECT FROM incoming_tag i WHERE i.customer_id = t.customer_id AND i.tag = t.tag)"""


@dataclass(frozen=True)
class Feed:
    """One published dataset as tags: a query over its view `snapshot` with customer, tags and values, by customer."""

    dataset: Dataset
    bands: bool
    """Whether it gives the band of assets, or everything else of this source."""

    def query(self, bounds: Sequence[int]) -> str:
        """The next customers from behind an id."""
        over = " + ".join(f"(aum_90d_minor >= {bound})::INTEGER" for bound in bounds)
        rows = (
            f"SELECT customer_id, ['{BAND}'] AS tags, ['band_' || (1 + {over})] AS values FROM snapshot"  # noqa: S608
            if self.bands
            else "SELECT customer_id, list(segment ORDER BY segment) AS tags, list(value ORDER BY segment) AS values"
            " FROM snapshot GROUP BY customer_id"
        )
        return f"SELECT * FROM ({rows}) WHERE customer_id > ? ORDER BY customer_id LIMIT ?"  # noqa: S608 - numbers of ours


async def load_segments(job: JobContext) -> dict[str, Any]:
    """Everybody's segments: value quadrant, life-cycle stage and the others."""
    return await _load(job, Feed(SEGMENTS, bands=False))


async def load_bands(job: JobContext) -> dict[str, Any]:
    """Everybody's band of assets, from the features."""
    return await _load(job, Feed(FEATURES, bands=True))


async def _load(job: JobContext, feed: Feed) -> dict[str, Any]:
    """Write in order of the customers' ids; a killed run goes on where it was. An older snapshot changes nothing.

    Deleted tags stay deleted, and customers who are not known here are left out.
    """
    pointer = Pointer.model_validate(job.params["pointer"])
    done: dict[str, Any] = dict(job.cursor or {"after": "", "customers": 0, "written": 0, "left": 0})
    con = connect(job.runtime.lake, job.runtime.settings)
    try:
        con.execute(f"CREATE VIEW snapshot AS {scan(feed.dataset, job.runtime.lake.read_pointer(pointer))}")
        query = feed.query(settings_of(job.runtime).aum_bands_minor)
        while True:
            rows = con.execute(query, [done["after"], CHUNK]).fetchall()
            async with job.transaction() as tx:
                if await tx.conn.fetchval(_NEWER, feed.dataset.name, pointer.as_of, pointer.manifest) is not True:
                    return {"customers": 0, "written": 0, "left": 0, "skipped": "older"}
                done = await _chunk(tx, feed, rows, pointer, done)
                job.cursor = done
            await job.progress(done["customers"], None, "segments become tags")
            if len(rows) < CHUNK:
                return {name: done[name] for name in ("customers", "written", "left")}
    finally:
        con.close()


async def _chunk(
    tx: Transaction, feed: Feed, rows: Sequence[tuple[Any, ...]], pointer: Pointer, done: dict[str, Any]
) -> dict[str, Any]:
    """One stretch of ids: to its last customer, or to the end where these are the last."""
    await tx.conn.execute(_STAGE)
    records = [
        (UUID(customer), tag, value)
        for customer, tags, values in rows
        for tag, value in zip(tags, values, strict=True)
        if value is not None
    ]
    columns = ("customer_id", "tag", "value")
    await tx.conn.copy_records_to_table("incoming_tag", records=records, columns=columns)
    written: str = await tx.conn.execute(_MERGE, SOURCE, tx.now, pointer.as_of)
    after = UUID(done["after"]) if done["after"] else None
    last = UUID(rows[-1][0]) if len(rows) == CHUNK else None
    left: str = await tx.conn.execute(_LEFT, SOURCE, BAND, feed.bands, after, last)
    return {
        "after": rows[-1][0] if rows else done["after"],
        "customers": done["customers"] + len(rows),
        "written": done["written"] + int(written.rpartition(" ")[2]),
        "left": done["left"] + int(left.rpartition(" ")[2]),
    }
