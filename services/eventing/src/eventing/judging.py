"""Judging credits against the customer's own history, under any disorder within the allowed lateness (X8, X9, X37).

A credit is judged on arrival. Until no posting within the lateness can come before it, it stays here, so that a late
posting re-judges the later credits: the set that stands in the end is the one that the same postings give in order.

Cool-down replays raise and suppress in order of place (day, moment, posting id) from the last raised credit. A
reversed credit stands no longer, and from the reversal's day on it holds no other back. `Subject` is a function of the
set of postings seen, not of their order, so its packed bytes are, too.
"""

from bisect import insort
from dataclasses import dataclass, field
from fractions import Fraction
from operator import attrgetter
from typing import NamedTuple

import msgpack

from eventing.facts import BEFORE_ALL, Place
from eventing.own_history import Comparison, OwnHistory, months_before
from eventing.packing import packb
from eventing.verdicts import Raised, Verdict, Withdrawn

NOBODY: Place = (0, 0, "")


@dataclass(frozen=True, slots=True)
class Rule:
    """The parameters of a trigger of the kind own_history, in one version."""

    name: str
    version: int = 1
    months: int = 6
    minimum_minor: int = 0
    cooldown_days: int = 30
    lateness_days: int = 3
    expires_hours: int = 48
    enabled: bool = True
    days: int = 0
    times: Fraction = Fraction(1)

    def start(self, day: int) -> int:
        """The first day of the past before a day: so many months earlier, or `days` where it counts in days."""
        return day - self.days if self.days else months_before(day, self.months)


class Movement(NamedTuple):
    """A posting as the rule sees it: `net` is what it adds to the deposits, `candidate` = it may fire with its amount.

    A candidate reverses nothing. `account` is the account's id, 16 bytes. One that is no `deposit` moves no balance.
    Without an amount it is that of the net.
    """

    day: int
    key: str
    net: int
    candidate: bool = False
    reverses: str | None = None
    account: bytes = b""
    moment: int = 0
    amount: int | None = None
    deposit: bool = True


@dataclass(slots=True)
class Credit:
    """A judged credit that a late posting may still change."""

    day: int
    moment: int
    key: str
    amount: int
    account: bytes = b""
    raised: bool = False

    @property
    def place(self) -> Place:
        """Where it stands in order."""
        return self.day, self.moment, self.key


_PLACE = attrgetter("place")


class Judgement(NamedTuple):
    """One credit judged: beside the history, and after the last raised credit (`NOBODY`: none)."""

    comparison: Comparison
    last: Place
    free: bool

    @property
    def raised(self) -> bool:
        """Whether the credit is to be raised."""
        return self.comparison.exceeded and self.free


