"""The lake executor and the stream executor find the same, and Berka's real postings give the known detections."""

import csv
import gzip
import io
import os
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest

from attune_contracts.datasets import TRANSACTIONS
from attune_contracts.identifiers import account_id, customer_id
from attune_service_kit.lake_schema import arrow_schema
from eventing import lake_history
from eventing.judging import Movement, Rule, Subject
from eventing.verdicts import Raised

BERKA = Path(os.environ.get("ATTUNE_REAL_DATA", Path(__file__).parents[3] / "shared" / "data")) / "berka"
real_data = [
    pytest.mark.real_data,
    pytest.mark.skipif(not BERKA.is_dir(), reason=f"needs Berka's files in {BERKA}"),
]
RULE = Rule("large-deposit", cooldown_days=0, lateness_days=3)
FLAGS = ("own_transfer", "maturity", "loan_payout", "reversal")
Row = dict[str, object]


def connection(rows: list[Row], owners: list[tuple[str, str, str, int]]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config={"threads": 2})
    postings = pa.Table.from_pylist(rows, schema=arrow_schema(TRANSACTIONS))
    con.register("transactions", postings)
    names = ("account_id", "customer_id", "kind", "opening_balance_minor")
    con.register("account_owner", pa.Table.from_pylist([dict(zip(names, o, strict=True)) for o in owners]))
    return con


def posting(key: str, account: str, day: date, net: int, **more: object) -> Row:
    row: Row = dict.fromkeys(TRANSACTIONS.names)
    return row | {
        "posting_id": key,
        "account_id": account,
        "business_date": day,
        "direction": "credit" if net > 0 else "debit",
        "amount_minor": abs(net),
        "currency": "CZK",
        "kind": "transfer",
        "flags": [],
        **more,
    }


def stream(
    rows: Iterable[Row], owners: list[tuple[str, str, str, int]], rule: Rule
) -> tuple[dict[str, dict[str, Raised]], dict[str, Subject]]:
    """Run postings in the given order through one partition; return what stands and the states."""
    owner = {account: (customer, kind) for account, customer, kind, _ in owners}
    opening: dict[str, int] = defaultdict(int)
    for _, customer, kind, amount in owners:
        opening[customer] += amount if kind in ("demand", "time") else 0
    subjects: dict[str, Subject] = defaultdict(Subject)
    standing: dict[str, dict[str, Raised]] = defaultdict(dict)
    newest = 0
    for row in rows:
        movement = as_movement(row, owner[str(row["account_id"])][1])
        newest = max(newest, movement.day)
        customer, kind = owner[str(row["account_id"])]
        if kind not in ("demand", "time"):
            continue
        for verdict in subjects[customer].apply(movement, rule, opening[customer], newest):
            stands = standing[customer]
            if isinstance(verdict, Raised):
                stands[verdict.key] = verdict
            elif verdict.key in stands and stands[verdict.key].day <= verdict.day:
                del stands[verdict.key]
    return standing, subjects


def as_movement(row: Row, kind: str) -> Movement:
    day, amount, flags = row["business_date"], row["amount_minor"], row["flags"]
    assert isinstance(day, date)
    assert isinstance(amount, int)
    assert isinstance(flags, list)
    credit = row["direction"] == "credit"
    reverses = None if row["reverses"] is None else str(row["reverses"])
    candidate = credit and kind == "demand" and not flags and reverses is None
    account = UUID(str(row["account_id"])).bytes
    net = amount if credit else -amount
    return Movement(day.toordinal(), str(row["posting_id"]), net, candidate, reverses, account, moment(row))


def moment(row: Row) -> int:
    booked, day = row["booked_at"], row["business_date"]
    if booked is None:
        return 0
    assert isinstance(booked, datetime)
    assert isinstance(day, date)
    return (booked - datetime.combine(day, time(12), UTC)) // timedelta(microseconds=1)


