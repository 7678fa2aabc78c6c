"""A day's file, or what the lake has of it, against what came by the stream: the file repairs the ledger's losses (X4).

What is missing is sent to the stream once, to be judged as late; what differs, and what the file does not know, is
listed for people to decide. Twice changes nothing.
"""

import asyncio
import csv
from datetime import date
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import duckdb

from attune_service_kit import lake_sql
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict
from attune_service_kit.files import engine, load_mapping
from attune_service_kit.jobs import JobContext
from attune_service_kit.runtime import Runtime
from eventing import intake, upkeep
from eventing.jobs import day_close, keyed_states, workbench

DATASET = "transactions"
CHUNK = 500
# So many of each kind are named; all are counted.
LISTED = 200

_REMEMBERED = "SELECT max(remembered_from) FROM ledger_partition"
_NEWEST = "SELECT partition, business_date FROM ledger_partition"
# The stream's postings of the day, and those that the file has on this day and the stream on another.
_WANTED = "CREATE TEMP TABLE wanted_posting (account_id uuid, posting_id text)"
_STREAMED = """
SELECT account_id, posting_id, business_date, direction, amount_minor, currency FROM posting WHERE business_date = $1
UNION
SELECT p.account_id, p.posting_id, p.business_date, p.direction, p.amount_minor, p.currency
FROM posting p JOIN wanted_posting USING (account_id, posting_id)"""
_READ = """
CREATE OR REPLACE TEMP TABLE streamed AS FROM read_csv({file}, header = true, auto_detect = false, delim = ',',
    quote = '"', escape = '"', columns = {{'account_id': 'VARCHAR', 'posting_id': 'VARCHAR', 'business_date': 'DATE',
    'direction': 'VARCHAR', 'amount_minor': 'BIGINT', 'currency': 'VARCHAR'}})"""
_EXPECTED = """
CREATE OR REPLACE TEMP TABLE expected AS SELECT * FROM {relation} WHERE business_date = $day"""
_FIELDS = ("account_id", "business_date", "direction", "amount_minor", "currency")
_PAIRS = """
CREATE OR REPLACE TEMP TABLE pair AS
SELECT e.posting_id, {files}, {streams}
FROM expected AS e JOIN streamed AS s USING (posting_id)"""
_COUNTS = """
SELECT (SELECT count(*) FROM expected), (SELECT count(*) FROM streamed WHERE business_date = $day),
       (SELECT count(*) FROM pair)"""
_DIFFERENT = """
SELECT posting_id, field, file, stream FROM ({fields}) WHERE file IS DISTINCT FROM stream ORDER BY posting_id, field"""
_UNEXPECTED = """
SELECT posting_id FROM streamed ANTI JOIN expected USING (posting_id) WHERE business_date = $day ORDER BY posting_id"""
_MISSING = """
SELECT e.account_id, e.posting_id, e.business_date, epoch_us(e.booked_at), e.direction, e.amount_minor, e.currency,
       e.kind, e.channel, e.flags, e.reverses, o.partition
FROM expected AS e ANTI JOIN streamed USING (posting_id) LEFT JOIN account_owner AS o ON o.account_id = e.account_id
ORDER BY e.business_date, e.posting_id"""


class DayNotRemembered(Conflict):
    """The states took the day's postings from the lake and keep no keys of them: nobody can tell what is missing."""

    code = "day_not_remembered"


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `date`; `mapping` and `folder`, or neither for what the lake has of the day.

    Result: `{date, source, in_file, in_stream, matched, missing, added, already_sent, waiting, beyond_watermark,
    different, differences, only_in_stream, unexpected, rejected, rejects}`; of rejected lines where they are and why.
    """
    day = date.fromisoformat(job.params["date"])
    remembered = await job.runtime.worker_database.pool.fetchval(_REMEMBERED)
    if remembered is not None and day < remembered:
        raise DayNotRemembered(
            f"the states took days before {remembered} from the lake: rebuild or replay instead",
            f"{remembered} 之前的日期由数据湖重建，请改用重建或回放",
        )
    with workbench.opened(job.runtime) as con:
        async with workbench.only_writer(job.runtime):
            await day_close.publish_alone(job, con)
            unread = await _expect(job, con, day)
            await workbench.load_owners(con, job.runtime)
            await _fetch_streamed(job.runtime, con, day)
        found = await asyncio.to_thread(_compare, con, day)
        await job.progress(1, 2, "compared")
        sent = await _send(job, con)
    await job.progress(2, 2, "sent")
    source = "file" if job.params.get("mapping") else "lake"
    return {"date": day.isoformat(), "source": source} | found | sent | unread


async def _expect(job: JobContext, con: duckdb.DuckDBPyConnection, day: date) -> dict[str, Any]:
    """Make the table `expected`: the day's postings as the file, or the lake, has them. Return what cannot be read."""
    unread: dict[str, Any] = {"rejected": 0, "rejects": []}
    if job.params.get("mapping"):
        mapping = load_mapping(job.params["mapping"])
        folder = Path(job.params["folder"])
        with (
            TemporaryDirectory(dir=job.runtime.settings.scratch, prefix="expected-") as scratch,
            await asyncio.to_thread(engine.prepare, mapping, folder, DATASET, con, Path(scratch)) as prepared,
        ):
            con.execute(_EXPECTED.format(relation=prepared.relation), {"day": day})
            if prepared.rejects_file:
                unread = {"rejected": prepared.rejected, "rejects": _places(prepared.rejects_file)}
    else:
        con.execute(_EXPECTED.format(relation=DATASET), {"day": day})
    await job.progress(0, 2, "the day is read")
    return unread


