"""What a model earned: the customers whom it answers for against those whom none does. Counts in, verdict out. Pure.

By intention to treat: a customer counts once, in the purpose's arm, contacted or not (X13, X14). Arms are drawn before
anything happens, and everybody of the snapshot at the beginning is in one of them: what differs between them is the
model. Words, intervals and the smallest sample are those of a campaign's result.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from attune_measure.arms import ARM_NUMBERS, ModelArm
from attune_measure.intervals import Difference
from attune_measure.means import Moments, welch
from attune_measure.rates import newcombe
from attune_measure.sample_ratio import sample_ratio
from attune_measure.verdict import Verdict, verdict
from scoring.arms import Shares
from scoring.standing import Standing

GroupName = Literal["model", "champion", "challenger", "no_model"]
Wanted = Literal["more", "fewer"]

ARMS: Mapping[GroupName, frozenset[ModelArm]] = {
    "model": frozenset({ModelArm.CHAMPION, ModelArm.CHALLENGER}),
    "champion": frozenset({ModelArm.CHAMPION}),
    "challenger": frozenset({ModelArm.CHALLENGER}),
    "no_model": frozenset({ModelArm.NO_MODEL}),
}


@dataclass(frozen=True)
class Total:
    """Customers, those with the outcome, and the sums of their amounts and of these squared: exact, in minor units."""

    n: int = 0
    responses: int = 0
    amount: int = 0
    squares: int = 0

    def __add__(self, other: "Total") -> "Total":
        return Total(
            self.n + other.n,
            self.responses + other.responses,
            self.amount + other.amount,
            self.squares + other.squares,
        )

    @property
    def moments(self) -> Moments:
        """Of the amount a customer; at least two customers."""
        variance = (self.n * self.squares - self.amount**2) / (self.n * (self.n - 1))
        return Moments(self.n, self.amount / self.n, variance)


@dataclass(frozen=True)
class Pair:
    """Two groups that are compared, from the moment on since when each has been answered as it is."""

    group: GroupName
    against: GroupName
    since: datetime
    versions: Mapping[GroupName, Sequence[int]]


@dataclass(frozen=True)
class Window:
    """The days whose outcomes count: after `since`, up to `until`; None before the first such day."""

    since: date
    until: date | None
    final: bool


def pairs(stands: Standing, since: datetime | None) -> list[Pair]:
    """What there is to compare: the model with none; a challenger with none and with the champion.

    `since` is when the purpose's shares began to hold. A challenger's pairs begin when the later of the two did.
    """
    if not stands.champions or since is None:
        return []
    first, newest = stands.champions[0], stands.champions[-1]
    begun = max(since, first.since)
    found = [Pair("model", "no_model", begun, {"model": stands.champions_since(begun)})]
    if (challenger := stands.challenger) is not None:
        later = max(since, newest.since, challenger.since)
        versions: dict[GroupName, Sequence[int]] = {
            "champion": [newest.version],
            "challenger": [challenger.version],
        }
        found[0] = replace(found[0], versions={"model": [*found[0].versions["model"], challenger.version]})
        found += [
            Pair("champion", "no_model", later, versions),
            Pair("challenger", "no_model", later, versions),
            Pair("challenger", "champion", later, versions),
        ]
    return found


def compared(
    pair: Pair, window: Window, totals: Mapping[ModelArm, Total], shares: Shares, wanted: Wanted
) -> dict[str, Any]:
    """One comparison as it is stored; money in minor units. `wanted`: whether more or fewer outcomes are a gain."""
    one, other = _sum(totals, pair.group), _sum(totals, pair.against)
    ratio = _sample_ratio(pair, one, other, shares)
    response = newcombe(one.responses, one.n, other.responses, other.n) if one.n and other.n else None
    money = welch(one.moments, other.moments) if min(one.n, other.n) > 1 else None

    def judged(difference: Difference | None) -> Verdict:
        if difference is not None and wanted == "fewer":
            difference = Difference(-difference.estimate, -difference.high, -difference.low, difference.method)
        return verdict(difference, one.n, other.n, sample_ratio_ok=ratio["ok"])

    return {
        "group": _told(pair, pair.group, one),
        "against": _told(pair, pair.against, other),
        "since": window.since.isoformat(),
        "until": window.until.isoformat() if window.until else None,
        "final": window.final,
        "sample_ratio": ratio,
        "response": _effect(response, "newcombe", judged(response)),
        "money": _effect(money, "welch", judged(money)) | _earned(money, one.n),
    }


def _sum(totals: Mapping[ModelArm, Total], group: GroupName) -> Total:
    return sum((totals.get(arm, Total()) for arm in ARMS[group]), Total())


def _told(pair: Pair, group: GroupName, total: Total) -> dict[str, Any]:
    return {
        "group": group,
        "versions": list(pair.versions.get(group, ())),
        "n": total.n,
        "responses": total.responses,
        "rate": total.responses / total.n if total.n else None,
        "amount_minor": total.amount,
    }


def _effect(difference: Difference | None, method: str, judged: Verdict) -> dict[str, Any]:
    return {
        "difference": difference.estimate if difference else None,
        "low": difference.low if difference else None,
        "high": difference.high if difference else None,
        "method": method,
        "verdict": judged.text,
        "reason": judged.reason,
    }


def _earned(money: Difference | None, customers: int) -> dict[str, int | None]:
    """The difference a customer, times the customers of the group: with its interval."""
    ends = {"earned_minor": "estimate", "earned_low_minor": "low", "earned_high_minor": "high"}
    return {name: round(getattr(money, end) * customers) if money else None for name, end in ends.items()}


def _sample_ratio(pair: Pair, one: Total, other: Total, shares: Shares) -> dict[str, Any]:
    points = [_points(shares, ARMS[pair.group]), _points(shares, ARMS[pair.against])]
    if min(points) <= 0:
        # A group is empty by design: no ratio to check, and the verdict says that the sample is too small.
        return {"p": 1.0, "ok": True}
    checked = sample_ratio([one.n, other.n], points)
    return {"p": checked.p, "ok": checked.ok}


def _points(shares: Shares, arms: Iterable[ModelArm]) -> int:
    points = {ModelArm.NO_MODEL: shares.no_model_bp, ModelArm.CHALLENGER: shares.challenger_bp}
    return sum(points.get(arm, ARM_NUMBERS - sum(points.values())) for arm in arms)
