"""Every feature of a small bank, computed a second time by plain Python from the words of the catalogue."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from statistics import median
from typing import Any

import duckdb
import pytest

from attune_contracts.datasets import FEATURES, SEGMENTS
from attune_service_kit.errors import Invalid
from insight.snapshot import SegmentCount, choose_day, last_business_date, segment_counts

AS_OF = date(2026, 3, 31)
ASSETS = ("demand", "time", "wealth")
NOT_INFLOW = {"own_transfer", "maturity"}
PRODUCTS = {"TD": "time_deposit", "WM": "wealth", "LN": "loan"}
PURCHASES = ("time_deposit_opened", "wealth_purchase")


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def expected(bank: Any, party: Any) -> dict[str, Any]:
    """One customer's features, the slow way: day by day, posting by posting."""
    accounts = {a.id: a for a in bank.accounts if a.customer == party.id and (a.opened is None or a.opened <= AS_OF)}
    postings = [p for p in bank.postings if p.account in accounts and p.day <= AS_OF]

    def balance(kinds: Sequence[str], day: date) -> int:
        opening = sum(a.opening for a in accounts.values() if a.kind in kinds and (a.opened or date.min) <= day)
        return opening + sum(
            p.amount if p.credit else -p.amount
            for p in postings if accounts[p.account].kind in kinds and p.day <= day
        )  # fmt: skip

    undone = {p.reverses for p in postings if p.reverses}
    standing = [p for p in postings if p.id not in undone and not p.reverses and "reversal" not in p.flags]
    all90 = [p for p in postings if p.day > ago(90)]
    held = [h for h in bank.holdings if h.customer == party.id and (h.opened is None or h.opened <= AS_OF)
            and (h.matures is None or h.matures > AS_OF)]  # fmt: skip
    kinds = {PRODUCTS[h.product] for h in held}
    age = None
    if party.birth:
        age = AS_OF.year - party.birth.year - ((AS_OF.month, AS_OF.day) < (party.birth.month, party.birth.day))
    new_money = [p.amount for p in standing if p.credit and p.day > ago(30) and accounts[p.account].kind == "demand"
                 and not {"own_transfer", "maturity", "loan_payout"} & set(p.flags)]  # fmt: skip
    time, wealth, demand = (balance((kind,), AS_OF) for kind in ("time", "wealth", "demand"))
    return {
        "customer_id": party.id,
        "as_of": AS_OF,
        "branch_id": party.branch,
        "age": age,
        "tenure_days": (AS_OF - party.opened).days if party.opened else None,
        "demand_balance_minor": demand,
        "time_balance_minor": time,
        "wealth_balance_minor": wealth,
        "loan_balance_minor": balance(("loan",), AS_OF),
        "aum_minor": balance(ASSETS, AS_OF),
        "aum_30d_minor": int(sum(balance(ASSETS, ago(d)) for d in range(30)) / 30),
        "aum_90d_minor": int(sum(balance(ASSETS, ago(d)) for d in range(90)) / 90),
        "aum_change_90d_minor": balance(ASSETS, AS_OF) - balance(ASSETS, ago(90)),
        "demand_change_30d_minor": demand - balance(("demand",), ago(30)),
        **flows(standing, accounts),
        "largest_credit_30d_minor": max(new_money, default=0),
        "largest_debit_30d_minor": max((p.amount for p in standing if is_outflow(p, accounts) and p.day > ago(30)),
                                       default=0),
        "postings_90d": len(all90),
        "active_months_12m": len({(p.day.year, p.day.month) for p in postings if p.day > ago(365)}),
        "days_since_last_posting": since(postings),
        **salaries(postings),
        **channels(all90, postings),
        "products_held": len({h.product for h in held}),
        "product_kinds_held": len(kinds),
        "product_coverage": len(kinds) / 3,
        "holds_time_deposit": "time_deposit" in kinds or time > 0,
        "holds_wealth": "wealth" in kinds or wealth > 0,
        "maturing_30d_minor": sum(h.amount or 0 for h in held if h.matures and h.matures <= ago(-30)),
        "maturing_90d_minor": sum(h.amount or 0 for h in held if h.matures and h.matures <= ago(-90)),
        "purchases_365d": sum(p.kind in PURCHASES and p.day > ago(365) for p in standing),
        "days_since_last_purchase": since([p for p in standing if p.kind in PURCHASES]),
        "inflow_season_minor": sum(p.amount for p in standing if is_inflow(p, accounts)
                                   and ago(365) < p.day <= ago(335)),
    }  # fmt: skip


def is_inflow(posting: Any, accounts: dict[str, Any]) -> bool:
    return posting.credit and accounts[posting.account].kind in ASSETS and not NOT_INFLOW & set(posting.flags)


