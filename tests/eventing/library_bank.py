"""A small demo bank for the shipped triggers: its postings, front-end behaviours and dates, equal at each call."""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pyarrow as pa

from attune.bank.ledger import Ledger, ledger
from attune.bank.postings import AccountType, Channel, Flag, Kind
from attune_contracts.datasets import TRANSACTIONS
from attune_contracts.identifiers import account_id, customer_id
from attune_service_kit.lake_schema import arrow_schema
from eventing import lake_triggers
from eventing.compiled import Compiled
from eventing.replaying import Partition
from eventing.shapes.dated import DatedFact

CUSTOMERS, SEED = 200, 11
LAST = date(2025, 12, 31)
_KINDS = ("demand", "demand", "time", "wealth")
_HELD = ("time_deposit", "wealth", "insurance")


def bank(con: duckdb.DuckDBPyConnection) -> Ledger:
    """Make the lake's relations of the bank."""
    book = ledger(CUSTOMERS, SEED, LAST)
    con.register("transactions", _postings(book))
    owners = [
        (_account(owner, account), str(_customer(owner)), _KINDS[account], int(book.opening[account][owner]))
        for owner in range(CUSTOMERS)
        for account in AccountType
        if account in book.opening
    ]
    names = ("account_id", "customer_id", "kind", "opening_balance_minor")
    con.register("account_owner", pa.Table.from_pylist([dict(zip(names, one, strict=True)) for one in owners]))
    con.register("behaviour", _behaviours())
    return book


def backtest(con: duckdb.DuckDBPyConnection, trigger: Compiled) -> tuple[int, int]:
    """How many detections the shipped trigger has on the bank, and of how many customers."""
    if trigger.kind == "calendar":
        partition = Partition.of([trigger], {})
        partition.reach(LAST.toordinal(), dates())
        standing = partition.standing.get(trigger.name, {})
        subjects = [subject for (subject, _), one in standing.items() if one.day > LAST.toordinal() - 365]
        return len(subjects), len(set(subjects))
    found = lake_triggers.detections(con, trigger, "CNY", LAST - timedelta(364), LAST, LAST)
    return len(found), len({one.customer_id for one in found})


def dates() -> Mapping[str, Sequence[DatedFact]]:
    """A birthday and a first day each; of some a card, a loan, a holding."""
    draw = random.Random(SEED)
    found: dict[str, list[DatedFact]] = {}
    for owner in range(CUSTOMERS):
        mine: list[DatedFact] = []

        def add(of: str, day: date, product: str | None = None, mine: list[DatedFact] = mine, who: int = owner) -> None:
            amount = draw.randint(10, 200) * 100_000 if product else None
            row = {"product": product, "product_kind": product, "amount_minor": amount, "due_date": day}
            mine.append(DatedFact(f"{of}-{who}", of, day.toordinal(), 0, row, amount))

        add("birthday", date(1950, 1, 1) + timedelta(draw.randint(0, 18_000)))
        add("customer_since", date(2022, 1, 1) + timedelta(draw.randint(0, 1_460)))
        if draw.random() < 0.6:
            add("card_expires_on", date(2025, 1, 31) + timedelta(draw.randint(0, 1_800)))
        if draw.random() < 0.2:
            add("loan_matures_on", date(2025, 1, 1) + timedelta(draw.randint(0, 1_800)))
        if draw.random() < 0.4:
            add("holding_matures_on", date(2025, 1, 1) + timedelta(draw.randint(0, 720)), draw.choice(_HELD))
        found[str(_customer(owner))] = mine
    return found


def _postings(book: Ledger) -> pa.Table:
    rows = []
    booked = book.booked
    columns = (booked.owner, booked.account, booked.day, booked.second, booked.amount, booked.kind, booked.channel)
    for number, one in enumerate(zip(*columns, booked.flag, strict=True)):
        owner, account, day, second, amount, kind, channel, flag = map(int, one)
        on = book.period.day(day)
        if kind == Kind.SALARY and not _is_paid(owner, on):
            continue
        rows.append(
            dict.fromkeys(TRANSACTIONS.names)
            | {
                "posting_id": f"T{number:09d}",
                "account_id": _account(owner, AccountType(account)),
                "business_date": on,
                # The bank's clock is eight hours ahead of UTC.
                "booked_at": datetime.combine(on, time(0), UTC) + timedelta(seconds=second - 8 * 3600),
                "direction": "credit" if amount > 0 else "debit",
                "amount_minor": abs(amount),
                "currency": "CNY",
                "kind": Kind(kind).name.lower(),
                "channel": Channel(channel).name.lower(),
                "flags": [Flag(flag).name.lower()] if flag else [],
            }
        )
    return pa.Table.from_pylist(rows, schema=arrow_schema(TRANSACTIONS))


def _is_paid(owner: int, day: date) -> bool:
    """The generated bank pays everybody all the time: here some salaries end in August, and some begin in June."""
    return not (owner % 20 == 3 and day >= date(2025, 9, 1)) and not (owner % 20 == 7 and day < date(2025, 6, 1))


def _behaviours() -> pa.Table:
    """What digital customers look at, and applications of which a third is left half-way."""
    draw = np.random.default_rng(SEED)
    rows: list[dict[str, Any]] = []

    def add(owner: int, at: datetime, behaviour: str, **more: str) -> None:
        us = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        rows.append(
            {"behaviour_id": f"b{len(rows)}", "customer_id": str(_customer(owner)), "business_date": at.date(),
             "occurred_us": us, "behaviour": behaviour, "product": None, "step": None, "channel": "mobile",
             "seconds": 30} | more
        )  # fmt: skip

    for owner in range(0, CUSTOMERS, 2):
        for day in draw.integers(0, 300, 4):
            at = datetime(2025, 1, 15, 4, tzinfo=UTC) + timedelta(int(day))
            product = ("W1", "W2", "T1")[int(day) % 3]
            for number in range(int(draw.integers(1, 5))):
                add(owner, at + timedelta(hours=5 * number), "product_viewed", product=product)
        at = datetime(2025, 3, 1, 6, tzinfo=UTC) + timedelta(int(draw.integers(0, 250)))
        add(owner, at, "step_started", step="open_wealth")
        if draw.random() < 0.66:
            add(owner, at + timedelta(minutes=9), "step_completed", step="open_wealth")
    return pa.Table.from_pylist(rows)


def _customer(owner: int) -> UUID:
    return customer_id("demo", str(owner))


def _account(owner: int, account: AccountType) -> str:
    return str(account_id("demo", f"{owner}-{account}"))
