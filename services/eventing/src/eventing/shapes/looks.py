"""What each shape of facts asks of a candidate and the facts before it (docs/reference/triggers.md). Pure, integers."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from eventing.compiled import FIRST, MATCHES, UNLESS, Compiled, half_up, start_of
from eventing.definition import Behaviour, Count, OwnHistory, Span
from eventing.definition import Sequence as InTurn
from eventing.facts import BEFORE_ALL, FARTHEST, MICROSECONDS_A_DAY, Place, Row

if TYPE_CHECKING:
    from eventing.shapes.windowed import Entry


class Look(NamedTuple):
    """Whether the shape holds on a candidate, and the evidence."""

    holds: bool
    amount: int | None
    compared_with: int | None


class Reach:
    """How far a span looks back from a candidate: whole days, or by the moment."""

    def __init__(self, span: Span) -> None:
        self.microseconds = span.microseconds
        # Days before the candidate's day on which a fact may lie in the span.
        self.days = span.number - 1
        if self.microseconds is not None:
            self.days = (self.microseconds + 2 * FARTHEST) // MICROSECONDS_A_DAY + 1

    def reaches(self, entry: "Entry", cut: int) -> bool:
        """Whether the fact may lie in the span of a candidate on or after the day `cut`."""
        if self.microseconds is None:
            return entry.day >= cut - self.days
        return moment_of(entry) > cut * MICROSECONDS_A_DAY - FARTHEST - self.microseconds

    def holds(self, entry: "Entry", candidate: "Entry") -> bool:
        """Whether the fact lies in the candidate's span."""
        if self.microseconds is None:
            return candidate.day - self.days <= entry.day <= candidate.day
        return 0 <= moment_of(candidate) - moment_of(entry) < self.microseconds

    def before(self, entries: Sequence["Entry"], at: int) -> "Iterator[Entry]":
        """The facts of the span of no larger place than the candidate, the latest first, the candidate itself too."""
        candidate = entries[at]
        least = candidate.day - self.days
        for place in range(at, -1, -1):
            entry = entries[place]
            if entry.day < least:
                return
            if self.microseconds is None or self.holds(entry, candidate):
                yield entry


def moment_of(entry: "Entry") -> int:
    """The fact's moment on one line, in microseconds."""
    return entry.day * MICROSECONDS_A_DAY + entry.moment


