"""Stream and lake: every shape finds the same detections, one by one, whatever the order in which facts come."""

from datetime import UTC, date, timedelta
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.eventing.by_definition import Found
from tests.eventing.test_lake_history import BERKA, Row, berka_postings, connection
from tests.eventing.test_shapes import (
    ACCOUNTS,
    CUSTOMER,
    DAY0,
    SHAPES,
    Case,
    cases,
    histories,
    posting,
    streamed,
    trigger,
)

from attune_contracts.datasets import TRANSACTIONS
from attune_contracts.identifiers import account_id
from attune_service_kit.lake_schema import arrow_schema
from eventing import lake_triggers
from eventing.compiled import Compiled
from eventing.facts import MICROSECONDS_A_DAY, Fact
from eventing.lake_triggers import Detection

Owner = tuple[str, str, str, int]
OWNER = pa.schema(
    [
        ("account_id", pa.string()),
        ("customer_id", pa.string()),
        ("kind", pa.string()),
        ("opening_balance_minor", pa.int64()),
    ]
)
BEHAVIOURS = pa.schema(
    [("behaviour_id", pa.string()), ("customer_id", pa.string()), ("business_date", pa.date32()),
     ("occurred_us", pa.int64()), ("behaviour", pa.string()), ("product", pa.string()), ("step", pa.string()),
     ("channel", pa.string()), ("seconds", pa.int64())]
)  # fmt: skip


@pytest.fixture(scope="module")
def con() -> Any:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


def lake(con: duckdb.DuckDBPyConnection, facts: list[Fact], openings: dict[bytes, int]) -> None:
    """The views that the lake executor reads, of one customer's facts."""
    postings = [_posting(fact) for fact in facts if fact.source == "postings"]
    con.register("transactions", pa.Table.from_pylist(postings, schema=arrow_schema(TRANSACTIONS)))
    owners = [
        {"account_id": str(one), "customer_id": str(CUSTOMER), "kind": kind,
         "opening_balance_minor": openings.get(one.bytes, 0)}
        for one, kind in ((account_id("t", name), kind) for name, kind in ACCOUNTS)
    ]  # fmt: skip
    con.register("account_owner", pa.Table.from_pylist(owners, schema=OWNER))
    seen = [_behaviour(fact) for fact in facts if fact.source == "behaviours"]
    con.register("behaviour", pa.Table.from_pylist(seen, schema=BEHAVIOURS))


def _posting(fact: Fact) -> dict[str, Any]:
    booked = fact.row["booked_at"]
    copied = ("business_date", "direction", "amount_minor", "kind", "channel")
    return dict.fromkeys(TRANSACTIONS.names) | {name: fact.row[name] for name in copied} | {
        "posting_id": fact.key, "account_id": str(UUID(bytes=fact.account)), "currency": "CNY", "flags": [],
        "booked_at": None if booked is None else booked.replace(tzinfo=UTC), "reverses": fact.reverses,
    }  # fmt: skip


def _behaviour(fact: Fact) -> dict[str, Any]:
    noon = (fact.row["business_date"] - date(1970, 1, 1)).days * MICROSECONDS_A_DAY + MICROSECONDS_A_DAY // 2
    row = {name: fact.row[name] for name in ("business_date", *BEHAVIOURS.names[4:])}
    return row | {"behaviour_id": fact.key, "customer_id": str(CUSTOMER), "occurred_us": noon + fact.moment}


def judged(con: Any, trigger: Compiled, facts: list[Fact], openings: dict[bytes, int]) -> list[Detection]:
    lake(con, facts, openings)
    last = max(fact.day for fact in facts)
    settled = date.fromordinal(last - trigger.lateness - 1)
    return lake_triggers.detections(con, trigger, "CNY", date(1970, 1, 1), date.fromordinal(last), settled)


def on_the_lake(con: Any, case: Case) -> Found:
    found = judged(con, case.trigger, case.ordered, case.openings)
    by_key = {d.event_key: (d.day.toordinal(), d.amount_minor, d.compared_with_minor) for d in found}
    assert len(found) == len(by_key)
    return by_key


def days(found: Found) -> dict[str, int]:
    return {key: day for key, (day, *_) in found.items()}


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_lake_finds_what_the_stream_finds(shape: str, con: Any, data: st.DataObject) -> None:
    case = data.draw(cases(shape))
    found = on_the_lake(con, case)
    assert found == streamed(case, case.ordered)[0]
    assert days(found) == days(streamed(case, case.arriving)[0])


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_the_lake_finds_what_the_stream_finds_in_many_histories(shape: str, con: Any, data: st.DataObject) -> None:
    case = data.draw(cases(shape))
    found = on_the_lake(con, case)
    assert found == streamed(case, case.ordered)[0]
    assert days(found) == days(streamed(case, case.arriving)[0])


