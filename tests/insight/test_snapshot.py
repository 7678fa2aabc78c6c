"""Every feature of a small bank, computed a second time by plain Python from the words of the contract."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, field
from datetime import date, timedelta
from statistics import median
from typing import Any

import duckdb
import pytest

from attune_contracts.datasets import DATASETS, FEATURES
from attune_service_kit.errors import Invalid
from insight import models
from insight.snapshot import QuadrantSize, build_features, choose_day, last_business_date, quadrant_sizes
from insight.value_quadrant import quadrant_parameters

AS_OF = date(2026, 3, 31)
ASSETS = ("demand", "time", "wealth")
NOT_INFLOW = {"own_transfer", "maturity"}


@dataclass
class Party:
    id: str
    birth: date | None = date(1980, 1, 1)
    opened: date | None = date(2020, 1, 1)
    branch: str | None = "B1"


@dataclass
class Account:
    id: str
    customer: str
    kind: str = "demand"
    opened: date | None = date(2020, 1, 1)
    opening: int = 0


@dataclass
class Posting:
    id: str
    account: str
    day: date
    credit: bool
    amount: int
    kind: str = "transfer_in"
    channel: str | None = "counter"
    flags: tuple[str, ...] = ()
    reverses: str | None = None


@dataclass
class Holding:
    id: str
    customer: str
    product: str
    opened: date | None = date(2020, 1, 1)
    matures: date | None = None


@dataclass
class Bank:
    parties: list[Party] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    postings: list[Posting] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)


PRODUCTS = {"TD": "time_deposit", "WM": "wealth", "LN": "loan"}


def ago(days: int) -> date:
    return AS_OF - timedelta(days=days)


def parties_at_edges() -> list[Party]:
    return [
        Party("rich", date(1970, 3, 31)),
        Party("edges", date(2004, 2, 29), branch="B2"),
        Party("saver", date(1990, 4, 1)),
        Party("ageless", None),
        Party("silent", date(1960, 12, 31)),
        Party("empty", date(2000, 1, 1), opened=None, branch=None),
        Party("tomorrow", date(1990, 1, 1), opened=ago(-1)),
        Party("today", date(2010, 1, 1), opened=AS_OF),
    ]


def accounts_at_edges() -> list[Account]:
    return [
        Account("rich-d", "rich", opening=90_000_000),
        Account("edges-d", "edges", opening=1_000, opened=None),
        Account("edges-loan", "edges", "loan", opening=-5_000_000),
        Account("edges-later", "edges", opened=ago(-1), opening=777),
        Account("saver-d", "saver", opening=50_001),
        Account("saver-t", "saver", "time", opened=ago(40), opening=2_000_000),
        Account("saver-w", "saver", "wealth"),
        Account("ageless-d", "ageless", opening=5_000_000),
        Account("silent-d", "silent", opening=6_000_000),
        Account("today-d", "today", opened=AS_OF, opening=9_000),
    ]


def movements_at_edges() -> list[Posting]:
    """Days around each window, and what is no inflow: own transfers, maturities, loans, reversals, interest."""
    return [
        Posting("r1", "rich-d", ago(10), False, 100, channel="mobile"),
        *(
            Posting(f"e{d}", "edges-d", ago(d), d % 2 == 0, 1_000 + d, channel=("mobile", "web", "atm", None)[d % 4])
            for d in (-1, 0, 1, 29, 30, 89, 90, 91, 181, 182, 364, 365, 400)
        ),
        Posting("s-own", "edges-d", ago(3), True, 900_000, flags=("own_transfer",)),
        Posting("s-mat", "edges-d", ago(4), True, 800_000, flags=("maturity",)),
        Posting("s-loan", "edges-d", ago(5), True, 700_000, flags=("loan_payout",)),
        Posting("s-wrong", "edges-d", ago(6), True, 600_000),
        Posting("s-undo", "edges-d", ago(5), False, 600_000, flags=("reversal",), reverses="s-wrong"),
        Posting("s-wrong2", "edges-d", ago(2), True, 50_000),
        Posting("s-undo2", "edges-d", ago(-1), False, 50_000, flags=("reversal",), reverses="s-wrong2"),
        Posting("unflagged", "edges-d", ago(8), True, 990_000, reverses="long-ago"),
        Posting("w-interest", "saver-w", ago(5), True, 950_000, "interest", None),
        Posting("repay", "edges-loan", ago(7), True, 30_000),
        Posting("later", "edges-later", AS_OF, True, 5),
    ]


def salaries_and_purchases() -> list[Posting]:
    return [
        *(
            Posting(
                f"sal{m}",
                "saver-d",
                date(2025 + (m > 12), (m - 1) % 12 + 1, 30 if m != 14 else 28),
                True,
                500_000 + m,
                "salary" if m % 2 else "pension",
            )
            for m in range(8, 16)
        ),
        Posting("sal-first", "saver-d", date(2025, 10, 1), True, 1, "salary"),
        Posting("td", "saver-d", ago(40), False, 400_000, "time_deposit_opened", "mobile", ("own_transfer",)),
        Posting("wp", "saver-d", ago(364), False, 300_000, "wealth_purchase", "web"),
        Posting("wp-old", "saver-d", ago(365), False, 200_000, "wealth_purchase", "web"),
        Posting("wp-in", "saver-w", ago(364), True, 300_000, "transfer_in", None, ("own_transfer",)),
        Posting("ag", "ageless-d", ago(20), True, 10),
        Posting("si", "silent-d", ago(365), True, 10),
    ]


def holdings_at_edges() -> list[Holding]:
    return [
        Holding("h1", "saver", "TD"),
        Holding("h2", "saver", "TD", ago(400), ago(-1)),
        Holding("h3", "edges", "WM", ago(400), AS_OF),
        Holding("h4", "edges", "TD", ago(-1)),
        Holding("h5", "rich", "WM", AS_OF),
        Holding("h6", "rich", "LN", None),
    ]


def add_crowd(bank: Bank) -> None:
    """A crowd with graded assets, ages and channels, so that the four quadrants are all inhabited."""
    for i in range(24):
        name = f"c{i:02d}"
        bank.parties.append(Party(name, date(1950 + (i * 7) % 50, 5, 5), branch=f"B{i % 3}"))
        bank.accounts.append(Account(f"{name}-d", name, opening=(i * 13 % 24) * 100_000))
        bank.postings += [
            Posting(f"{name}-{k}", f"{name}-d", ago(k * 9 + i % 5), True, (i * 5 % 24) * 1_000 + k,
                    channel="mobile" if (i + k) % 4 < i % 3 else "counter") for k in range(6)
        ]  # fmt: skip


def small_bank() -> Bank:
    """Cases by hand, each at an edge: the window's first and last day, tomorrow, leap birthdays, reversals, nothing."""
    bank = Bank(
        parties=parties_at_edges(),
        accounts=accounts_at_edges(),
        postings=[*movements_at_edges(), *salaries_and_purchases()],
        holdings=holdings_at_edges(),
    )
    add_crowd(bank)
    return bank


