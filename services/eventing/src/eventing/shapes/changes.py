"""`change`: when a month or a week is over, its value beside the mean of the ones before (X35).

The state counts the matching facts of each period, until no period that is still to be judged looks back on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

import msgpack

from eventing.compiled import FIRST, About, Compiled, half_up
from eventing.definition import Change
from eventing.facts import Fact
from eventing.packing import packb
from eventing.shapes import periods
from eventing.shapes.settled import own_key, raise_
from eventing.shapes.state import State
from eventing.verdicts import NONE, Anchor, Raised, Verdict

Tally = list[int]
"""Of one period: the sum of the amounts, the number of facts, the number of those in the share."""


@dataclass(slots=True)
class Changed(State):
    """A subject's periods under one trigger, by their last day, in order; `settled` is the last one that was judged."""

    tallies: dict[int, Tally] = field(default_factory=dict)
    settled: int = 0
    anchor: Anchor = NONE
    account: bytes = b""

    def apply(self, fact: Fact, marks: int, trigger: Compiled, about: About) -> list[Verdict]:
        """Count a fact in its period; nothing is found at once."""
        self.account = fact.account if trigger.by_account else b""
        change = _change(trigger)
        end = periods.end_of(change.every, fact.day)
        if end < self._oldest(change):
            return []
        tally = self.tallies.get(end)
        if tally is None:
            self.tallies[end] = tally = [0, 0, 0]
            self.tallies = dict(sorted(self.tallies.items()))
        tally[0] += fact.amount if change.of == "sum" else 0
        tally[1] += 1
        tally[2] += bool(marks & FIRST)
        return []

    def _oldest(self, change: Change) -> int:
        """The end of the oldest period that the next one looks back on."""
        if not self.settled:
            return 0
        return periods.ends_before(change.every, periods.end_of(change.every, self.settled + 1), change.baseline)[-1]

    def due(self, trigger: Compiled, about: About) -> int | None:
        """The end of the next period that has facts, or looks back on some."""
        if not self.tallies:
            return None
        change = _change(trigger)
        ends = list(self.tallies)
        next_ = periods.end_of(change.every, max(self.settled + 1, ends[0]))
        if holds(change, trigger, 0, [0] * change.baseline, 0, change.baseline):
            return next_
        for end in ends:
            candidate = max(end, next_)
            if end == candidate or end in periods.ends_before(change.every, candidate, change.baseline):
                return candidate
        return None

    def fire(self, through: int, trigger: Compiled, about: About) -> list[Verdict]:
        """The days up to `through` are over: judge the periods that end on them, in order."""
        change = _change(trigger)
        verdicts: list[Verdict] = []
        while (end := self.due(trigger, about)) is not None and end <= through:
            found = self._look(end, change, trigger, about)
            if found is not None:
                self.anchor = raise_(found, 0, self.anchor, trigger, verdicts)
            self.settled = end
            oldest = self._oldest(change)
            self.tallies = {at: tally for at, tally in self.tallies.items() if at >= oldest}
        return verdicts

    def _look(self, end: int, change: Change, trigger: Compiled, about: About) -> Raised | None:
        ends = periods.ends_before(change.every, end, change.baseline)
        first = periods.before(change.every, ends[-1]) + 1
        if not about.first or about.first > first:
            return None
        none = [0, 0, 0]
        now, past = self.tallies.get(end, none), [self.tallies.get(at, none) for at in ends]
        if change.of == "share":
            return self._share(end, change, now, [sum(values) for values in zip(*past, strict=True)])
        at = 0 if change.of == "sum" else 1
        values = [tally[at] for tally in past]
        if not holds(change, trigger, now[at], values, sum(values), change.baseline):
            return None
        return found(end, now[at], sum(values), change.baseline, self.account)

    def _share(self, end: int, change: Change, now: Tally, then: Tally) -> Raised | None:
        _, number, part = now
        _, past_number, past_part = then
        least = 1 if change.at_least is None else change.at_least
        if not number or not past_number or number < least or past_number < least:
            return None
        assert change.moves_by is not None  # noqa: S101 - a share is asked by it
        moved = abs(part * past_number - past_part * number)
        if moved * change.moves_by.denominator < change.moves_by.numerator * number * past_number:
            return None
        key = own_key("change", periods.day_of(end), self.account)
        shares = half_up(1000 * part, number), half_up(1000 * past_part, past_number)
        return Raised(key, end, shares[0], self.account, shares[1], False)

    def figures(self, end: int, trigger: Compiled, about: About) -> tuple[int, int]:
        """A period's value and the baseline's mean, found or not, while their facts are here; of a share per mille."""
        change, none = _change(trigger), [0, 0, 0]
        now = self.tallies.get(end, none)
        past = [self.tallies.get(at, none) for at in periods.ends_before(change.every, end, change.baseline)]
        if change.of == "share":
            then = [sum(values) for values in zip(*past, strict=True)]
            return half_up(1000 * now[2], now[1] or 1), half_up(1000 * then[2], then[1] or 1)
        at = 0 if change.of == "sum" else 1
        return now[at], half_up(sum(tally[at] for tally in past), change.baseline)

    def pack(self) -> bytes:
        """The subject as bytes: equal for equal sets of facts and days that are over."""
        tallies = [
            (end - before, *tally)
            for (end, tally), before in zip(self.tallies.items(), [0, *self.tallies], strict=False)
        ]
        anchor = list(self.anchor) if self.anchor.day else []
        return packb((tallies, self.settled, anchor, self.account))

    @staticmethod
    def unpack(packed: bytes) -> "Changed":
        """The subject behind its bytes."""
        tallies, settled, anchor, account = msgpack.unpackb(packed)
        known: dict[int, Tally] = {}
        end = 0
        for delta, *tally in tallies:
            end += delta
            known[end] = tally
        return Changed(known, settled, Anchor(*anchor) if anchor else NONE, account)


def holds(change: Change, trigger: Compiled, now: int, past: Sequence[int], total: int, units: int) -> bool:
    """Whether a period's value has moved against the values before, whose mean is total / units."""
    least = (
        minor(change.at_least, trigger) if change.of in ("sum", "closing_balance") else Fraction(change.at_least or 0)
    )
    if change.at_least is None:
        least = Fraction(1)
    if change.begins:
        return now >= least and not any(past)
    if change.stops:
        return now == 0 and all(value >= least for value in past)
    if total < least * units:
        return False
    if change.falls_below is not None:
        return now * units < change.falls_below * total
    return change.rises_above is not None and now * units > change.rises_above * total


def found(end: int, now: int, total: int, units: int, account: bytes) -> Raised:
    """What has moved, with the value and the mean of those before."""
    key = own_key("change", periods.day_of(end), account)
    return Raised(key, end, now, account, half_up(total, units), False)


def minor(amount: Decimal | None, trigger: Compiled) -> Fraction:
    """An amount of a definition in minor units of the base currency."""
    return Fraction(amount or 0) * Fraction(10**trigger.digits)


def _change(trigger: Compiled) -> Change:
    assert trigger.definition.change is not None  # noqa: S101 - whoever makes this state has looked
    return trigger.definition.change
