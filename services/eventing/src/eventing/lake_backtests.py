"""What a backtest tells of the detections that it has found: whose they are, when, and who would have to act on them.

The connection holds `account_owner` with branches, as `jobs/workbench` loads it, and the datasets `branches`,
`parties`, `employees` and `segments`. For jobs.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa

from eventing.lake_triggers import Detection

# Opportunities that a relationship manager can act on in a day where neither the caller nor the bank says otherwise.
CAPACITY = 8
# Two detections are near where at most so many days lie between them, if the request does not say.
NEAR = 7
# So many branches, parts of segments and managers are told, those with the most detections first.
MOST, BUSIEST = 1_000, 20
EXAMPLES = 5
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

NO_SEGMENTS = {
    "en": "no segment data yet: a feature snapshot makes it",
    "zh": "尚无客群数据：生成特征快照后可用",
}
NO_MANAGERS = {
    "en": "the bank's files name no relationship manager of these customers",
    "zh": "行方文件未提供这些客户的客户经理",
}

# A customer is seen by the smallest of its accounts' branches, as a detection is (see `accounts`).
_CUSTOMERS = """
CREATE OR REPLACE TEMP TABLE backtest_customer AS
SELECT o.customer_id, min(o.branch_id) AS branch_id, any_value(p.manager_id) AS manager_id
FROM account_owner AS o LEFT JOIN parties AS p USING (customer_id) GROUP BY ALL"""
_BRANCHES = """
SELECT coalesce(c.branch_id, ''), any_value(b.name), count(DISTINCT c.customer_id), count(f.day),
       count(DISTINCT f.customer_id)
FROM backtest_customer AS c LEFT JOIN backtest_found AS f USING (customer_id) LEFT JOIN branches AS b USING (branch_id)
GROUP BY 1 ORDER BY 4 DESC, 1"""
# Whom a detection is of is read in the snapshot of its day; how many there are of a part, in the newest one.
_SEGMENTS = """
WITH
part AS (FROM segments SEMI JOIN backtest_customer USING (customer_id)),
known AS (SELECT segment, value, count(*) AS customers FROM part WHERE as_of = $newest GROUP BY ALL),
hit AS (
    SELECT p.segment, p.value, count(*) AS detections, count(DISTINCT p.customer_id) AS subjects
    FROM backtest_found AS f
    INNER JOIN backtest_snapshot AS s USING (day)
    INNER JOIN part AS p ON p.customer_id = f.customer_id AND p.as_of = s.as_of
    GROUP BY ALL
)
SELECT segment, value, coalesce(customers, 0), coalesce(detections, 0), coalesce(subjects, 0)
FROM known FULL JOIN hit USING (segment, value) ORDER BY segment, 4 DESC, value"""
# Of days before the first snapshot the first one tells.
_TOLD_LATER = "SELECT count(*) FROM backtest_found INNER JOIN backtest_snapshot USING (day) WHERE as_of > day"
_MANAGERS = """
SELECT manager_id, coalesce($capacity, any_value(e.daily_capacity), $usual), count(*)
FROM backtest_customer AS c LEFT JOIN employees AS e ON e.employee_id = c.manager_id
WHERE manager_id IS NOT NULL GROUP BY ALL"""
_DAYS = """
SELECT c.manager_id, f.day, count(*)
FROM backtest_found AS f LEFT JOIN backtest_customer AS c USING (customer_id) GROUP BY ALL ORDER BY ALL"""
# Who is of other branches than those that the caller sees: nothing of theirs is looked at.
_OTHERS = """
SELECT customer_id FROM account_owner GROUP BY ALL
HAVING min(branch_id) IS NULL OR min(branch_id) NOT IN (SELECT unnest($branches))"""


def limit_to(con: duckdb.DuckDBPyConnection, branches: Sequence[str]) -> None:
    """Forget the accounts and behaviours of customers of other branches (X23)."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE unseen AS {_OTHERS}", {"branches": list(branches) or [""]})
    con.execute("DELETE FROM account_owner WHERE customer_id IN (SELECT customer_id FROM unseen)")
    if _has(con, "behaviour"):
        con.execute("DELETE FROM behaviour WHERE customer_id NOT IN (SELECT customer_id FROM account_owner)")


