"""Which conditions a fact can meet: by what is listened to, a code it has, then the smallest amount asked for (X36)."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from eventing.compiled import Compiled, Part
from eventing.facts import Fact, Heard
from eventing.trigger_conditions import needs


@dataclass(slots=True)
class _Shelf:
    """Conditions sorted by the smallest amount each asks for: finding those that can be TRUE is one bisection."""

    floors: list[int] = field(default_factory=list)
    parts: list[tuple[int, Part]] = field(default_factory=list)

    def put(self, floor: int, trigger: int, part: Part) -> None:
        """Add a condition of the trigger with this number."""
        at = bisect_right(self.floors, floor)
        self.floors.insert(at, floor)
        self.parts.insert(at, (trigger, part))


@dataclass(slots=True)
class _Heard:
    """The conditions of those that listen to one source: those that ask for no code, and those that do, by column."""

    any: _Shelf = field(default_factory=_Shelf)
    by_code: dict[str, dict[str, _Shelf]] = field(default_factory=dict)
    # Those that keep closing balances: every posting on a deposit account is their business.
    movers: tuple[int, ...] = ()


class FactIndex:
    """The triggers in force, by what a fact has to be to concern them."""

    def __init__(self, triggers: Iterable[Compiled]) -> None:
        self.triggers = sorted(triggers, key=lambda trigger: trigger.name)
        self.asking_for_first = [trigger for trigger in self.triggers if trigger.needs_first]
        self._heard: dict[Heard, _Heard] = {"postings": _Heard(), "behaviours": _Heard()}
        for number, trigger in enumerate(self.triggers):
            for source, heard in self._heard.items():
                if source in trigger.definition.on:
                    self._put(heard, number, trigger)

    @staticmethod
    def _put(heard: _Heard, number: int, trigger: Compiled) -> None:
        if trigger.takes_every_deposit:
            heard.movers += (number,)
        if trigger.kind == "lost" or (trigger.kind == "change" and trigger.takes_every_deposit):
            return
        for part in trigger.parts:
            floor, column, codes = needs(part.condition)
            if not column:
                heard.any.put(floor, number, part)
            for code in codes:
                heard.by_code.setdefault(column, {}).setdefault(code, _Shelf()).put(floor, number, part)

    def concerned(self, fact: Fact) -> list[tuple[Compiled, int]]:
        """The triggers that a fact is something to, and what it is to them, in the order of their names."""
        heard, row = self._heard[fact.source], fact.row
        marks: dict[int, int] = dict.fromkeys(heard.movers, 0) if fact.deposit else {}
        if heard.any.parts:
            _ask(heard.any, fact, marks)
        for column, shelves in heard.by_code.items():
            shelf = shelves.get(row[column])
            if shelf is not None:
                _ask(shelf, fact, marks)
        found = []
        for number in sorted(marks) if len(marks) > 1 else marks:
            trigger = self.triggers[number]
            mark = marks[number] and trigger.allowed(marks[number], fact)
            if mark or (trigger.takes_every_deposit and fact.deposit):
                found.append((trigger, mark))
        return found


def _ask(shelf: _Shelf, fact: Fact, marks: dict[int, int]) -> None:
    for number, part in shelf.parts[: bisect_right(shelf.floors, fact.amount)]:
        if part.ask(fact.row):
            marks[number] = marks.get(number, 0) | part.mark
