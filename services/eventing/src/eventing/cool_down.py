"""Which hits stand when all of them are known: the rule of `judging`, applied to the lake's hits in order (X9, X37)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Hit(NamedTuple):
    """A hit; figures that its shape does not have are None. `moment`: microseconds from the noon (UTC) of its day."""

    day: int
    moment: int
    key: str
    amount: int | None
    compared_with: int | None


def raised(hits: Iterable[Hit], reversals: Mapping[str, Sequence[int]], cooldown_days: int) -> list[Hit]:
    """The hits of one customer that are raised, in order of place; `reversals` gives each key's reversal days.

    A raised credit holds others back for the cool-down, unless it has been reversed by their day.
    """
    chosen: list[Hit] = []
    for hit in sorted(hits):
        last = chosen[-1] if chosen else None
        if last is None or hit.day - last.day >= cooldown_days or is_reversed(last, reversals, hit.day):
            chosen.append(hit)
    return chosen


def is_reversed(hit: Hit, reversals: Mapping[str, Sequence[int]], by: int | None = None) -> bool:
    """Whether a reversal of this credit was booked on or after its day (and not after the day `by`)."""
    return any(hit.day <= day and (by is None or day <= by) for day in reversals.get(hit.key, ()))
