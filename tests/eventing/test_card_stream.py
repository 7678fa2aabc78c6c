"""A stream of card payments: stream and lake find the same detections of the same files, one by one."""

import os
import random
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pyarrow import compute, parquet
from tests.eventing.test_lake_history import Row, connection, posting
from tests.eventing.test_shapes import trigger

from attune_contracts.identifiers import account_id, customer_id
from eventing import lake_triggers
from eventing.compiled import Compiled
from eventing.facts import Fact, posted
from eventing.replaying import stream_detections
from eventing.verdicts import Raised

FILE = (
    Path(os.environ.get("ATTUNE_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "fraud-handbook"
    / "transactions_2018q2.parquet"
)
CUSTOMERS = 40
FIRST, LAST = date(2018, 4, 1), date(2018, 6, 30)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.real_data,
    pytest.mark.skipif(not FILE.is_file(), reason=f"needs the card payments in {FILE}"),
]
# A payment far above the own mean, a burst within an hour, a small payment then a large one, an end of payments after
# a large one, a week without any, a week unlike the four before.
DEFINITIONS: dict[str, dict[str, Any]] = {
    "own_history": {"compare": "amount", "with": "mean", "over": "14 days", "times": "3"},
    "count": {"at_least": 4, "within": "1 hours"},
    "sequence": {"first": "amount < 5", "then": "amount >= 100", "within": "90 minutes"},
    "absence": {"after": "amount >= 100", "without": "amount >= 0", "within": "2 days"},
    "silence": {"for": "5 days"},
    "change": {"of": "sum", "rises_above": "1.4", "baseline": 4, "every": "week", "at_least": "10"},
}


@cache
def payments() -> tuple[list[Row], list[tuple[str, Fact]]]:
    """The payments of some customers as rows of the lake and, in order, as facts of the stream."""
    table = parquet.read_table(FILE)
    rows, facts = [], []
    for one in table.filter(compute.less(table["CUSTOMER_ID"], CUSTOMERS)).to_pylist():
        who, key, at = str(one["CUSTOMER_ID"]), str(one["TRANSACTION_ID"]), one["TX_DATETIME"].replace(tzinfo=UTC)
        minor, account = round(one["TX_AMOUNT"] * 100), account_id("cards", who)
        rows.append(posting(key, str(account), at.date(), -minor, booked_at=at, kind="card_payment"))
        facts.append((who, fact(account, key, at, minor)))
    return rows, sorted(facts, key=lambda one: one[1].place)


def fact(account: UUID, key: str, at: datetime, minor: int) -> Fact:
    return posted(account.bytes, key, at.date(), at, "debit", minor, "card_payment", None, "card", False, None)


def figures(found: dict[tuple[str, str], Raised]) -> dict[tuple[UUID, str], tuple[date, int | None, int | None]]:
    return {
        (customer_id("cards", who), key): (date.fromordinal(one.day), one.amount, one.compared_with)
        for (who, key), one in found.items()
    }


@pytest.mark.parametrize("cooldown", [0, 7])
@pytest.mark.parametrize("shape", DEFINITIONS)
def test_stream_and_lake_find_the_same_card_payments(shape: str, cooldown: int) -> None:
    one: Compiled = trigger(shape, DEFINITIONS[shape], lateness="2 days", cooldown=f"{cooldown} days")
    rows, facts = payments()
    owners = [
        (str(account_id("cards", str(n))), str(customer_id("cards", str(n))), "card", 0) for n in range(CUSTOMERS)
    ]
    settled = LAST - timedelta(3)
    con = connection(rows, owners)
    lake = {
        (d.customer_id, d.event_key): (d.day, d.amount_minor, d.compared_with_minor)
        for d in lake_triggers.detections(con, one, "CZK", FIRST, LAST, settled)
    }
    assert lake
    assert lake == figures(stream_detections(one, facts))
    draw = random.Random(3)
    late = sorted(facts, key=lambda pair: pair[1].day + draw.choice((0, 0, 1, 2)))
    found = figures(stream_detections(one, late))
    assert {key: day for key, (day, *_) in found.items()} == {key: day for key, (day, *_) in lake.items()}