ON_BEHAVIOURS: dict[str, dict[str, Any]] = {
    "own_history": {"compare": "count", "with": "count", "within": "3 days", "over": "20 days", "times": "1.5"},
    "count": {"at_least": 2, "within": "12 hours"},
    "sequence": {"first": "product = 'p'", "then": "behaviour = 'bought'", "within": "7 days"},
    "absence": {"after": "behaviour = 'viewed'", "without": "step = 's'", "within": "5 days"},
    "silence": {"for": "10 days"},
    "change": {"of": "count", "stops": True, "baseline": 1, "every": "week"},
    "behaviour": {"at_least": 2, "within": "9 days", "same": "product", "unless": "behaviour = 'bought'"},
}


@st.composite
def of_front_ends(draw: st.DrawFn) -> Case:
    """A trigger on behaviours alone, and behaviours of which half come late."""
    shape, lateness = draw(st.sampled_from(sorted(ON_BEHAVIOURS))), draw(st.sampled_from((0, 3, 30)))
    more: dict[str, Any] = {"lateness": f"{lateness} days", "cooldown": f"{draw(st.sampled_from((0, 10)))} days"}
    if shape not in ("sequence", "absence"):
        more["where"] = "behaviour = 'viewed'"
    facts = [fact for fact in draw(histories(behaviours=True)) if fact.source == "behaviours"]
    assume(facts)
    delays = [draw(st.integers(0, lateness)) for _ in facts]
    arrival = sorted(zip(delays, facts, strict=True), key=lambda pair: (pair[0] + pair[1].day, pair[1].key))
    one = trigger(shape, ON_BEHAVIOURS[shape], on="behaviours", **more)
    return Case(one, sorted(facts, key=lambda f: f.place), [fact for _, fact in arrival], {})


@settings(max_examples=40, deadline=None)
@given(case=of_front_ends())
def test_the_lake_finds_what_the_stream_finds_of_behaviours_alone(con: Any, case: Case) -> None:
    found = on_the_lake(con, case)
    assert found == streamed(case, case.ordered)[0]
    assert days(found) == days(streamed(case, case.arriving)[0])


@pytest.fixture(scope="module")
def berka() -> tuple[list[Row], list[Owner]]:
    return berka_postings()


@pytest.mark.real_data
@pytest.mark.skipif(not BERKA.is_dir(), reason=f"needs Berka's files in {BERKA}")
@pytest.mark.parametrize(("cooldown", "expected"), [(0, (140, 85)), (30, (106, 85))])
def test_the_trigger_file_finds_the_known_detections_of_a_real_bank(
    berka: tuple[list[Row], list[Owner]], cooldown: int, expected: tuple[int, int]
) -> None:
    where = "account_kind = 'demand' AND direction = 'credit' AND new_money"
    large = trigger("own_history", {"over": "6 months"}, where=where, cooldown=f"{cooldown} days")
    until = date(1998, 12, 31)
    found = lake_triggers.detections(connection(*berka), large, "CZK", date(1993, 1, 1), until, until)
    assert (len(found), len({one.customer_id for one in found})) == expected
    assert found[0][2:] == ("1002969", date(1993, 8, 19), 3578400, 3561514)


def test_days_before_the_first_one_are_the_past_and_hold_back(con: Any) -> None:
    often = trigger("count", {"at_least": 2, "within": "30 days"}, cooldown="20 days", lateness="0 days")
    lake(con, [posting(str(day), day, 5) for day in (0, 1, 5, 22)], {})
    first, last = DAY0 + timedelta(5), DAY0 + timedelta(30)
    found = lake_triggers.detections(con, often, "CNY", first, last, last)
    assert [(one.event_key, one.amount_minor) for one in found] == [("22", 20)]


def test_figures_that_are_not_emitted_are_none(con: Any) -> None:
    often = trigger("count", {"at_least": 2, "within": "3 days"}, emit=["compared_with"])
    lake(con, [posting("1", 0, 5), posting("2", 1, 5)], {})
    (found,) = lake_triggers.detections(con, often, "CNY", DAY0, DAY0 + timedelta(9), DAY0 + timedelta(9))
    assert (found.event_key, found.amount_minor, found.compared_with_minor) == ("2", None, None)


def test_a_trigger_that_is_off_finds_nothing(con: Any) -> None:
    on = trigger("count", {"at_least": 2, "within": "3 days"})
    off = Compiled.of(on.definition, enabled=False)
    lake(con, [posting("1", 0, 5), posting("2", 1, 5)], {})
    assert lake_triggers.detections(con, off, "CNY", DAY0, DAY0 + timedelta(9), DAY0 + timedelta(9)) == []
