"""The calendar on the lake: what dates would have fired, as imports brought, changed and took them away."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.eventing.test_shapes import TEXTS

from attune_contracts.datasets import HOLDINGS, PARTIES, PRODUCTS, Dataset
from attune_contracts.identifiers import account_id, customer_id
from attune_service_kit.lake import Lake
from attune_service_kit.lake_schema import arrow_schema
from eventing import lake_dates, lake_triggers
from eventing.compiled import Compiled
from eventing.definition import Definition
from eventing.facts import ordinal
from eventing.replaying import Partition
from eventing.shapes.dated import DatedFact

DAY0 = date(2024, 1, 1)
DAYS = 60
Row = dict[str, Any]
Held = dict[tuple[str, str], date]
"""The day of maturity by customer and holding."""
Found = set[tuple[UUID, UUID | None, str, date, int | None]]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


def calendar(offsets: list[int], **more: Any) -> Compiled:
    shape = {"of": "holding_matures_on", "offsets": offsets} | {n: more.pop(n) for n in ("of", "yearly") if n in more}
    raw = {"trigger": "due", "title": TEXTS, "meaning": TEXTS, "on": "dates", "calendar": shape, "cooldown": "0 days"}
    return Compiled.of(Definition.model_validate(raw | more))


def account(customer: str, holding: str) -> UUID | None:
    """Of some holdings no account is known; two of a customer may share one."""
    return None if holding == "H0" else account_id("t", f"{customer}-{int(holding[1:]) // 3}")


def amount(holding: str, day: date) -> int:
    return 100 * int(holding[1:]) + day.day % 3


def publish(lake: Lake, dataset: Dataset, rows: list[Row], on: date) -> None:
    full = [dict.fromkeys(dataset.names) | row for row in rows]
    lake.write(dataset, "all", pa.Table.from_pylist(full, schema=arrow_schema(dataset)), as_of=on)


def publish_holdings(lake: Lake, held: Held, on: date) -> None:
    rows = []
    for (customer, holding), day in held.items():
        known = account(customer, holding)
        rows.append(
            {"holding_id": f"{customer}-{holding}", "customer_id": str(customer_id("t", customer)), "product_id": "td",
             "account_id": None if known is None else str(known), "matures_on": day,
             "amount_minor": amount(holding, day)}
        )  # fmt: skip
    publish(lake, PRODUCTS, [{"product_id": "td", "name_zh": "定", "name_en": "td", "kind": "time_deposit"}], on)
    publish(lake, HOLDINGS, rows, on)


@dataclass
class Kept:
    """The table of dates as the stream keeps it, in words: known since the day of the load, the first ones always."""

    facts: dict[tuple[str, str], DatedFact] = field(default_factory=dict)
    loaded: bool = False

    def load(self, held: Held, on: date) -> None:
        self.facts = {key: fact for key, fact in self.facts.items() if key in held}
        first, self.loaded = not self.loaded, True
        for key, day in held.items():
            before = self.facts.get(key)
            if before is None or before.day != day.toordinal():
                known = 0 if first else on.toordinal()
                row: Row = {"product": "td", "product_kind": "time_deposit", "amount_minor": amount(key[1], day),
                       "due_date": day}  # fmt: skip
                of = account(*key)
                self.facts[key] = DatedFact(
                    f"{key[0]}-{key[1]}", "holding_matures_on", day.toordinal(), known, row, row["amount_minor"],
                    b"" if of is None else of.bytes,
                )  # fmt: skip

    def of(self, customer: str) -> list[DatedFact]:
        return [fact for key, fact in self.facts.items() if key[0] == customer]


CUSTOMERS = ("1", "2")


def streamed(trigger: Compiled, loads: dict[date, Held], last: date) -> Found:
    """Every day is reached with the dates of the day before, and looked at again when some have come on it."""
    partition, kept = Partition.of([trigger]), Kept()
    day = min(loads)
    kept.load(loads[day], day)
    while day <= last:
        partition.reach(ordinal(day), {one: kept.of(one) for one in CUSTOMERS})
        day += timedelta(1)
        if day in loads and day <= last:
            partition.reach(ordinal(day), {one: kept.of(one) for one in CUSTOMERS})
            kept.load(loads[day], day)
    found = partition.standing.get("due", {}).items()
    return {
        (customer_id("t", who), UUID(bytes=v.account) if v.account else None, key, date.fromordinal(v.day), v.amount)
        for (who, key), v in found
    }


def judged(con: Any, lake: Lake, trigger: Compiled, first: date, last: date) -> Found:
    assert trigger.definition.calendar is not None
    lake_dates.gather(con, lake, trigger.definition.calendar.of, last)
    found = lake_triggers.detections(con, trigger, "CNY", first, last, last)
    told = {(d.customer_id, d.account_id, d.event_key, d.day, d.amount_minor) for d in found}
    assert len(told) == len(found)
    assert [d.day for d in found] == sorted(d.day for d in found)
    return told


@st.composite
def histories(draw: st.DrawFn) -> dict[date, Held]:
    """Loads on some days: holdings come, are rolled over, go and come again."""
    days = sorted(draw(st.sets(st.integers(0, DAYS), min_size=1, max_size=4)))
    loads: dict[date, Held] = {}
    held: Held = {}
    for n in days:
        held = dict(held)
        for key in [(customer, f"H{number}") for customer in CUSTOMERS for number in range(5)]:
            match draw(st.integers(0, 5)):
                case 0 | 1:
                    held[key] = DAY0 + timedelta(draw(st.integers(-5, DAYS + 10)))
                case 2:
                    held.pop(key, None)
        loads[DAY0 + timedelta(n)] = held
    return loads


def triggers() -> st.SearchStrategy[Compiled]:
    return st.builds(
        lambda offsets, lateness, cooldown, where, grain, yearly: calendar(
            offsets, lateness=f"{lateness} days", cooldown=f"{cooldown} days", grain=grain, yearly=yearly,
            **({"where": where} if where else {}),
        ),
        st.sampled_from([[0], [-7], [-7, 0], [3, 10, -2], [-400, 1]]), st.sampled_from((0, 1, 3, 30)),
        st.sampled_from((0, 1, 10, 40)), st.sampled_from((None, "amount >= 2.01", "due_date > '2024-02-01'")),
        st.sampled_from(("customer", "account")), st.booleans(),
    )  # fmt: skip


def compare(con: Any, folder: Path, loads: dict[date, Held], trigger: Compiled) -> None:
    lake = Lake(str(folder / "lake"), folder / "scratch")
    for on, held in loads.items():
        publish_holdings(lake, held, on)
    last = DAY0 + timedelta(DAYS + 5)
    expected = streamed(trigger, loads, last)
    assert judged(con, lake, trigger, date(1970, 1, 1), last) == expected
    middle = DAY0 + timedelta(30)
    assert judged(con, lake, trigger, middle, last) == {one for one in expected if one[3] >= middle}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads=histories(), trigger=triggers())
def test_the_lake_finds_what_the_stream_finds(
    con: Any, tmp_path_factory: pytest.TempPathFactory, loads: dict[date, Held], trigger: Compiled
) -> None:
    folder = tmp_path_factory.mktemp("history")
    compare(con, folder, loads, trigger)
    assert (folder / "lake").is_dir()


@pytest.mark.slow
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads=histories(), trigger=triggers())
def test_the_lake_finds_what_the_stream_finds_in_many_histories(
    con: Any, tmp_path_factory: pytest.TempPathFactory, loads: dict[date, Held], trigger: Compiled
) -> None:
    folder = tmp_path_factory.mktemp("history")
    compare(con, folder, loads, trigger)
    assert (folder / "lake").is_dir()


def test_what_is_known_late_is_found_within_the_lateness_and_what_has_gone_fires_no_more(
    con: Any, tmp_path: Path
) -> None:
    lake = Lake(str(tmp_path / "lake"), tmp_path / "s")
    first, then = DAY0, DAY0 + timedelta(10)
    publish_holdings(lake, {("1", "H1"): DAY0 + timedelta(5), ("1", "H2"): DAY0 + timedelta(20)}, first)
    publish_holdings(
        lake,
        {("2", "H1"): DAY0 + timedelta(7), ("2", "H2"): DAY0 + timedelta(6), ("1", "H1"): DAY0 + timedelta(30)},
        then,
    )
    last = DAY0 + timedelta(40)
    found = judged(con, lake, calendar([0], lateness="3 days"), DAY0, last)
    assert {(key, (day - DAY0).days) for _, _, key, day, _ in found} == {
        (f"1-H1:{DAY0 + timedelta(5)}:0", 5),
        (f"1-H1:{DAY0 + timedelta(30)}:0", 30),
        (f"2-H1:{DAY0 + timedelta(7)}:0", 7),
    }
    # Before anything was published for the first time, what came first has always been known.
    assert {key for _, _, key, *_ in judged(con, lake, calendar([-30]), date(2023, 12, 1), DAY0 - timedelta(1))} == {
        f"1-H1:{DAY0 + timedelta(5)}:-30", f"1-H2:{DAY0 + timedelta(20)}:-30"
    }  # fmt: skip


def test_a_birthday_comes_every_year_and_of_29_february_on_the_28th(con: Any, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), tmp_path / "s")
    born = {"A": date(1980, 2, 29), "B": date(1990, 12, 30), "C": None}
    rows = [
        {"customer_id": str(customer_id("t", who)), "source_id": who, "birth_date": day} for who, day in born.items()
    ]
    base = {"party_kind": "person", "has_phone": False, "has_address": False, "personalisation": True, "version": 1}
    publish(lake, PARTIES, [base | row for row in rows], DAY0)
    trigger = calendar([0, -7, 3], of="birthday", yearly=True, cooldown="5 days")
    found = judged(con, lake, trigger, date(2022, 12, 20), date(2024, 3, 3))
    assert sorted((key, str(day)) for _, _, key, day, _ in found) == [
        ("A:2023-02-28:-7", "2023-02-21"), ("A:2023-02-28:0", "2023-02-28"),
        ("A:2024-02-29:-7", "2024-02-22"), ("A:2024-02-29:0", "2024-02-29"),
        ("B:2022-12-30:-7", "2022-12-23"), ("B:2022-12-30:0", "2022-12-30"),
        ("B:2023-12-30:-7", "2023-12-23"), ("B:2023-12-30:0", "2023-12-30"),
    ]  # fmt: skip


def test_one_that_is_off_finds_nothing_and_a_key_too_long_is_its_digest(con: Any, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), tmp_path / "s")
    row = {"holding_id": "h" * 60, "customer_id": str(customer_id("t", "1")), "product_id": "x", "matures_on": DAY0}
    publish(lake, HOLDINGS, [row], DAY0)
    on = calendar([0])
    ((_, _, key, _, figure),) = judged(con, lake, on, DAY0, DAY0)
    assert (len(key), figure) == (64, None)
    assert judged(con, lake, Compiled.of(on.definition, enabled=False), DAY0, DAY0) == set()
