"""B3 from file to file: a trigger on the own history, and a filter, over CSV files, beside PyFlink SQL doing the same.

The trigger is the shipped large-deposit one without a rest, the filter a condition of the language; Attune takes both
to its lake executor, with two threads. The same detections, figure by figure, and the same rows are asserted first.
PyFlink has an environment of its own; without it only Attune is measured, and that is said.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from benchmarks import bank_backtest
from benchmarks.machine import machine
from benchmarks.peers import environments

from attune_expressions.sql import duckdb_sql
from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from eventing import fact_fields, lake_triggers, trigger_files
from eventing.compiled import Compiled

QUICK, FULL, TINY = 200_000, 5_000_000, 10_000
ROUNDS = 3
PARTS = 4
GOALS = {"own_history": 3.0, "filter": 1.0}
PEER = Path(__file__).parent / "peers" / "pyflink_b3.py"
FILTER = (
    "direction = 'debit' AND amount >= 500 AND kind IN ('card_payment', 'transfer_out')"
    " AND (channel IS NULL OR channel <> 'counter')"
)

_COLUMNS = {
    "posting_id": "VARCHAR", "account_id": "VARCHAR", "business_date": "DATE", "booked_at": "VARCHAR",
    "direction": "VARCHAR", "amount_minor": "BIGINT", "currency": "VARCHAR", "kind": "VARCHAR", "channel": "VARCHAR",
    "flag": "VARCHAR", "reverses": "VARCHAR",
}  # fmt: skip
_WRITTEN = """
SELECT posting_id, account_id, business_date, strftime(booked_at, '%Y-%m-%d %H:%M:%S') AS booked_at, direction,
       amount_minor, currency, kind, channel, flags[1] AS flag, reverses
FROM posting WHERE hash(posting_id) % {parts} = {part}"""
_READ = """
CREATE VIEW transactions AS
SELECT posting_id, account_id, business_date, CAST(booked_at AS TIMESTAMP) AS booked_at, direction, amount_minor,
       currency, kind, channel, CASE WHEN flag IS NULL THEN [] ELSE [flag] END AS flags, reverses
FROM read_csv({files}, header = false, auto_detect = false, columns = {columns})"""
_OWNERS = """
CREATE TABLE account_owner AS
SELECT account_id, account_id AS source_id, customer_id, kind, opening_balance_minor
FROM read_csv({files}, header = false, auto_detect = false, columns = {columns})"""
_OWNER_COLUMNS = {
    "account_id": "VARCHAR", "customer_id": "VARCHAR", "kind": "VARCHAR", "opening_balance_minor": "BIGINT",
}  # fmt: skip

Told = dict[str, dict[str, dict[str, float]]]
"""What was measured: of each task, by who did it, the seconds and the processor's."""


def make(folder: Path, postings: int) -> None:
    """The files: postings in parts, so that two readers have something to do, and the accounts' owners."""
    with duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false")
        bank_backtest.fill(con, postings)
        for part in range(PARTS):
            (folder / "postings").mkdir(exist_ok=True)
            _copy(con, _WRITTEN.format(parts=PARTS, part=part), folder / "postings" / f"part-{part}.csv")
        (folder / "owners").mkdir()
        owners = "SELECT account_id, customer_id, kind, opening_balance_minor FROM account_owner"
        _copy(con, owners, folder / "owners" / "owners.csv")


def _copy(con: duckdb.DuckDBPyConnection, query: str, to: Path) -> None:
    con.execute(f"COPY ({query}) TO {lake_sql.quote(str(to))} (FORMAT csv, HEADER false)")


def trigger() -> Compiled:
    """The trigger that ships, without a rest."""
    shipped = files("eventing").joinpath("library", "large-deposit.yaml").read_text(encoding="utf-8")
    return Compiled.of(trigger_files.read(shipped.replace("cooldown: 30 days", "cooldown: 0 days")).definition)


def attune(what: str, folder: Path, out: Path) -> dict[str, float]:
    """One of the two in this process: its seconds, and the processor's."""
    with lake_sql.connect(Lake(str(folder / "lake"), folder / "scratch")) as con:
        con.execute("SET enable_progress_bar = false")
        start, before = time.perf_counter(), time.process_time()
        sources = lake_sql.quote(str(folder / "postings" / "*.csv"))
        con.execute(_READ.format(files=sources, columns=_COLUMNS))
        if what == "own_history":
            con.execute(_OWNERS.format(files=lake_sql.quote(str(folder / "owners" / "*.csv")), columns=_OWNER_COLUMNS))
            last = bank_backtest.LAST
            found = lake_triggers.detections(con, trigger(), "CNY", bank_backtest.TRIED, last, last)
            with out.open("w", encoding="utf-8") as file:
                for one in found:
                    figures = f"{one.day},{one.amount_minor},{one.compared_with_minor}"
                    file.write(f"{one.customer_id},{one.event_key},{figures}\n")
        else:
            condition = duckdb_sql(fact_fields.read(FILTER, ("postings",)))
            kept = f"SELECT posting_id, account_id, business_date, amount_minor FROM transactions WHERE {condition}"
            _copy(con, kept, out)
        return {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - before}


