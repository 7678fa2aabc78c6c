"""A small bank whose cases lie at the edges, in DuckDB as the lake would show it, with every model's table made."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, field
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from attune_contracts.datasets import DATASETS
from insight import models
from insight.snapshot import build_features
from insight.value_quadrant import QuadrantParameters

AS_OF = date(2026, 3, 31)


@dataclass
class Party:
    id: str
    birth: date | None = date(1980, 1, 1)
    opened: date | None = date(2020, 1, 1)
    branch: str | None = "B1"
    kind: str = "person"


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
    amount: int | None = None


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
        Party("fresh", date(1988, 1, 1), opened=ago(90)),
        Party("year", date(1988, 1, 1), opened=ago(365)),
        Party("shrinks", date(1988, 1, 1)),
        Party("grows", date(1988, 1, 1), opened=None),
        Party("prospect", date(1988, 1, 1), kind="prospect"),
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
        Account("fresh-d", "fresh", opened=ago(90), opening=500),
        Account("year-d", "year", opened=ago(89), opening=700),
        Account("shrinks-d", "shrinks", opening=100_000),
        Account("grows-d", "grows", opening=100_000),
        Account("prospect-d", "prospect", opening=1),
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
        Posting("fr", "fresh-d", ago(89), True, 100, "transfer_in", "web"),
        Posting("ye", "year-d", ago(30), False, 50, "transfer_out", "atm"),
        Posting("sh", "shrinks-d", ago(89), False, 30_000, "transfer_out", "atm"),
        Posting("gr", "grows-d", ago(1), True, 20_000),
        *(Posting(f"ly{d}", "grows-d", ago(d), True, 1_000 + d) for d in (334, 335, 364, 365, 366)),
        Posting("ly-own", "grows-d", ago(350), True, 9_999, flags=("own_transfer",)),
    ]


def holdings_at_edges() -> list[Holding]:
    return [
        Holding("h1", "saver", "TD"),
        Holding("h2", "saver", "TD", ago(400), ago(-1)),
        Holding("h3", "edges", "WM", ago(400), AS_OF),
        Holding("h4", "edges", "TD", ago(-1)),
        Holding("h5", "rich", "WM", AS_OF),
        Holding("h6", "rich", "LN", None),
        *(Holding(f"m{d}", "grows", "TD", ago(100), ago(-d), 1_000 + d) for d in (1, 30, 31, 90, 91)),
        Holding("m-none", "grows", "WM", ago(100), ago(-10)),
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


def opened(bank: Bank) -> duckdb.DuckDBPyConnection:
    """The bank in DuckDB, as the lake would show it, with every model's table made."""
    con = duckdb.connect(":memory:")
    table(con, "parties", [{"customer_id": p.id, "birth_date": p.birth, "opened_on": p.opened, "branch_id": p.branch,
                            "party_kind": p.kind} for p in bank.parties])  # fmt: skip
    table(con, "accounts", [{"account_id": a.id, "customer_id": a.customer, "kind": a.kind, "opened_on": a.opened,
                             "opening_balance_minor": a.opening} for a in bank.accounts])  # fmt: skip
    names = ("posting_id", "account_id", "business_date", "direction", "amount_minor", "kind", "channel", "flags",
             "reverses")  # fmt: skip
    rows = [dict(zip(names, astuple(p), strict=True)) for p in bank.postings]
    table(con, "transactions", [r | {"direction": "credit" if r["direction"] else "debit",
                                     "flags": list(r["flags"])} for r in rows])  # fmt: skip
    table(con, "holdings", [{"holding_id": h.id, "customer_id": h.customer, "product_id": h.product,
                             "opened_on": h.opened, "matures_on": h.matures, "amount_minor": h.amount}
                            for h in bank.holdings])  # fmt: skip
    table(con, "products", [{"product_id": p, "kind": k} for p, k in PRODUCTS.items()])
    assert list(build_features(con, AS_OF, QuadrantParameters())) == list(models.ORDER)
    return con


@pytest.fixture
def open_bank() -> Callable[[Bank], duckdb.DuckDBPyConnection]:
    """Open a bank of the test's own."""
    return opened


@pytest.fixture(scope="module")
def bank() -> Bank:
    """The small bank."""
    return small_bank()


@pytest.fixture
def with_the_future() -> Bank:
    """The small bank, as somebody would see it who knows what comes: rows of every kind dated after the snapshot."""
    bank = small_bank()
    bank.parties.append(Party("newcomer", opened=ago(-3)))
    for name in [p.id for p in bank.parties if p.id != "tomorrow"][:12]:
        bank.accounts.append(Account(f"{name}-next", name, "wealth", ago(-2), opening=10**9))
        known = next((a.id for a in bank.accounts if a.customer == name and (a.opened or AS_OF) <= AS_OF), None)
        for days, kind in ((1, "salary"), (30, "wealth_purchase"), (400, "transfer_in")):
            target = known or f"{name}-next"
            bank.postings.append(Posting(f"{name}+{days}", target, ago(-days), True, 10**9, kind, "mobile"))
        undone = next((p.id for p in bank.postings if p.account == known and p.credit), None)
        bank.postings.append(Posting(f"{name}+u", known or f"{name}-next", ago(-5), False, 5, reverses=undone))
        bank.holdings.append(Holding(f"{name}+h", name, "LN", ago(-1), ago(-20), 10**9))
    return bank


@pytest.fixture(scope="module")
def con(bank: Bank) -> Iterator[duckdb.DuckDBPyConnection]:
    """The small bank in DuckDB."""
    with opened(bank) as con:
        yield con
