"""What a replay does to detections, and its gate: the last day that it may publish for now."""

from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from attune_contracts.eventing import DetectionWithdrawn
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, NotFound
from eventing.money import to_text

_UNCONFIRM = """
UPDATE detection SET unconfirmed = true WHERE business_date BETWEEN $1 AND $2 AND state = 'raised'"""
_WITHDRAW = """
UPDATE detection SET state = 'withdrawn', reason = 'replayed', withdrawn_at = now(), unconfirmed = false
WHERE business_date BETWEEN $1 AND $2 AND state = 'raised' AND unconfirmed
RETURNING customer_id, detection_id, trigger, event_key"""
# In order, as the stream's batches take several of them: neither waits for the other in a circle.
_TAKE_OVER = """
UPDATE ledger_partition SET run = $1
WHERE partition IN (SELECT partition FROM ledger_partition ORDER BY partition FOR UPDATE)"""
_SUMMARY = """
SELECT trigger, count(*) AS count, count(DISTINCT customer_id) AS subjects
FROM detection WHERE business_date BETWEEN $1 AND $2 AND state = 'raised' GROUP BY trigger ORDER BY trigger"""
_FIRST = """
SELECT d.event_key, o.source_id, d.business_date, d.amount_minor, d.compared_with_minor, d.currency
FROM detection d LEFT JOIN account_owner o ON o.account_id = d.account_id
WHERE d.business_date BETWEEN $1 AND $2 AND d.state = 'raised' AND d.trigger = $3
ORDER BY d.business_date, d.event_key LIMIT 1"""
_OPEN_GATE = """
INSERT INTO replay_gate AS g (job_id, through) VALUES ($1, $2)
ON CONFLICT (job_id) DO UPDATE SET through = greatest(g.through, excluded.through)
WHERE g.through IS NOT NULL RETURNING through"""
_OVERTAKEN = "SELECT EXISTS (SELECT FROM ledger_partition WHERE run IS DISTINCT FROM $1)"
_ACTIVE = "SELECT id FROM job WHERE kind = any($1) AND state IN ('queued', 'running') LIMIT 1"


class ReplayRunning(Conflict):
    """A replay or rebuild is at work on the keyed state."""

    code = "replay_running"


class NotGated(Conflict):
    """The replay has no gate, or it is over."""

    code = "replay_not_gated"


class ReplayOvertaken(Conflict):
    """The states were set by another rebuild or replay since: this one's postings count no longer."""

    code = "replay_overtaken"


async def refuse_if_overtaken(conn: asyncpg.Connection, run: UUID) -> None:
    """Refuse to go on with a replay, cancelled once perhaps, whose states are no longer the ones it has prepared."""
    if await conn.fetchval(_OVERTAKEN, run):
        raise ReplayOvertaken("the states were rebuilt since: start the replay anew", "状态已被重建，请重新回放")


async def refuse_if_active(conn: asyncpg.Connection) -> None:
    """Refuse while a replay or a rebuild is at work: they would undo each other. Requests take turns here."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('eventing.replay'))")
    if (active := await conn.fetchval(_ACTIVE, ["replay", "rebuild", "backfill", "trigger_run"])) is not None:
        raise ReplayRunning("a replay or rebuild is at work", "已有回放或重建任务在运行", job_id=str(active))


async def set_gate(conn: asyncpg.Connection, job_id: UUID, through: date) -> None:
    """Give a replay that is being started its gate."""
    await conn.execute(_OPEN_GATE, job_id, through)


async def open_gate(conn: asyncpg.Connection, job_id: UUID, through: date) -> date:
    """Let a gated replay publish up to and including a day; never takes a day back. Returns the gate."""
    job = await conn.fetchrow("SELECT kind, state FROM job WHERE id = $1", job_id)
    if job is None or job["kind"] != "replay":
        raise NotFound("there is no such replay", "没有该回放任务")
    if await gate(conn, job_id) is None or job["state"] not in ("queued", "running"):
        raise NotGated("this replay has no gate, or it is over", "该回放未设闸或已结束")
    opened: date = await conn.fetchval(_OPEN_GATE, job_id, through)
    return opened


async def gate(conn: asyncpg.Connection | asyncpg.Pool, job_id: UUID) -> date | None:
    """The last day that the replay may publish; None = no gate."""
    through: date | None = await conn.fetchval("SELECT through FROM replay_gate WHERE job_id = $1", job_id)
    return through


async def take_over(conn: asyncpg.Connection, run: UUID) -> None:
    """From now on the postings of this replay count, on top of the states as they are."""
    await conn.execute(_TAKE_OVER, run)


async def unconfirm(conn: asyncpg.Connection, first: date, last: date) -> None:
    """Every standing detection of the range has to be found again."""
    await conn.execute(_UNCONFIRM, first, last)


async def withdraw_unconfirmed(tx: Transaction, first: date, last: date) -> int:
    """Withdraw the range's detections that the replay has not found again; return how many."""
    rows = await tx.conn.fetch(_WITHDRAW, first, last)
    tx.emit(*(DetectionWithdrawn(**dict(row), reason="replayed") for row in rows))
    return len(rows)


async def summary(conn: asyncpg.Connection, first: date, last: date) -> dict[str, Any]:
    """The detections standing in the range, by trigger: count, subjects, the first one with the bank's account id."""
    found: dict[str, Any] = {}
    for row in await conn.fetch(_SUMMARY, first, last):
        one = await conn.fetchrow(_FIRST, first, last, row["trigger"])
        assert one is not None  # noqa: S101 - the count is not zero
        found[row["trigger"]] = {
            "count": row["count"],
            "subjects": row["subjects"],
            "first": {
                "posting_id": one["event_key"],
                "account_id": one["source_id"],
                "date": one["business_date"].isoformat(),
            }
            | {
                name: to_text(one[f"{name}_minor"], one["currency"])
                for name in ("amount", "compared_with")
                if one[f"{name}_minor"] is not None
            },
        }
    return found
