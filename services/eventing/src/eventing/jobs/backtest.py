"""What a trigger would have found, by the lake alone (X8), whose it is and who would have acted. Changes nothing."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import duckdb

from attune_contracts.datasets import SEGMENTS
from attune_service_kit import lake_sql
from attune_service_kit.jobs import JobContext
from attune_service_kit.runtime import Runtime
from eventing import lake_backtests, lake_triggers, money, triggers
from eventing.compiled import Compiled
from eventing.definition import Definition
from eventing.definition_texts import sentence
from eventing.jobs import workbench
from eventing.lake_triggers import Detection

# So many other triggers are looked at where the request names none: those of the highest priority.
OTHERS = 20
_CURRENCY = "SELECT currency FROM base_currency"
_UNDER = "SELECT branch FROM branch_scope WHERE ancestor = $1"
_SNAPSHOT = "as_of="
# What is told of what a trigger is tried against.
_BESIDE = ("trigger", "version", "definition", "settled", "detections", "subjects", "per_day", "by_month", "first")
Found = list[Detection]


@dataclass(frozen=True)
class _Lake:
    """Where the job looks: the connection, the days, the base currency, and whether not everybody is looked at."""

    runtime: Runtime
    con: duckdb.DuckDBPyConnection
    first: date
    last: date
    currency: str
    limited: bool

    def settled(self, trigger: Compiled) -> date:
        """What a timer finds is settled when no fact within the lateness can come before it; dates wait for none."""
        return self.last if trigger.kind == "calendar" else self.last - timedelta(trigger.lateness + 1)

    async def detections(self, trigger: Compiled, before: int = 0) -> Found:
        """What stands of the days, and of so many days before them."""
        first, settled = self.first - timedelta(before), self.settled(trigger)
        await workbench.load_dates(self.con, self.runtime, trigger, self.last)
        if self.limited and trigger.kind == "calendar":
            lake_backtests.limit_dates(self.con)
        return await asyncio.to_thread(
            lake_triggers.detections, self.con, trigger, self.currency, first, self.last, settled
        )


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `trigger` and `version`, or `definition`, a file's content; `from`, `to` (ISO dates); and, not needed:

    `branch`, whose customers alone are looked at; `capacity`; `overlap`, names of triggers; `overlap_days`; `against`,
    what else is tried: as the trigger is.
    The result is docs/guides/find-moments.md's.
    """
    params, runtime = job.params, job.runtime
    tried, others, currency = await _triggers(runtime, params)
    steps = 1 + len(tried) + len(others)
    with workbench.opened(runtime) as con:
        days = date.fromisoformat(params["from"]), date.fromisoformat(params["to"])
        lake = _Lake(runtime, con, *days, currency, limited="branch" in params)
        await _load(con, runtime, [*tried, *others], params.get("branch"))
        await job.progress(0, steps, "facts gathered")
        found = await lake.detections(tried[0])
        lake_backtests.gather(con, found)
        result = _told(lake, tried[0], found, named="trigger" in params)
        result |= await asyncio.to_thread(_whose, lake, found, params.get("capacity"))
        await job.progress(1, steps, "judged")
        for other in tried[1:]:
            result["against"] = _against(lake, other, found, await lake.detections(other), params["against"])
            await job.progress(2, steps, "judged beside the other one")
        result["overlap"] = await _overlap(job, lake, found, others, steps)
    await job.progress(steps, steps, "judged")
    return result


# --- what is tried ---------------------------------------------------------------------------------------------------


async def _triggers(runtime: Runtime, params: Mapping[str, Any]) -> tuple[list[Compiled], list[Compiled], str]:
    """What is tried, the trigger and what it is tried against; the triggers that are active; the base currency."""
    async with runtime.worker_database.pool.acquire() as conn:
        currency: str = await conn.fetchval(_CURRENCY) or ""
        tried = [await _trigger(conn, one, currency) for one in (params, params.get("against")) if one is not None]
        active = [triggers.compiled(row, currency) for row in await triggers.in_force(conn) if row["enabled"]]
    wanted = params.get("overlap")
    others = [one for one in active if one.name != tried[0].name and (wanted is None or one.name in wanted)]
    others.sort(key=lambda one: (-one.definition.priority, one.name))
    return tried, others if wanted is not None else others[:OTHERS], currency


