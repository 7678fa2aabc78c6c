"""What stands in each of the bank's extracts."""

from collections.abc import Iterator
from datetime import date

import numpy as np

from attune.bank.files import Extracts, all_account_numbers, yuan
from attune.bank.ledger import Ledger
from attune.bank.organisation import PRODUCTS, Organisation
from attune.bank.people import Papers
from attune.bank.postings import AccountType, Kind
from attune.bank.purchases import TIME_TERM, WEALTH_TERM
from attune.bank.randomness import Bools, Ints, Texts, stream

AGREEMENT = "branch agreement 2023"
"""The evidence of the documented default consent (X21)."""
REFUSAL = "refusal at the counter"

# purpose: share that agreed by the branch agreement, share that refused; the rest was never asked
_CONSENTS = {"PD": (0.91, 0.05), "MC": (0.90, 0.06), "SV": (0.70, 0.10), "TP": (0.25, 0.40)}

_Holding = tuple[int, AccountType, str, int, int | None, int]


def write_extracts(extracts: Extracts, bank: Organisation, book: Ledger, paper: Papers, seed: int) -> None:
    """Write all eight files."""
    extracts.write("branches", "BRANCH_NO,PARENT_BRANCH_NO,BRANCH_NAME", zip(*bank.branches, strict=True))
    extracts.write("staff", "STAFF_NO,STAFF_NAME,BRANCH_NO,POST,DAILY_TASKS", zip(*bank.staff, strict=True))
    extracts.write("products", "PROD_CODE,NAME_CN,NAME_EN,PROD_KIND,RISK", zip(*PRODUCTS, strict=True))
    _customers(extracts, bank, book, paper)
    numbers = all_account_numbers(book.who.count)
    _accounts(extracts, bank, book, numbers)
    _holdings(extracts, book, numbers, seed)
    _consents(extracts, book, seed)
    extracts.write_postings(book, numbers)


def _customers(extracts: Extracts, bank: Organisation, book: Ledger, paper: Papers) -> None:
    who = book.who
    extracts.write(
        "customers",
        "CIF,NAME,SEX,BIRTH,ID_NO,MOBILE,ADDR,BRANCH_NO,MGR_NO,RISK_LVL,RISK_DATE,OPEN_DATE",
        [
            who.cif,
            paper.name,
            np.where(who.female, "F", "M").tolist(),
            paper.birth,
            paper.document,
            paper.phone,
            paper.address,
            bank.outlets[who.outlet],
            paper.manager,
            who.risk.tolist(),
            paper.risk_date,
            paper.open_date,
        ],
    )


def _accounts(extracts: Extracts, bank: Organisation, book: Ledger, numbers: Texts) -> None:
    """The accounts that were open before the ledger or that it opens."""
    who, period = book.who, book.period
    rows: list[tuple[str, str, str, str, str, str, None, str]] = []
    first = _first_days(book)
    for account in AccountType:
        used = (first[account] < period.days) | (book.opening[account] > 0)
        used |= np.full(who.count, account is AccountType.DEMAND)
        for n in np.flatnonzero(used):
            opened = who.since[n] if account is AccountType.DEMAND else _opened(book, account, int(n), first[account])
            number = str(numbers[int(account) * who.count + n])
            place = str(bank.outlets[who.outlet[n]])
            balance = yuan(int(book.opening[account][n]))
            rows.append((number, who.cif[n], place, account.letter, "CNY", _ymd(period.day(opened)), None, balance))
    heading = "ACCT_NO,CIF,BRANCH_NO,ACCT_TYPE,CCY,OPEN_DATE,CLOSE_DATE,OPEN_BAL"
    extracts.write("accounts", heading, zip(*rows, strict=True))


def _first_days(book: Ledger) -> dict[AccountType, Ints]:
    """The day of each account's first posting; the number of days where there is none."""
    found = {}
    for account in AccountType:
        first = np.full(book.who.count, book.period.days)
        rows: Bools = book.booked.account == account
        np.minimum.at(first, book.booked.owner[rows], book.booked.day[rows])
        found[account] = first
    return found


