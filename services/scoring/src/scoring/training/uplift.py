"""Uplift: whom an action changes, not who buys. T- and X-learner, measured on customers held back.

Kuenzel, Sekhon, Bickel and Yu, "Metalearners for estimating heterogeneous treatment effects", PNAS 116 (2019): the
T-learner is the difference of one model for each arm; the X-learner learns the difference that each customer's outcome
makes to the other arm's model, and mixes both by the share treated. The data must come from arms by chance: nothing
here corrects for a choice.
"""

from dataclasses import dataclass
from typing import Literal

import lightgbm
import numpy as np
from numpy.typing import NDArray

from attune_measure.intervals import Difference, Interval
from attune_measure.rates import newcombe
from scoring.spec import SpecRefused

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]
Mask = NDArray[np.bool_]

LEAST_OF_A_KIND = 20
DECILES = 10
RESAMPLES = 200
DRAWN = 60
"""Points of a curve."""
_PARAMS = {
    "learning_rate": 0.05, "num_leaves": 8, "min_data_in_leaf": 50, "feature_fraction": 0.9, "lambda_l2": 1.0,
    "deterministic": True, "force_row_wise": True, "num_threads": 2, "verbosity": -1,
}  # fmt: skip
_ROUNDS = 80


@dataclass(frozen=True)
class Learned:
    """What was learned: boosters, and what each answer counts for."""

    parts: tuple[tuple[float, lightgbm.Booster], ...]

    def predict(self, rows: Rows) -> Floats:
        """The uplift of each row: by how much the action changes the chance of a response, -1 to 1."""
        return np.clip(sum(weight * _said(booster, rows) for weight, booster in self.parts), -1, 1)

    def gain(self) -> Floats:
        """What each feature gains by its splits, of each booster its share, by what the booster's answer counts for."""
        told = [(abs(weight), booster.feature_importance(importance_type="gain")) for weight, booster in self.parts]
        return np.asarray(sum(weight * gain / max(gain.sum(), 1e-12) for weight, gain in told))


@dataclass(frozen=True)
class Decile:
    """A tenth of the held-back customers, those with the largest predicted uplift first."""

    decile: int
    treated: int
    control: int
    effect: Difference


@dataclass(frozen=True)
class UpliftReport:
    """What a learner is worth on customers it has not seen.

    `qini` is the area between its Qini curve and the straight line of a random order, in responses per customer; its
    interval is that of a bootstrap over customers. `proved`: the order is better than chance, the interval is above 0.
    `curve`: points of it.
    """

    learner: Literal["t", "x"]
    overall: Difference
    deciles: tuple[Decile, ...]
    qini: float
    interval: Interval
    curve: list[tuple[float, float]]

    @property
    def best(self) -> Difference | None:
        """The effect on the tenth with the largest predicted uplift; None where one arm is missing there."""
        return next((one.effect for one in self.deciles if one.decile == 1), None)

    @property
    def proved(self) -> bool:
        """Whether it is proved that the model tells whom the action changes more."""
        return self.interval.low > 0


def fit(rows: Rows, treated: Mask, response: Mask, learner: Literal["t", "x"], seed: int = 1) -> Learned:
    """Learn the uplift of each customer from both arms; SpecRefused where an arm holds too few of both answers."""
    _check(treated, response)
    share = float(treated.mean())
    taken = _binary(rows[treated], response[treated], seed)
    left = _binary(rows[~treated], response[~treated], seed)
    if learner == "t":
        return Learned(((1.0, taken), (-1.0, left)))
    gained = response[treated] - _said(left, rows[treated])
    lost = _said(taken, rows[~treated]) - response[~treated]
    of_treated = _regression(rows[treated], gained, seed)
    of_control = _regression(rows[~treated], lost, seed)
    return Learned(((share, of_control), (1 - share, of_treated)))


