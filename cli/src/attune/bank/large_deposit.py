"""The large-deposit rule over whole columns (X37), to size the demo's deposits and to know whom they make a target."""

from dataclasses import dataclass

import numpy as np

from attune.bank.calendar import Period, six_months_before
from attune.bank.postings import AccountType, Flag, Postings, closing
from attune.bank.randomness import Bools, Ints

DEPOSITS = (AccountType.DEMAND, AccountType.SAVINGS, AccountType.TIME)
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class History:
    """Prefix sums of each customer's closing deposit balances, and the day of their first posting."""

    prefix: Ints
    first: Ints
    period: Period

    def integral(self, owner: Ints, start: Ints, end: Ints) -> Ints:
        """Sum of the closing balances of the days start <= x < end."""
        return np.asarray(self.prefix[owner, end] - self.prefix[owner, start])

    def windows(self, day: Ints) -> tuple[Ints, Bools]:
        """The first day of each day's six months, and whether the ledger reaches back to it."""
        starts = np.array(
            [self.period.number(six_months_before(self.period.day(n))) for n in range(self.period.days)], dtype=np.int64
        )[day]
        return np.maximum(starts, 0), starts >= 0


def history(booked: Postings, opening: dict[AccountType, Ints], period: Period) -> History:
    """The history of every customer's deposits."""
    balance = closing(booked, opening, period.days, DEPOSITS)
    prefix = np.zeros((balance.shape[0], period.days + 1), dtype=np.int64)
    np.cumsum(balance, axis=1, out=prefix[:, 1:])
    first = np.full(balance.shape[0], _NEVER)
    deposits = np.isin(booked.account, np.array(DEPOSITS))
    np.minimum.at(first, booked.owner[deposits], booked.day[deposits])
    return History(prefix, first, period)


def large_deposits(booked: Postings, past: History, since: int) -> Ints:
    """The rows of `booked` from day `since` on that fire the trigger."""
    demand = (booked.account == AccountType.DEMAND) | (booked.account == AccountType.SAVINGS)
    rows = np.flatnonzero(demand & (booked.flag == Flag.NONE) & (booked.amount > 0) & (booked.day >= since))
    owner, day = booked.owner[rows], booked.day[rows]
    start, known = past.windows(day)
    fires = booked.amount[rows] * (day - start) > past.integral(owner, start, day)
    return np.asarray(rows[known & fires & (past.first[owner] <= start)])
