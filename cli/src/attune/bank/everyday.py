"""Everyday money: salaries, pensions, standing orders, cards, cash, transfers, windfalls; nothing that is bought.

Shapes follow a real bank's ledger (4.3 postings an account and month, a long tail to both sides), scaled to yuan.
"""

import numpy as np

from attune.bank.calendar import Period
from attune.bank.people import People
from attune.bank.postings import AccountType, Channel, Flag, Kind, Postings, joined, postings
from attune.bank.randomness import Bools, Floats, Ints, stream

_PAYDAYS = np.array([5, 8, 10, 15, 20, 25])
_MATURES_SHARE = 0.55
_WINDFALLS_A_MONTH = 0.009


def everyday(who: People, seed: int, period: Period) -> Postings:
    """All postings of the demand accounts that follow from daily life, and maturing time deposits."""
    rng = stream(seed, "everyday")
    income, payday = _income(rng, who, period)
    standing = _standing_orders(rng, who, period, payday)
    earned, debits = _activity(rng, who, period)
    spent = _scaled(rng, who, debits, income, earned, standing)
    extra = [_windfalls(rng, who, period), _arrivals(rng, who), _maturities(rng, who, period)]
    return joined([income, standing, earned, spent, *extra, _savings(rng, who, period)])


def _income(rng: np.random.Generator, who: People, period: Period) -> tuple[Postings, Ints]:
    """Salary or pension each month, a year-end bonus for some in January; with each customer's day of the month."""
    payday = _PAYDAYS[rng.integers(len(_PAYDAYS), size=who.count)]
    bonus = who.salaried & (rng.random(who.count) < 0.12)
    parts = []
    for start in period.month_starts():
        day = start + payday - 1
        paid = np.flatnonzero((who.salaried | who.pensioner) & (who.since < day) & (day < period.days))
        times = 1 + rng.normal(0, 0.02, len(paid)) * who.salaried[paid]
        if period.day(int(start)).month == 1:
            times = times + bonus[paid] * rng.uniform(0.5, 1.5, len(paid))
        kind = np.where(who.salaried[paid], Kind.SALARY, Kind.PENSION)
        amount = (who.income[paid] * times).astype(np.int64)
        seconds = rng.integers(7 * 3600, 9 * 3600, len(paid))
        parts.append(postings(paid, day[paid], seconds, amount, kind, Channel.BATCH))
    return joined(parts), payday


def _standing_orders(rng: np.random.Generator, who: People, period: Period, payday: Ints) -> Postings:
    """Rent, instalments, a transfer to the family: the same sum each month, three days after the income."""
    ordered = (who.salaried | who.pensioner) & (rng.random(who.count) < 0.5)
    amount = (who.income * rng.uniform(0.2, 0.55, who.count)).astype(np.int64) // 10_000 * 10_000
    parts = []
    for start in period.month_starts():
        day = start + payday + 2
        paid = np.flatnonzero(ordered & (who.since < day - 30) & (day < period.days) & (amount > 0))
        seconds = rng.integers(9 * 3600, 10 * 3600, len(paid))
        parts.append(postings(paid, day[paid], seconds, -amount[paid], Kind.TRANSFER_OUT, Channel.BATCH))
    return joined(parts)


def _activity(rng: np.random.Generator, who: People, period: Period) -> tuple[Postings, Postings]:
    """What a customer does of their own will, as credits and as debits whose amounts are only weights yet."""
    first = np.maximum(who.since + 1, 0)
    owner = np.repeat(np.arange(who.count), rng.poisson(who.activity * (period.days - first) / 30.4))
    day = first[owner] + (rng.random(len(owner)) * (period.days - first[owner])).astype(np.int64)
    earns = (who.salaried | who.pensioner)[owner]
    into = rng.random(len(owner)) < np.where(earns, 0.09, 0.32)
    digital = rng.random(len(owner)) < who.digital[owner]
    pick = rng.random(len(owner))
    scale = who.income[owner] / 860_000
    kind_in = np.where(pick < np.where(digital, 0.9, 0.45), Kind.TRANSFER_IN, Kind.CASH_IN)
    amount_in = rng.lognormal(np.log(np.where(earns, 150_000, 330_000)), 0.7) * scale
    kind_out = np.select([pick < 0.6, pick < 0.78], [Kind.CARD_PAYMENT, Kind.CASH_OUT], Kind.TRANSFER_OUT)
    median = np.select([kind_out == Kind.CARD_PAYMENT, kind_out == Kind.CASH_OUT], [32_000, 160_000], 220_000)
    amount_out = rng.lognormal(np.log(median), 0.9) * scale
    kind = np.where(into, kind_in, kind_out)
    amount = _rounded(np.where(into, amount_in, amount_out), kind)
    channel = _channels(rng, kind, digital, period.is_business()[day])
    second = np.where(
        into, rng.integers(8 * 3600, 12 * 3600, len(owner)), rng.integers(10 * 3600, 22 * 3600, len(owner))
    )
    moved = postings(owner, day, second, np.where(into, amount, -amount), kind, channel)
    return moved.take(into), moved.take(~into)


def _channels(rng: np.random.Generator, kind: Ints, digital: Bools, business: Bools) -> Ints:
    """Where it happens: cash at counter or machine, cards at the till or by phone, transfers by habit."""
    cash = (kind == Kind.CASH_IN) | (kind == Kind.CASH_OUT)
    online = np.where(rng.random(len(kind)) < 0.82, Channel.MOBILE, Channel.WEB)
    counter = np.where(business, Channel.COUNTER, Channel.ATM)
    at_machine = rng.random(len(kind)) < 0.6
    branch = np.where(cash & at_machine, Channel.ATM, counter)
    return np.select(
        [cash, (kind == Kind.CARD_PAYMENT) & ~digital, digital], [branch, Channel.POS, online], branch
    ).astype(np.int64)