def is_outflow(posting: Any, accounts: dict[str, Any]) -> bool:
    return not posting.credit and accounts[posting.account].kind in ASSETS and "own_transfer" not in posting.flags


def since(postings: Sequence[Any]) -> int | None:
    return min(((AS_OF - p.day).days for p in postings), default=None)


def flows(standing: Sequence[Any], accounts: dict[str, Any]) -> dict[str, int]:
    found = {}
    for name, counts in (("inflow", is_inflow), ("outflow", is_outflow)):
        for days in (30, 90, 180):
            amounts = (p.amount for p in standing if counts(p, accounts) and p.day > ago(days))
            found[f"{name}_{days}d_minor"] = sum(amounts)
    return found


def salaries(postings: Sequence[Any]) -> dict[str, int | None]:
    paid = [p for p in postings if p.kind in ("salary", "pension") and p.credit]
    recent = [p for p in paid if p.day > date(2025, 9, 30)]
    months, days = {(p.day.year, p.day.month) for p in recent}, [p.day.day for p in recent]
    return {
        "salary_months_6m": min(len(months), 6),
        "salary_mean_minor": sum(p.amount for p in recent) // len(months) if months else 0,
        "salary_day_spread_6m": max(days) - min(days) if len(months) > 1 else None,
        "days_since_salary": since(paid),
    }


def channels(recent: Sequence[Any], postings: Sequence[Any]) -> dict[str, Any]:
    counts = {c: sum(p.channel == c for p in recent) for c in ("counter", "mobile", "web", "atm")}
    return {
        "digital_share_90d": (counts["mobile"] + counts["web"]) / len(recent) if recent else None,
        "counter_share_90d": counts["counter"] / len(recent) if recent else None,
        **{f"{channel}_postings_90d": count for channel, count in counts.items()},
        "days_since_last_digital": since([p for p in postings if p.channel in ("mobile", "web")]),
    }


def expected_stage(row: dict[str, Any]) -> str:
    """The life-cycle stage in words."""
    tenure = 366 if row["tenure_days"] is None else row["tenure_days"]
    silent = 180 if row["days_since_last_posting"] is None else row["days_since_last_posting"]
    change = row["aum_change_90d_minor"]
    before = row["aum_minor"] - change
    if tenure > 90 and silent >= 180:
        return "lost"
    if tenure <= 365:
        return "new" if tenure <= 90 else "honeymoon"
    if change < 0 and -change >= 0.3 * before:
        return "decline"
    return "growth" if change > 0 and change >= 0.1 * before else "mature"


def expected_quadrants(rows: list[dict[str, Any]]) -> dict[str, str]:
    """X27 in words: ranks among the active whose age is known; the share of the others that lies strictly below."""
    active = [r for r in rows if r["age"] is not None and r["days_since_last_posting"] is not None
              and r["days_since_last_posting"] < 365]  # fmt: skip

    def rank(values: list[float], value: float) -> float:
        return sum(v < value for v in values) / (len(values) - 1)

    aum, inflow, age = ([r[k] for r in active] for k in ("aum_90d_minor", "inflow_90d_minor", "age"))
    digital = [r["digital_share_90d"] or 0 for r in active]
    potential = {
        r["customer_id"]: 0.4 * rank(inflow, r["inflow_90d_minor"])
        + 0.3 * rank(digital, r["digital_share_90d"] or 0)
        + 0.3 * (1 - rank(age, r["age"]))
        for r in active
    }
    middle = median(potential.values())

    def quadrant(row: dict[str, Any]) -> str:
        if row["aum_90d_minor"] >= 50_000_000:
            return "private"
        if row["customer_id"] not in potential:
            return "D"
        high = rank(aum, row["aum_90d_minor"]) >= 0.7
        return {(False, True): "A", (True, True): "B", (True, False): "C", (False, False): "D"}[
            high, potential[row["customer_id"]] > middle
        ]

    return {row["customer_id"]: quadrant(row) for row in rows}