def table(con: duckdb.DuckDBPyConnection, name: str, rows: Sequence[dict[str, Any]]) -> None:
    columns = DATASETS[name].columns
    con.execute(f"CREATE TABLE {name} ({', '.join(f'{c.name} {c.type}' for c in columns)})")
    marks = ", ".join("?" * len(columns))
    con.executemany(f"INSERT INTO {name} VALUES ({marks})", [[row.get(c.name) for c in columns] for row in rows])


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    bank = small_bank()
    with duckdb.connect(":memory:") as con:
        table(con, "parties", [{"customer_id": p.id, "birth_date": p.birth, "opened_on": p.opened,
                                "branch_id": p.branch} for p in bank.parties])  # fmt: skip
        table(con, "accounts", [{"account_id": a.id, "customer_id": a.customer, "kind": a.kind, "opened_on": a.opened,
                                 "opening_balance_minor": a.opening} for a in bank.accounts])  # fmt: skip
        names = ("posting_id", "account_id", "business_date", "direction", "amount_minor", "kind", "channel", "flags",
                 "reverses")  # fmt: skip
        rows = [dict(zip(names, astuple(p), strict=True)) for p in bank.postings]
        table(con, "transactions", [r | {"direction": "credit" if r["direction"] else "debit",
                                         "flags": list(r["flags"])} for r in rows])  # fmt: skip
        table(con, "holdings", [{"holding_id": h.id, "customer_id": h.customer, "product_id": h.product,
                                 "opened_on": h.opened, "matures_on": h.matures} for h in bank.holdings])  # fmt: skip
        table(con, "products", [{"product_id": p, "kind": k} for p, k in PRODUCTS.items()])
        assert list(build_features(con, AS_OF, quadrant_parameters())) == list(models.ORDER)
        yield con


