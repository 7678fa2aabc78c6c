"""Shapes that look at closing balances when a period is over: lost customers, `change` of `closing_balance` (X35).

Every posting on a deposit account is kept as its day's movement, as in `own_history`, until no period that is still to
be judged looks back on it. `settled` is the last period's end that was judged.
"""

from dataclasses import dataclass, field

import msgpack

from eventing.compiled import About, Compiled, half_up
from eventing.definition import Change, Silence
from eventing.facts import Fact
from eventing.own_history import OwnHistory, months_before
from eventing.packing import packb
from eventing.shapes import changes, periods
from eventing.shapes.periods import Every
from eventing.shapes.settled import own_key, raise_
from eventing.shapes.state import State
from eventing.verdicts import NONE, Anchor, Raised, Verdict


@dataclass(slots=True)
class Balances(State):
    """A subject's closing balances under one trigger."""

    history: OwnHistory = field(default_factory=OwnHistory)
    settled: int = 0
    anchor: Anchor = NONE
    account: bytes = b""

    def apply(self, fact: Fact, marks: int, trigger: Compiled, about: About) -> list[Verdict]:
        """Move the balance; nothing is found at once."""
        self.account = fact.account if trigger.by_account else b""
        if fact.deposit:
            self.history.move(fact.day, fact.net)
        return []

    def due(self, trigger: Compiled, about: About) -> int | None:
        """The end of the next period that something has moved in, or that looks back on it."""
        history, every = self.history, _every(trigger)
        if not history.first:
            return None
        next_ = periods.end_of(every, max(self.settled + 1, history.first))
        found: list[int] = []
        for day, net in zip(history.days, history.nets, strict=True):
            end = max(next_, periods.end_of(every, day))
            if net and day > _looks_back_to(trigger, end):
                found.append(end)
        if self._flat_holds(self.balance(next_, about.opening), trigger):
            found.append(next_)
        return min(found, default=None)

    @staticmethod
    def _flat_holds(level: int, trigger: Compiled) -> bool:
        """Whether a balance that never moves is found: only an odd definition does that."""
        shape = trigger.definition.shape
        if isinstance(shape, Silence):
            had, has = changes.minor(shape.had, trigger), changes.minor(shape.has, trigger)
            return had <= level <= has
        assert isinstance(shape, Change)  # noqa: S101 - the two shapes of this state
        return changes.holds(shape, trigger, level, [level] * shape.baseline, level, 1)

    def fire(self, through: int, trigger: Compiled, about: About) -> list[Verdict]:
        """The days up to `through` are over: judge the periods that end on them, in order."""
        verdicts: list[Verdict] = []
        while (end := self.due(trigger, about)) is not None and end <= through:
            found = self._look(end, trigger, about)
            if found is not None:
                self.anchor = raise_(found, 0, self.anchor, trigger, verdicts)
            self.settled = end
            self.history.fold(_looks_back_to(trigger, periods.end_of(_every(trigger), end + 1)))
        return verdicts

    def balance(self, day: int, opening: int) -> int:
        """The closing balance of a day that is not folded away."""
        history = self.history
        return opening + history.base + sum(net for d, net in zip(history.days, history.nets, strict=True) if d <= day)

    def _look(self, end: int, trigger: Compiled, about: About) -> Raised | None:
        shape = trigger.definition.shape
        now = self.balance(end, about.opening)
        if isinstance(shape, Silence):
            then = self.balance(_looks_back_to(trigger, end), about.opening)
            if then < changes.minor(shape.had, trigger) or now > changes.minor(shape.has, trigger):
                return None
            return Raised(own_key("silence", periods.day_of(end), self.account), end, then, self.account, now, False)
        assert isinstance(shape, Change)  # noqa: S101 - the two shapes of this state
        ends = periods.ends_before(shape.every, end, shape.baseline)
        first = periods.before(shape.every, ends[-1]) + 1
        if not about.first or about.first > first:
            return None
        past = [self.balance(day, about.opening) for day in ends]
        days = ends[0] + 1 - first
        integral = self._integral(first, ends[0] + 1, about.opening)
        if not changes.holds(shape, trigger, now, past, integral, days):
            return None
        return changes.found(end, now, integral, days, self.account)

    def figures(self, end: int, trigger: Compiled, about: About) -> tuple[int, int]:
        """The balance then and now, or now and the baseline's mean, found or not, while their movements are here."""
        shape, now = trigger.definition.shape, self.balance(end, about.opening)
        if isinstance(shape, Silence):
            return self.balance(_looks_back_to(trigger, end), about.opening), now
        first, last = _looks_back_to(trigger, end) + 1, periods.before(_every(trigger), end)
        return now, half_up(self._integral(first, last + 1, about.opening), last + 1 - first)

    def _integral(self, start: int, end: int, opening: int) -> int:
        """The sum of the closing balances of the days start <= x < end."""
        history = self.history
        total = (opening + history.base) * (end - start)
        for day, net in zip(history.days, history.nets, strict=True):
            if day < end:
                total += net * (end - max(day, start))
        return total

    def pack(self) -> bytes:
        """The subject as bytes: equal for equal sets of facts and days that are over."""
        anchor = list(self.anchor) if self.anchor.day else []
        return packb((*self.history.pack(), self.settled, anchor, self.account))

    @staticmethod
    def unpack(packed: bytes) -> "Balances":
        """The subject behind its bytes."""
        *history, settled, anchor, account = msgpack.unpackb(packed)
        return Balances(OwnHistory.unpack(*history), settled, Anchor(*anchor) if anchor else NONE, account)


def _every(trigger: Compiled) -> Every:
    shape = trigger.definition.shape
    return shape.every if isinstance(shape, Change) else "month"


def _looks_back_to(trigger: Compiled, end: int) -> int:
    """The day up to which movements are one sum to the period that ends on `end`."""
    shape = trigger.definition.shape
    if isinstance(shape, Silence):
        return months_before(end, shape.for_.number)
    assert isinstance(shape, Change)  # noqa: S101 - the two shapes of this state
    return periods.before(shape.every, periods.ends_before(shape.every, end, shape.baseline)[-1])