def _scaled(
    rng: np.random.Generator, who: People, debits: Postings, income: Postings, earned: Postings, standing: Postings
) -> Postings:
    """The debits at their final amounts: together a little less than what comes in beside the standing orders."""

    def total(of: Postings) -> Floats:
        return np.bincount(of.owner, weights=of.amount.astype(np.float64), minlength=who.count).astype(np.float64)

    thrift = rng.uniform(0.82, 1.02, who.count)
    left = np.maximum((total(income) + total(earned)) * thrift + total(standing), 0.06 * who.demand)
    weights = np.maximum(-total(debits), 1.0)
    factor = np.clip(left / weights, 0.15, 4.0)[debits.owner]
    amount = _rounded(-debits.amount * factor, debits.kind)
    return postings(debits.owner, debits.day, debits.second, -amount, debits.kind, debits.channel)


def _windfalls(rng: np.random.Generator, who: People, period: Period) -> Postings:
    """A rare large credit (a sale, a bonus, a loan paid out), of which most soon leaves again."""
    lucky = rng.random((who.count, 13)) < _WINDFALLS_A_MONTH
    owner, month = np.nonzero(lucky)
    day = np.minimum(month * 30 + rng.integers(30, size=len(owner)), period.days - 1)
    seen = who.since[owner] < day - 10
    owner, day = owner[seen], day[seen]
    base = np.maximum(who.demand[owner], 3 * who.income[owner])
    amount = _rounded(base * rng.uniform(0.4, 2.6, len(owner)), np.full(len(owner), int(Kind.CASH_IN)))
    loan = rng.random(len(owner)) < 0.15
    kind = np.where(loan, Kind.LOAN_PAYOUT, Kind.TRANSFER_IN)
    flag = np.where(loan, Flag.LOAN_PAYOUT, Flag.NONE)
    channel = np.where(loan, Channel.BATCH, Channel.MOBILE)
    paid = postings(owner, day, rng.integers(9 * 3600, 12 * 3600, len(owner)), amount, kind, channel, flag=flag)
    gone = day + rng.integers(4, 40, len(owner))
    stays = gone < period.days
    left = (amount * rng.uniform(0.5, 0.95, len(owner))).astype(np.int64) // 10_000 * 10_000
    rows = np.flatnonzero(stays & (left > 0))
    seconds = rng.integers(13 * 3600, 17 * 3600, len(rows))
    drained = postings(owner[rows], gone[rows], seconds, -left[rows], Kind.TRANSFER_OUT, Channel.MOBILE)
    return joined([paid, drained])


def _arrivals(rng: np.random.Generator, who: People) -> Postings:
    """A new customer's first deposit, on the day they come."""
    new = np.flatnonzero(who.since >= 0)
    amount = _rounded(who.income[new] * rng.uniform(1.5, 6, len(new)), np.full(len(new), int(Kind.CASH_IN)))
    return postings(new, who.since[new], np.full(len(new), 9 * 3600), amount, Kind.CASH_IN, Channel.COUNTER)


def _maturities(rng: np.random.Generator, who: People, period: Period) -> Postings:
    """Time deposits of before: some mature, and come back to the demand account as no new money."""
    owner = np.flatnonzero((who.time > 0) & (rng.random(who.count) < _MATURES_SHARE))
    day = rng.integers(1, period.days, len(owner))
    return matured(owner, day, who.time[owner], AccountType.TIME)


def matured(owner: Ints, day: Ints, amount: Ints, account: AccountType) -> Postings:
    """Money coming back from a time or wealth account: both legs, early in the morning."""
    kind = Kind.TIME_DEPOSIT_MATURED if account is AccountType.TIME else Kind.WEALTH_REDEEMED
    second = np.full(len(owner), 6 * 3600)
    out = postings(
        owner, day, second, -amount, Kind.TRANSFER_OUT, Channel.BATCH, account=account, flag=Flag.OWN_TRANSFER
    )
    back = postings(owner, day, second, amount, kind, Channel.BATCH, flag=Flag.MATURITY)
    return joined([out, back])


def _savings(rng: np.random.Generator, who: People, period: Period) -> Postings:
    """A second demand account for one in twelve, fed from the first every other month: own transfers, no new money."""
    has = np.flatnonzero((who.since < 0) & (rng.random(who.count) < 0.08))
    owner = np.repeat(has, 6)
    day = np.minimum(np.tile(np.arange(6) * 60, len(has)) + rng.integers(30, size=len(owner)), period.days - 1)
    amount = np.maximum(who.income[owner] // 20, 10_000) // 10_000 * 10_000
    second = rng.integers(10 * 3600, 20 * 3600, len(owner))
    out = postings(owner, day, second, -amount, Kind.TRANSFER_OUT, Channel.MOBILE, flag=Flag.OWN_TRANSFER)
    into = postings(
        owner,
        day,
        second,
        amount,
        Kind.TRANSFER_IN,
        Channel.MOBILE,
        account=AccountType.SAVINGS,
        flag=Flag.OWN_TRANSFER,
    )
    return joined([out, into])


def _rounded(fen: Floats, kind: Ints) -> Ints:
    """Cash in hundreds of yuan, at least one hundred; anything else to the fen, at least one yuan."""
    cash = (kind == Kind.CASH_IN) | (kind == Kind.CASH_OUT)
    whole = np.maximum(np.round(fen / 10_000), 1) * 10_000
    return np.where(cash, whole, np.maximum(np.round(fen), 100)).astype(np.int64)