def expected(bank: Bank, party: Party) -> dict[str, Any]:
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
    last90 = [p for p in standing if p.day > ago(90) and accounts[p.account].kind in ASSETS]
    all90 = [p for p in postings if p.day > ago(90)]
    held = [h for h in bank.holdings if h.customer == party.id and (h.opened is None or h.opened <= AS_OF)
            and (h.matures is None or h.matures > AS_OF)]  # fmt: skip
    kinds = {PRODUCTS[h.product] for h in held}
    months = {(p.day.year, p.day.month) for p in postings if p.kind in ("salary", "pension") and p.credit
              and p.day > date(2025, 9, 30)}  # fmt: skip
    age = None
    if party.birth:
        age = AS_OF.year - party.birth.year - ((AS_OF.month, AS_OF.day) < (party.birth.month, party.birth.day))
    new_money = [p.amount for p in standing if p.credit and p.day > ago(30) and accounts[p.account].kind == "demand"
                 and not {"own_transfer", "maturity", "loan_payout"} & set(p.flags)]  # fmt: skip
    time, wealth = balance(("time",), AS_OF), balance(("wealth",), AS_OF)
    return {
        "customer_id": party.id,
        "as_of": AS_OF,
        "branch_id": party.branch,
        "age": age,
        "tenure_days": (AS_OF - party.opened).days if party.opened else None,
        "demand_balance_minor": balance(("demand",), AS_OF),
        "time_balance_minor": time,
        "wealth_balance_minor": wealth,
        "aum_90d_minor": int(sum(balance(ASSETS, ago(d)) for d in range(90)) / 90),
        "inflow_90d_minor": sum(p.amount for p in last90 if p.credit and not NOT_INFLOW & set(p.flags)),
        "outflow_90d_minor": sum(p.amount for p in last90 if not p.credit and "own_transfer" not in p.flags),
        "postings_90d": len(all90),
        "largest_credit_30d_minor": max(new_money, default=0),
        "salary_months_6m": min(len(months), 6),
        "digital_share_90d": sum(p.channel in ("mobile", "web") for p in all90) / len(all90) if all90 else None,
        "products_held": len({h.product for h in held}),
        "holds_time_deposit": "time_deposit" in kinds or time > 0,
        "holds_wealth": "wealth" in kinds or wealth > 0,
        "days_since_last_posting": min(((AS_OF - p.day).days for p in postings), default=None),
        "purchases_365d": sum(p.kind in ("time_deposit_opened", "wealth_purchase") and p.day > ago(365)
                              for p in standing),
    }  # fmt: skip


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


def test_every_feature_is_what_plain_python_finds(con: duckdb.DuckDBPyConnection) -> None:
    bank = small_bank()
    want = {p.id: expected(bank, p) for p in bank.parties if p.id != "tomorrow"}
    quadrants = expected_quadrants(list(want.values()))

    cursor = con.execute("FROM features")
    names = [column[0] for column in cursor.description or ()]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    assert tuple(names) == FEATURES.names
    assert found == [want[c] | {"value_quadrant": quadrants[c]} for c in sorted(want)]


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


def test_all_four_quadrants_and_private_are_inhabited_and_counted_by_branch(con: duckdb.DuckDBPyConnection) -> None:
    sizes = quadrant_sizes(con)

    assert {size.quadrant for size in sizes} == {"A", "B", "C", "D", "private"}
    assert sum(size.customers for size in sizes) == 31
    assert QuadrantSize(None, "D", 1) in sizes


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