async def _trigger(conn: triggers.Queryable, params: Mapping[str, Any], currency: str) -> Compiled:
    if "trigger" in params:
        row = await triggers.version(conn, params["trigger"], params["version"])
        return triggers.compiled(dict(row) | {"enabled": True}, currency)
    definition = Definition.model_validate(params["definition"])
    return Compiled.of(definition, digits=money.places(currency))


async def _load(con: duckdb.DuckDBPyConnection, runtime: Runtime, used: Sequence[Compiled], branch: str | None) -> None:
    """The relations that the triggers and the report ask for, within what the caller sees."""
    await workbench.load_owners(con, runtime)
    if any("behaviours" in one.definition.on for one in used):
        workbench.load_behaviours(con)
    if branch is not None:
        rows = await runtime.worker_database.pool.fetch(_UNDER, branch)
        lake_backtests.limit_to(con, [row["branch"] for row in rows])
    lake_sql.register(con, runtime.lake, "branches", "parties", "employees")


# --- what is told ----------------------------------------------------------------------------------------------------


def _told(lake: _Lake, trigger: Compiled, found: Found, *, named: bool) -> dict[str, Any]:
    per_day = Counter(one.day for one in found)
    return {
        "trigger": trigger.name,
        "version": trigger.version if named else None,
        "definition": _definition(trigger),
        "from": lake.first.isoformat(),
        "to": lake.last.isoformat(),
        "settled": (lake.settled(trigger) if trigger.has_timer else lake.last).isoformat(),
        "detections": len(found),
        "subjects": len({one.customer_id for one in found}),
        "per_day": {day.isoformat(): count for day, count in sorted(per_day.items())},
        "by_month": lake_backtests.by_month(per_day),
        "by_weekday": lake_backtests.by_weekday(per_day),
        "first": _first(lake.con, found[0], lake.currency) if found else None,
    }


def _definition(trigger: Compiled) -> dict[str, Any]:
    said = sentence(trigger.definition, trigger.digits)
    texts = {name: getattr(trigger.definition, name).model_dump() for name in ("title", "meaning")}
    return texts | {"sentence": said._asdict()}


def _whose(lake: _Lake, found: Found, capacity: int | None) -> dict[str, Any]:
    days = (lake.last - lake.first).days + 1
    kept = lake.runtime.lake
    known = [date.fromisoformat(one.partition.removeprefix(_SNAPSHOT)) for one in kept.pointers("segments")]
    newest = lake_backtests.snapshot_for(known, lake.last)
    snapshots = lake_backtests.snapshots_for(known, {one.day for one in found})
    wanted = sorted({newest, *snapshots.values()} if newest is not None else ())
    files = [file for day in wanted for file in kept.files("segments", f"{_SNAPSHOT}{day.isoformat()}")]
    lake.con.execute(f"CREATE OR REPLACE VIEW segments AS {lake_sql.scan(SEGMENTS, files)}")
    return {
        "by_branch": lake_backtests.by_branch(lake.con),
        "by_segment": lake_backtests.by_segment(lake.con, newest, snapshots),
        "managers": lake_backtests.by_manager(lake.con, days, capacity),
    }


def _against(lake: _Lake, other: Compiled, found: Found, others: Found, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The other one's own figures, what both find and what only one of them does, with the first of each."""
    told = _told(lake, other, others, named="trigger" in asked)
    counts, examples = lake_backtests.side_by_side(found, others)
    shown = {name: [_first(lake.con, one, lake.currency) for one in some] for name, some in examples.items()}
    return {name: told[name] for name in _BESIDE} | counts | {"examples": shown}


async def _overlap(
    job: JobContext, lake: _Lake, found: Found, others: Sequence[Compiled], steps: int
) -> dict[str, Any]:
    within = int(job.params.get("overlap_days", lake_backtests.NEAR))
    told: list[dict[str, Any]] = []
    lake_backtests.limit_to_found(lake.con)
    lake = replace(lake, limited=True)
    for number, other in enumerate(others, steps - len(others)):
        also = lake_backtests.overlap(found, await lake.detections(other, before=within), within)
        told.append({"trigger": other.name, "version": other.version} | also)
        await job.progress(number, steps, f"beside {other.name}")
    return {"within_days": within, "triggers": told}


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
