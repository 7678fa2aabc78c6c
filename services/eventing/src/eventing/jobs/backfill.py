"""A version of a trigger goes live: its states are made from the lake while the stream goes on, then it is in force.

What it would have found before is not raised: a trigger speaks of what comes after it. Its cool-down and its open
candidates are as if it had always been there.
"""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from attune_contracts.eventing import TriggerActivated
from attune_contracts.identifiers import PARTITIONS, partition
from attune_service_kit import lake_sql
from attune_service_kit.errors import NotFound
from attune_service_kit.failpoints import failpoint
from attune_service_kit.jobs import JobContext
from eventing import dated_facts, states, timers, triggers
from eventing.compiled import Compiled
from eventing.customers import SHARED
from eventing.jobs import all_states, day_close, keyed_states, rebuild_now, workbench
from eventing.jobs.all_states import AllStates
from eventing.jobs.rebuild_now import ATTEMPTS, END, StatesMoved

_EPOCHS = "SELECT partition, epoch FROM ledger_partition ORDER BY partition"
_NEW_EPOCH = "UPDATE ledger_partition SET epoch = epoch + 1"
_VERSION = "SELECT * FROM trigger WHERE name = $1 AND version = $2"
_CURRENCY = "SELECT currency FROM base_currency"
_DATED = "SELECT DISTINCT customer_id FROM dated_fact"


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `trigger`, `version`. Result: `{trigger, version, customers}`."""
    with workbench.opened(job.runtime) as con:
        async with workbench.only_writer(job.runtime):
            for _ in range(ATTEMPTS):
                done = await _attempt(job, con)
                if done is not None:
                    await job.progress(2, 2, "in force")
                    return done
    raise StatesMoved("owners keep changing: try again when no import runs", "账户归属持续变化，请在导入结束后重试")


async def _attempt(job: JobContext, con: Any) -> dict[str, Any] | None:
    """Compute and put in place; None if owners or states changed between the two."""
    name, version = str(job.params["trigger"]), int(job.params["version"])
    pool = job.runtime.worker_database.pool
    epochs = [tuple(row) for row in await pool.fetch(_EPOCHS)]
    row: Any = await pool.fetchrow(_VERSION, name, version)
    if row is None:
        raise NotFound("there is no such version of a trigger", "没有该触发器版本")
    currency = await pool.fetchval(_CURRENCY) or ""
    trigger = triggers.compiled(row, currency)
    everything, of_facts = AllStates(), trigger.kind != "calendar" and bool(currency)
    if of_facts:
        await day_close.publish_alone(job, con)
        await workbench.load_owners(con, job.runtime)
        workbench.load_behaviours(con)
        newest = keyed_states.newest(con, END)
        everything = await asyncio.to_thread(all_states.compute, con, [trigger], currency, END, newest)
    await job.progress(1, 2, "states computed")
    failpoint("backfill.computed")
    async with job.transaction() as tx:
        locked = await tx.conn.fetch(keyed_states.LOCK)
        if [(one["partition"], one["epoch"]) for one in locked] != epochs:
            return None
        days = {one["partition"]: one["business_date"] for one in locked}
        if trigger.definition.calendar is not None:
            today = job.runtime.clock.business_date()
            lake_sql.register(con, job.runtime.lake, *dated_facts.DATASETS)
            await dated_facts.load(tx.conn, con, {trigger.definition.calendar.of}, today, currency)
            await _dates(tx.conn, trigger, everything, today)
        elif of_facts:
            news = await rebuild_now.since(tx.conn, currency, None)
            await rebuild_now.book_since(tx.conn, everything, [trigger], news, days)
        names = [name] if trigger.kind == "calendar" else [name, SHARED]
        await triggers.require_kept(tx.conn, name, version)
        await _put(tx.conn, everything, names)
        await triggers.go_live(tx.conn, name, version)
        for number in range(PARTITIONS):
            tx.emit_to(_activated(trigger, number), number)
        await tx.conn.execute(_NEW_EPOCH)
        failpoint("backfill.swapped")
    return {"trigger": name, "version": version, "customers": len(everything.packed)}


def _activated(trigger: Compiled, number: int) -> TriggerActivated:
    wanted, opens = trigger.definition, trigger.definition.opportunity
    return TriggerActivated(
        trigger=trigger.name,
        version=trigger.version,
        title_zh=wanted.title.zh,
        title_en=wanted.title.en,
        priority=wanted.priority,
        family=opens.family or trigger.name,
        product_kind=opens.product,
        channels=opens.channels,
        script_zh=opens.script.zh if opens.script else None,
        script_en=opens.script.en if opens.script else None,
        partition=number,
    )


async def _put(conn: asyncpg.Connection, everything: AllStates, names: Sequence[str]) -> None:
    await keyed_states.stage(conn, everything.rows())
    await all_states.stage_timers(conn, everything.timers())
    await all_states.put_in_place(conn, names=names)


async def _dates(conn: asyncpg.Connection, trigger: Compiled, everything: AllStates, today: date) -> None:
    """The calendar's past is everything before today: what has its day today or later fires."""
    customer_ids = [UUID(str(row["customer_id"])) for row in await conn.fetch(_DATED)]
    customers = await states.load(conn, customer_ids, states=False)
    for customer_id, dates in (await timers.dates(conn, customer_ids)).items():
        customer, number = customers[customer_id], partition(customer_id)
        _, dues = customer.reach_all(trigger, today.toordinal() - 1, dates)
        for key, packed in customer.packed(customer.touched):
            everything.put(customer_id, number, key, packed)
        everything.dues |= {(customer_id, key): due for key, due in dues.items() if due is not None}
