"""What a campaign's experiment shows: counts in, estimate, interval, checks and verdict out. Pure.

By intention to treat and by customer: everybody whose first opportunity came as far as the arm counts in that arm,
reached or not (X14). The universal holdout stands outside.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from attune_measure.intervals import Difference
from attune_measure.rates import newcombe
from attune_measure.sample_ratio import sample_ratio
from attune_measure.verdict import verdict


@dataclass(frozen=True)
class ArmCount:
    """Customers of one arm, and those who bought."""

    n: int
    outcomes: int

    @property
    def rate(self) -> float | None:
        """The share that bought; None of nobody."""
        return self.outcomes / self.n if self.n else None


@dataclass(frozen=True)
class Measured:
    """All that a result is computed from. `control_share` is the mean share at which the customers were assigned."""

    outcome: str
    treated: ArmCount
    control: ArmCount
    control_share: float
    last_window_ends_on: date | None
    as_of: date | None
    campaign_version: int


def estimate(measured: Measured) -> dict[str, Any]:
    """The result as it is stored and shown."""
    treated, control = measured.treated, measured.control
    difference: Difference | None = None
    if treated.n and control.n:
        difference = newcombe(treated.outcomes, treated.n, control.outcomes, control.n)
    ratio_p, ratio_ok = _sample_ratio(measured)
    judged = verdict(difference, treated.n, control.n, sample_ratio_ok=ratio_ok)
    return {
        "outcome": measured.outcome,
        "treated": {"n": treated.n, "outcomes": treated.outcomes, "rate": treated.rate},
        "control": {"n": control.n, "outcomes": control.outcomes, "rate": control.rate},
        "difference": difference.estimate if difference else None,
        "low": difference.low if difference else None,
        "high": difference.high if difference else None,
        "method": "newcombe",
        "sample_ratio": {"p": ratio_p, "ok": ratio_ok},
        "verdict": judged.text,
        "reason": judged.reason,
        "final": _final(measured),
        "as_of": measured.as_of.isoformat() if measured.as_of else None,
        "campaign_version": measured.campaign_version,
    }


def _sample_ratio(measured: Measured) -> tuple[float, bool]:
    share = measured.control_share
    if not 0 < share < 1:
        # One arm has no customers by design: there is no ratio to check, and the verdict says the sample is too small.
        return 1.0, True
    checked = sample_ratio([measured.treated.n, measured.control.n], [1 - share, share])
    return checked.p, checked.ok


def _final(measured: Measured) -> bool:
    """Every window has closed by the lake's last business day."""
    if measured.as_of is None or measured.last_window_ends_on is None:
        return False
    return measured.last_window_ends_on <= measured.as_of
