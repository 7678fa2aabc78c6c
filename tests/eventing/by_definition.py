"""The trigger file's page taken by its word: every fact beside every other, no state. The oracle of the tests."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from eventing.compiled import Compiled, start_of
from eventing.definition import Span
from eventing.facts import MICROSECONDS_A_DAY, Fact
from eventing.own_history import months_before


class Hit(NamedTuple):
    """A hit: its place, its key, the evidence, and the posting whose reversal undoes it."""

    day: int
    moment: int
    key: str
    amount: int | None
    compared_with: int | None
    posting: str = ""


Found = dict[str, tuple[int, int | None, int | None]]


def standing(trigger: Compiled, facts: Sequence[Fact], opening: int, settled: int) -> Found:
    """What stands of one subject: of timers, what is due by the day `settled`."""
    judged = _Judged(
        trigger, sorted((f for f in facts if f.source in trigger.definition.on), key=lambda f: f.place), opening
    )
    hits = [hit for hit in getattr(judged, trigger.kind)() if not trigger.has_timer or hit.day <= settled]
    chosen: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (h.day, h.moment, h.key)):
        last = chosen[-1] if chosen else None
        if last is None or hit.day - last.day >= trigger.cooldown or judged.undone(last, hit.day):
            chosen.append(hit)
    return {h.key: (h.day, h.amount, h.compared_with) for h in chosen if not judged.undone(h, None)}


def half_up(value: Fraction) -> int:
    return (value + Fraction(1, 2)).__floor__()


class _Judged:
    def __init__(self, trigger: Compiled, facts: list[Fact], opening: int) -> None:
        self.t, self.d, self.facts, self.opening = trigger, trigger.definition, facts, opening
        self.conditions = [part.ask for part in trigger.parts]
        self.account = facts[0].account if trigger.by_account and facts else b""

    # --- words of the page ---

    def undone(self, hit: Hit, by: int | None) -> bool:
        return bool(hit.posting) and any(
            f.reverses == hit.posting and f.day >= hit.day and (by is None or f.day <= by) for f in self.facts
        )

    def matching(self, which: int = 0) -> list[Fact]:
        return [f for f in self.facts if self.conditions[which](f.row)]

    def candidates(self, which: int = 0) -> list[Fact]:
        return [f for f in self.matching(which) if f.reverses is None]

    @staticmethod
    def in_span(span: Span, fact: Fact, end: Fact) -> bool:
        if span.microseconds is None:
            return end.day - span.number + 1 <= fact.day <= end.day
        at = [f.day * MICROSECONDS_A_DAY + f.moment for f in (fact, end)]
        return at[1] - span.microseconds < at[0] <= at[1]

    def balance(self, day: int) -> int:
        return self.opening + sum(f.net for f in self.facts if f.day <= day)

    @property
    def first_posting(self) -> int | None:
        return min((f.day for f in self.facts if "postings" not in self.d.on or f.source == "postings"), default=None)

    # --- shapes ---

    def own_balance(self) -> list[Hit]:
        assert self.d.own_history is not None
        found = []
        first = min((f.day for f in self.facts if f.deposit), default=None)
        for f in self.candidates():
            start = start_of(self.d.own_history.over, f.day)
            mean = Fraction(sum(self.balance(x) for x in range(start, f.day)), f.day - start)
            if first is not None and first <= start and f.amount > self.d.own_history.times * mean:
                found.append(Hit(*f.place, f.amount, half_up(mean), f.key))
        return found

    def own_history(self) -> list[Hit]:
        own = self.d.own_history
        assert own is not None
        within = own.within.number if own.within else 1
        found = []
        for f in self.candidates():
            end = f.day - within + 1
            start = start_of(own.over, end)
            past = [m.amount for m in self.matching() if start <= m.day < end]
            window = [m.amount for m in self.matching() if m.day >= end and m.place <= f.place]
            left = f.amount if own.compare == "amount" else sum(window) if own.compare == "sum" else len(window)
            right: Fraction | None
            if own.compare == "amount":
                total = {"mean": sum(past), "max": max(past, default=0), "sum": sum(past)}[own.compared_with]
                right = Fraction(total, len(past) or 1 if own.compared_with == "mean" else 1)
                right = right if past or own.compared_with == "sum" else None
            else:
                right = Fraction((sum(past) if own.compare == "sum" else len(past)) * within, end - start) or None
            if right is not None and min(x.day for x in self.facts) <= start and left > own.times * right:
                found.append(Hit(*f.place, left, half_up(right), f.key))
        return found

    def count(self) -> list[Hit]:
        count = self.d.count
        assert count is not None
        found = []
        for f in self.candidates():
            often = [m for m in self.matching() if m.place <= f.place and self.in_span(count.within, m, f)]
            if len(often) >= count.at_least:
                found.append(Hit(*f.place, sum(m.amount for m in often), None, f.key))
        return found

    def sequence(self) -> list[Hit]:
        sequence = self.d.sequence
        assert sequence is not None
        found = []
        for f in self.candidates(1):
            before = [a for a in self.matching(0) if a.place[:2] < f.place[:2] and self.in_span(sequence.within, a, f)]
            if before:
                found.append(Hit(*f.place, f.amount, before[-1].amount, f.key))
        return found

    def absence(self) -> list[Hit]:
        absence = self.d.absence
        assert absence is not None
        found = []
        for a in self.candidates(0):
            due = a.day + absence.within.number
            if any(b.place > a.place and b.day <= due for b in self.matching(1)):
                continue
            if any(r.reverses == a.key and a.day <= r.day <= due for r in self.facts):
                continue
            found.append(Hit(due, a.day * MICROSECONDS_A_DAY + a.moment, a.key, a.amount, None, a.key))
        return found

    def silence(self) -> list[Hit]:
        assert self.d.silence is not None
        span = self.d.silence.for_.number
        days = {f.day for f in self.matching()}
        quiet = [day for day in days if not any(day < other <= day + span for other in days)]
        return [Hit(day + span, 0, self.own_key("silence", day), None, None) for day in quiet]

    def own_key(self, kind: str, day: int) -> str:
        key = f"{kind}:{date.fromordinal(day)}"
        return f"{key}:{UUID(bytes=self.account)}" if self.account else key

    def ends(self, every: str) -> list[int]:
        if not self.facts:
            return []
        first, last = self.facts[0].day, self.facts[-1].day + 800
        days = (date.fromordinal(day) for day in range(first, last))
        if every == "week":
            return [day.toordinal() for day in days if day.isoweekday() == 7]
        return [day.toordinal() for day in days if (day + timedelta(1)).day == 1]

    def lost(self) -> list[Hit]:
        silence = self.d.silence
        assert silence is not None
        assert silence.had is not None
        assert silence.has is not None
        found = []
        for end in self.ends("month"):
            then, now = self.balance(months_before(end, silence.for_.number)), self.balance(end)
            if then >= silence.had * 100 and now <= silence.has * 100:
                found.append(Hit(end, 0, self.own_key("silence", end), then, now))
        return found

    def change(self) -> list[Hit]:
        change = self.d.change
        assert change is not None
        ends = self.ends(change.every)
        earlier = self.earlier(change.every, ends[0], change.baseline + 1) if ends else []
        found = []
        for at, end in enumerate(ends):
            known = [*earlier, *ends][at + 1 : at + 2 + change.baseline]
            past, first = known[:-1], [*earlier, *ends][at] + 1
            assert known[-1] == end
            if self.first_posting is None or self.first_posting > first:
                continue
            if (evidence := self.moved(first, past, end)) is not None:
                found.append(Hit(end, 0, self.own_key("change", end), *evidence))
        return found

    @staticmethod
    def earlier(every: str, end: int, number: int) -> list[int]:
        found: list[int] = []
        for _ in range(number):
            end = end - 7 if every == "week" else date.fromordinal(end).replace(day=1).toordinal() - 1
            found.append(end)
        return found[::-1]

    def moved(self, first: int, past: list[int], end: int) -> tuple[int, int] | None:
        change = self.d.change
        assert change is not None
        edges = [first - 1, *past, end]
        periods = [[f for f in self.matching() if low < f.day <= high] for low, high in pairwise(edges)]
        least = Fraction(change.at_least if change.at_least is not None else 1)
        if change.of == "share":
            parts = [[f for f in period if self.conditions[1](f.row)] for period in periods]
            n, before = len(periods[-1]), sum(map(len, periods[:-1]))
            if not n or not before or n < least or before < least:
                return None
            now, then = Fraction(len(parts[-1]), n), Fraction(sum(map(len, parts[:-1])), before)
            return (half_up(1000 * now), half_up(1000 * then)) if abs(now - then) >= (change.moves_by or 0) else None
        measure: Callable[[list[Fact]], int] = (
            len if change.of == "count" else lambda facts: sum(f.amount for f in facts)
        )
        values = [measure(period) for period in periods]
        mean = Fraction(sum(values[:-1]), change.baseline)
        if change.of == "closing_balance":
            values = [self.balance(day) for day in edges[1:]]
            mean = Fraction(sum(self.balance(day) for day in range(first, past[-1] + 1)), past[-1] + 1 - first)
        if change.at_least is not None and change.of != "count":
            least *= 100
        holds: dict[str, Callable[[Any], bool]] = {
            "falls_below": lambda x: mean >= least and values[-1] < x * mean,
            "rises_above": lambda x: mean >= least and values[-1] > x * mean,
            "begins": lambda _: not any(values[:-1]) and values[-1] >= least,
            "stops": lambda _: values[-1] == 0 and all(value >= least for value in values[:-1]),
        }
        way = next(way for way in holds if getattr(change, way) is not None)
        return (values[-1], half_up(mean)) if holds[way](getattr(change, way)) else None

    def behaviour(self) -> list[Hit]:
        behaviour = self.d.behaviour
        assert behaviour is not None
        found = []
        views = [f for f in self.matching() if f.source == "behaviours"]
        against = self.matching(1) if behaviour.unless is not None else []
        for f in views:
            same = f.row[behaviour.same] if behaviour.same else None
            if behaviour.same and not same:
                continue
            span = [m for m in views if m.place <= f.place and self.in_span(behaviour.within, m, f)]
            span = [m for m in span if not behaviour.same or m.row[behaviour.same] == same]
            if len(span) >= behaviour.at_least and not any(self.in_span(behaviour.within, m, f) for m in against):
                found.append(Hit(*f.place, len(span), None))
        return found