def limit_dates(con: duckdb.DuckDBPyConnection) -> None:
    """Forget the dates of everybody whose accounts are not looked at (X23)."""
    con.execute("DELETE FROM dated_version WHERE customer_id NOT IN (SELECT customer_id FROM account_owner)")


def limit_to_found(con: duckdb.DuckDBPyConnection) -> None:
    """Forget every customer without a detection: of the others nobody asks any more."""
    for table in ("account_owner", "behaviour"):
        if _has(con, table):
            con.execute(f"DELETE FROM {table} WHERE customer_id NOT IN (SELECT customer_id FROM backtest_found)")  # noqa: S608


def gather(con: duckdb.DuckDBPyConnection, found: Iterable[Detection]) -> None:
    """Keep what was found in the table `backtest_found`, and who the customers are in `backtest_customer`."""
    rows = [(str(one.customer_id), one.day) for one in found]
    table = pa.table(
        {
            "customer_id": pa.array([who for who, _ in rows], pa.string()),
            "day": pa.array([day for _, day in rows], pa.date32()),
        }
    )
    con.register("backtest_arrow", table)
    con.execute("CREATE OR REPLACE TEMP TABLE backtest_found AS FROM backtest_arrow")
    con.unregister("backtest_arrow")
    con.execute(_CUSTOMERS)


# --- when ------------------------------------------------------------------------------------------------------------


def by_month(per_day: Counter[date]) -> dict[str, int]:
    """Detections by month, `YYYY-MM`; those without any are left out."""
    months: Counter[str] = Counter()
    for day, count in per_day.items():
        months[f"{day:%Y-%m}"] += count
    return dict(sorted(months.items()))


def by_weekday(per_day: Counter[date]) -> dict[str, int]:
    """Detections by the day of the week, all seven."""
    days: Counter[int] = Counter()
    for day, count in per_day.items():
        days[day.weekday()] += count
    return {name: days[number] for number, name in enumerate(WEEKDAYS)}


# --- whose -----------------------------------------------------------------------------------------------------------


