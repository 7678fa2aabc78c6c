"""What follows from a customer's words about consent: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attune_contracts.consent import ANY, DIVISIBLE

Place = tuple[str, str, str]
"""Purpose, channel, product kind; `*` = all of them."""


@dataclass(frozen=True)
class Decision:
    """A customer's word about one place: yes with the version of the notice that they were shown, or no."""

    purpose: str
    channel: str
    product_kind: str
    granted: bool
    notice_version: int | None = None

    @property
    def place(self) -> Place:
        """What it is about."""
        return self.purpose, self.channel, self.product_kind

    def covers(self, place: Place) -> bool:
        """Whether the place lies within what this is about."""
        return place[0] == self.purpose and self.channel in (ANY, place[1]) and self.product_kind in (ANY, place[2])

    @property
    def divides(self) -> bool:
        """Whether it speaks of a part only."""
        return (self.channel, self.product_kind) != (ANY, ANY)


@dataclass(frozen=True)
class Standing:
    """What holds at a place; `own` = the customer's word, not a documented default."""

    granted: bool
    own: bool
    notice_version: int | None


def news(said: Sequence[Decision], standing: Mapping[Place, Standing]) -> list[Decision]:
    """What changes: words that say nothing new are left out.

    A refusal ends every consent within what it covers, unless the same words give that one: who says "no marketing"
    need not know that SMS was agreed to apart.
    """
    places = {decision.place for decision in said}
    ended = [
        Decision(*place, granted=False)
        for place, held in standing.items()
        if held.granted and place not in places and any(not d.granted and d.covers(place) for d in said)
    ]
    return [decision for decision in (*said, *ended) if _new(decision, standing.get(decision.place))]


def indivisible(said: Sequence[Decision]) -> bool:
    """Whether something is divided that only marketing contacts may be."""
    return any(decision.divides and decision.purpose != DIVISIBLE for decision in said)


def said_twice(said: Sequence[Decision]) -> bool:
    """Whether one place is spoken of twice: nobody could say which word holds."""
    return len({decision.place for decision in said}) != len(said)


def _new(decision: Decision, held: Standing | None) -> bool:
    if held is None or not held.own or held.granted != decision.granted:
        return True
    return decision.granted and held.notice_version != decision.notice_version
