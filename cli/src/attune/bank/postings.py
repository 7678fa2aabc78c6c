"""Postings column by column, and the balances that follow from them. Money is signed fen."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np

from attune.bank.randomness import Bools, Ints


class AccountType(IntEnum):
    """Each customer has one account number of each type; only those that are used exist."""

    DEMAND = 0
    SAVINGS = 1
    TIME = 2
    WEALTH = 3

    @property
    def letter(self) -> str:
        """The type in the bank's file; savings are demand accounts too."""
        return "DDTW"[self]


class Kind(IntEnum):
    """What was booked; the name in lower case is the code in the bank's file."""

    SALARY = 0
    PENSION = 1
    TRANSFER_IN = 2
    CASH_IN = 3
    INTEREST = 4
    LOAN_PAYOUT = 5
    TIME_DEPOSIT_MATURED = 6
    WEALTH_REDEEMED = 7
    CARD_PAYMENT = 8
    CASH_OUT = 9
    TRANSFER_OUT = 10
    TIME_DEPOSIT_OPENED = 11
    WEALTH_PURCHASE = 12


class Channel(IntEnum):
    """Where it was booked; the name in lower case is the code in the bank's file."""

    COUNTER = 0
    MOBILE = 1
    WEB = 2
    ATM = 3
    POS = 4
    BATCH = 5


class Flag(IntEnum):
    """Why a credit is no new money."""

    NONE = 0
    OWN_TRANSFER = 1
    MATURITY = 2
    LOAN_PAYOUT = 3

    @property
    def letter(self) -> str:
        """The flag in the bank's file."""
        return ("", "O", "M", "L")[self]


@dataclass(frozen=True)
class Postings:
    """One array a column; `owner` is the customer's index, `day` a day's number, `second` counts from midnight."""

    owner: Ints
    account: Ints
    day: Ints
    second: Ints
    amount: Ints
    kind: Ints
    channel: Ints
    flag: Ints

    def __len__(self) -> int:
        return len(self.owner)

    def take(self, rows: Ints | Bools) -> "Postings":
        """The chosen rows."""
        return Postings(*(getattr(self, f.name)[rows] for f in fields(self)))

    def in_order(self) -> "Postings":
        """By day and second; what is booked in one second keeps its order."""
        return self.take(np.argsort(self.day * 86_400 + self.second, kind="stable"))


def postings(
    owner: Ints,
    day: Ints,
    second: Ints,
    amount: Ints,
    kind: Ints | Kind,
    channel: Ints | Channel,
    *,
    account: AccountType = AccountType.DEMAND,
    flag: Ints | Flag = Flag.NONE,
) -> Postings:
    """Postings on one type of account; scalars are repeated for all."""

    def column(values: Ints | int) -> Ints:
        return np.broadcast_to(np.asarray(values, dtype=np.int64), owner.shape)

    return Postings(
        owner=column(owner),
        account=column(int(account)),
        day=column(day),
        second=column(second),
        amount=column(amount),
        kind=column(kind),
        channel=column(channel),
        flag=column(flag),
    )


def joined(parts: Sequence[Postings]) -> Postings:
    """All parts one after the other."""
    return Postings(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Postings)))


def closing(booked: Postings, opening: dict[AccountType, Ints], days: int, accounts: Sequence[AccountType]) -> Ints:
    """Closing balances by customer and day, summed over the given types of account."""
    customers = len(opening[AccountType.DEMAND])
    rows = np.isin(booked.account, np.array(accounts))
    cell = booked.owner[rows] * days + booked.day[rows]
    # Sums of fen stay far below 2^53, where a double is exact.
    net = np.bincount(cell, weights=booked.amount[rows].astype(np.float64), minlength=customers * days)
    balance = net.astype(np.int64).reshape(customers, days)
    balance[:, 0] += sum((opening[a] for a in accounts), np.zeros(customers, dtype=np.int64))
    return np.asarray(np.cumsum(balance, axis=1, out=balance))


def running(ordered: Postings, opening: dict[AccountType, Ints]) -> Ints:
    """The balance of the account after each posting; `ordered` must be in order."""
    customers = len(opening[AccountType.DEMAND])
    key = ordered.account * customers + ordered.owner
    by_account = np.argsort(key, kind="stable")
    sums = np.cumsum(ordered.amount[by_account])
    sorted_key = key[by_account]
    starts = np.flatnonzero(np.r_[True, sorted_key[1:] != sorted_key[:-1]]) if len(key) else np.zeros(0, np.int64)
    lengths = np.diff(np.r_[starts, len(key)])
    before = np.repeat(sums[starts] - ordered.amount[by_account][starts], lengths)
    opened = np.concatenate([opening[a] for a in AccountType])
    balance = np.empty_like(sums)
    balance[by_account] = sums - before + opened[sorted_key]
    return balance
