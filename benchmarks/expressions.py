"""Conditions: reading one, asking it of one row, of many, beside the same written by hand. No workload of its own.

Equal answers are asserted first. `python -m benchmarks.expressions`, `--tiny` for a test, `--json` for one object.
"""

import argparse
import json
import time
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

from attune_expressions.catalogue import standard
from attune_expressions.condition import Condition, parse
from attune_expressions.many_rows import Column, matches
from attune_expressions.one_row import compiled
from attune_expressions.refusals import Refused

ONE = "aum >= 50000.50"
TEN = (
    "aum >= 1000 AND age BETWEEN 18 AND 90 AND inflow_30d > 0 AND outflow_30d > 0 AND products_held >= 1"
    " AND tenure_days > 30 AND salary_mean >= 0 AND NOT (loan_balance < -100000) AND digital_share_90d >= 0.0"
    " AND value_quadrant IN ('A', 'B', 'C')"
)
HOSTILE = {
    "parentheses": "(" * 590 + "age > 1" + ")" * 590,
    "not": "NOT " * 1_000 + "holds_wealth",
    "chain": "age > " + "1+" * 590 + "1",
    "unknown": "a" * 4_096,
    "comparisons": "age = " * 590 + "1",
    "list": "age in (" + ",".join("1" * 15 for _ in range(250)) + ", NULL)",
}


def ten_by_hand(row: dict[str, Any]) -> bool:
    """What a careful person writes instead of `TEN`."""
    aum, age, inflow, outflow = row["aum_minor"], row["age"], row["inflow_30d_minor"], row["outflow_30d_minor"]
    products, tenure, salary = row["products_held"], row["tenure_days"], row["salary_mean_minor"]
    loan, share, quadrant = row["loan_balance_minor"], row["digital_share_90d"], row["value_quadrant"]
    return (
        aum is not None and aum >= 100_000
        and age is not None and 18 <= age <= 90
        and inflow is not None and inflow > 0
        and outflow is not None and outflow > 0
        and products is not None and products >= 1
        and tenure is not None and tenure > 30
        and salary is not None and salary >= 0
        and loan is not None and loan >= -10_000_000
        and share is not None and share >= 0.0
        and quadrant in ("A", "B", "C")
    )  # fmt: skip


def one_by_hand(row: dict[str, Any]) -> bool:
    """What a careful person writes instead of `ONE`."""
    value = row["aum_minor"]
    return value is not None and value >= 5_000_050


def made(count: int) -> list[dict[str, Any]]:
    """Rows of which most match; one value of twenty is NULL."""
    random = Random(7)

    def one(value: Any) -> Any:
        return None if random.random() < 0.05 else value

    return [
        {
            "aum_minor": one(random.randrange(10**8)),
            "age": one(random.randrange(100)),
            "inflow_30d_minor": one(random.randrange(10**6)),
            "outflow_30d_minor": one(random.randrange(10**6)),
            "products_held": one(random.randrange(6)),
            "tenure_days": one(random.randrange(9_000)),
            "salary_mean_minor": one(random.randrange(10**6)),
            "loan_balance_minor": one(-random.randrange(10**7)),
            "digital_share_90d": one(random.random()),
            "value_quadrant": one(random.choice("ABCD")),
        }
        for _ in range(count)
    ]


def columns_of(rows: list[dict[str, Any]]) -> dict[str, Column]:
    """The same rows as numpy's columns."""
    found = {}
    for name in rows[0]:
        null = np.array([row[name] is None for row in rows])
        if name == "value_quadrant":
            values: Any = np.array([row[name] or "" for row in rows], dtype=object)
        else:
            values = np.array([row[name] or 0 for row in rows], "f8" if name.startswith("digital") else "i8")
        found[name] = Column(values, null)
    return found


def numpy_by_hand(columns: dict[str, Column]) -> Any:
    """`TEN` without its text, by masks."""

    def of(name: str) -> tuple[Any, Any]:
        return columns[name].values, ~columns[name].null  # type: ignore[operator]

    age, known = of("age")
    found = (age >= 18) & (age <= 90) & known
    for name, low in (("aum_minor", 100_000), ("inflow_30d_minor", 1), ("outflow_30d_minor", 1), ("products_held", 1),
                      ("tenure_days", 31), ("salary_mean_minor", 0), ("loan_balance_minor", -10_000_000),
                      ("digital_share_90d", 0.0)):  # fmt: skip
        values, known = of(name)
        found &= (values >= low) & known
    return found


