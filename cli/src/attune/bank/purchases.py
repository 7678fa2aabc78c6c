"""What customers buy: time deposits and wealth products, likelier for some than for others: a model can learn it."""

from dataclasses import dataclass

import numpy as np

from attune.bank.calendar import Period
from attune.bank.everyday import matured
from attune.bank.people import People
from attune.bank.postings import AccountType, Channel, Flag, Kind, Postings, joined, postings
from attune.bank.randomness import Bools, Floats, Ints, calibrated, logistic, stream

MONTHLY_RATE = 0.026
MINIMUM = 500_000
"""The smallest purchase: 5,000 yuan."""
TIME_TERM, WEALTH_TERM = 365, 182

_THOUSAND = 100_000


@dataclass(frozen=True)
class Purchases:
    """One row a purchase; `time` = a time deposit, else the wealth product."""

    owner: Ints
    day: Ints
    amount: Ints
    time: Bools

    def take(self, rows: Bools) -> "Purchases":
        """The chosen rows."""
        return Purchases(self.owner[rows], self.day[rows], self.amount[rows], self.time[rows])


def appetite(who: People, balance: Ints, inflow: Floats) -> Floats:
    """How ready each customer is to buy: older, richer, with money just come in, longer here, more digital."""
    return np.asarray(
        0.036 * (who.age - 45)
        + 0.62 * np.clip(np.log(np.maximum(balance, 10_000) / 3_000_000), -3, 3)
        + 0.50 * np.clip(np.log1p(inflow / 2_400_000), 0, 3)
        + 0.03 * np.clip(-who.since / 365, 0, 15)
        + 0.70 * who.digital
    )


def prefers_time(rng: np.random.Generator, who: People, rows: Ints) -> Bools:
    """Whether the purchase is a time deposit: the older and the more careful, the likelier."""
    likely = logistic(0.3 + 0.05 * (who.age[rows] - 45) - 0.45 * (who.risk[rows] - 3))
    return np.asarray(rng.random(len(rows)) < likely)


def monthly_inflow(booked: Postings, period: Period, customers: int) -> Floats:
    """New money that came in, by customer and month of the ledger."""
    month = np.searchsorted(period.month_starts(), booked.day, side="right") - 1
    new = (booked.amount > 0) & (booked.flag == Flag.NONE)
    months = len(period.month_starts())
    cell = booked.owner[new] * months + month[new]
    sums = np.bincount(cell, weights=booked.amount[new].astype(np.float64), minlength=customers * months)
    return sums.astype(np.float64).reshape(customers, months)


def buy(who: People, seed: int, period: Period, balance: Ints, inflow: Floats, kept_out: Bools) -> Purchases:
    """Month by month, who buys what for how much; `balance` (demand account by day) is changed accordingly.

    Customers of `kept_out` buy nothing in the last 60 days: there the simulator decides.
    """
    rng = stream(seed, "purchases")
    found = []
    starts = period.month_starts()
    for month, start in enumerate(starts[1:], start=1):
        wish = appetite(who, balance[:, start], inflow[:, max(0, month - 3) : month].sum(axis=1))
        chance = calibrated(wish, MONTHLY_RATE)
        buyer = np.flatnonzero((rng.random(who.count) < chance) & (who.since < start))
        end = starts[month + 1] if month + 1 < len(starts) else period.days
        open_days = np.flatnonzero(period.is_business()[start:end]) + start
        day = open_days[rng.integers(len(open_days), size=len(buyer))]
        part = rng.uniform(0.25, 0.7, len(buyer))
        amount = (affordable(balance, buyer, day) * part).astype(np.int64) // _THOUSAND * _THOUSAND
        bought = Purchases(buyer, day, amount, prefers_time(rng, who, buyer))
        bought = bought.take((amount >= MINIMUM) & ~(kept_out[buyer] & (day >= period.target_day)))
        _move(balance, bought)
        found.append(bought)
    return Purchases(*(np.concatenate([getattr(p, c) for p in found]) for c in ("owner", "day", "amount", "time")))


def affordable(balance: Ints, owner: Ints, day: Ints) -> Ints:
    """The least that lies on the demand account from the day on: what is taken from it never overdraws it."""
    days = np.arange(balance.shape[1])
    rest = np.where(days >= day[:, None], balance[owner], np.iinfo(np.int64).max)
    return np.asarray(rest.min(axis=1, initial=np.iinfo(np.int64).max))


def _move(balance: Ints, bought: Purchases) -> None:
    days = np.arange(balance.shape[1])
    end = bought.day + np.where(bought.time, TIME_TERM, WEALTH_TERM)
    away = (days >= bought.day[:, None]) & (days < end[:, None])
    balance[bought.owner] -= bought.amount[:, None] * away


def booked_purchases(bought: Purchases, seed: int, period: Period) -> Postings:
    """The postings of purchases, both legs, and of those that mature within the ledger."""
    rng = stream(seed, "purchase bookings")
    second = rng.integers(14 * 3600, 17 * 3600, len(bought.owner))
    channel = np.where(rng.random(len(bought.owner)) < 0.5, Channel.COUNTER, Channel.MOBILE)
    parts = []
    for account, chosen, term in (
        (AccountType.TIME, bought.time, TIME_TERM),
        (AccountType.WEALTH, ~bought.time, WEALTH_TERM),
    ):
        kind = Kind.TIME_DEPOSIT_OPENED if account is AccountType.TIME else Kind.WEALTH_PURCHASE
        owner, day, amount = bought.owner[chosen], bought.day[chosen], bought.amount[chosen]
        at = (owner, day, second[chosen])
        parts.append(postings(*at, -amount, kind, channel[chosen]))
        parts.append(postings(*at, amount, Kind.TRANSFER_IN, channel[chosen], account=account, flag=Flag.OWN_TRANSFER))
        ends = day + term < period.days
        parts.append(matured(owner[ends], day[ends] + term, amount[ends], account))
    return joined(parts)