def _places(report: Path) -> list[dict[str, str]]:
    """Of the first rejected lines everything but what they hold."""
    with report.open(encoding="utf-8", newline="") as lines:
        return [{name: row[name] for name in ("file", "line", "column", "reason")}
                for row in islice(csv.DictReader(lines), LISTED)]  # fmt: skip


async def _fetch_streamed(runtime: Runtime, con: duckdb.DuckDBPyConnection, day: date) -> None:
    """Make the table `streamed`: what came by the stream, or is known from the lake."""
    keys = con.execute("SELECT account_id, posting_id FROM expected").fetchall()
    with TemporaryDirectory(dir=runtime.settings.scratch, prefix="streamed-") as folder:
        file = Path(folder) / "posting.csv"
        async with runtime.worker_database.pool.acquire() as conn:
            await conn.execute(_WANTED)
            records = [(UUID(account), posting) for account, posting in keys]
            await conn.copy_records_to_table("wanted_posting", records=records)
            await conn.copy_from_query(_STREAMED, day, output=file, format="csv", header=True)
            await conn.execute("DROP TABLE wanted_posting")
        con.execute(_READ.format(file=lake_sql.quote(str(file))))


def _compare(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, Any]:
    files = ", ".join(f"CAST(e.{name} AS VARCHAR) AS file_{name}" for name in _FIELDS)
    streams = ", ".join(f"CAST(s.{name} AS VARCHAR) AS stream_{name}" for name in _FIELDS)
    con.execute(_PAIRS.format(files=files, streams=streams))
    fields = " UNION ALL ".join(
        f"SELECT posting_id, '{name}' AS field, file_{name} AS file, stream_{name} AS stream FROM pair"  # noqa: S608
        for name in _FIELDS
    )
    counts = con.execute(_COUNTS, {"day": day}).fetchone() or (0, 0, 0)
    different = con.execute(_DIFFERENT.format(fields=fields)).fetchall()
    unexpected = [key for (key,) in con.execute(_UNEXPECTED, {"day": day}).fetchall()]
    touched = len({key for key, *_ in different})
    return {
        "in_file": counts[0],
        "in_stream": counts[1],
        "matched": counts[2] - touched,
        "missing": counts[0] - counts[2],
        "different": touched,
        "differences": [
            {"posting_id": key, "field": name, "file": file, "stream": stream}
            for key, name, file, stream in different[:LISTED]
        ],
        "only_in_stream": len(unexpected),
        "unexpected": unexpected[:LISTED],
    }


async def _send(job: JobContext, con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Send what is missing, each posting once whatever is repeated; the cursor counts what is committed."""
    counts = dict(job.cursor or {"added": 0, "already_sent": 0, "waiting": 0, "beyond_watermark": 0})
    settled = await _settled(job)
    rows = con.execute(_MISSING).fetchall()
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        lost = [intake.Lost(UUID(row[0]), _fields(row)) for row in chunk]
        beyond = {row[1] for row in chunk if row[2] <= settled.get(row[11], date.min)}
        async with job.transaction() as tx:
            await _take(tx, job, lost, beyond, counts)
        await job.progress(1, 2, f"{counts['added']} postings sent")
    return counts


async def _settled(job: JobContext) -> dict[int, date]:
    """The last day, by partition, on which a posting judges nothing any more under any rule."""
    found, _ = await keyed_states.rules(job)
    rows = await job.runtime.worker_database.pool.fetch(_NEWEST)
    known = {row["partition"]: row["business_date"].toordinal() for row in rows if row["business_date"]}
    return {number: date.fromordinal(min(day - trigger.lateness - 1 for trigger, _ in found))
            for number, day in known.items() if found}  # fmt: skip


async def _take(
    tx: Transaction, job: JobContext, lost: list[intake.Lost], beyond: set[str], counts: dict[str, int]
) -> None:
    taken = await intake.send_lost(tx, str(job.id), lost, upkeep.sender(job.runtime))
    counts["added"] += len(taken.sent)
    counts["waiting"] += taken.waiting
    counts["already_sent"] += len(lost) - len(taken.sent) - taken.waiting
    counts["beyond_watermark"] += len(beyond & taken.sent)
    job.cursor = counts


def _fields(row: tuple[Any, ...]) -> dict[str, Any]:
    """A row's fields of ledger.transaction.posted, without account and owner."""
    names = ("posting_id", "business_date", "booked_at", "direction", "amount_minor", "currency", "kind", "channel",
             "flags", "reverses")  # fmt: skip
    fields = dict(zip(names, row[1:11], strict=True))
    booked = fields["booked_at"]
    return fields | {
        "business_date": row[2].isoformat(),
        "booked_at": None if booked is None else intake.moment_of(booked).isoformat(),
    }
