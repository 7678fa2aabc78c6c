"""The customers: who they are on paper, and the traits that move their money."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from attune.bank.calendar import Period
from attune.bank.names import addresses, documents, full_names, phones
from attune.bank.organisation import Organisation
from attune.bank.randomness import Bools, Floats, Ints, Texts, stream

NEW_SHARE = 0.07
"""Customers who come during the thirteen months; the others were there before."""


@dataclass(frozen=True)
class People:
    """Column by column; money in fen. `since` is a day's number, negative before the ledger begins."""

    cif: Texts
    female: Bools
    age: Ints
    since: Ints
    outlet: Ints
    income: Ints
    salaried: Bools
    pensioner: Bools
    digital: Floats
    activity: Floats
    demand: Ints
    time: Ints
    wealth: Ints
    risk: Ints

    @property
    def count(self) -> int:
        """How many customers there are."""
        return len(self.cif)


@dataclass(frozen=True)
class Papers:
    """What identifies a customer; it is drawn apart, since no posting depends on it."""

    name: Texts
    birth: Texts
    document: Texts
    phone: Texts
    address: Texts
    manager: Texts
    risk_date: Texts
    open_date: Texts


def people(customers: int, seed: int, period: Period, outlets: int) -> People:
    """Draw the customers' traits."""
    rng = stream(seed, "people")
    female = rng.random(customers) < 0.52
    age = np.clip(rng.gamma(7.5, 6.0, customers) + 3, 18, 92).astype(np.int64)
    new = rng.random(customers) < NEW_SHARE
    tenure = np.minimum(rng.exponential(2_400, customers) + 200, (age - 17) * 365.0)
    before = -np.maximum(tenure, 30).astype(np.int64)
    # Not in the first weeks, so that their first posting is seen, and not in the last month.
    since = np.where(new, rng.integers(20, max(21, period.days - 30), customers), before)
    pensioner = (age >= np.where(female, 55, 60)) & (rng.random(customers) < 0.85)
    salaried = ~pensioner & (age >= 22) & (age < 62) & (rng.random(customers) < 0.68)
    scale = np.where(pensioner, 0.55, np.clip(0.55 + (age - 22) / 40, 0.5, 1.15))
    income = (rng.lognormal(np.log(8_600), 0.45, customers) * scale * 100).astype(np.int64)
    demand, time, wealth = _assets(rng, income, age, since < 0)
    lean = 2.2 - 0.062 * (age - 18) + rng.normal(0, 0.8, customers)
    return People(
        cif=np.array([f"C{n:08d}" for n in range(1, customers + 1)], dtype=object),
        female=female,
        age=age,
        since=since,
        outlet=rng.integers(outlets, size=customers),
        income=income,
        salaried=salaried,
        pensioner=pensioner,
        digital=1 / (1 + np.exp(-lean)),
        activity=rng.gamma(0.9, 2.05, customers) + np.where(salaried | pensioner, 0.5, 0.1),
        demand=demand,
        time=time,
        wealth=wealth,
        risk=np.clip(np.round(rng.normal(3.1 - (age - 45) / 40, 1.0, customers)), 1, 5).astype(np.int64),
    )


def _assets(rng: np.random.Generator, income: Ints, age: Ints, old: Bools) -> tuple[Ints, Ints, Ints]:
    """Demand, time and wealth balances at the ledger's beginning: months of income, skewed, more with age."""
    count = len(income)
    months = np.clip(rng.lognormal(np.log(3.8), 0.75, count), 1.4, 60)
    demand = np.where(old, income * months, 0).astype(np.int64)
    has_time = old & (rng.random(count) < 0.12 + 0.30 * np.clip((age - 30) / 40, 0, 1))
    time = np.where(has_time, income * rng.lognormal(np.log(6), 0.8, count), 0)
    has_wealth = old & (rng.random(count) < 0.16)
    wealth = np.where(has_wealth, income * rng.lognormal(np.log(7), 0.9, count), 0)
    return demand, _thousands(time), _thousands(wealth)


def _thousands(fen: Floats) -> Ints:
    return np.asarray(np.ceil(fen / 100_000) * 100_000, dtype=np.int64)


def papers(who: People, seed: int, period: Period, bank: Organisation) -> Papers:
    """Draw what identifies the customers, their manager (three in ten, the wealthier) and their dates."""
    rng = stream(seed, "papers")
    born = [
        _born(period.last, int(age), int(days))
        for age, days in zip(who.age, rng.integers(365, size=who.count), strict=True)
    ]
    births = np.array([f"{day:%Y%m%d}" for day in born], dtype=object)
    phone = phones(rng, who.count)
    phone[rng.random(who.count) < 0.03] = ""
    address = addresses(rng, who.count)
    address[rng.random(who.count) < 0.06] = ""
    opened = [period.day(n) for n in who.since]
    rated = [
        max(day, period.last - timedelta(days=int(ago)))
        for day, ago in zip(opened, rng.integers(20, 400, who.count), strict=True)
    ]
    return Papers(
        name=full_names(rng, who.female),
        birth=births,
        document=documents(rng, births, who.female),
        phone=phone,
        address=address,
        manager=_managers(rng, who, bank),
        risk_date=np.array([f"{day:%Y%m%d}" for day in rated], dtype=object),
        open_date=np.array([f"{day:%Y%m%d}" for day in opened], dtype=object),
    )


def _born(last: date, age: int, days: int) -> date:
    """A birth day that makes the customer `age` on the ledger's last day."""
    return date(last.year - age, last.month, min(last.day, 28)) - timedelta(days=days)


def _managers(rng: np.random.Generator, who: People, bank: Organisation) -> Texts:
    """Managers of the customer's own outlet; a customer above the bar of assets has one, some others too."""
    assets = who.demand + who.time + who.wealth
    wanted = (assets >= np.quantile(assets, 0.65)) | (rng.random(who.count) < 0.08)
    manager = np.full(who.count, "", dtype=object)
    for outlet in range(len(bank.outlets)):
        here = bank.managers[bank.manager_outlet == outlet]
        books = np.flatnonzero(wanted & (who.outlet == outlet))
        manager[books] = here[np.arange(len(books)) % len(here)]
    return manager
