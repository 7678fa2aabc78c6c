"""Who answers for a model, and since when, read from its trail. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Reign:
    """A version that answers, and the moment from which it has."""

    version: int
    since: datetime


@dataclass(frozen=True)
class Standing:
    """The champions since there has been one without a break, the oldest first, and the challenger of now."""

    champions: tuple[Reign, ...] = ()
    challenger: Reign | None = None

    def champions_since(self, moment: datetime) -> list[int]:
        """The versions that were champion at this moment or later."""
        ends = [*(reign.since for reign in self.champions[1:]), None]
        mine = [r.version for r, end in zip(self.champions, ends, strict=True) if end is None or end > moment]
        return list(dict.fromkeys(mine))


@dataclass(frozen=True)
class Taken:
    """A step as the trail has it."""

    step: str
    version: int
    at: datetime


def standing(trail: Iterable[Taken]) -> Standing:
    """Read a model's trail, the oldest step first."""
    champions: list[Reign] = []
    challenger: Reign | None = None
    for taken in trail:
        if challenger is not None and challenger.version == taken.version and taken.step != "challenge":
            challenger = None
        if taken.step in ("promote", "rollback"):
            champions.append(Reign(taken.version, taken.at))
        elif taken.step == "challenge":
            challenger = Reign(taken.version, taken.at)
        elif taken.step == "retire" and champions and champions[-1].version == taken.version:
            champions = []
    return Standing(tuple(champions), challenger)