def by_branch(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Detections of each branch, and of how many of its customers; `gather` first."""
    names = ("branch", "name", "customers", "detections", "subjects")
    rows = con.execute(f"{_BRANCHES} LIMIT {MOST}").fetchall()
    return [dict(zip(names, (row[0] or None, *row[1:]), strict=True)) for row in rows]


def by_segment(con: duckdb.DuckDBPyConnection, newest: date | None, snapshots: Mapping[date, date]) -> dict[str, Any]:
    """Detections of each part of each segment, as each customer was on the day; without a snapshot that is said.

    `newest` is the snapshot whose customers are counted, `snapshots` the one that tells of each day with detections.
    """
    if newest is None:
        return {"known": False, **NO_SEGMENTS}
    days = {"day": pa.array(list(snapshots), pa.date32()), "as_of": pa.array(list(snapshots.values()), pa.date32())}
    con.register("snapshot_arrow", pa.table(days))
    con.execute("CREATE OR REPLACE TEMP TABLE backtest_snapshot AS FROM snapshot_arrow")
    con.unregister("snapshot_arrow")
    names = ("segment", "value", "customers", "detections", "subjects")
    rows = con.execute(f"{_SEGMENTS} LIMIT {MOST}", {"newest": newest}).fetchall()
    later = con.execute(_TOLD_LATER).fetchone()
    return {
        "known": True,
        "as_of": newest.isoformat(),
        "snapshots": len(set(snapshots.values())),
        "told_later": 0 if later is None else later[0],
        "parts": [dict(zip(names, row, strict=True)) for row in rows],
    }


def snapshot_for(known: Sequence[date], day: date) -> date | None:
    """The newest snapshot that a day could know, else the oldest there is."""
    before = [one for one in known if one <= day]
    return max(before) if before else min(known, default=None)


def snapshots_for(known: Sequence[date], days: Iterable[date]) -> dict[date, date]:
    """The snapshot that tells of each day; none where there is none at all."""
    found = {day: snapshot_for(known, day) for day in days}
    return {day: snapshot for day, snapshot in found.items() if snapshot is not None}


# --- who acts --------------------------------------------------------------------------------------------------------


def by_manager(con: duckdb.DuckDBPyConnection, days: int, capacity: int | None) -> dict[str, Any]:
    """Opportunities of each relationship manager a day against what one can act on; one for each detection (X10).

    The capacity is the one asked with, else the bank's own of the employee, else CAPACITY. What is beyond it on a day
    stays undone on that day. `needed` managers could have acted on all of 95 days in 100.
    """
    can = {
        who: (int(most), held)
        for who, most, held in con.execute(_MANAGERS, {"capacity": capacity, "usual": CAPACITY}).fetchall()
    }
    daily: dict[str, list[tuple[int, date]]] = defaultdict(list)
    totals: Counter[date] = Counter()
    unmanaged = 0
    for who, day, count in con.execute(_DAYS).fetchall():
        totals[day] += count
        if who is None:
            unmanaged += count
        else:
            daily[who].append((count, day))
    usual = CAPACITY if capacity is None else capacity
    found: dict[str, Any] = {
        "known": bool(can), "capacity": usual, "days": days, "most_a_day": max(totals.values(), default=0),
        "needed": -(-_ninety_five(totals, days) // usual), "without_manager": unmanaged,
    }  # fmt: skip
    if not can:
        return found | NO_MANAGERS
    rows = [_load(who, *can[who], counts) for who, counts in daily.items()]
    return found | {
        "managers": len(can),
        "with_detections": len(rows),
        "mean_a_day": round(sum(row["detections"] for row in rows) / (days * len(can)), 2),
        "manager_days": sum(len(counts) for counts in daily.values()),
        "days_over": sum(row["days_over"] for row in rows),
        "beyond": sum(row["beyond"] for row in rows),
        "busiest": sorted(rows, key=lambda row: (-row["most_a_day"], -row["detections"], row["manager"]))[:BUSIEST],
    }


def _load(who: str, capacity: int, customers: int, counts: Sequence[tuple[int, date]]) -> dict[str, Any]:
    most, on = max(counts, key=lambda one: (one[0], -one[1].toordinal()))
    over = [count - capacity for count, _ in counts if count > capacity]
    return {
        "manager": who, "capacity": capacity, "customers": customers, "detections": sum(count for count, _ in counts),
        "most_a_day": most, "on": on.isoformat(), "days_over": len(over), "beyond": sum(over),
    }  # fmt: skip


def _ninety_five(totals: Counter[date], days: int) -> int:
    """So many detections that 95 days in 100 have no more; days without any count."""
    counts = sorted(totals.values())
    place = -(-95 * days // 100) - 1 - (days - len(counts))
    return counts[place] if 0 <= place < len(counts) else 0


# --- what else -------------------------------------------------------------------------------------------------------


def overlap(found: Iterable[Detection], others: Iterable[Detection], within: int) -> dict[str, Any]:
    """How many detections' customers also have one of another trigger at most so many days before or after."""
    days: dict[Any, list[date]] = defaultdict(list)
    for other in others:
        days[other.customer_id].append(other.day)
    for known in days.values():
        known.sort()
    total = shared = 0
    for one in found:
        total += 1
        known = days.get(one.customer_id, [])
        place = bisect_left(known, one.day)
        near = known[max(place - 1, 0) : place + 1]
        shared += any(abs((day - one.day).days) <= within for day in near)
    return {
        "detections": sum(map(len, days.values())),
        "shared": shared,
        "share": round(shared / total, 4) if total else 0.0,
    }


def side_by_side(
    found: Iterable[Detection], others: Iterable[Detection]
) -> tuple[dict[str, Any], dict[str, list[Detection]]]:
    """What both find, and only one of them: in detections and in customers, and the first ones of each.

    A detection is the same where customer and event key are (X9); its figures are this one's.
    """
    mine = {(one.customer_id, one.event_key): one for one in found}
    theirs = {(one.customer_id, one.event_key): one for one in others}
    parts = {
        "both": [one for key, one in mine.items() if key in theirs],
        "only_this": [one for key, one in mine.items() if key not in theirs],
        "only_other": [one for key, one in theirs.items() if key not in mine],
    }
    who, whose = {customer for customer, _ in mine}, {customer for customer, _ in theirs}
    customers = {"both": len(who & whose), "only_this": len(who - whose), "only_other": len(whose - who)}
    counts = {name: len(part) for name, part in parts.items()} | {"customers": customers}
    return counts, {name: part[:EXAMPLES] for name, part in parts.items()}


def _has(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = $name", {"name": table}).fetchall())