def nanoseconds(work: Callable[[], object], each: int, rounds: int) -> float:
    """The best of several rounds, for each of what one round does."""
    best = min(_timed(work) for _ in range(rounds))
    return round(best / each * 1e9, 1)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def hostile_ms(text: str, rounds: int) -> float:
    """How long a refusal takes."""
    catalogue = standard()

    def work() -> None:
        try:
            parse(text, catalogue)
        except Refused:
            return
        raise AssertionError("it was admitted")

    return nanoseconds(work, 1, rounds) / 1e6


def of_rows(
    asked: Condition, by_hand: Callable[[dict[str, Any]], bool], rows: list[Any], rounds: int
) -> dict[str, Any]:
    """The closure beside the hand-written function."""
    match = compiled(asked)
    assert [match(row) for row in rows] == [by_hand(row) for row in rows]

    def each(function: Callable[[Any], bool]) -> float:
        return nanoseconds(lambda: [function(row) for row in rows], len(rows), rounds)

    closure, hand = each(match), each(by_hand)
    return {"closure_ns": closure, "by_hand_ns": hand, "times": round(closure / hand, 2)}


def measured(rows: int, rounds: int) -> dict[str, Any]:
    """All figures."""
    catalogue = standard()
    one, ten = parse(ONE, catalogue), parse(TEN, catalogue)
    numbers = parse(TEN.rpartition(" AND ")[0], catalogue)
    table = made(rows)
    columns = columns_of(table)
    assert (matches(numbers, columns, rows) == numpy_by_hand(columns)).all()
    match = compiled(ten)
    assert matches(ten, columns, rows).tolist() == [match(row) for row in table]
    few = table[:20_000]
    by_text = nanoseconds(lambda: matches(numbers, columns, rows), rows, rounds)
    by_hand = nanoseconds(lambda: numpy_by_hand(columns), rows, rounds)
    return {
        "parse_ms": {
            name: round(nanoseconds(lambda text=text: parse(text, catalogue), 1, rounds * 4) / 1e6, 3)  # type: ignore[misc]
            for name, text in (("one", ONE), ("ten", TEN))
        },
        "one_row": {"one": of_rows(one, one_by_hand, few, rounds), "ten": of_rows(ten, ten_by_hand, few, rounds)},
        "many_rows": {
            "one_ns": nanoseconds(lambda: matches(one, columns, rows), rows, rounds),
            "nine_numbers_ns": by_text,
            "by_hand_ns": by_hand,
            "times": round(by_text / by_hand, 2),
            "ten_with_a_text_ns": nanoseconds(lambda: matches(ten, columns, rows), rows, rounds),
        },
        "hostile_ms": {name: round(hostile_ms(text, 3), 2) for name, text in HOSTILE.items()},
        "rows": rows,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--full", action="store_true", help="more rounds")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--home", help="not needed")
    options = parser.parse_args()
    found = measured(500 if options.tiny else 100_000, 1 if options.tiny else 20 if options.full else 7)
    if options.json:
        print(json.dumps(found))
        return
    for name in ("one", "ten"):
        row = found["one_row"][name]
        print(f"{name:>4}: read in {found['parse_ms'][name]} ms; of one row {row['closure_ns']} ns,"
              f" by hand {row['by_hand_ns']} ns ({row['times']}x)")  # fmt: skip
    many = found["many_rows"]
    print(f"of {found['rows']:,} rows: one atom {many['one_ns']} ns a row")
    print(f"      nine over numbers {many['nine_numbers_ns']} ns, by hand {many['by_hand_ns']} ns ({many['times']}x)")
    print(f"      ten with a text {many['ten_with_a_text_ns']} ns")
    print(f"refused: the worst of {len(HOSTILE)} hostile texts of up to 4 KB in {max(found['hostile_ms'].values())} ms")


if __name__ == "__main__":
    main()
