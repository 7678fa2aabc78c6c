"""What a backtest tells of what it has found: by branch, segment, month, manager, and beside other triggers."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any
from uuid import UUID

import duckdb
import pytest

from eventing import lake_backtests
from eventing.lake_triggers import Detection

ONE, TWO, THREE, FOUR = (UUID(int=number) for number in range(1, 5))
MARCH = (date(2024, 3, 1), date(2024, 3, 4), date(2024, 3, 4), date(2024, 4, 30))
SPRING, APRIL = date(2024, 3, 2), date(2024, 4, 1)
WHO = (ONE, ONE, TWO, THREE)


def detection(who: UUID, day: date) -> Detection:
    return Detection(who, None, f"{who.int}-{day}", day, None, None)


FOUND = [detection(who, day) for who, day in zip(WHO, MARCH, strict=True)]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Four customers: two at B1, one at B2, one of no branch; M1 has two of them, M2 one."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("""
        CREATE TABLE account_owner (account_id VARCHAR, customer_id VARCHAR, branch_id VARCHAR);
        CREATE TABLE behaviour (customer_id VARCHAR);
        CREATE TABLE parties (customer_id VARCHAR, manager_id VARCHAR);
        CREATE TABLE branches (branch_id VARCHAR, name VARCHAR);
        CREATE TABLE employees (employee_id VARCHAR, daily_capacity INTEGER);
        CREATE TABLE segments (customer_id VARCHAR, as_of DATE, segment VARCHAR, value VARCHAR);
        INSERT INTO branches VALUES ('B1', 'One'), ('B2', 'Two');
        INSERT INTO employees VALUES ('M1', 1), ('M2', NULL)""")
        people = ((ONE, "B1", "M1"), (TWO, "B1", "M1"), (THREE, "B2", "M2"), (FOUR, None, None))
        for who, branch, manager in people:
            connection.execute("INSERT INTO account_owner VALUES ($1, $2, $3)", [f"A{who.int}", str(who), branch])
            connection.execute("INSERT INTO behaviour VALUES ($1)", [str(who)])
            connection.execute("INSERT INTO parties VALUES ($1, $2)", [str(who), manager])
            segment = "A" if who in (ONE, THREE) else "B"
            for day, part in ((SPRING, segment), (APRIL, "A")):
                connection.execute("INSERT INTO segments VALUES ($1, $2, 'value_quadrant', $3)", [str(who), day, part])
        yield connection


def left(con: duckdb.DuckDBPyConnection, table: str) -> list[int]:
    rows = con.execute(f"SELECT customer_id FROM {table}").fetchall()
    return sorted(UUID(who).int for (who,) in rows)


def test_when() -> None:
    per_day = Counter(one.day for one in FOUND)
    assert lake_backtests.by_month(per_day) == {"2024-03": 3, "2024-04": 1}
    days = lake_backtests.by_weekday(per_day)
    assert list(days) == [*lake_backtests.WEEKDAYS]
    assert {day: count for day, count in days.items() if count} == {"monday": 2, "tuesday": 1, "friday": 1}


def test_branches_with_their_customers(con: Any) -> None:
    lake_backtests.gather(con, FOUND)
    assert lake_backtests.by_branch(con) == [
        {"branch": "B1", "name": "One", "customers": 2, "detections": 3, "subjects": 2},
        {"branch": "B2", "name": "Two", "customers": 1, "detections": 1, "subjects": 1},
        {"branch": None, "name": None, "customers": 1, "detections": 0, "subjects": 0},
    ]


def test_segments_or_plainly_none(con: Any) -> None:
    lake_backtests.gather(con, FOUND)
    snapshots = lake_backtests.snapshots_for([SPRING, APRIL], {one.day for one in FOUND})
    told = lake_backtests.by_segment(con, APRIL, snapshots)
    # Everybody is of part A since April; a detection is of whom its customer was on its day.
    assert (told["known"], told["as_of"], told["snapshots"]) == (True, "2024-04-01", 2)
    assert [tuple(part.values())[1:] for part in told["parts"]] == [("A", 4, 3, 2), ("B", 0, 1, 1)]
    assert told["told_later"] == 1, "the first of March is before any snapshot"
    none = lake_backtests.by_segment(con, None, {})
    assert none == {"known": False, **lake_backtests.NO_SEGMENTS}


@pytest.mark.parametrize(
    ("days", "chosen"),
    [((1, 10, 20), 10), ((10,), 10), ((20, 25), 20), ((), None)],
    ids=["older", "on", "later", "none"],
)
def test_the_snapshot_is_the_newest_that_could_be_known(days: tuple[int, ...], chosen: int | None) -> None:
    found = lake_backtests.snapshot_for([date(2024, 3, day) for day in days], date(2024, 3, 15))
    assert found == (None if chosen is None else date(2024, 3, chosen))


def test_managers_against_the_banks_own_capacity(con: Any) -> None:
    lake_backtests.gather(con, FOUND)
    told = lake_backtests.by_manager(con, 61, None)
    assert (told["managers"], told["with_detections"], told["without_manager"]) == (2, 2, 0)
    assert (told["days_over"], told["beyond"], told["most_a_day"]) == (1, 1, 2)
    first = told["busiest"][0]
    assert (first["manager"], first["capacity"], first["customers"], first["detections"]) == ("M1", 1, 2, 3)
    assert (first["most_a_day"], first["on"], first["days_over"], first["beyond"]) == (2, "2024-03-04", 1, 1)
    assert told["busiest"][1]["capacity"] == lake_backtests.CAPACITY


def test_managers_against_the_capacity_that_is_asked_with(con: Any) -> None:
    lake_backtests.gather(con, FOUND)
    told = lake_backtests.by_manager(con, 61, 2)
    assert (told["capacity"], told["days_over"], told["beyond"]) == (2, 0, 0)
    assert {row["capacity"] for row in told["busiest"]} == {2}


@pytest.mark.parametrize(("capacity", "needed"), [(1, 2), (2, 1), (1_000, 1)])
def test_so_many_managers_are_needed_on_95_days_of_100(con: Any, capacity: int, needed: int) -> None:
    lake_backtests.gather(con, FOUND)
    # Of 20 days the busiest may be left out; of 4, none.
    assert lake_backtests.by_manager(con, 4, capacity)["needed"] == needed
    assert lake_backtests.by_manager(con, 20, capacity)["needed"] == 1
    assert lake_backtests.by_manager(con, 100, capacity)["needed"] == 0


def test_without_managers_that_is_said(con: Any) -> None:
    con.execute("UPDATE parties SET manager_id = NULL")
    lake_backtests.gather(con, FOUND)
    told = lake_backtests.by_manager(con, 4, None)
    assert (told["known"], told["without_manager"], told["en"]) == (False, 4, lake_backtests.NO_MANAGERS["en"])


@pytest.mark.parametrize(("branches", "seen"), [(["B1"], [1, 2]), (["B1", "B2"], [1, 2, 3]), ([], [])])
def test_a_branch_looks_at_its_own_customers_alone(con: Any, branches: list[str], seen: list[int]) -> None:
    # One account elsewhere makes nobody a customer of that branch: the smallest counts, as for a detection.
    con.execute("INSERT INTO account_owner VALUES ('A9', $1, 'B9')", [str(ONE)])
    lake_backtests.limit_to(con, branches)
    assert sorted(set(left(con, "account_owner"))) == left(con, "behaviour") == seen


def test_nobody_without_a_detection_is_looked_at_any_more(con: Any) -> None:
    lake_backtests.gather(con, FOUND)
    lake_backtests.limit_to_found(con)
    assert left(con, "account_owner") == left(con, "behaviour") == [1, 2, 3]


@pytest.mark.parametrize(("within", "shared"), [(0, 1), (2, 1), (3, 2), (57, 3), (400, 3)])
def test_overlap_counts_the_detections_near_one_of_the_other(within: int, shared: int) -> None:
    others = [detection(ONE, date(2024, 3, 4)), detection(TWO, date(2024, 4, 30)), detection(FOUR, date(2024, 3, 1))]
    told = lake_backtests.overlap(FOUND, others, within)
    assert told == {"detections": 3, "shared": shared, "share": shared / 4}


def test_nothing_overlaps_with_nothing() -> None:
    assert lake_backtests.overlap([], [], 7) == {"detections": 0, "shared": 0, "share": 0.0}


def test_two_side_by_side() -> None:
    extra = detection(FOUR, date(2024, 5, 1))
    counts, examples = lake_backtests.side_by_side(FOUND, [*FOUND[1:3], extra])
    assert counts == {
        "both": 2, "only_this": 2, "only_other": 1, "customers": {"both": 2, "only_this": 1, "only_other": 1},
    }  # fmt: skip
    assert examples == {"both": FOUND[1:3], "only_this": [FOUND[0], FOUND[3]], "only_other": [extra]}


def test_the_first_examples_of_many() -> None:
    many = [detection(ONE, date.fromordinal(740_000 + number)) for number in range(50)]
    counts, examples = lake_backtests.side_by_side(many, [])
    assert (counts["only_this"], examples["only_this"]) == (50, many[: lake_backtests.EXAMPLES])