class Shape:
    """What differs between the shapes."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach

    def start(self, place: Place) -> Place:
        """The first candidate that a fact of this place may touch."""
        return place

    def label(self, row: Row) -> str:
        """What facts are told apart by."""
        return ""

    def fold(self, old: list["Entry"], entry: "Entry") -> None:
        """Sum up one more fact that no late one can come before."""
        if self.reach.microseconds is None:
            entry.moment = 0
        for known in reversed(old):
            if (known.day, known.moment) != (entry.day, entry.moment):
                break
            if (known.marks, known.label) == (entry.marks, entry.label):
                self.merge(known, entry)
                return
        old.append(entry)

    def merge(self, known: "Entry", entry: "Entry") -> None:
        """Two facts of one day, or moment, become one."""
        known.amount += entry.amount
        known.count += entry.count

    def reaches(self, entry: "Entry", cut: int) -> bool:
        """Whether the fact still matters to a candidate on or after the day `cut`."""
        return self.reach.reaches(entry, cut)

    def look(self, entries: Sequence["Entry"], at: int, first: int) -> Look:
        """Judge the candidate at a place."""
        raise AssertionError("every shape has its own")


class OftenShape(Shape):
    """`count`."""

    def __init__(self, count: Count) -> None:
        super().__init__(Reach(count.within))
        self.at_least = count.at_least

    def look(self, entries: Sequence["Entry"], at: int, first: int) -> Look:
        """n matching facts up to the candidate."""
        number = amount = 0
        for entry in self.reach.before(entries, at):
            if entry.marks & MATCHES:
                number += entry.count
                amount += entry.amount
        return Look(number >= self.at_least, amount, None)


class InTurnShape(Shape):
    """`sequence`."""

    def __init__(self, sequence: InTurn) -> None:
        super().__init__(Reach(sequence.within))

    def fold(self, old: list["Entry"], entry: "Entry") -> None:
        """Of whole days the last A is all that a later B may ask for."""
        if not entry.marks & FIRST:
            return
        if self.reach.microseconds is None:
            entry.moment = 0
            old[:] = [entry]
        elif old and (old[-1].day, old[-1].moment) == (entry.day, entry.moment):
            old[-1].amount = entry.amount
        else:
            old.append(entry)

    def look(self, entries: Sequence["Entry"], at: int, first: int) -> Look:
        """An earlier A in the span."""
        then = entries[at]
        for entry in self.reach.before(entries, at):
            if entry.marks & FIRST and (entry.day, entry.moment) < (then.day, then.moment):
                return Look(True, then.amount, entry.amount)
        return Look(False, then.amount, None)


class AgainShape(Shape):
    """`behaviour`."""

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(Reach(behaviour.within))
        self.at_least, self.same = behaviour.at_least, behaviour.same
        self.unless = behaviour.unless is not None

    def start(self, place: Place) -> Place:
        """What speaks against it counts wherever it lies in the span: on the whole last day."""
        if not self.unless:
            return place
        return (place[0] if self.reach.microseconds is None else 0, BEFORE_ALL, "")

    def label(self, row: Row) -> str:
        """The product, or the step, that has to be the same."""
        return (row[self.same] or "") if self.same else ""

    def look(self, entries: Sequence["Entry"], at: int, first: int) -> Look:
        """n matching ones of the same product, and nothing that speaks against it in the whole span."""
        candidate = entries[at]
        number = 0
        for entry in self.reach.before(entries, at):
            if entry.marks & UNLESS:
                return Look(False, None, None)
            if entry.marks & MATCHES and entry.label == candidate.label:
                number += entry.count
        holds = number >= self.at_least and (not self.same or bool(candidate.label))
        if holds and self.unless:
            holds = not any(e.marks & UNLESS and self.reach.holds(e, candidate) for e in entries[at + 1 :])
        return Look(holds, number, None)


class OwnPastShape(Shape):
    """`own_history` over the matching facts."""

    def __init__(self, own: OwnHistory) -> None:
        self.own = own
        self.within = 1 if own.within is None else own.within.number
        super().__init__(Reach(Span(self.within, "days")))

    def _past(self, day: int) -> tuple[int, int]:
        """The first day of the past, and the day after its last."""
        end = day - self.within + 1
        return start_of(self.own.over, end), end

    def reaches(self, entry: "Entry", cut: int) -> bool:
        """A candidate's past is longer than its window."""
        return entry.day >= self._past(cut)[0]

    def merge(self, known: "Entry", entry: "Entry") -> None:
        """Of a day's facts the largest counts, or the sum."""
        if self.own.compared_with == "max":
            known.amount = max(known.amount, entry.amount)
        else:
            known.amount += entry.amount
        known.count += entry.count

    def look(self, entries: Sequence["Entry"], at: int, first: int) -> Look:
        """The candidate, or its window, beside the past."""
        candidate = entries[at]
        start, end = self._past(candidate.day)
        amounts: list[int] = []
        past = window = number = 0
        for place in range(at, -1, -1):
            entry = entries[place]
            if entry.day < start:
                break
            if not entry.marks & MATCHES:
                continue
            size = entry.count if self.own.compare == "count" else entry.amount
            if entry.day >= end:
                window += size
            else:
                past += size
                number += entry.count
                amounts.append(entry.amount)
        left = candidate.amount if self.own.compare == "amount" else window
        if not first or first > start:
            return Look(False, left, None)
        times = self.own.times
        match self.own.compared_with:
            case "max":
                top, under, right = max(amounts, default=0), 1, bool(amounts)
            case "mean":
                top, under, right = past, number or 1, bool(number)
            case "sum" if self.own.compare == "amount":
                top, under, right = past, 1, True
            case _:
                top, under, right = past * self.within, end - start, bool(past)
        holds = right and left * under * times.denominator > top * times.numerator
        return Look(holds, left, half_up(top, under) if right else None)


@lru_cache(maxsize=4_096)
def look_of(trigger: Compiled) -> Shape:
    """The shape of a trigger over facts."""
    match trigger.definition.shape:
        case Count() as count:
            return OftenShape(count)
        case InTurn() as sequence:
            return InTurnShape(sequence)
        case Behaviour() as behaviour:
            return AgainShape(behaviour)
        case OwnHistory() as own:
            return OwnPastShape(own)
        case _:
            raise TypeError("no shape over the facts before")
