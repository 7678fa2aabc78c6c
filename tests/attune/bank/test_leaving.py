"""Who leaves the bank, where it is asked for: known, for known reasons, and nobody of whom the demo tells."""

import numpy as np
import pytest

from attune.bank.leaving import FIRST_DAYS, HAD, LAST_DAYS
from attune.bank.ledger import Ledger, ledger
from attune.bank.postings import AccountType, closing
from attune.bank.truth import potential_outcomes

CUSTOMERS, SEED, SHARE = 2_500, 11, 0.05
DEMAND_LIKE = [AccountType.DEMAND, AccountType.SAVINGS]


@pytest.fixture(scope="module")
def stayed() -> Ledger:
    return ledger(CUSTOMERS, SEED)


@pytest.fixture(scope="module")
def left() -> Ledger:
    return ledger(CUSTOMERS, SEED, leavers=SHARE)


def test_nobody_leaves_unless_asked_for(stayed: Ledger) -> None:
    assert (stayed.left == -1).all()


def test_all_money_of_a_leaver_is_gone_and_nothing_follows(left: Ledger) -> None:
    gone = np.flatnonzero(left.left >= 0)
    assert len(gone) == pytest.approx(SHARE * CUSTOMERS, rel=0.25)
    balance = closing(left.booked, left.opening, left.period.days, list(AccountType))
    assert (balance[gone, left.period.days - FIRST_DAYS - 10] >= HAD).all()
    assert (balance[gone, left.left[gone]] < HAD / 20).all(), "what interest had been paid is left"
    assert (balance[gone, -1] < HAD / 20).all()
    assert (closing(left.booked, left.opening, left.period.days, DEMAND_LIKE) >= 0).all(), "nobody is overdrawn"
    days = left.left[gone]
    assert (days >= left.period.days - FIRST_DAYS).all()
    assert (days < left.period.days - LAST_DAYS).all()


def test_everybody_else_and_the_demos_truth_are_untouched(stayed: Ledger, left: Ledger) -> None:
    def of_others(book: Ledger) -> list[tuple[int, ...]]:
        rows = book.booked.take(left.left[book.booked.owner] < 0)
        return sorted(zip(rows.owner, rows.account, rows.day, rows.second, rows.amount, rows.kind, strict=True))

    assert of_others(stayed) == of_others(left)
    targets = [np.unique(book.booked.owner[book.fired]) for book in (stayed, left)]
    assert np.array_equal(*targets)
    before, after = (potential_outcomes(book, SEED) for book in (stayed, left))
    stay = left.left < 0
    for name in ("y0", "y1", "reached", "delay", "time", "amount"):
        assert np.array_equal(getattr(before, name)[stay], getattr(after, name)[stay]), name


def test_who_leaves_is_young_digital_and_came_lately(left: Ledger) -> None:
    gone, who = left.left >= 0, left.who
    assert who.age[gone].mean() < who.age[~gone].mean() - 3
    assert who.digital[gone].mean() > who.digital[~gone].mean() + 0.1
    assert not (gone & ((who.time > 0) | (who.wealth > 0))).any()
