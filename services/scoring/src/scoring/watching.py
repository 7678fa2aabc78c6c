"""How far a version's features and scores have moved from its training snapshot, and what was newly crossed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from attune_measure.drift import ks, psi, psi_by_chance
from attune_measure.rates import wilson

Level = Literal["stable", "moderate", "major"]
_RANK: Mapping[str, int] = {"stable": 0, "moderate": 1, "major": 2}


@dataclass(frozen=True)
class Thresholds:
    """From which PSI on a drift is moderate, and from which major."""

    moderate: float
    major: float


@dataclass(frozen=True)
class Counted:
    """Rows by bin, and those whose value is unknown."""

    counts: Sequence[int]
    missing: int = 0

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(self.counts) + self.missing


@dataclass(frozen=True)
class Crossing:
    """A feature, or the score (None), that drifts more than when it was last looked at."""

    feature: str | None
    level: Level
    psi: float
    ks: float


def baseline(told: Mapping[str, Any]) -> Counted:
    """One distribution of a training snapshot."""
    return Counted(tuple(told["counts"]), told.get("missing", 0))


def judged(before: Counted, now: Counted, thresholds: Thresholds) -> dict[str, Any]:
    """Compare two distributions; unknown values are a bin of their own.

    A level is one that chance does not reach once in a thousand with so many rows.
    """
    if not before.rows or not now.rows:
        return {"psi": None, "by_chance": None, "ks": None, "level": "stable"} | _missing(before, now)
    one, other = list(before.counts), list(now.counts)
    distance = ks(one, other) if sum(one) and sum(other) else None
    if before.missing or now.missing:
        one, other = [*one, before.missing], [*other, now.missing]
    found, chance = psi(one, other), psi_by_chance(len(one), before.rows, now.rows)
    level: Level = "stable"
    if found > chance and found >= thresholds.moderate:
        level = "major" if found >= thresholds.major else "moderate"
    return {"psi": found, "by_chance": chance, "ks": distance, "level": level} | _missing(before, now)


def _missing(before: Counted, now: Counted) -> dict[str, float | None]:
    return {
        "missing_before": before.missing / before.rows if before.rows else None,
        "missing": now.missing / now.rows if now.rows else None,
    }


def crossings(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> list[Crossing]:
    """What has reached a level above that of the look before; the first look starts from stable."""
    known = dict(_levels(before)) if before else {}
    found = []
    for subject, line in _lines(now):
        if _RANK[line["level"]] > _RANK[known.get(subject, "stable")]:
            found.append(Crossing(subject, line["level"], line["psi"], line["ks"] or 0.0))
    return found


def _levels(content: Mapping[str, Any]) -> Iterable[tuple[str | None, str]]:
    return ((subject, line["level"]) for subject, line in _lines(content))


def _lines(content: Mapping[str, Any]) -> Iterable[tuple[str | None, Mapping[str, Any]]]:
    yield from ((line["feature"], line) for line in content["features"])
    if content["score"] is not None:
        yield None, content["score"]


def cohort(days: Iterable[date], trained: date | None, last: date | None, within_days: int) -> date | None:
    """The snapshot whose customers' responses are counted by decile: the oldest whose window is not yet long closed.

    It lies behind the label of the training: what the model was fitted to is no proof. So it becomes the newest whose
    window has closed, and until there is one its outcomes arrive day by day. None before there is any.
    """
    if last is None:
        return None
    first = last - timedelta(days=within_days)
    if trained is not None:
        first = max(first, trained + timedelta(days=within_days))
    return min((day for day in days if first <= day < last), default=None)


def deciles(
    came: Sequence[tuple[int, int, int]], expected: Sequence[Mapping[str, int]]
) -> list[dict[str, float | int | None]]:
    """Response by tenth of the scores, 1 the best, with its interval, beside that among the training's tested.

    `came`: of each tenth its number, its customers, and those with the outcome.
    """
    rates = {line["decile"]: line["responses"] / line["n"] for line in expected if line["n"]}
    found: list[dict[str, float | int | None]] = []
    for decile, n, responses in came:
        interval = wilson(responses, n)
        found.append(
            {
                "decile": decile,
                "n": n,
                "responses": responses,
                "rate": responses / n,
                "low": interval.low,
                "high": interval.high,
                "trained": rates.get(decile),
            }
        )
    return found
