"""A year's backtest of the 6-month large-deposit trigger over two years of postings, beside SQL written by hand for it.

The hand-written form is what a good analyst writes in DuckDB for this one trigger: one statement over the same Parquet
files, and a loop for the rest after a detection. Both find the same detections, compared first, figure by figure. Each
is then measured in processes of its own, in turns: seconds, seconds of the processor, memory at its peak.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import duckdb
from benchmarks import bank_backtest
from benchmarks.machine import machine, peak_mb

from eventing import lake_triggers, trigger_files
from eventing.compiled import Compiled

QUICK, FULL, TINY = 200_000, 5_000_000, 10_000
ROUNDS = 3
GOAL = 1.3
_EPOCH = date(1970, 1, 1)

# The closing balance's integral over the days before x is x * sum(net) - sum(net * day), both up to x.
BY_HAND = """
WITH movement AS (
    SELECT o.customer_id, t.account_id, t.posting_id, datediff('day', DATE '1970-01-01', t.business_date) AS day,
           datediff('day', DATE '1970-01-01', CAST(t.business_date - INTERVAL 6 MONTH AS DATE)) AS past,
           coalesce(epoch_us(t.booked_at) - epoch_us(t.business_date + INTERVAL 12 HOUR), 0) AS moment,
           CASE WHEN t.direction = 'credit' THEN t.amount_minor ELSE -t.amount_minor END AS net,
           o.kind = 'demand' AND t.direction = 'credit' AND len(t.flags) = 0 AND t.reverses IS NULL AS new_money
    FROM transactions AS t JOIN account_owner AS o USING (account_id)
    WHERE o.kind IN ('demand', 'time') AND t.currency = 'CNY' AND t.business_date <= $last
),
opening AS (
    SELECT customer_id, sum(opening_balance_minor) AS amount FROM account_owner
    WHERE kind IN ('demand', 'time') GROUP BY ALL
),
daily AS (SELECT customer_id, day, sum(net) AS net FROM movement GROUP BY ALL),
running AS (
    SELECT customer_id, day, sum(net) OVER upto AS total, sum(net * day) OVER upto AS weight
    FROM daily WINDOW upto AS (PARTITION BY customer_id ORDER BY day)
),
judged AS (
    SELECT c.*, c.day - c.past AS days, coalesce(o.amount, 0) * (c.day - c.past)
           + (c.day * e.total - e.weight) - (c.past * s.total - s.weight) AS integral
    FROM (SELECT * FROM movement WHERE new_money) AS c
    ASOF JOIN running AS e ON e.customer_id = c.customer_id AND c.day >= e.day
    ASOF JOIN running AS s ON s.customer_id = c.customer_id AND c.past >= s.day
    LEFT JOIN opening AS o ON o.customer_id = c.customer_id
)
SELECT customer_id, account_id, posting_id, day, moment, net, integral, days FROM judged
WHERE net * days > integral ORDER BY customer_id, day, moment, posting_id"""
REVERSED = """
SELECT t.reverses, min(datediff('day', DATE '1970-01-01', t.business_date))
FROM transactions AS t WHERE t.reverses IS NOT NULL AND t.business_date <= $last GROUP BY ALL"""


class Found(NamedTuple):
    """One detection, figure by figure."""

    customer: str
    account: str
    posting: str
    day: date
    amount: int
    mean: int


def trigger() -> Compiled:
    """The trigger that ships."""
    text = files("eventing").joinpath("library", "large-deposit.yaml").read_text(encoding="utf-8")
    return Compiled.of(trigger_files.read(text).definition)


def attune(con: duckdb.DuckDBPyConnection) -> list[Found]:
    """By the lake executor, which reads any trigger."""
    last = bank_backtest.LAST
    found = lake_triggers.detections(con, trigger(), "CNY", bank_backtest.TRIED, last, last)
    return [
        Found(str(one.customer_id), str(one.account_id), one.event_key, one.day, one.amount_minor or 0,
              one.compared_with_minor or 0)
        for one in found
    ]  # fmt: skip


def by_hand(con: duckdb.DuckDBPyConnection) -> list[Found]:
    """By the statement above, thirty days of rest after each, those undone left out."""
    last = {"last": bank_backtest.LAST}
    undone: dict[str, int] = dict(con.execute(REVERSED, last).fetchall())
    found, resting, until, key = [], None, 0, ""
    first = (bank_backtest.TRIED - _EPOCH).days
    for customer, account, posting, day, _, amount, integral, days in con.execute(BY_HAND, last).fetchall():
        if customer == resting and day < until and undone.get(key, day + 1) > day:
            continue
        resting, until, key = customer, day + 30, posting
        if posting not in undone and day >= first:
            mean = int(2 * integral + days) // (2 * days)
            found.append(Found(customer, account, posting, _EPOCH + timedelta(day), amount, mean))
    return found


WAYS = {"attune": attune, "by_hand": by_hand}


def measured(folder: Path, way: str) -> dict[str, float]:
    """One run in this process."""
    with bank_backtest.opened(folder) as con:
        before, start = _cpu(), time.perf_counter()
        found = WAYS[way](con)
        spent = time.perf_counter() - start
    return {"found": len(found), "seconds": spent, "cpu_seconds": _cpu() - before, "peak_mb": peak_mb()}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def compare(folder: Path) -> int:
    """How many detections both find; SystemExit where they differ."""
    with bank_backtest.opened(folder) as con:
        ours, theirs = sorted(attune(con)), sorted(by_hand(con))
    if ours != theirs:
        different = sorted(set(ours) ^ set(theirs))
        raise SystemExit(f"the outputs differ: {len(ours)} and {len(theirs)}, first {different[:2]}")
    return len(ours)


def side_by_side(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """The median of each way's runs, in turns, each run in a process of its own."""
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, told in runs.items():
            argv = [sys.executable, "-m", "benchmarks.backtest_b3", "--measure", way, str(folder)]
            done = subprocess.run(argv, capture_output=True, text=True, check=True)
            told.append(json.loads(done.stdout))
    return {way: {name: round(median(run[name] for run in told), 3) for name in told[0]} for way, told in runs.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="for correctness only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--home", help="has no home: not used")
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "FOLDER"), help="one run of its own")
    options = parser.parse_args()
    if options.measure:
        way, folder = options.measure
        sys.stdout.write(json.dumps(measured(Path(folder), way)) + "\n")
        return
    size = FULL if options.full else TINY if options.tiny else QUICK
    with TemporaryDirectory(prefix="backtest-") as temporary:
        bank_backtest.make(Path(temporary), size)
        detections = compare(Path(temporary))
        ways = side_by_side(Path(temporary), 1 if options.tiny else ROUNDS)
    times = {name: round(ways["attune"][name] / ways["by_hand"][name], 3) for name in ("seconds", "cpu_seconds")}
    figures: dict[str, Any] = {"postings": size, "detections": detections} | ways | {"times": times}
    sys.stdout.write(json.dumps(figures | {"machine": machine()}, indent=None if options.json else 1) + "\n")
    sys.stderr.write(
        f"backtest: {ways['attune']['seconds']:.2f} s over {size:,} postings, {times['seconds']:.2f} x the SQL by hand"
        f" ({times['cpu_seconds']:.2f} x of the processor's time; goal {GOAL})\n"
    )


if __name__ == "__main__":
    main()
