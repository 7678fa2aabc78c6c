"""Lifetime value: how often customers will buy again, and for how much (BG/NBD and Gamma-Gamma).

Fader, Hardie and Lee, "Counting Your Customers the Easy Way", Marketing Science 24 (2005): while a customer is alive,
purchases are Poisson with rate lambda ~ Gamma(r, alpha); after each one the customer leaves with probability p ~
Beta(a, b). Fader and Hardie, "The Gamma-Gamma Model of Monetary Value" (2013): the mean amount of a customer's
purchases is nu ~ Gamma(q, gamma), each purchase Gamma(p, nu). What counts is a day with a purchase, not a posting.
Time is in weeks, amounts are in the unit that they are given in.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1

from scoring.spec import SpecRefused

Floats = NDArray[np.float64]
DAYS_A_WEEK = 7
LEAST_REPEATERS = 20
# Of a parameter's logarithm (amounts in units of their mean): beyond it a sample tells nothing more, and the formulae
# lose their digits. A sample in which nobody leaves, or all buy alike, ends at the bound.
_FURTHEST = 7.0
_NEAR = 1e-3
_TIGHT = {"maxiter": 20_000, "maxfev": 20_000, "xatol": 1e-10, "fatol": 1e-10}


@dataclass(frozen=True)
class Customers:
    """One row a customer: repeat purchase days `x`, week of the last one `t_x` and of the end `T` since the first day.

    `mean` is the mean amount of the repeat days; NaN where there is none.
    """

    x: Floats
    t_x: Floats
    T: Floats
    mean: Floats


@dataclass(frozen=True)
class PurchaseModel:
    """The BG/NBD model, fitted; `log_likelihood` is the sample's."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float

    def expected(self, customers: Customers, weeks: float) -> Floats:
        """Expected purchase days of each customer in so many weeks after the end of observation."""
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        x, t_x, end = customers.x, customers.t_x, customers.T
        reach = alpha + end
        series = hyp2f1(r + x, b + x, a + b + x - 1, weeks / (reach + weeks))
        likely = 1 - (reach / (reach + weeks)) ** (r + x) * series
        return np.asarray((a + b + x - 1) / (a - 1) * likely / (1 + self._odds_gone(x, t_x, end)))

    def alive(self, customers: Customers) -> Floats:
        """The probability that each customer has not left."""
        return np.asarray(1 / (1 + self._odds_gone(customers.x, customers.t_x, customers.T)))

    def _odds_gone(self, x: Floats, t_x: Floats, end: Floats) -> Floats:
        ratio = np.exp((self.r + x) * (np.log(self.alpha + end) - np.log(self.alpha + t_x)))
        return np.where(x > 0, self.a / (self.b + np.maximum(x, 1) - 1) * ratio, 0.0)


@dataclass(frozen=True)
class AmountModel:
    """The Gamma-Gamma model, fitted."""

    p: float
    q: float
    gamma: float
    log_likelihood: float

    def expected(self, customers: Customers) -> Floats:
        """The expected mean amount of each customer's purchases; the whole sample's for one without a repetition."""
        x = customers.x
        mean = np.where(x > 0, customers.mean, 0.0)
        return np.asarray(self.p * (self.gamma + x * mean) / (self.p * x + self.q - 1))


@dataclass(frozen=True)
class LifetimeValue:
    """Both models, and the correlation of frequency and amount: far from 0, they must not be multiplied.

    `at_bounds`: the parameters that ended at the bound of what is looked for: the sample does not settle them.
    """

    purchases: PurchaseModel
    amounts: AmountModel
    correlation: float
    at_bounds: tuple[str, ...] = ()

    def value(self, customers: Customers, weeks: float) -> Floats:
        """Expected amount of each customer's purchases in so many weeks after the end of observation."""
        return self.purchases.expected(customers, weeks) * self.amounts.expected(customers)


