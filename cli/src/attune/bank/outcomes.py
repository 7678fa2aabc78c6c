"""What happens after the assignment: the purchases that the ledger then shows, for both arms, and the true effect."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Literal

from attune.bank.calendar import add_business_days
from attune.bank.truth import Truth

WINDOW_BUSINESS_DAYS = 14
_ZONE = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class Assignment:
    """A customer in the experiment: arm, business day of the first opportunity, and whether a contact was made."""

    cif: str
    arm: Literal["treated", "control"]
    business_date: date
    contacted: bool = True


@dataclass(frozen=True)
class OutcomePosting:
    """One purchase on the ledger, under the bank's own numbers; the amount is signed, in the currency's unit."""

    txn_no: str
    acct_no: str
    cif: str
    business_date: date
    booked_at: datetime
    amount: Decimal
    kind: Literal["time_deposit_opened", "wealth_purchase"]
    currency: str = "CNY"
    channel: str = "counter"


def outcome_postings(truth: Truth, assignments: Iterable[Assignment]) -> list[OutcomePosting]:
    """The purchases of both arms, in ledger order.

    A treated customer who was contacted and reached buys by Y1, everybody else by Y0. The posting's number follows from
    the customer, so sending it twice is sending it once. KeyError for a customer whom the bank does not know.
    """
    return sorted(_bought(truth, assignments), key=lambda p: (p.business_date, p.booked_at, p.txn_no))


def _bought(truth: Truth, assignments: Iterable[Assignment]) -> Iterator[OutcomePosting]:
    for assigned in assignments:
        row = truth.rows[assigned.cif]
        moved = assigned.arm == "treated" and assigned.contacted and bool(truth.reached[row])
        if not (truth.y1[row] if moved else truth.y0[row]):
            continue
        day = add_business_days(assigned.business_date, int(truth.delay[row]))
        moment = datetime.combine(day, time(14), _ZONE) + timedelta(seconds=row * 37 % 10_800)
        yield OutcomePosting(
            txn_no=f"X{assigned.cif}",
            acct_no=str(truth.account[row]),
            cif=assigned.cif,
            business_date=day,
            booked_at=moment,
            amount=-Decimal(int(truth.amount[row])).scaleb(-2),
            kind="time_deposit_opened" if truth.time[row] else "wealth_purchase",
        )


def true_effect(truth: Truth, assignments: Iterable[Assignment]) -> float:
    """The mean over all assigned, both arms, of reached x (Y1 - Y0), by intention to treat; ValueError if none."""
    effects = [truth.effect(truth.rows[a.cif]) for a in assignments]
    if not effects:
        raise ValueError("nobody is assigned")
    return sum(effects) / len(effects)