def report(
    learner: Literal["t", "x"], uplift: Floats, treated: Mask, response: Mask, level: float = 0.95, seed: int = 1
) -> UpliftReport:
    """Measure predicted uplifts on customers held back."""
    _check(treated, response)
    # A stable sort: equal predictions keep the customers' order, so a repetition gives the same table.
    order = np.argsort(-uplift, kind="stable")
    ranked, answered = treated[order], response[order]
    parts = np.array_split(np.arange(len(order)), DECILES)
    deciles = tuple(
        Decile(
            number, int(ranked[part].sum()), int((~ranked[part]).sum()), effect_of(ranked[part], answered[part], level)
        )
        for number, part in enumerate(parts, 1)
        if 0 < ranked[part].sum() < len(part)
    )
    overall = effect_of(treated, response, level)
    draw = np.random.default_rng(seed)
    areas = np.empty(RESAMPLES)
    for n in range(RESAMPLES):
        chosen = np.sort(draw.integers(0, len(order), len(order)))
        areas[n] = qini(ranked[chosen], answered[chosen])
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(areas, [tail, 100 - tail])
    interval = Interval(float(low), float(high))
    return UpliftReport(learner, overall, deciles, qini(ranked, answered), interval, curve(ranked, answered))


def propensity(rows: Rows, response: Mask, seed: int = 1) -> Learned:
    """Learn who responds, whoever was treated: what an uplift is compared with."""
    return Learned(((1.0, _binary(rows, response, seed)),))


def qini(treated: Mask, response: Mask) -> float:
    """The Qini coefficient of customers in their order, in responses per customer (Radcliffe 2007)."""
    curve = _curve(treated, response)
    straight = np.linspace(0.0, curve[-1], len(curve))
    return float(np.mean(curve - straight) / len(treated))


def curve(treated: Mask, response: Mask) -> list[tuple[float, float]]:
    """The Qini curve as it is drawn: the share of customers taken, and what it gains of responses per customer."""
    whole = _curve(treated, response) / len(treated)
    places = np.unique(np.linspace(0, len(treated), DRAWN).round().astype(int))
    return [(round(float(n / len(treated)), 5), round(float(whole[n]), 7)) for n in places]


def _curve(treated: Mask, response: Mask) -> Floats:
    """At depth k the treated's responses less the control's, scaled to as many as were treated."""
    many_treated, many_control = np.cumsum(treated), np.cumsum(~treated)
    won = np.cumsum(response & treated).astype(np.float64)
    without = np.cumsum(response & ~treated) * np.divide(
        many_treated, many_control, out=np.zeros(len(treated)), where=many_control > 0
    )
    return np.asarray(np.r_[0.0, won - without])


def effect_of(treated: Mask, response: Mask, level: float = 0.95) -> Difference:
    """The treated's share of responses less the control's, with its interval."""
    return newcombe(
        int(response[treated].sum()), int(treated.sum()), int(response[~treated].sum()), int((~treated).sum()), level
    )


def _check(treated: Mask, response: Mask) -> None:
    for name, arm in (("treated", treated), ("control", ~treated)):
        yes = int(response[arm].sum())
        no = int(arm.sum()) - yes
        if min(yes, no) < LEAST_OF_A_KIND:
            raise SpecRefused(
                f"too few in the {name} arm: {yes} responded, {no} did not, each needs {LEAST_OF_A_KIND}",
                f"{name} 组样本不足：响应 {yes}，未响应 {no}，各需至少 {LEAST_OF_A_KIND}",
            )


def _binary(rows: Rows, response: Mask, seed: int) -> lightgbm.Booster:
    return lightgbm.train(
        _PARAMS | {"objective": "binary", "seed": seed}, lightgbm.Dataset(rows, response), num_boost_round=_ROUNDS
    )


def _regression(rows: Rows, effect: Floats, seed: int) -> lightgbm.Booster:
    return lightgbm.train(
        _PARAMS | {"objective": "regression", "seed": seed}, lightgbm.Dataset(rows, effect), num_boost_round=_ROUNDS
    )


def _said(booster: lightgbm.Booster, rows: Rows) -> Floats:
    return np.asarray(booster.predict(rows), dtype=np.float64)