def _opened(book: Ledger, account: AccountType, owner: int, first: Ints) -> int:
    """An account with money before the ledger was opened halfway through the customer's years, others on first use."""
    since = int(book.who.since[owner])
    before = book.opening[account][owner] > 0 or account is AccountType.SAVINGS
    return since // 2 if before and since < 0 else int(first[owner])


def _holdings(extracts: Extracts, book: Ledger, numbers: Texts, seed: int) -> None:
    """What is held or was held, with its dates; what has ended stays with its end."""
    held = [*_demand_held(book), *_held_before(book, seed), *_bought(book)]
    day, cif, count = book.period.day, book.who.cif, book.who.count
    rows = [
        (
            f"H{number:09d}",
            cif[owner],
            numbers[int(account) * count + owner],
            product,
            _ymd(day(start)),
            None if end is None else _ymd(day(end)),
            yuan(amount),
        )
        for number, (owner, account, product, start, end, amount) in enumerate(held, start=1)
    ]
    extracts.write("holdings", "HOLD_NO,CIF,ACCT_NO,PROD_CODE,START_DATE,END_DATE,AMT", zip(*rows, strict=True))


def _demand_held(book: Ledger) -> Iterator[_Holding]:
    balance = book.at_end[AccountType.DEMAND]
    for owner in range(book.who.count):
        yield owner, AccountType.DEMAND, "DEM", int(book.who.since[owner]), None, int(balance[owner])


def _held_before(book: Ledger, seed: int) -> Iterator[_Holding]:
    """Time deposits and wealth products from before the ledger; a time deposit that matured in it was of 12 months."""
    rng = stream(seed, "holdings")
    who, booked = book.who, book.booked
    ended = np.full(who.count, -1)
    back = (booked.kind == Kind.TIME_DEPOSIT_MATURED) & (booked.amount == who.time[booked.owner])
    ended[booked.owner[back]] = booked.day[back]
    ago = rng.integers(1, 690, who.count)
    fund = (who.risk >= 4) & (rng.random(who.count) < 0.5)
    for owner in np.flatnonzero(who.time > 0):
        amount, end = int(who.time[owner]), int(ended[owner])
        start = max(int(who.since[owner]), end - TIME_TERM if end >= 0 else -int(ago[owner]))
        product, end = ("TD12", end) if end >= 0 else ("TD36", start + 1_096)
        yield int(owner), AccountType.TIME, product, start, end, amount
    for owner in np.flatnonzero(who.wealth > 0):
        start = max(int(who.since[owner]), -int(ago[owner]))
        # Both are open-ended: the wealth product of before rolls over until it is called.
        yield int(owner), AccountType.WEALTH, "EFG" if fund[owner] else "WS6", start, None, int(who.wealth[owner])


def _bought(book: Ledger) -> Iterator[_Holding]:
    bought = book.bought
    for owner, day, amount, time in zip(bought.owner, bought.day, bought.amount, bought.time, strict=True):
        account, product, term = (
            (AccountType.TIME, "TD12", TIME_TERM) if time else (AccountType.WEALTH, "WS6", WEALTH_TERM)
        )
        yield int(owner), account, product, int(day), int(day) + term, int(amount)


def _consents(extracts: Extracts, book: Ledger, seed: int) -> None:
    """The default of the branch agreement for most, a refusal for some; no row is an unknown consent."""
    rng = stream(seed, "consents")
    who, period = book.who, book.period
    since = [_ymd(max(period.day(n), date(2023, 7, 1))) for n in who.since]
    rows = []
    for purpose, (agreed, refused) in _CONSENTS.items():
        draw = rng.random(who.count)
        for n in np.flatnonzero(draw < agreed + refused):
            yes = draw[n] < agreed
            rows.append((who.cif[n], purpose, "Y" if yes else "N", AGREEMENT if yes else REFUSAL, since[n]))
    extracts.write("consents", "CIF,PURPOSE,GRANTED,EVIDENCE,SINCE", zip(*rows, strict=True))


def _ymd(day: date) -> str:
    return f"{day:%Y%m%d}"
