"""Money at the edge, the trigger index, moments, posting events: tables of cases."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from attune_contracts.identifiers import account_id, customer_id
from attune_contracts.ledger import TransactionPosted
from eventing import booked, facts, moments, money, postings
from eventing.judging import Rule
from eventing.own_history import mean
from eventing.trigger_index import TriggerIndex


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("86000.00", "CNY", 8_600_000), ("86000", "CNY", 8_600_000), ("5", "JPY", 5), ("1.234", "KWD", 1234)],
)
def test_amounts_become_minor_units(text: str, currency: str, minor: int) -> None:
    assert money.to_minor(Decimal(text), currency) == minor


@pytest.mark.parametrize(("text", "currency"), [("1.001", "CNY"), ("0.5", "JPY"), ("NaN", "CNY"), ("1e20", "CNY")])
def test_what_is_no_amount_is_refused(text: str, currency: str) -> None:
    with pytest.raises(money.NotAnAmount):
        money.to_minor(Decimal(text), currency)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(3_578_400, "CZK", "35784.00"), (-5, "CNY", "-0.05"), (7, "JPY", "7"), (1, "KWD", "0.001")],
)
def test_minor_units_become_text(minor: int, currency: str, text: str) -> None:
    assert money.to_text(minor, currency) == text


@pytest.mark.parametrize(("total", "days", "expected"), [(10, 4, 3), (9, 4, 2), (-10, 4, -2), (-11, 4, -3), (0, 7, 0)])
def test_means_are_rounded_half_up(total: int, days: int, expected: int) -> None:
    assert mean(total, days) == expected


def test_the_index_offers_only_what_can_fire() -> None:
    rules = [
        Rule("small"),
        Rule("big", minimum_minor=1000),
        Rule("off", enabled=False),
        Rule("middle", minimum_minor=10),
    ]
    index = TriggerIndex.of((TransactionPosted.TYPE, rule) for rule in rules)
    assert [rule.name for rule in index.candidates(TransactionPosted.TYPE, 999)] == ["small", "middle"]
    assert [rule.name for rule in index.candidates(TransactionPosted.TYPE, 1000)] == ["small", "middle", "big"]
    assert index.candidates("ledger.other.posted.v1", 10**9) == []


def test_a_business_day_keeps_its_date_in_the_banks_zone() -> None:
    assert moments.noon(date(2024, 9, 2), "Asia/Shanghai") == datetime(2024, 9, 2, 4, tzinfo=UTC)
    assert moments.end_of(date(2024, 9, 2), "Asia/Shanghai") == datetime(2024, 9, 2, 15, 59, 59, tzinfo=UTC)


def posted(**changes: Any) -> dict[str, Any]:
    return {
        "customer_id": str(customer_id("t", "A")), "posting_id": "1", "account_id": str(account_id("t", "A")),
        "business_date": "2024-09-02", "direction": "credit", "amount_minor": 5, "currency": "CNY", "kind": "x",
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "candidate", "net"),
    [
        ({}, True, 5),
        ({"direction": "debit"}, False, -5),
        ({"account_kind": "time"}, False, 5),
        ({"flags": ["own_transfer"]}, False, 5),
        ({"flags": ["maturity"]}, False, 5),
        ({"flags": ["loan_payout"]}, False, 5),
        ({"flags": ["reversal"]}, False, 5),
        ({"reverses": "0"}, False, 5),
        ({"something_newer": 1}, True, 5),
    ],
)
def test_only_new_money_on_demand_accounts_can_fire(changes: dict[str, Any], candidate: bool, net: int) -> None:
    movement = postings.movement(postings.read(posted(**changes)))
    assert (movement.candidate, movement.net) == (candidate, net)


ODD: tuple[Any, ...] = (None, True, 1, 1.0, -1, "", " ", "\n", "x", "X", "cny", [], {}, (), [1], "2024-9-2", "20240902")
FIELDS: dict[str, tuple[Any, ...]] = {
    "customer_id": (str(customer_id("t", "B")).upper(), str(customer_id("t", "B")).replace("-", ""), "{" + "0" * 34),
    "posting_id": ("9" * 64, "9" * 65, "交易"),
    "account_id": (f"urn:uuid:{account_id('t', 'B')}",),
    "business_date": ("2024-02-30", "1900-01-01", "1899-12-31", "2024-W01-1", "2024-09-02T00:00:00", "２０２４-09-02"),
    "booked_at": (
        "2024-09-02T01:02:03Z", "2024-09-02T01:02:03.5Z", "2024-09-02T01:02:03.123456+08:00", "2024-09-02 01:02:03Z",
        "2024-09-02T24:00:00Z", "2024-09-02T01:02:60Z", "2024-09-02T01:02:03-99:00", "2024-09-02T01:02Z", 1725238923,
    ),
    "direction": ("debit", "Debit"),
    "amount_minor": (0, 10**13, 10**13 + 1, "7", 7.0, 7.5),
    "currency": ("JPY", "JPY\n", "JP", "日本円"),
    "kind": ("a" * 40, "a" * 41, "a-b", "a\n", "a1_"),
    "channel": ("web", "Web"),
    "flags": (["reversal"], ["reversal", "maturity"], ["Reversal"], "reversal", {"reversal": 1}),
    "reverses": ("1", "1" * 65),
    "account_kind": ("time", "gold"),
    "origin": ("replay", "dead"),
    "run": (str(customer_id("t", "R")), "not"),
    "something_newer": (1,),
}  # fmt: skip


@pytest.mark.parametrize("field", FIELDS)
def test_a_posting_in_plain_values_is_what_the_contract_reads(field: str) -> None:
    for value in (*FIELDS[field], *ODD):
        data = posted(**{field: value})
        try:
            read = postings.read(data)
        except postings.UnreadablePosting as error:
            with pytest.raises(postings.UnreadablePosting, match=f"^{error}$"):
                booked.read(data)
        else:
            one = booked.read(data)
            assert one._asdict() == {name: getattr(read, name) for name in booked.Posting._fields}
            assert one.fact() == facts.of_posting(read)


def test_a_posting_as_it_usually_comes_does_not_ask_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = TransactionPosted.model_validate(posted(booked_at="2024-09-02T01:02:03.5Z", flags=["maturity"], channel="w"))
    monkeypatch.delattr(postings, "read")
    assert booked.read(sent.model_dump(mode="json")).flags == ("maturity",)
    assert booked.read(posted()).booked_at is None


def test_an_unreadable_posting_names_fields_and_no_content() -> None:
    with pytest.raises(postings.UnreadablePosting, match="amount_minor, business_date") as refused:
        postings.read(posted(amount_minor=-7, business_date="secret"))
    assert "secret" not in str(refused.value)
    with pytest.raises(postings.UnreadablePosting, match="before every bank"):
        postings.read(posted(business_date="0001-01-02"))
