"""The nightly file's way: what triggers in force find on a day's facts in the lake is said as the stream would (X8).

For a bank, or a part of it, without a live stream. The day's file lies in the lake by then; the job makes the keyed
states anew, which a file does not touch, and says of each trigger what stands there and is not said yet, under the same
keys. A trigger speaks of the days since its first run. Twice changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import duckdb

from attune_service_kit import clock
from attune_service_kit.database import Transaction
from attune_service_kit.jobs import JobContext
from attune_service_kit.runtime import Runtime
from eventing import detections, lake_triggers, moments
from eventing.compiled import Compiled
from eventing.detections import Finding
from eventing.jobs import rebuild_now
from eventing.jobs.rebuild_now import Computed, News
from eventing.lake_triggers import Detection
from eventing.verdicts import Raised, Withdrawn

_RUNS = "SELECT trigger, first_day, settled FROM trigger_run"
# Of a trigger that is paused the days pass: what it would have said is not made up for.
_RAN = """
INSERT INTO trigger_run AS r (trigger, first_day, through, settled) VALUES ($1, $2, $3, $4)
ON CONFLICT (trigger) DO UPDATE
SET first_day = CASE WHEN $5 THEN r.first_day ELSE greatest(r.first_day, excluded.first_day) END,
    through = greatest(r.through, excluded.through), settled = greatest(r.settled, excluded.settled)"""
_SAID = """
SELECT customer_id, event_key, business_date, branch_id FROM detection
WHERE trigger = $1 AND state = 'raised' AND business_date <= $3 AND (business_date >= $2 OR event_key = any($4))"""
_BRANCHES = """
SELECT customer_id, min(branch_id) AS branch_id FROM account_owner WHERE customer_id = any($1::uuid[]) GROUP BY 1"""
_UNDONE = """
SELECT o.customer_id, t.reverses FROM transactions AS t INNER JOIN account_owner AS o USING (account_id)
WHERE t.reverses IS NOT NULL AND t.business_date BETWEEN $first AND $day"""
# A reversal in a file of so many days is looked at in each night: nights may be left out.
REVERSALS_DAYS = 31

Key = tuple[UUID, str]


@dataclass(frozen=True)
class Window:
    """The days that a run judges under one trigger."""

    first: date
    last: date


@dataclass
class Night:
    """One run: the day, how far each trigger has come before, and what the lake has."""

    runtime: Runtime
    day: date
    runs: dict[str, tuple[date, date]]
    windows: dict[str, Window] = field(default_factory=dict)
    stands: dict[str, dict[Key, Detection]] = field(default_factory=dict)
    undone: set[Key] = field(default_factory=set)
    told: dict[str, dict[str, int]] = field(default_factory=dict)

    def judge(self, con: duckdb.DuckDBPyConnection, triggers: Iterable[Compiled], currency: str) -> None:
        """Find what stands in the lake on the days that are judged now."""
        days = {"first": self.day - timedelta(REVERSALS_DAYS), "day": self.day}
        rows = con.execute(_UNDONE, days).fetchall()
        self.undone = {(UUID(customer), key) for customer, key in rows}
        self.windows, self.stands = {}, {}
        for trigger in triggers:
            # Dates fire by business time alone, with or without files.
            if trigger.kind != "calendar" and trigger.enabled:
                window = self.windows[trigger.name] = self._window(trigger)
                found = lake_triggers.detections(con, trigger, currency, window.first, self.day, self._settled(trigger))
                self.stands[trigger.name] = {(one.customer_id, one.event_key): one for one in found}

    def _settled(self, trigger: Compiled) -> date:
        return self.day - timedelta(trigger.lateness + 1)

    def _window(self, trigger: Compiled) -> Window:
        """Of what is judged at once the days within the lateness; of what is settled the days since the last run."""
        settled = self._settled(trigger)
        since, before = self.runs.get(trigger.name, (self.day, settled - timedelta(1)))
        if trigger.has_timer:
            return Window(before + timedelta(1), settled)
        return Window(max(since, self.day - timedelta(trigger.lateness)), self.day)

    async def say(self, tx: Transaction, computed: Computed, news: News) -> tuple[int, int]:
        """Raise and withdraw until what is said is what stands; return how many of each."""
        time = await self._time(tx)
        # Of whom something has come by the stream since the lake was read is judged there.
        unsure = {customer_id for customer_id, _ in news}
        self.told = {}
        undone = sorted({key for _, key in self.undone})
        for trigger, _ in computed.triggers:
            if trigger.kind == "calendar":
                continue
            first = self.day if trigger.enabled else self.day + timedelta(1)
            ran = trigger.name, first, self.day, self._settled(trigger), trigger.enabled
            await tx.conn.execute(_RAN, *ran)
            if (window := self.windows.get(trigger.name)) is None:
                continue
            said = await tx.conn.fetch(_SAID, trigger.name, window.first, window.last, undone)
            missing = await self._missing(tx.conn, trigger, window, {(row[0], row[1]) for row in said})
            untrue = [] if trigger.has_timer else [row for row in said if self._untrue(trigger, window, row, unsure)]
            branches = {row["customer_id"]: row["branch_id"] for row in untrue} | missing.branches
            verdicts = [*missing.verdicts, *((row["customer_id"], self._withdrawn(row)) for row in untrue)]
            findings = [
                Finding(trigger, who, branches.get(who), computed.currency, time, None, verdict)
                for who, verdict in verdicts
            ]
            await detections.apply(tx, findings)
            self.told[trigger.name] = {"raised": len(missing.verdicts), "withdrawn": len(untrue)}
        return sum(one["raised"] for one in self.told.values()), sum(one["withdrawn"] for one in self.told.values())

    async def _time(self, tx: Transaction) -> datetime:
        """Now; under the clock `events` the end of the day, which its file brings about."""
        end = moments.end_of(self.day, self.runtime.settings.zone)
        if self.runtime.clock.kind == "events" and end > tx.now:
            await clock.advance(self.runtime, tx, end)
            return end
        return tx.now

    async def _missing(self, conn: asyncpg.Connection, trigger: Compiled, window: Window, said: set[Key]) -> "Missing":
        missing = [
            one
            for key, one in self.stands[trigger.name].items()
            if key not in said and window.first <= one.day <= window.last
        ]
        rows = await conn.fetch(_BRANCHES, sorted({one.customer_id for one in missing})) if missing else []
        return Missing(
            [(one.customer_id, self._raised(trigger, one)) for one in missing],
            {row["customer_id"]: row["branch_id"] for row in rows},
        )

    def _raised(self, trigger: Compiled, one: Detection) -> Raised:
        account = b"" if one.account_id is None else one.account_id.bytes
        late = not trigger.has_timer and one.day < self.day
        return Raised(one.event_key, one.day.toordinal(), one.amount_minor, account, one.compared_with_minor, late)

    def _untrue(self, trigger: Compiled, window: Window, row: asyncpg.Record, unsure: set[UUID]) -> bool:
        key: Key = row["customer_id"], row["event_key"]
        if key in self.undone:
            return True
        within = row["business_date"] >= window.first and row["customer_id"] not in unsure
        return within and key not in self.stands[trigger.name]

    def _withdrawn(self, row: asyncpg.Record) -> Withdrawn:
        undone = (row["customer_id"], row["event_key"]) in self.undone
        return Withdrawn(row["event_key"], row["business_date"].toordinal(), "reversed" if undone else "late_posting")


@dataclass(frozen=True)
class Missing:
    """What stands and is not said yet, and the branches of whom it is of."""

    verdicts: list[tuple[UUID, Raised | Withdrawn]]
    branches: dict[UUID, str | None]


async def run(job: JobContext) -> dict[str, Any]:
    """Params: `date`. Result: `{date, customers, raised, withdrawn, triggers: {NAME: {raised, withdrawn}}}`."""
    day = date.fromisoformat(job.params["date"])
    runs = await job.runtime.worker_database.pool.fetch(_RUNS)
    night = Night(job.runtime, day, {row["trigger"]: (row["first_day"], row["settled"]) for row in runs})
    done = await rebuild_now.everybody(job, night)
    return {"date": day.isoformat()} | {key: done[key] for key in ("customers", "raised", "withdrawn", "triggers")}
