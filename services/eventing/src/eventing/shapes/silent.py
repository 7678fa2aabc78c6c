"""`silence` for days: the day of a matching fact after which none has come (X35)."""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import date

import msgpack

from eventing.compiled import About, Compiled
from eventing.facts import Fact
from eventing.packing import packb
from eventing.shapes.settled import own_key, raise_
from eventing.shapes.state import State
from eventing.verdicts import NONE, Anchor, Raised, Verdict


@dataclass(slots=True)
class Silent(State):
    """Days with matching facts: those that a late fact may lie between, and older ones that nothing has followed yet.

    `fired` is the last day whose silence is settled.
    """

    days: list[int] = field(default_factory=list)
    fired: int = 0
    anchor: Anchor = NONE
    account: bytes = b""

    def apply(self, fact: Fact, marks: int, trigger: Compiled, about: About) -> list[Verdict]:
        """A fact ends the silence before it and may begin one."""
        day = fact.day
        at = bisect_left(self.days, day)
        if at == len(self.days) or self.days[at] != day:
            self.days.insert(at, day)
        self.account = fact.account if trigger.by_account else b""
        self._settle(trigger)
        return []

    def _settle(self, trigger: Compiled) -> None:
        if len(self.days) == 1:
            return
        span, cut = _span(trigger), self.days[-1] - trigger.lateness
        kept = []
        for day, following in zip(self.days, [*self.days[1:], None], strict=True):
            open_ = day > self.fired and (following is None or following > day + span)
            if day >= cut or open_:
                kept.append(day)
        self.days = kept

    def _open(self, trigger: Compiled) -> int | None:
        """The earliest day that nothing has followed within the span, and that is not settled."""
        span = _span(trigger)
        for day, following in zip(self.days, [*self.days[1:], None], strict=True):
            if day > self.fired and (following is None or following > day + span):
                return day
        return None

    def due(self, trigger: Compiled, about: About) -> int | None:
        """The day on which the earliest silence has lasted."""
        day = self._open(trigger)
        return None if day is None else day + _span(trigger)

    def fire(self, through: int, trigger: Compiled, about: About) -> list[Verdict]:
        """The days up to `through` are over: the silences that have lasted until then are found."""
        verdicts: list[Verdict] = []
        span = _span(trigger)
        while (day := self._open(trigger)) is not None and day + span <= through:
            key = own_key("silence", date.fromordinal(day).isoformat(), self.account)
            found = Raised(key, day + span, None, self.account, None, False)
            self.anchor = raise_(found, 0, self.anchor, trigger, verdicts)
            self.fired = day
        if verdicts or self.fired:
            self._settle(trigger)
        return verdicts

    def pack(self) -> bytes:
        """The subject as bytes: equal for equal sets of facts and days that are over."""
        deltas = [day - before for before, day in zip([0, *self.days], self.days, strict=False)]
        anchor = list(self.anchor) if self.anchor.day else []
        return packb((deltas, self.fired, anchor, self.account))

    @staticmethod
    def unpack(packed: bytes) -> "Silent":
        """The subject behind its bytes."""
        deltas, fired, anchor, account = msgpack.unpackb(packed)
        days, day = [], 0
        for delta in deltas:
            day += delta
            days.append(day)
        return Silent(days, fired, Anchor(*anchor) if anchor else NONE, account)


def _span(trigger: Compiled) -> int:
    assert trigger.definition.silence is not None  # noqa: S101 - whoever makes this state has looked
    return trigger.definition.silence.for_.number