def rows_of(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    cursor = con.execute("FROM features")
    names = [column[0] for column in cursor.description or ()]
    assert tuple(names) == FEATURES.names
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_every_feature_is_what_plain_python_finds(con: duckdb.DuckDBPyConnection, bank: Any) -> None:
    want = {p.id: expected(bank, p) for p in bank.parties if p.id not in ("tomorrow", "prospect")}
    quadrants = expected_quadrants(list(want.values()))
    assert rows_of(con) == [
        want[c] | {"value_quadrant": quadrants[c], "lifecycle": expected_stage(want[c])} for c in sorted(want)
    ]


def test_nothing_dated_after_the_day_changes_a_feature(
    con: duckdb.DuckDBPyConnection,
    open_bank: Callable[[Any], duckdb.DuckDBPyConnection],
    with_the_future: Any,
) -> None:
    with open_bank(with_the_future) as later:
        assert rows_of(later) == rows_of(con)
        assert later.execute("FROM segments").fetchall() == con.execute("FROM segments").fetchall()


def test_segments_hold_every_customer_where_they_belong(con: duckdb.DuckDBPyConnection) -> None:
    rows = {row["customer_id"]: row for row in rows_of(con)}
    found = con.execute("SELECT segment, value, customer_id FROM segments").fetchall()
    assert con.execute("DESCRIBE segments").fetchall()[0][0] == SEGMENTS.names[0]
    assert set(found) == {
        *(("value_quadrant", row["value_quadrant"], c) for c, row in rows.items()),
        *(("lifecycle", row["lifecycle"], c) for c, row in rows.items()),
        *(("payroll", "member", c) for c, row in rows.items() if row["salary_months_6m"] >= 3),
        *(("silver_hair", "member", c) for c, row in rows.items() if (row["age"] or 0) >= 60),
        *(("digital", "member", c) for c, row in rows.items() if (row["digital_share_90d"] or 0) >= 0.5),
    }
    assert {value for segment, value, _ in found if segment == "lifecycle"} == {
        "new", "honeymoon", "growth", "mature", "decline", "lost",
    }  # fmt: skip
    assert {segment for segment, _, _ in found} == {"value_quadrant", "lifecycle", "payroll", "silver_hair", "digital"}


def test_the_cases_by_hand_come_out_as_a_banker_would_count_them(con: duckdb.DuckDBPyConnection) -> None:
    def of(customer: str, *columns: str) -> tuple[Any, ...]:
        row = con.execute(f"SELECT {', '.join(columns)} FROM features WHERE customer_id = ?", [customer]).fetchone()
        assert row is not None
        return tuple(row)

    assert of("rich", "value_quadrant", "age", "holds_wealth", "products_held") == ("private", 56, True, 2)
    assert of("edges", "age", "holds_wealth", "holds_time_deposit") == (22, False, False)
    # Own transfer, maturity, loan payout and the undone credit are no new money; 50,000 is undone only tomorrow.
    assert of("edges", "largest_credit_30d_minor") == (50_000,)
    assert of("saver", "age", "salary_months_6m", "holds_time_deposit") == (35, 6, True)
    assert of("saver", "purchases_365d", "time_balance_minor", "wealth_balance_minor") == (2, 2_000_000, 1_250_000)
    assert of("ageless", "age", "value_quadrant") == (None, "D")
    assert of("silent", "days_since_last_posting", "value_quadrant", "digital_share_90d") == (365, "D", None)
    assert of("empty", "tenure_days", "aum_90d_minor", "days_since_last_posting") == (None, 0, None)
    assert of("today", "tenure_days", "demand_balance_minor", "aum_90d_minor") == (0, 9_000, 100)
    assert of("grows", "maturing_30d_minor", "maturing_90d_minor", "inflow_season_minor") == (2_031, 4_152, 2_699)
    assert of("saver", "salary_day_spread_6m", "product_kinds_held", "product_coverage") == (29, 1, 1 / 3)
    stages = ("today", "fresh", "year", "shrinks", "grows", "rich", "silent")
    assert [of(c, "lifecycle")[0] for c in stages] == [
        "new", "new", "honeymoon", "decline", "growth", "mature", "lost",
    ]  # fmt: skip


def test_all_four_quadrants_and_private_are_inhabited_and_counted_by_branch(con: duckdb.DuckDBPyConnection) -> None:
    counts = [count for count in segment_counts(con) if count.segment == "value_quadrant"]

    assert {count.value for count in counts} == {"A", "B", "C", "D", "private"}
    assert sum(count.customers for count in counts) == 35
    assert SegmentCount("value_quadrant", None, "D", 1) in counts


def test_columns_have_the_contracts_types(con: duckdb.DuckDBPyConnection) -> None:
    found = {row[0]: row[1] for row in con.execute("DESCRIBE features").fetchall()}

    assert found == {column.name: column.type for column in FEATURES.columns}


@pytest.mark.parametrize(("wanted", "day"), [(None, AS_OF), ("2026-03-01", date(2026, 3, 1)), ("2026-03-31", AS_OF)])
def test_a_snapshot_looks_back_from_the_wanted_day_or_the_ledgers_last(wanted: str | None, day: date) -> None:
    assert choose_day(AS_OF, wanted) == day


def test_nobody_looks_back_from_a_day_that_is_not_known() -> None:
    with pytest.raises(Invalid, match="holds no transactions yet"):
        choose_day(None, None)
    with pytest.raises(Invalid, match="the ledger ends on 2026-03-31"):
        choose_day(AS_OF, "2026-04-01")


def test_the_last_day_of_the_ledger_is_found_beyond_as_of(con: duckdb.DuckDBPyConnection) -> None:
    assert last_business_date(con) == ago(-1)
