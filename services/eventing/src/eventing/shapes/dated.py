"""`calendar`: days before or after a date that a dataset knows. It fires when the business day is reached."""

from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import msgpack

from eventing.compiled import Compiled
from eventing.definition import Calendar
from eventing.facts import Row
from eventing.packing import packb
from eventing.shapes import periods
from eventing.shapes.settled import short
from eventing.verdicts import NONE, Anchor, Raised, Verdict, Withdrawn


class DatedFact(NamedTuple):
    """A date of a customer: of which kind, since which business day it has been known (0 = always), and its fields."""

    source_id: str
    of: str
    day: int
    known: int
    row: Row
    amount: int | None = None
    account: bytes = b""


@dataclass(slots=True)
class Hit:
    """A date's day that has come and may still be joined by one that becomes known late."""

    day: int
    key: str
    amount: int | None
    account: bytes
    late: bool
    raised: bool = False


@dataclass(slots=True)
class Dated:
    """A subject's days that have come under one trigger; up to `closed` nothing changes any more."""

    closed: int = 0
    hits: list[Hit] = field(default_factory=list)
    anchor: Anchor = NONE

    def fire(self, today: int, trigger: Compiled, dates: Iterable[DatedFact]) -> list[Verdict]:
        """The business day has been reached: find the dates whose day has come; `dates` are all that are known."""
        found = list(hits_of(trigger, dates, self.closed + 1, today))
        known = {(hit.day, hit.key) for hit in found}
        kept = [hit for hit in self.hits if hit.raised or (hit.day, hit.key) in known]
        taken = {(hit.day, hit.key) for hit in kept}
        self.hits = kept
        for hit in found:
            if (hit.day, hit.key) not in taken:
                taken.add((hit.day, hit.key))
                insort(self.hits, hit, key=lambda h: (h.day, h.key))
        verdicts = self._judge(trigger)
        self._close(today - trigger.lateness - 1)
        return verdicts

    def _judge(self, trigger: Compiled) -> list[Verdict]:
        verdicts: list[Verdict] = []
        last = self.anchor
        for hit in self.hits:
            raised = trigger.enabled and last.frees(hit.day, trigger.cooldown)
            if raised and not hit.raised:
                verdicts.append(Raised(hit.key, hit.day, hit.amount, hit.account, None, hit.late))
            elif hit.raised and not raised:
                verdicts.append(Withdrawn(hit.key, hit.day, "late_posting"))
            hit.raised = raised
            if raised:
                last = Anchor(hit.day, hit.key)
        return verdicts

    def _close(self, day: int) -> None:
        if day <= self.closed:
            return
        self.closed = day
        for hit in self.hits:
            if hit.day <= day and hit.raised:
                self.anchor = Anchor(hit.day, hit.key)
        self.hits = [hit for hit in self.hits if hit.day > day]

    def pack(self) -> bytes:
        """The subject as bytes."""
        hits = [(self.closed - h.day, h.key, h.amount, h.account, h.late, h.raised) for h in self.hits]
        return packb((self.closed, list(self.anchor) if self.anchor.day else [], hits))

    @staticmethod
    def unpack(packed: bytes) -> "Dated":
        """The subject behind its bytes."""
        closed, anchor, hits = msgpack.unpackb(packed)
        return Dated(closed, [Hit(closed - back, *rest) for back, *rest in hits], Anchor(*anchor) if anchor else NONE)


def next_day(trigger: Compiled, dates: Iterable[DatedFact], after: int) -> int | None:
    """The next day after this one on which a known date fires."""
    calendar = _calendar(trigger)
    horizon = after + 367 if calendar.yearly else date.max.toordinal() - 4_000
    days = [
        day + offset
        for fact in dates
        if _is_for(trigger, fact)
        for offset in calendar.offsets
        for day in occurrences(calendar, fact.day, after + 1 - offset, horizon - offset)
    ]
    return min(days, default=None)


def hits_of(trigger: Compiled, dates: Iterable[DatedFact], first: int, last: int) -> Iterator[Hit]:
    """The dates' days from `first` to `last`; one that became known later than the lateness allows is none."""
    calendar = _calendar(trigger)
    for fact in dates:
        if not _is_for(trigger, fact):
            continue
        for offset in calendar.offsets:
            for date_ in occurrences(calendar, fact.day, first - offset, last - offset):
                day = date_ + offset
                if first <= day <= last and day >= fact.known - trigger.lateness:
                    key = short(f"{fact.source_id}:{periods.day_of(date_)}:{offset}")
                    yield Hit(day, key, fact.amount, fact.account, day < fact.known)


def _is_for(trigger: Compiled, fact: DatedFact) -> bool:
    return fact.of == _calendar(trigger).of and all(part.ask(fact.row) for part in trigger.parts)


def occurrences(calendar: Calendar, day: int, first: int, last: int) -> Sequence[int]:
    """The date itself and, if it comes again every year, those of later years, from `first` to `last`."""
    if not calendar.yearly:
        return (day,) if first <= day <= last else ()
    if last < day:
        return ()
    own = date.fromordinal(day)
    years = range(max(own.year, date.fromordinal(max(first, 1)).year), date.fromordinal(last).year + 1)
    found = (_in_year(own, year) for year in years)
    return [then for then in found if max(first, day) <= then <= last]


def _in_year(day: date, year: int) -> int:
    if (day.month, day.day) == (2, 29) and (year % 4 or (year % 100 == 0 and year % 400)):
        return date(year, 2, 28).toordinal()
    return day.replace(year=year).toordinal()


def _calendar(trigger: Compiled) -> Calendar:
    assert trigger.definition.calendar is not None  # noqa: S101 - whoever makes this state has looked
    return trigger.definition.calendar
