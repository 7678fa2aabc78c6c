"""Thirteen months of ledger: everyday money, the demo's large deposits, purchases, interest; nobody is overdrawn."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from attune.bank.calendar import Period
from attune.bank.everyday import everyday
from attune.bank.large_deposit import History, history, large_deposits
from attune.bank.leaving import leave
from attune.bank.people import People, people
from attune.bank.postings import AccountType, Channel, Flag, Kind, Postings, closing, joined, postings
from attune.bank.purchases import Purchases, affordable, booked_purchases, buy, monthly_inflow
from attune.bank.randomness import Bools, Floats, Ints, stream

LAST_DAY = date(2026, 3, 31)
TARGET_SHARE = 0.32
"""Customers who get a planned large deposit; a few others fire the trigger by themselves."""

_YEARLY_INTEREST = 0.002


@dataclass(frozen=True)
class Ledger:
    """The booked postings in order, opening balances by account type, and what the truth is built from.

    `spare` is the least on the demand account from the large deposit on (for others: in the last 60 days), `inflow`
    the new money of the last three months, `fired` the rows of `booked` that fire the trigger in the last 60 days;
    `left` the day on which each customer took all money elsewhere, -1 for those who stay.
    """

    who: People
    period: Period
    booked: Postings
    opening: dict[AccountType, Ints]
    bought: Purchases
    fired: Ints
    spare: Ints
    inflow: Floats
    at_end: dict[AccountType, Ints]
    left: Ints


def ledger(customers: int, seed: int, last_day: date = LAST_DAY, *, outlets: int = 4, leavers: float = 0.0) -> Ledger:
    """Book the whole ledger in memory; equal for equal arguments. `leavers`: the share of customers who leave."""
    period = Period.ending(last_day)
    who = people(customers, seed, period, outlets)
    daily = everyday(who, seed, period)
    daily, opening, balance = _never_overdrawn(who, daily, period)
    daily, target_day = _with_targets(seed, period, daily, opening, balance)
    inflow = monthly_inflow(daily, period, customers)
    bought = buy(who, seed, period, balance, inflow, target_day >= 0)
    wanted = bought.owner
    bought, booked = _kept_apart(daily, bought, opening, seed, period, balance)
    left = np.full(customers, -1, dtype=np.int64)
    if leavers:
        stays = target_day >= 0
        stays[wanted] = True
        stays[booked.owner[large_deposits(booked, history(booked, opening, period), period.target_day)]] = True
        booked, left = leave(leavers, who, seed, period, booked, opening, stays)
    booked = joined([booked, _interest(booked, opening, who, period)]).in_order()
    from_day = np.where(target_day >= 0, target_day, period.target_day)
    return Ledger(
        who=who,
        period=period,
        booked=booked,
        opening=opening,
        bought=bought,
        fired=large_deposits(booked, history(booked, opening, period), period.target_day),
        spare=affordable(balance, np.arange(customers), from_day),
        inflow=inflow[:, -3:].sum(axis=1),
        at_end={account: _at_end(booked, opening, account) for account in AccountType},
        left=left,
    )


def _at_end(booked: Postings, opening: dict[AccountType, Ints], account: AccountType) -> Ints:
    """Each customer's closing balance on the ledger's last day."""
    rows = booked.account == account
    moved = np.bincount(
        booked.owner[rows], weights=booked.amount[rows].astype(np.float64), minlength=len(opening[account])
    )
    return np.asarray(opening[account] + moved.astype(np.int64))


def _never_overdrawn(who: People, daily: Postings, period: Period) -> tuple[Postings, dict[AccountType, Ints], Ints]:
    """Opening balances high enough for what follows; a new customer's first deposit is raised instead."""
    nothing = np.zeros(who.count, dtype=np.int64)
    opening = {
        AccountType.DEMAND: who.demand,
        AccountType.SAVINGS: nothing,
        AccountType.TIME: who.time,
        AccountType.WEALTH: who.wealth,
    }
    balance = closing(daily, opening, period.days, [AccountType.DEMAND])
    arrived = np.arange(period.days) >= who.since[:, None]
    lowest = np.where(arrived, balance, np.iinfo(np.int64).max).min(axis=1)
    missing = np.maximum(who.income // 10 - lowest, 0) // 10_000 * 10_000 + 10_000 * (lowest < who.income // 10)
    old = who.since < 0
    opening[AccountType.DEMAND] = who.demand + np.where(old, missing, 0)
    balance += missing[:, None] * arrived
    first = np.flatnonzero((daily.day == who.since[daily.owner]) & (daily.second == 9 * 3600))
    raised = daily.amount.copy()
    raised[first] += missing[daily.owner[first]]
    columns = (daily.owner, daily.account, daily.day, daily.second, raised, daily.kind, daily.channel, daily.flag)
    return Postings(*columns), opening, balance


def _with_targets(
    seed: int, period: Period, daily: Postings, opening: dict[AccountType, Ints], balance: Ints
) -> tuple[Postings, Ints]:
    """Add one deposit for each target, above their six-month mean; with each customer's day of it, -1 for none."""
    rng = stream(seed, "targets")
    past = history(daily, opening, period)
    customers = balance.shape[0]
    start, known = past.windows(np.array([period.target_day]))
    # Interest of a month's end follows later for all, so an account older than the ledger has its first posting early.
    eligible = known[0] & (opening[AccountType.DEMAND] > 0) & (start[0] >= 31)
    chosen = np.flatnonzero(eligible & (rng.random(customers) < TARGET_SHARE * customers / max(1, int(eligible.sum()))))
    cash = rng.random(len(chosen)) < 0.35
    days = np.arange(period.target_day, period.days)
    open_days = days[period.is_business()[days]]
    day = np.where(
        cash, open_days[rng.integers(len(open_days), size=len(chosen))], days[rng.integers(len(days), size=len(chosen))]
    )
    start, _ = past.windows(day)
    mean = past.integral(chosen, start, day) / (day - start)
    amount = (np.maximum(mean * rng.uniform(1.25, 3.5, len(chosen)), 1_000_000) / 100_000).astype(
        np.int64
    ) * 100_000 + 100_000
    kind = np.where(cash, Kind.CASH_IN, Kind.TRANSFER_IN)
    channel = np.where(cash, Channel.COUNTER, Channel.MOBILE)
    second = rng.integers(9 * 3600, 12 * 3600, len(chosen))
    balance[chosen] += amount[:, None] * (np.arange(period.days) >= day[:, None])
    target_day = np.full(customers, -1, dtype=np.int64)
    target_day[chosen] = day
    return joined([daily, postings(chosen, day, second, amount, kind, channel)]), target_day


def _kept_apart(
    daily: Postings, bought: Purchases, opening: dict[AccountType, Ints], seed: int, period: Period, balance: Ints
) -> tuple[Purchases, Postings]:
    """Take out the purchases of the last 60 days of whoever fires the trigger there: theirs come from the simulator."""
    booked = joined([daily, booked_purchases(bought, seed, period)])
    fired = large_deposits(booked, history(booked, opening, period), period.target_day)
    target: Bools = np.zeros(balance.shape[0], dtype=np.bool_)
    target[booked.owner[fired]] = True
    late = target[bought.owner] & (bought.day >= period.target_day)
    np.add.at(
        balance,
        bought.owner[late],
        bought.amount[late][:, None] * (np.arange(period.days) >= bought.day[late][:, None]),
    )
    kept = bought.take(~late)
    return kept, joined([daily, booked_purchases(kept, seed, period)])


def _interest(booked: Postings, opening: dict[AccountType, Ints], who: People, period: Period) -> Postings:
    """Interest on both demand accounts on each month's last day, at least one fen."""
    parts = []
    ends = period.month_ends()
    for account in (AccountType.DEMAND, AccountType.SAVINGS):
        balance = closing(booked, opening, period.days, [account])
        used = np.zeros(who.count, dtype=np.bool_)
        used[booked.owner[booked.account == account]] = True
        used |= (opening[account] > 0) | ((who.since >= 0) & (account == AccountType.DEMAND))
        for end in ends:
            paid = np.flatnonzero(used & (who.since < end))
            amount = np.maximum((balance[paid, end] * (_YEARLY_INTEREST / 12)).astype(np.int64), 1)
            second = np.full(len(paid), 23 * 3600 + 1_800)
            parts.append(
                postings(
                    paid,
                    np.full(len(paid), end),
                    second,
                    amount,
                    Kind.INTEREST,
                    Channel.BATCH,
                    account=account,
                    flag=Flag.NONE,
                )
            )
    return joined(parts)


def past_of(book: Ledger) -> History:
    """The deposit history of the finished ledger."""
    return history(book.booked, book.opening, book.period)
