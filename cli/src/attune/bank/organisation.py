"""The bank itself: head office, city branches, outlets, staff and products."""

from dataclasses import dataclass

import numpy as np
from mimesis import Address, Locale

from attune.bank.names import full_names
from attune.bank.randomness import Ints, Texts, stream

CUSTOMERS_PER_OUTLET = 500
HEAD_OFFICE = "100000"

# code, Chinese name, English name, kind, risk level
PRODUCTS: tuple[tuple[str, str, str, str, str], ...] = (
    ("DEM", "活期存款", "demand deposit", "demand_deposit", "R1"),
    ("TD12", "十二个月定期存款", "time deposit 12 months", "time_deposit", "R1"),
    ("TD36", "三十六个月定期存款", "time deposit 36 months", "time_deposit", "R1"),
    ("WS6", "稳健理财六个月", "wealth steady 6 months", "wealth", "R2"),
    ("EFG", "股票成长基金", "equity fund growth", "fund", "R4"),
)


@dataclass(frozen=True)
class Organisation:
    """Branches (number, parent, name) and staff (number, name, branch, post, daily tasks), and who may be chosen."""

    branches: list[tuple[str, str, str]]
    staff: list[tuple[str, str, str, str, int | None]]
    outlets: Texts
    managers: Texts
    manager_outlet: Ints


def organisation(customers: int, seed: int) -> Organisation:
    """A branch tree and its staff for this many customers: one outlet for 500 of them, at least four."""
    rng = stream(seed, "organisation")
    outlets = max(4, customers // CUSTOMERS_PER_OUTLET)
    cities = max(2, min(60, outlets // 6))
    branches = [(HEAD_OFFICE, "", "总行")]
    branches += [(_city(c), HEAD_OFFICE, f"{name}分行") for c, name in enumerate(_cities(cities, seed))]
    streets = _streets(seed)
    numbers = []
    for outlet in range(outlets):
        city, number = outlet % cities, outlet // cities + 1
        numbers.append(f"{_city(city)[:3]}{number:03d}")
        name = f"{branches[1 + city][2].removesuffix('分行')}{streets[int(rng.integers(len(streets)))]}支行"
        branches.append((numbers[-1], _city(city), name))
    return _staffed(branches, np.array(numbers, dtype=object), customers, rng)


def _staffed(
    branches: list[tuple[str, str, str]], outlets: Texts, customers: int, rng: np.random.Generator
) -> Organisation:
    posts: list[tuple[str, str, int | None]] = [(HEAD_OFFICE, "C", 120)] * max(4, customers // 2_500)
    posts += [(branch, "M", 40) for branch, parent, _ in branches if parent]
    posts += [(branch, "T", None) for branch in outlets for _ in range(3)]
    first_manager = len(posts)
    per_outlet = max(2, round(customers * 0.45 / len(outlets) / 90))
    posts += [(branch, "R", 25) for branch in outlets for _ in range(per_outlet)]
    names = full_names(rng, rng.random(len(posts)) < 0.55)
    staff = [(f"M{n + 1:05d}", names[n], branch, post, tasks) for n, (branch, post, tasks) in enumerate(posts)]
    managers = staff[first_manager:]
    place = {branch: n for n, branch in enumerate(outlets)}
    return Organisation(
        branches=branches,
        staff=staff,
        outlets=outlets,
        managers=np.array([m[0] for m in managers], dtype=object),
        manager_outlet=np.array([place[m[2]] for m in managers], dtype=np.int64),
    )


def _city(city: int) -> str:
    return f"1{city + 1:02d}000"


def _cities(count: int, seed: int) -> list[str]:
    address = Address(Locale.ZH, seed=seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found.setdefault(address.city().strip().removesuffix("市"))
    return list(found)


def _streets(seed: int) -> list[str]:
    address = Address(Locale.ZH, seed=seed)
    return [address.street_name() for _ in range(200)]
