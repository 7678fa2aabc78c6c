"""What a trigger would have found on some days, by the lake alone (X8): counts, and the first one. Changes nothing."""

import asyncio
from collections import Counter
from datetime import date, timedelta
from typing import Any

import duckdb

from attune_service_kit.jobs import JobContext
from eventing import lake_triggers, money, triggers
from eventing.compiled import Compiled
from eventing.definition import Definition
from eventing.jobs import workbench
from eventing.lake_triggers import Detection

_CURRENCY = "SELECT currency FROM base_currency"


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `trigger`, a name, or `definition`, a file's content; `from`, `to` (ISO dates).

    Result: `{trigger, version, from, to, settled, detections, subjects, per_day: {DAY: count}, first}`.
    """
    first, last = date.fromisoformat(job.params["from"]), date.fromisoformat(job.params["to"])
    trigger, currency = await _trigger(job)
    # What a timer finds is settled when no fact within the lateness can come before it.
    settled = last - timedelta(trigger.lateness + 1)
    with workbench.opened(job.runtime) as con:
        await workbench.load_owners(con, job.runtime)
        if "behaviours" in trigger.definition.on:
            await workbench.load_behaviours(con, job.runtime)
        await job.progress(0, 1, "facts gathered")
        found = await asyncio.to_thread(lake_triggers.detections, con, trigger, currency, first, last, settled)
        result = {
            "trigger": trigger.name,
            "version": None if job.params.get("trigger") is None else trigger.version,
            "from": first.isoformat(),
            "to": last.isoformat(),
            "settled": settled.isoformat() if trigger.has_timer else last.isoformat(),
            "detections": len(found),
            "subjects": len({one.customer_id for one in found}),
            "per_day": {day.isoformat(): count for day, count in sorted(Counter(d.day for d in found).items())},
            "first": _first(con, found[0], currency) if found else None,
        }
    await job.progress(1, 1, "judged")
    return result


async def _trigger(job: JobContext) -> tuple[Compiled, str]:
    async with job.runtime.worker_database.pool.acquire() as conn:
        currency: str = await conn.fetchval(_CURRENCY) or ""
        name = job.params.get("trigger")
        if name is not None:
            row = await triggers.get(conn, name)
            return triggers.compiled(dict(row) | {"enabled": True}, currency), currency
    definition = Definition.model_validate(job.params["definition"])
    return Compiled.of(definition, digits=money.places(currency)), currency


def _first(con: duckdb.DuckDBPyConnection, one: Detection, currency: str) -> dict[str, Any]:
    """The first one, with the bank's own account id."""
    of = {"account": None if one.account_id is None else str(one.account_id)}
    rows = con.execute("SELECT source_id FROM account_owner WHERE account_id = $account", of).fetchall()
    found: dict[str, Any] = {
        "event_key": one.event_key,
        "customer_id": str(one.customer_id),
        "account_id": rows[0][0] if rows else None,
        "date": one.day.isoformat(),
    }
    figures = {"amount": one.amount_minor, "compared_with": one.compared_with_minor}
    return found | {name: money.to_text(minor, currency) for name, minor in figures.items() if minor is not None}