def invented(seed: int) -> tuple[list[Row], list[tuple[str, str, str, int]]]:
    """Forty customers with demand, time and wealth accounts, flags, reversals and days without order."""
    draw = random.Random(seed)
    rows: list[Row] = []
    owners: list[tuple[str, str, str, int]] = []
    for person in range(40):
        customer = str(customer_id("t", str(person)))
        mine = [(str(account_id("t", f"{person}-{kind}")), kind) for kind in ("demand", "time", "wealth")]
        owners += [(account, customer, kind, draw.choice((0, 0, 5000))) for account, kind in mine]
        for number in range(draw.randint(1, 120)):
            account, _ = draw.choice([*mine, mine[0], mine[0]])
            day = date(2024, 1, 1) + timedelta(draw.randint(0, 420) if number else 0)
            net = draw.choice((-1, 1, 1)) * int(draw.lognormvariate(6, 1.5) + 1)
            flags = [draw.choice(FLAGS)] if draw.random() < 0.2 else []
            row = posting(f"{draw.randint(0, 9)}-{person}-{number}", account, day, net, flags=flags)
            if draw.random() < 0.6:
                row["booked_at"] = datetime.combine(day, time(draw.randint(0, 23), 30, 0, 7), UTC)
            earlier = [r for r in rows if r["account_id"] == account and r["direction"] == "credit"]
            if net < 0 and earlier and draw.random() < 0.3:
                row["reverses"] = draw.choice(earlier)["posting_id"]
            rows.append(row)
    return rows, owners


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda r: (str(r["business_date"]), moment(r), str(r["posting_id"])))


def delayed(rows: list[Row], lateness: int, share: float, seed: int) -> list[Row]:
    """The rows with a share of them up to `lateness` days late."""
    draw = random.Random(seed)
    arrival = []
    for row in in_order(rows):
        day = row["business_date"]
        assert isinstance(day, date)
        late = draw.randint(1, lateness) if draw.random() < share else 0
        arrival.append((day.toordinal() + late, draw.random(), row))
    return [row for _, _, row in sorted(arrival, key=lambda a: a[:2])]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cooldown", [0, 30])
def test_lake_and_stream_give_the_same_detections_and_the_same_bytes(seed: int, cooldown: int) -> None:
    rows, owners = invented(seed)
    rule = replace(RULE, cooldown_days=cooldown, lateness_days=(0, 3, 10, 45)[seed])
    con = connection(rows, owners)
    lake_history.prepare(con, rule, "CZK", date(2030, 1, 1))
    judged = {c: j.standing() for c, j in lake_history.judge(con, rule).items() if j.standing()}
    for arrival in (in_order(rows), delayed(rows, max(rule.lateness_days, 1), 0.5, seed)):
        if rule.lateness_days == 0 and arrival != in_order(rows):
            continue
        standing, states = stream(arrival, owners, rule)
        assert {c: sorted(s) for c, s in standing.items() if s} == {
            c: sorted(h.key for h in j) for c, j in judged.items()
        }
        rebuilt = dict(lake_history.subjects(con, rule))
        assert {c: s.pack() for c, s in rebuilt.items()} == {c: s.pack() for c, s in states.items()}
    assert sum(map(len, judged.values())) > 5


@pytest.mark.parametrize(("beyond", "first"), [(timedelta(0), "b"), (timedelta(microseconds=1), "a")])
@pytest.mark.parametrize("key", ["a", "b"])
def test_a_moment_more_than_four_days_from_its_day_is_not_known(beyond: timedelta, first: str, key: str) -> None:
    """Of two credits of one day `b` is the earlier one by its moment or the other one's, as far as that is known."""
    account, customer = str(account_id("t", "a")), str(customer_id("t", "c"))
    day, noon = date(2024, 9, 2), datetime(2024, 9, 2, 12, tzinfo=UTC)
    away = (timedelta(4) + beyond) * (1 if key == "a" else -1)
    rows = [
        posting("0", account, date(2024, 1, 1), 500),
        *(posting(one, account, day, 900, booked_at=noon + away if one == key else noon) for one in ("a", "b")),
    ]
    con = connection(rows, [(account, customer, "demand", 0)])
    rule = replace(RULE, cooldown_days=30)
    lake_history.prepare(con, rule, "CZK", date(2030, 1, 1))
    (judged,) = lake_history.judge(con, rule).values()
    assert [hit.key for hit in judged.standing()] == [first]