@dataclass(slots=True)
class Subject:
    """One customer under one rule: the history, the credits and reversals still open, the last raised credit before."""

    history: OwnHistory = field(default_factory=OwnHistory)
    credits: list[Credit] = field(default_factory=list)
    reversals: list[tuple[int, str]] = field(default_factory=list)
    anchor: Place = NOBODY

    def pack(self) -> bytes:
        """The subject as bytes: equal for equal sets of postings."""
        last = self.history.last
        return packb(
            (
                *self.history.pack(),
                # When on its day the anchor was booked concerns nobody any more.
                (self.anchor[0], self.anchor[2]),
                [(last - c.day, c.moment, c.key, c.amount, c.account, c.raised) for c in self.credits],
                [(last - day, key) for day, key in self.reversals] if self.reversals else (),
            )
        )

    @staticmethod
    def unpack(packed: bytes) -> "Subject":
        """The subject behind its bytes."""
        *history, anchor, judged, reversals = msgpack.unpackb(packed)
        known = OwnHistory.unpack(*history)
        last = known.last
        return Subject(
            known,
            [Credit(last - back, *rest) for back, *rest in judged],
            [(last - back, key) for back, key in reversals],
            (anchor[0], 0, anchor[1]),
        )

    def apply(self, movement: Movement, rule: Rule, opening: int, newest: int) -> list[Verdict]:
        """Book a posting and judge what it touches.

        `opening` is the sum of the accounts' opening balances, `newest` the largest business day of the partition,
        this posting included. A posting more than the lateness behind it moves the balance and judges nothing.
        """
        history = self.history
        day = movement.day
        before = history.last
        if movement.deposit:
            history.move(day, movement.net)
        else:
            history.last = max(history.last, day)
        if history.last != before:
            self.settle(rule)
        verdicts: list[Verdict] = []
        if movement.reverses is not None:
            verdicts += self.reverse(movement.reverses, day, rule, opening, newest)
        if is_beyond(day, newest, rule):
            return verdicts
        new = None
        if movement.candidate:
            amount = abs(movement.net) if movement.amount is None else movement.amount
            new = Credit(day, movement.moment, movement.key, amount, movement.account)
            insort(self.credits, new, key=_PLACE)
        # Nearly always nothing lies behind it.
        if self.credits and (new is not None or self.credits[-1].day > day):
            start = (day + 1, BEFORE_ALL, "") if new is None else new.place
            verdicts += self._judge_from(start, new, rule, opening, late=day < newest)
        return verdicts

    def reverse(self, key: str, day: int, rule: Rule, opening: int, newest: int) -> list[Verdict]:
        """A reversal of `key` was booked on a day: its detection falls, and holds nothing back from then on."""
        verdicts: list[Verdict] = [Withdrawn(key, day, "reversed")]
        self._reverse(day, key, rule)
        if not is_beyond(day, newest, rule):
            verdicts += self._judge_from((day, BEFORE_ALL, ""), None, rule, opening, late=day < newest)
        return verdicts

    def settle(self, rule: Rule) -> None:
        """Let go of what no posting within the lateness can change any more."""
        cut = self.history.last - rule.lateness_days
        self.history.fold(rule.start(cut))
        gone = 0
        while gone < len(self.credits) and self.credits[gone].day < cut:
            credit = self.credits[gone]
            if credit.raised:
                self.anchor = credit.place
            gone += 1
        del self.credits[:gone]
        if self.reversals and self.reversals[0][0] < cut:
            for day, key in self.reversals:
                if day < cut and key == self.anchor[2] and day >= self.anchor[0]:
                    self.anchor = NOBODY
            self.reversals = [r for r in self.reversals if r[0] >= cut]

    def _reverse(self, day: int, key: str, rule: Rule) -> None:
        if day >= self.history.last - rule.lateness_days:
            insort(self.reversals, (day, key))
        elif key == self.anchor[2] and day >= self.anchor[0]:
            self.anchor = NOBODY

    def judgement(self, key: str, rule: Rule, opening: int) -> Judgement | None:
        """How a credit that is still open is judged with what is known; None if it is not open here."""
        last = self.anchor
        for credit in self.credits:
            if credit.key == key:
                return self._look(credit, last, rule, opening)
            if credit.raised:
                last = credit.place
        return None

    def reversed_by(self, credit: Place, by: int | None = None) -> bool:
        """Whether a known reversal of this credit was booked on or after its day (and not after the day `by`)."""
        return any(key == credit[2] and credit[0] <= day and (by is None or day <= by) for day, key in self.reversals)

    def _judge_from(self, start: Place, new: Credit | None, rule: Rule, opening: int, *, late: bool) -> list[Verdict]:
        verdicts: list[Verdict] = []
        last = self.anchor
        for credit in self.credits:
            if credit.place >= start:
                found = self._look(credit, last, rule, opening)
                if found.raised != credit.raised:
                    credit.raised = found.raised
                    if not found.raised:
                        verdicts.append(Withdrawn(credit.key, credit.day, "late_posting"))
                    elif not self.reversed_by(credit.place):
                        mean, known_late = found.comparison.mean, late or credit is not new
                        verdicts.append(Raised(credit.key, credit.day, credit.amount, credit.account, mean, known_late))
            if credit.raised:
                last = credit.place
        return verdicts

    def _look(self, credit: Credit, last: Place, rule: Rule, opening: int) -> Judgement:
        """Judge one credit; the cool-down is over if the last raised credit lies back far enough, or is reversed."""
        comparison = self.history.beside(credit.amount, credit.day, rule.start(credit.day), opening, rule.times)
        free = last == NOBODY or credit.day - last[0] >= rule.cooldown_days or self.reversed_by(last, credit.day)
        return Judgement(comparison, last, free)


def is_beyond(day: int, newest: int, rule: Rule) -> bool:
    """Whether a posting comes later than the watermark."""
    return day <= watermark(newest, rule)


def watermark(newest: int, rule: Rule) -> int:
    """The last day that is settled: largest business day - lateness - 1."""
    return newest - rule.lateness_days - 1
