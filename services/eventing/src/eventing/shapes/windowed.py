"""Shapes that are judged as facts come, by those before: own history, count, sequence, behaviour (X8, X34).

The matching facts of a subject are kept in order. Those that a late fact may still come before keep their key, and the
candidates among them whether they are raised; older ones are only counted, summed up as far as the shape can tell
nothing else of them. What is kept is a function of the set of facts, so its packed bytes are, too.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgpack

from eventing.compiled import CANDIDATE, About, Compiled
from eventing.facts import BEFORE_ALL, Fact, Place
from eventing.packing import packb
from eventing.shapes.looks import Look, look_of
from eventing.shapes.state import State
from eventing.verdicts import NONE, Anchor, Raised, Verdict, Withdrawn


@dataclass(slots=True)
class Entry:
    """One fact, or several older ones of one day and kind summed up. `undone`: the first day of its reversal."""

    day: int
    moment: int
    key: str
    amount: int = 0
    count: int = 1
    marks: int = 0
    label: str = ""
    account: bytes = b""
    raised: bool = False
    undone: int = 0

    @property
    def place(self) -> Place:
        """Where it stands in order."""
        return self.day, self.moment, self.key


class Judgement(NamedTuple):
    """One candidate judged: the look, and the last raised one before it."""

    look: Look
    last: Anchor
    free: bool

    @property
    def raised(self) -> bool:
        """Whether the candidate is to be raised."""
        return self.look.holds and self.free


@dataclass(slots=True)
class Windowed(State):
    """A subject's facts under one trigger: the first `settled` entries are older than any late fact can be."""

    last: int = 0
    settled: int = 0
    entries: list[Entry] = field(default_factory=list)
    anchor: Anchor = NONE

    def apply(self, fact: Fact, marks: int, trigger: Compiled, about: About) -> list[Verdict]:
        """Put a fact in its place and judge what it touches; one at or before the watermark judges nothing."""
        shape = look_of(trigger)
        beyond = fact.day < about.newest - trigger.lateness
        if beyond:
            marks &= ~CANDIDATE
        label = shape.label(fact.row) if marks & ~8 else ""
        new = Entry(*fact.place, fact.amount, 1, marks, label, fact.account if marks & CANDIDATE else b"")
        new.undone = about.undone if marks & CANDIDATE else 0
        self._put(new, trigger)
        if beyond:
            return []
        return self._judge(shape.start(fact.place), trigger, about, new)

    def reverse(self, key: str, day: int, trigger: Compiled, about: About) -> list[Verdict]:
        """A reversal of `key` was booked on a day: its detection falls, and holds nothing back from then on."""
        verdicts: list[Verdict] = [Withdrawn(key, day, "reversed")]
        self.anchor = self.anchor.reversed(key, day)
        for entry in self.entries[self.settled :]:
            if entry.key == key and entry.marks & CANDIDATE and entry.day <= day and not 0 < entry.undone <= day:
                entry.undone = day
        if day >= about.newest - trigger.lateness:
            verdicts += self._judge((day, BEFORE_ALL, ""), trigger, about, None)
        return verdicts

    def again(self, trigger: Compiled, about: About) -> list[Verdict]:
        """The subject's first fact of all has moved back: judge what is open once more."""
        return self._judge((0, 0, ""), trigger, about, None)

    def judgement(self, key: str, trigger: Compiled, about: About) -> Judgement | None:
        """How a candidate that is still open is judged with what is known; None if it is not open here."""
        last = self.anchor
        for at in range(self.settled, len(self.entries)):
            entry = self.entries[at]
            if entry.key == key and entry.marks & CANDIDATE:
                return self._look(at, last, trigger, about)
            if entry.raised:
                last = Anchor(entry.day, entry.key, entry.undone)
        return None

    # --- inside ---

    def _put(self, new: Entry, trigger: Compiled) -> None:
        cut = max(self.last, new.day) - trigger.lateness
        if new.day < cut:
            # It is as old as what is summed up already: taken out of turn, its sum is the same.
            at = bisect_left(self.entries, new.place, hi=self.settled, key=lambda e: e.place)
            self.entries.insert(at, new)
            self.settled += 1
            self._settle(cut, trigger, everything=True)
            return
        insort(self.entries, new, lo=self.settled, key=lambda e: e.place)
        if new.day > self.last:
            self.last = new.day
            self._settle(cut, trigger, everything=False)

    def _settle(self, cut: int, trigger: Compiled, *, everything: bool) -> None:
        """Let go of what no fact within the lateness can change any more."""
        shape = look_of(trigger)
        entries, gone = self.entries, self.settled
        while gone < len(entries) and entries[gone].day < cut:
            entry = entries[gone]
            if entry.raised:
                self.anchor = Anchor(entry.day, entry.key, entry.undone)
            gone += 1
        begun = 0 if everything else self.settled
        old = entries[:begun]
        for entry in entries[begun:gone]:
            marks = entry.marks & ~CANDIDATE
            shape.fold(old, Entry(entry.day, entry.moment, "", entry.amount, entry.count, marks, entry.label))
        kept = [entry for entry in old if shape.reaches(entry, cut)]
        self.settled = len(kept)
        self.entries = kept + entries[gone:]

    def _judge(self, start: Place, trigger: Compiled, about: About, new: Entry | None) -> list[Verdict]:
        verdicts: list[Verdict] = []
        last = self.anchor
        late = new is None or new.day < about.newest
        for at in range(self.settled, len(self.entries)):
            entry = self.entries[at]
            if entry.marks & CANDIDATE and entry.place >= start:
                found = self._look(at, last, trigger, about)
                if found.raised != entry.raised:
                    entry.raised = found.raised
                    if not found.raised:
                        verdicts.append(Withdrawn(entry.key, entry.day, "late_posting"))
                    elif not entry.undone:
                        look = found.look
                        verdicts.append(
                            Raised(
                                entry.key, entry.day, look.amount, entry.account, look.compared_with,
                                late or entry is not new,
                            )
                        )  # fmt: skip
            if entry.raised:
                last = Anchor(entry.day, entry.key, entry.undone)
        return verdicts

    def _look(self, at: int, last: Anchor, trigger: Compiled, about: About) -> Judgement:
        look = look_of(trigger).look(self.entries, at, about.first)
        return Judgement(look, last, last.frees(self.entries[at].day, trigger.cooldown))

    # --- bytes ---

    def pack(self) -> bytes:
        """The subject as bytes: equal for equal sets of facts."""
        old, day = [], 0
        for e in self.entries[: self.settled]:
            old.append(_trimmed([e.day - day, e.amount, e.marks, e.count, e.moment, e.label], _OLD))
            day = e.day
        accounts = sorted({e.account for e in self.entries if e.account})
        number = {account: at for at, account in enumerate(accounts)} | {b"": 0}
        open_ = []
        for e in self.entries[self.settled :]:
            undone = e.undone - e.day + 1 if e.undone else 0
            row = [self.last - e.day, e.key, e.amount, e.marks, e.raised, e.moment, e.label, number[e.account], undone]
            open_.append(_trimmed(row, _OPEN))
        return packb((self.last, list(self.anchor) if self.anchor.day else [], accounts, old, open_))

    @staticmethod
    def unpack(packed: bytes) -> "Windowed":
        """The subject behind its bytes."""
        last, anchor, accounts, old, open_ = msgpack.unpackb(packed)
        entries: list[Entry] = []
        day = 0
        for row in old:
            delta, amount, marks, count, moment, label = row + _OLD[len(row) :]
            day += delta
            entries.append(Entry(day, moment, "", amount, count, marks, label))
        for row in open_:
            back, key, amount, marks, raised, moment, label, account, undone = row + _OPEN[len(row) :]
            of = accounts[account] if accounts and marks & CANDIDATE else b""
            on = last - back + undone - 1 if undone else 0
            entries.append(Entry(last - back, moment, key, amount, 1, marks, label, of, raised, on))
        return Windowed(last, len(old), entries, Anchor(*anchor) if anchor else NONE)


# What stands at the end of a packed entry is left out where it is the usual.
_OLD: list[Any] = [0, 0, 1, 1, 0, ""]
_OPEN: list[Any] = [0, "", 0, 3, False, 0, "", 0, 0]


def _trimmed(row: list[Any], usual: list[Any]) -> list[Any]:
    size = len(row)
    while size > 1 and row[size - 1] == usual[size - 1]:
        size -= 1
    return row[:size]
