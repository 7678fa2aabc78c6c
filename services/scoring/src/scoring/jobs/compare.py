"""The job `compare`: what a model earned against no model, from the ledger's postings in the lake. Params: `model`."""

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import orjson

from attune_contracts.datasets import FEATURES
from attune_contracts.identifiers import new_id
from attune_contracts.pointer import Pointer
from attune_measure.arms import ModelArm, model_arm_sql
from attune_service_kit import lake_sql
from attune_service_kit.jobs import JobContext
from attune_service_kit.lake import Lake
from attune_service_kit.lake_sql import quote
from attune_service_kit.runtime import Runtime
from scoring import comparisons, earned, watch_settings
from scoring.comparisons import outcome_unknown
from scoring.earned import Pair, Total, Window
from scoring.jobs.outcomes import made
from scoring.purposes import Setting
from scoring.settings import ScoringSettings
from scoring.watch_settings import Outcome

_CURRENCY = "SELECT currency FROM made GROUP BY currency ORDER BY count(*) DESC, currency LIMIT 1"
# Whole numbers only: sums of floats would depend on the order in which threads take them.
_TOTALS = """
WITH mine AS (
    SELECT customer_id, coalesce(sum(amount_minor) FILTER (currency = $2), 0)::HUGEINT AS amount
    FROM made WHERE business_date > $1 AND business_date <= $3 GROUP BY customer_id
)
SELECT p.arm, count(*), count(m.customer_id), coalesce(sum(m.amount), 0), coalesce(sum(m.amount * m.amount), 0)
FROM people p LEFT JOIN mine m USING (customer_id) GROUP BY p.arm"""


@dataclass(frozen=True)
class Asked:
    """What is to be compared, as the database says."""

    model: str
    setting: Setting
    outcome: Outcome
    settings_version: int
    pairs: tuple[Pair, ...]


async def run(job: JobContext) -> dict[str, Any]:
    """Compute and store one model's comparison."""
    async with job.transaction() as tx:
        name = job.params["model"]
        stands, setting = await comparisons.standing_of(tx, name), await comparisons.setting_of(tx, name)
        settings = await watch_settings.current(tx.conn, name)
    if settings.outcome is None:
        raise outcome_unknown(name)
    asked = Asked(name, setting, settings.outcome, settings.version, tuple(earned.pairs(stands, setting.since)))
    await job.progress(0, 1, f"{len(asked.pairs)} comparisons")
    content = await asyncio.to_thread(compare, job.runtime, asked)
    async with job.transaction() as tx:
        await comparisons.keep(tx, new_id(), name, orjson.dumps(content).decode())
    return content


def compare(runtime: Runtime, asked: Asked) -> dict[str, Any]:
    """Count both groups of each pair and judge them."""
    settings, lake = runtime.settings, runtime.lake
    assert isinstance(settings, ScoringSettings)  # noqa: S101 - the service declares it
    days = {pair.since: runtime.clock.date_of(pair.since) for pair in asked.pairs}
    populations: dict[date, Pointer | None] = {day: _population(lake, day) for day in days.values()}
    with lake_sql.connect(lake, settings, memory_limit=settings.memory_limit) as con:
        last = made(con, lake, asked.outcome, min(populations, default=date.max))
        found = con.execute(_CURRENCY).fetchone()
        currency: str | None = found[0] if found else None
        windows = {day: _window(day, asked.outcome.within_days, last) for day in populations}
        totals: dict[date, dict[ModelArm, Total]] = {}
        for day, population in populations.items():
            _people(con, lake, asked.setting, population)
            totals[day] = _totals(con, windows[day], currency)
    told = [
        earned.compared(pair, windows[day], totals[day], asked.setting.shares, asked.outcome.wanted)
        | {"population_as_of": known.as_of.isoformat() if known else None}
        for pair in asked.pairs
        for day in [days[pair.since]]
        for known in [populations[day]]
    ]
    return {
        "model": asked.model,
        "purpose": asked.setting.purpose,
        "outcome": asked.outcome.model_dump(mode="json"),
        "settings_version": asked.settings_version,
        "shares_version": asked.setting.shares.version,
        "as_of": last.isoformat() if last else None,
        "currency": currency,
        "comparisons": told,
    }


def _population(lake: Lake, day: date) -> Pointer | None:
    """The snapshot whose customers are compared: the newest of that day or before, else the oldest after it.

    Who became a customer later is in neither group.
    """
    known = sorted(lake.pointers("features"), key=lambda pointer: pointer.as_of)
    before = [pointer for pointer in known if pointer.as_of <= day]
    return before[-1] if before else next(iter(known), None)


def _window(day: date, within_days: int, last: date | None) -> Window:
    end = day + timedelta(days=within_days)
    if last is None or last <= day:
        return Window(day, None, False)
    return Window(day, min(end, last), last >= end)


def _people(con: duckdb.DuckDBPyConnection, lake: Lake, setting: Setting, population: Pointer | None) -> None:
    shares = setting.shares
    arm = model_arm_sql(
        "customer_id",
        salt_expr=quote(shares.salt),
        no_model_bp=shares.no_model_bp,
        challenger_bp=shares.challenger_bp,
    )
    rows = lake_sql.scan(FEATURES, lake.read_pointer(population) if population else ())
    con.execute(f"CREATE OR REPLACE TEMP TABLE people AS SELECT customer_id, {arm} AS arm FROM ({rows})")  # noqa: S608


def _totals(con: duckdb.DuckDBPyConnection, window: Window, currency: str | None) -> dict[ModelArm, Total]:
    rows = con.execute(_TOTALS, [window.since, currency, window.until]).fetchall()
    return {
        ModelArm(arm): Total(n, responses, int(amount), int(squares)) for arm, n, responses, amount, squares in rows
    }