def run(way: str, what: str, folder: Path, out: Path, python: str | None) -> dict[str, float]:
    """One run in a process of its own: seconds of the work and the processor's, and seconds with its start."""
    if way == "attune":
        argv = [sys.executable, "-m", "benchmarks.files_b3", "--measure", what, str(folder), str(out)]
    else:
        days = bank_backtest.TRIED.isoformat(), bank_backtest.LAST.isoformat()
        argv = [str(python), str(PEER), what, str(folder / "postings"), str(folder / "owners"), str(out), *days]
    start = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=_environment(way))
    if done.returncode:
        raise SystemExit(f"{way} {what} failed:\n{done.stderr[-2000:]}")
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    told["with_start"] = time.perf_counter() - start
    return {name: round(seconds, 3) for name, seconds in told.items()}


def _environment(way: str) -> dict[str, str]:
    return dict(os.environ) if way == "attune" else {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}


def rows(out: Path) -> list[tuple[Any, ...]]:
    """What a run has written: a file, or a folder of parts."""
    found = sorted(out.glob("part-*")) if out.is_dir() else [out]
    lines = [line for file in found for line in file.read_text("utf-8").splitlines()]
    return sorted(tuple(field.strip('"') for field in line.split(",")) for line in lines)


def compare(folder: Path, python: str | None) -> tuple[dict[str, int], Told]:
    """How many rows both write, and what these runs have told; SystemExit where they differ."""
    counts: dict[str, int] = {}
    told: Told = {}
    for what in GOALS:
        written, told[what] = {}, {}
        for way in ways(python):
            out = folder / f"{way}-{what}-compared"
            told[what][way] = run(way, what, folder, out, python)
            written[way] = rows(out)
        counts[what] = len(written["attune"])
        if "pyflink" in written and written["pyflink"] != written["attune"]:
            different = sorted(set(written["attune"]) ^ set(written["pyflink"]))
            raise SystemExit(f"the outputs of {what} differ: {counts[what]} rows, first {different[:3]}")
    return counts, told


def ways(python: str | None) -> tuple[str, ...]:
    """Who is measured."""
    return ("attune",) if python is None else ("attune", "pyflink")


def side_by_side(folder: Path, python: str | None, rounds: int) -> Told:
    """The median of each one's runs, in turns."""
    told: Told = {}
    for what in GOALS:
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways(python)}
        for number in range(rounds):
            for way, measured in runs.items():
                measured.append(run(way, what, folder, folder / f"{way}-{what}-{number}", python))
        told[what] = {
            way: {name: round(median(one[name] for one in measured), 3) for name in measured[0]}
            for way, measured in runs.items()
        }
    return told


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="for correctness only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--home", help="has no home: not used")
    parser.add_argument("--measure", nargs=3, metavar=("WHAT", "FOLDER", "OUT"), help="one run of its own")
    options = parser.parse_args()
    if options.measure:
        what, folder, out = options.measure
        sys.stdout.write(json.dumps(attune(what, Path(folder), Path(out))) + "\n")
        return
    size = FULL if options.full else TINY if options.tiny else QUICK
    python = environments.python_of("pyflink")
    with TemporaryDirectory(prefix="files-") as temporary:
        make(Path(temporary), size)
        counts, measured = compare(Path(temporary), python)
        # At full size what the compared runs took is told: PyFlink's take minutes.
        if size == QUICK:
            measured = side_by_side(Path(temporary), python, ROUNDS)
    figures: dict[str, Any] = {"postings": size, "rows": counts} | measured
    if python is not None:
        figures["times"] = {
            what: {name: round(told["pyflink"][name] / told["attune"][name], 2) for name in ("seconds", "cpu_seconds")}
            for what, told in measured.items()
        }
    sys.stdout.write(json.dumps(figures | {"machine": machine()}, indent=None if options.json else 1) + "\n")
    for what, goal in GOALS.items():
        beside = "PyFlink is not installed: python -m benchmarks.peers.environments pyflink"
        if python is not None:
            times = figures["times"][what]
            beside = f"{times['seconds']} x PyFlink SQL ({times['cpu_seconds']} x in the processor's time; goal {goal})"
        sys.stderr.write(f"{what}: {size / measured[what]['attune']['seconds']:,.0f} postings a second, {beside}\n")


if __name__ == "__main__":
    main()