def summarise(customer: NDArray[np.int64], day: NDArray[np.int64], amount: Floats, end: int) -> Customers:
    """Customers in the order of their numbers, from purchases up to and including day `end`.

    Days are numbers of days; purchases of one day are one, their amounts summed. The first day is no repetition.
    """
    seen = day <= end
    order = np.lexsort((day[seen], customer[seen]))
    who, when, spent = customer[seen][order], day[seen][order], amount[seen][order]
    starts = np.flatnonzero(np.r_[True, (np.diff(who) != 0) | (np.diff(when) != 0)])
    who, when, spent = who[starts], when[starts], np.add.reduceat(spent, starts)
    first = np.flatnonzero(np.r_[True, np.diff(who) != 0])
    last = np.r_[first[1:], len(who)] - 1
    x = (last - first).astype(np.float64)
    repeat = np.add.reduceat(spent, first) - spent[first]
    mean = np.full(len(first), np.nan)
    np.divide(repeat, x, out=mean, where=x > 0)
    weeks = DAYS_A_WEEK
    return Customers(x, (when[last] - when[first]) / weeks, (end - when[first]) / weeks, mean)


def fit(customers: Customers) -> LifetimeValue:
    """Fit both models by maximum likelihood; SpecRefused where too few customers came back."""
    back = customers.x > 0
    if int(back.sum()) < LEAST_REPEATERS:
        raise SpecRefused(
            f"only {int(back.sum())} customers bought on a second day: lifetime value needs {LEAST_REPEATERS}",
            f"仅 {int(back.sum())} 位客户有第二次购买，生命周期价值模型至少需要 {LEAST_REPEATERS} 位",
        )
    purchases, settled = _purchases(customers)
    amounts, paid = _amounts(customers)
    correlation = _correlation(customers.x[back], customers.mean[back])
    return LifetimeValue(purchases, amounts, correlation, (*settled, *paid))


def _correlation(often: Floats, much: Floats) -> float:
    """Of what does not vary at all it is 0."""
    varies = often.min() < often.max() and much.min() < much.max()
    return float(np.corrcoef(often, much)[0, 1]) if varies else 0.0


def _purchases(customers: Customers) -> tuple[PurchaseModel, tuple[str, ...]]:
    x, t_x, end = customers.x, customers.t_x, customers.T
    repeated = x > 0
    earlier = np.maximum(x, 1) - 1

    def negative(logs: Floats) -> float:
        r, alpha, a, b = np.exp(_held(logs))
        common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
        alive = -(r + x) * np.log(alpha + end)
        gone = np.log(a) - np.log(b + earlier) - (r + x) * np.log(alpha + t_x)
        return -float(np.sum(common + np.where(repeated, np.logaddexp(alive, gone), alive)))

    found = _least(negative, np.zeros(4))
    r, alpha, a, b = np.exp(_held(found))
    return PurchaseModel(float(r), float(alpha), float(a), float(b), -negative(found)), _at_bounds("r alpha a b", found)


def _amounts(customers: Customers) -> tuple[AmountModel, tuple[str, ...]]:
    back = customers.x > 0
    x, mean = customers.x[back], customers.mean[back]
    if not (mean > 0).all():
        x, mean = x[mean > 0], mean[mean > 0]

    unit = float(np.mean(mean))

    def negative(logs: Floats) -> float:
        p, q, gamma = np.exp(_held(logs)) * (1, 1, unit)
        shape = p * x
        told = (
            gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(gamma) + (shape - 1) * np.log(mean)
            + shape * np.log(x) - (shape + q) * np.log(gamma + x * mean)
        )  # fmt: skip
        return -float(np.sum(told))

    found = _least(negative, np.log([1.0, 2.0, 1.0]))
    p, q, gamma = np.exp(_held(found)) * (1, 1, unit)
    return AmountModel(float(p), float(q), float(gamma), -negative(found)), _at_bounds("p q gamma", found)


def _at_bounds(names: str, logs: Floats) -> tuple[str, ...]:
    return tuple(name for name, log in zip(names.split(), logs, strict=True) if abs(log) >= _FURTHEST - _NEAR)


def _held(logs: Floats) -> Floats:
    return np.clip(logs, -_FURTHEST, _FURTHEST)


def _least(negative: Callable[[Floats], float], start: Floats) -> Floats:
    """Nelder-Mead, started again from where it ended: without a gradient it may stop early on a ridge."""
    found = start
    for _ in range(3):
        found = np.asarray(minimize(negative, found, method="Nelder-Mead", options=_TIGHT).x)
    return found
