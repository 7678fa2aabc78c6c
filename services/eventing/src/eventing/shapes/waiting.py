"""`absence`: A, then no B. Every A waits for its day; a B before that ends the waiting (X35)."""

from bisect import bisect_right, insort
from dataclasses import dataclass, field

import msgpack

from eventing.compiled import CANDIDATE, UNLESS, About, Compiled
from eventing.facts import Fact, Place
from eventing.packing import packb
from eventing.shapes.settled import raise_
from eventing.shapes.state import State
from eventing.verdicts import NONE, Anchor, Raised, Verdict, Withdrawn


@dataclass(slots=True)
class Awaited:
    """An A that no B has followed yet. `undone`: the first day of its reversal."""

    place: Place
    amount: int
    account: bytes
    undone: int = 0


@dataclass(slots=True)
class Waiting(State):
    """A subject's open A's, and the B's that a late A may still come before; `last` is the largest day of both."""

    last: int = 0
    open: list[Awaited] = field(default_factory=list)
    ends: list[Place] = field(default_factory=list)
    anchor: Anchor = NONE

    def apply(self, fact: Fact, marks: int, trigger: Compiled, about: About) -> list[Verdict]:
        """An A begins to wait, a B ends the waiting; nothing is found at once."""
        within = _within(trigger)
        if fact.day > self.last:
            self.last = fact.day
            cut = self.last - trigger.lateness
            self.ends = [place for place in self.ends if place[0] >= cut]
        if marks & UNLESS:
            self.open = [a for a in self.open if not (a.place < fact.place and fact.day <= a.place[0] + within)]
            if fact.day >= self.last - trigger.lateness:
                insort(self.ends, fact.place)
        if marks & CANDIDATE and fact.day >= about.newest - trigger.lateness:
            follows = bisect_right(self.ends, fact.place)
            if follows == len(self.ends) or self.ends[follows][0] > fact.day + within:
                insort(self.open, Awaited(fact.place, fact.amount, fact.account, about.undone), key=lambda a: a.place)
        return []

    def reverse(self, key: str, day: int, trigger: Compiled, about: About) -> list[Verdict]:
        """A reversed A finds nothing if that is known by its day, and falls after."""
        self.anchor = self.anchor.reversed(key, day)
        for awaited in self.open:
            if awaited.place[2] == key and awaited.place[0] <= day and not 0 < awaited.undone <= day:
                awaited.undone = day
        return [Withdrawn(key, day, "reversed")]

    def due(self, trigger: Compiled, about: About) -> int | None:
        """The day of the A that has waited longest."""
        return self.open[0].place[0] + _within(trigger) if self.open else None

    def fire(self, through: int, trigger: Compiled, about: About) -> list[Verdict]:
        """The days up to `through` are over: what still waits on them is found."""
        within = _within(trigger)
        verdicts: list[Verdict] = []
        while self.open and self.open[0].place[0] + within <= through:
            a = self.open.pop(0)
            due = a.place[0] + within
            if not 0 < a.undone <= due:
                found = Raised(a.place[2], due, a.amount, a.account, None, False)
                self.anchor = raise_(found, a.undone, self.anchor, trigger, verdicts)
        return verdicts

    def pack(self) -> bytes:
        """The subject as bytes: equal for equal sets of facts and days that are over."""
        open_ = [(self.last - a.place[0], *a.place[1:], a.amount, a.account, a.undone) for a in self.open]
        ends = [(self.last - day, moment, key) for day, moment, key in self.ends]
        return packb((self.last, list(self.anchor) if self.anchor.day else [], open_, ends))

    @staticmethod
    def unpack(packed: bytes) -> "Waiting":
        """The subject behind its bytes."""
        last, anchor, open_, ends = msgpack.unpackb(packed)
        return Waiting(
            last,
            [
                Awaited((last - back, moment, key), amount, of, undone)
                for back, moment, key, amount, of, undone in open_
            ],
            [(last - back, moment, key) for back, moment, key in ends],
            Anchor(*anchor) if anchor else NONE,
        )


def _within(trigger: Compiled) -> int:
    assert trigger.definition.absence is not None  # noqa: S101 - whoever makes this state has looked
    return trigger.definition.absence.within.number