def test_a_rebuild_sees_only_the_days_before_and_only_the_base_currency() -> None:
    account, customer = str(account_id("t", "a")), str(customer_id("t", "c"))
    rows = [
        posting("1", account, date(2024, 1, 1), 500),
        posting("2", account, date(2024, 8, 1), 700),
        posting("3", account, date(2024, 7, 31), 900, currency="EUR"),
    ]
    con = connection(rows, [(account, customer, "demand", 0)])
    lake_history.prepare(con, RULE, "CZK", date(2024, 8, 1))
    ((found, subject),) = lake_history.subjects(con, RULE)
    assert found == customer
    assert (subject.history.first, subject.history.last) == (date(2024, 1, 1).toordinal(),) * 2
    assert subject.history.base + sum(subject.history.nets) == 500


def test_a_rule_that_is_off_keeps_histories_and_judges_nothing() -> None:
    rows, owners = invented(1)
    rule = replace(RULE, enabled=False)
    con = connection(rows, owners)
    lake_history.prepare(con, rule, "CZK", date(2030, 1, 1))
    assert all(not judged.raised for judged in lake_history.judge(con, rule).values())
    assert all(not subject.credits for _, subject in lake_history.subjects(con, rule))


def berka_postings() -> tuple[list[Row], list[tuple[str, str, str, int]]]:
    """The bank's real postings file, and who owns the accounts."""
    with gzip.open(BERKA / "trans_a.asc.gz") as file:
        lines = csv.DictReader(io.TextIOWrapper(file, "utf-8", newline=""), delimiter=";")
        rows, owners = [], {}
        for line in lines:
            account, d = str(account_id("berka", line["account_id"])), line["date"]
            owners[account] = (account, str(customer_id("berka", line["account_id"])), "demand", 0)
            amount = round(float(line["amount"]) * 100)
            net = amount if line["type"] == "PRIJEM" else -amount
            rows.append(posting(line["trans_id"], account, date(1900 + int(d[:2]), int(d[2:4]), int(d[4:])), net))
    return rows, list(owners.values())


@pytest.fixture(scope="module")
def berka() -> tuple[list[Row], list[tuple[str, str, str, int]]]:
    return berka_postings()


class TestBerka:
    pytestmark = real_data

    @pytest.mark.parametrize(("cooldown", "expected"), [(0, (140, 85)), (30, (106, 85))])
    def test_the_lake_finds_the_known_detections(
        self, berka: tuple[list[Row], list[tuple[str, str, str, int]]], cooldown: int, expected: tuple[int, int]
    ) -> None:
        con = connection(*berka)
        lake_history.prepare(con, RULE, "CZK", date(1999, 1, 1))
        judged = lake_history.judge(con, replace(RULE, cooldown_days=cooldown))
        hits = [hit for j in judged.values() for hit in j.standing()]
        assert (len(hits), len([j for j in judged.values() if j.standing()])) == expected
        first = min(hits)
        assert first == (date(1993, 8, 19).toordinal(), 0, "1002969", 3578400, 3561514)

    @pytest.mark.parametrize(
        ("cooldown", "expected", "lateness"), [(0, 140, 0), (30, 106, 30), (0, 140, 60), (30, 106, 60)]
    )
    def test_the_stream_finds_them_under_disorder_and_leaves_the_bytes_of_the_lake(
        self, berka: tuple[list[Row], list[tuple[str, str, str, int]]], cooldown: int, expected: int, lateness: int
    ) -> None:
        rows, owners = berka
        rule = replace(RULE, cooldown_days=cooldown, lateness_days=lateness)
        arrival = delayed(rows, lateness, 0.5, 7) if lateness else in_order(rows)
        standing, states = stream(arrival, owners, rule)
        assert sum(map(len, standing.values())) == expected
        con = connection(rows, owners)
        lake_history.prepare(con, rule, "CZK", date(1999, 1, 1))
        assert {c: s.pack() for c, s in lake_history.subjects(con, rule)} == {c: s.pack() for c, s in states.items()}
