"""Who leaves the bank (M-94): all their money but the interest goes elsewhere on one day, and nothing follows.

Only where it is asked for. Nobody leaves who fires the demo's trigger, holds or has bought a product: what the demo
tells of those stays as it is. Who leaves is known, and why: the young, the digital, those who came lately.
"""

import numpy as np

from attune.bank.calendar import Period
from attune.bank.people import People
from attune.bank.postings import AccountType, Channel, Flag, Kind, Postings, closing, joined, postings
from attune.bank.randomness import Bools, Ints, calibrated, stream

HAD = 1_000_000
"""Assets of a customer who can leave, in fen; what is left is less than a fifth of it."""
FIRST_DAYS, LAST_DAYS = 175, 61
"""They leave so many days before the ledger's end: within 180 days of a snapshot that has not seen it."""


def leave(
    share: float,
    who: People,
    seed: int,
    period: Period,
    booked: Postings,
    opening: dict[AccountType, Ints],
    stays: Bools,
) -> tuple[Postings, Ints]:
    """Let this share of the customers leave; the postings then, and each customer's day, -1 for none."""
    rng = stream(seed, "leaving")
    everyone, first = np.arange(who.count), period.days - FIRST_DAYS
    day = rng.integers(first, period.days - LAST_DAYS, who.count)
    draw, second = rng.random(who.count), rng.integers(10 * 3600, 16 * 3600, who.count)
    on_savings = closing(booked, opening, period.days, [AccountType.SAVINGS])
    assets = on_savings + closing(booked, opening, period.days, [AccountType.DEMAND])
    bare = (who.time == 0) & (who.wealth == 0)
    rich = (assets[:, first - 10] >= HAD) & (assets[everyone, day - 1] >= HAD)
    can = np.flatnonzero(bare & rich & ~stays & (who.since < first - 90))
    if not len(can):
        return booked, np.full(who.count, -1, dtype=np.int64)
    pull = 2.5 * (who.digital - 0.5) - 0.03 * (who.age - 45) + 0.15 * np.clip(who.since / 365, -10, 0)
    likely = calibrated(pull, min(0.5, share * who.count / len(can)), can)
    left = np.full(who.count, -1, dtype=np.int64)
    gone = can[draw[can] < likely[can]]
    left[gone] = day[gone]
    after = (left[booked.owner] >= 0) & (booked.day >= left[booked.owner])
    at = (gone, day[gone], second[gone])
    saved = on_savings[gone, day[gone] - 1]
    held = np.flatnonzero(saved > 0)
    own = (gone[held], day[gone][held], second[gone][held])
    account, flag = AccountType.SAVINGS, Flag.OWN_TRANSFER
    parts = [
        postings(*own, -saved[held], Kind.TRANSFER_OUT, Channel.MOBILE, account=account, flag=flag),
        postings(*own, saved[held], Kind.TRANSFER_IN, Channel.MOBILE, flag=flag),
        postings(*at, -assets[gone, day[gone] - 1], Kind.TRANSFER_OUT, Channel.MOBILE),
    ]
    return joined([booked.take(~after), *parts]), left
