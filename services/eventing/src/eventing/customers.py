"""One customer under all triggers: what the facts have left, and what a fact or a day that is over brings about. Pure.

Nothing here knows a database: the worker, a rebuild, a backfill and the tests against the lake all drive it.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgpack

from eventing.compiled import About, Compiled
from eventing.fact_index import FactIndex
from eventing.facts import Fact
from eventing.packing import packb
from eventing.shapes.balances import Balances
from eventing.shapes.changes import Changed
from eventing.shapes.dated import Dated, DatedFact, next_day
from eventing.shapes.own_balance import OwnBalance
from eventing.shapes.silent import Silent
from eventing.shapes.state import State
from eventing.shapes.waiting import Waiting
from eventing.shapes.windowed import Windowed
from eventing.verdicts import Raised, Verdict

# How long the key of a reversal is kept for a posting that comes after it, in days; more than any lateness.
REVERSALS_DAYS = 366
# No trigger can be called so: what all of a customer's triggers share.
SHARED = ""

Key = tuple[str, bytes]
"""A state's: the trigger's name and, for one whose grain is the account, the account's id."""


class Found(NamedTuple):
    """A verdict, and whose it is."""

    trigger: Compiled
    account: bytes
    verdict: Verdict


class Taken(NamedTuple):
    """The triggers that a fact concerns, what it is to them, and what was found."""

    concerned: list[tuple[Compiled, int]]
    found: list[Found]


@dataclass(slots=True)
class Shared:
    """What triggers ask beside their own facts: the first posting of each account, the first behaviour, reversals."""

    firsts: dict[bytes, int] = field(default_factory=dict)
    first_behaviour: int = 0
    reversals: list[tuple[int, str]] = field(default_factory=list)

    def see(self, fact: Fact) -> tuple[bool, bool]:
        """Take note of a fact; return whether that changed anything, and whether a first fact has moved back."""
        moved_back = False
        known = self.first_behaviour if fact.source == "behaviours" else self.firsts.get(fact.account, 0)
        changed = not known or fact.day < known
        if changed:
            moved_back = bool(self.first_behaviour or self.firsts)
            if fact.source == "behaviours":
                self.first_behaviour = fact.day
            else:
                self.firsts[fact.account] = fact.day
        if fact.reverses is not None:
            insort(self.reversals, (fact.day, fact.reverses))
            last = self.reversals[-1][0]
            self.reversals = [(day, key) for day, key in self.reversals if day > last - REVERSALS_DAYS]
            changed = True
        return changed, moved_back

    def first(self, trigger: Compiled, account: bytes) -> int:
        """The day of the subject's first fact of all; 0 = there is none."""
        if trigger.by_account:
            return self.firsts.get(account, 0)
        on = trigger.definition.on
        days = list(self.firsts.values()) if "postings" in on else []
        # A change asks for the first posting, unless it listens to behaviours alone.
        if self.first_behaviour and "behaviours" in on and (trigger.kind != "change" or "postings" not in on):
            days.append(self.first_behaviour)
        return min(days, default=0)

    def undone(self, fact: Fact) -> int:
        """The first day on or after its own on which this posting was reversed; 0 = it is not."""
        return min((day for day, key in self.reversals if key == fact.key and day >= fact.day), default=0)

    def pack(self) -> bytes:
        """What is shared, as bytes: equal for equal sets of facts."""
        return packb((sorted(self.firsts.items()), self.first_behaviour, self.reversals))

    @staticmethod
    def unpack(packed: bytes) -> "Shared":
        """What is shared, behind its bytes."""
        firsts, first_behaviour, reversals = msgpack.unpackb(packed)
        return Shared(dict(firsts), first_behaviour, [(d, k) for d, k in reversals])


AnyState = State | Dated
_STATES: dict[str, tuple[Callable[[], AnyState], Callable[[bytes], AnyState]]] = {
    "own_balance": (OwnBalance, OwnBalance.unpack),
    "own_history": (Windowed, Windowed.unpack),
    "count": (Windowed, Windowed.unpack),
    "sequence": (Windowed, Windowed.unpack),
    "behaviour": (Windowed, Windowed.unpack),
    "absence": (Waiting, Waiting.unpack),
    "silence": (Silent, Silent.unpack),
    "lost": (Balances, Balances.unpack),
    "change": (Changed, Changed.unpack),
    "changed_balance": (Balances, Balances.unpack),
    "calendar": (Dated, Dated.unpack),
}


@dataclass(slots=True)
class Customer:
    """One customer's states, by trigger and account, what they share, and the accounts' opening balances.

    `opening` is the sum over the deposit accounts, `openings` has each account's own. A state is bytes until it is
    asked.
    """

    opening: int = 0
    openings: dict[bytes, int] = field(default_factory=dict)
    branch_id: str | None = None
    shared: Shared = field(default_factory=Shared)
    states: dict[Key, AnyState | bytes] = field(default_factory=dict)
    touched: set[Key] = field(default_factory=set)
    """What has changed since this was last emptied: what is to be written."""

    def apply(self, index: FactIndex, fact: Fact, newest: int) -> Taken:
        """Take in a fact; `newest` is the partition's largest business day, this fact's included."""
        found: list[Found] = []
        concerned = index.concerned(fact)
        changed, moved_back = self.shared.see(fact)
        if changed:
            self.touched.add((SHARED, b""))
        undone = self.shared.undone(fact) if self.shared.reversals else 0
        whole = About(self.opening, 0, newest, undone)
        for trigger, marks in concerned:
            key = _key(trigger, fact)
            state = self.states.get(key)
            if state is None:
                state = self.states[key] = _STATES[trigger.state][0]()
            elif state.__class__ is bytes:
                state = self.state(trigger, key[1])
            assert isinstance(state, State)  # noqa: S101 - dates are no facts
            asks = trigger.by_account or trigger.needs_first
            verdicts = state.apply(fact, marks, trigger, self.about(trigger, key[1], newest, undone) if asks else whole)
            self.touched.add(key)
            if verdicts:
                found += [Found(trigger, key[1], verdict) for verdict in verdicts]
        if fact.reverses is not None:
            for trigger, state, about in self._with_state(index.triggers, fact, newest):
                verdicts = state.reverse(fact.reverses, fact.day, trigger, about)
                found += [Found(trigger, _key(trigger, fact)[1], verdict) for verdict in verdicts]
        if moved_back and fact.day < newest:
            # What waits on the customer's first fact of all is judged once more.
            for trigger, state, about in self._with_state(index.asking_for_first, fact, newest):
                if fact.day >= newest - trigger.lateness:
                    verdicts = state.again(trigger, about)
                    found += [Found(trigger, _key(trigger, fact)[1], verdict) for verdict in verdicts]
        return Taken(concerned, found)

    def state(self, trigger: Compiled, account: bytes) -> AnyState | None:
        """The state of a trigger, decoded; None if there is none."""
        state = self.states.get((trigger.name, account))
        if isinstance(state, bytes):
            state = self.states[trigger.name, account] = _STATES[trigger.state][1](state)
        return state

    def about(self, trigger: Compiled, account: bytes, newest: int = 0, undone: int = 0) -> About:
        """What else a trigger's judgement asks of the customer, or the account."""
        opening = self.opening if not trigger.by_account else self.openings.get(account, 0)
        first = self.shared.first(trigger, account) if trigger.needs_first else 0
        return About(opening, first, newest, undone)

    def _with_state(
        self, triggers: Sequence[Compiled], fact: Fact, newest: int
    ) -> Iterator[tuple[Compiled, State, About]]:
        for trigger in triggers:
            key = _key(trigger, fact)
            if key in self.states and isinstance(state := self.state(trigger, key[1]), State):
                self.touched.add(key)
                yield trigger, state, self.about(trigger, key[1], newest)

    def due(self, trigger: Compiled, account: bytes) -> int | None:
        """The day after which this trigger may find something without a fact; dates are asked by `reach`."""
        state = self.state(trigger, account) if trigger.has_timer else None
        return state.due(trigger, self.about(trigger, account)) if isinstance(state, State) else None

    def fire(self, trigger: Compiled, account: bytes, through: int) -> list[Found]:
        """The days up to `through` are over for this trigger."""
        state = self.state(trigger, account)
        if not isinstance(state, State):
            return []
        self.touched.add((trigger.name, account))
        verdicts = state.fire(through, trigger, self.about(trigger, account))
        return [Found(trigger, account, verdict) for verdict in verdicts]

    def reach(
        self, trigger: Compiled, today: int, dates: Sequence[DatedFact], account: bytes = b""
    ) -> tuple[list[Found], int | None]:
        """The business day has been reached: what the dates bring, and the next day that may bring more."""
        state = self.state(trigger, account)
        if state is None:
            state = self.states[trigger.name, account] = Dated()
        assert isinstance(state, Dated)  # noqa: S101 - the trigger's shape is the calendar
        self.touched.add((trigger.name, account))
        verdicts = state.fire(today, trigger, dates)
        return [Found(trigger, account, verdict) for verdict in verdicts], next_day(trigger, dates, today)

    def reach_all(
        self, trigger: Compiled, today: int, dates: Sequence[DatedFact]
    ) -> tuple[list[Found], dict[Key, int | None]]:
        """`reach` for the customer, or for each account that has dates; with the next day of each."""
        if not trigger.by_account:
            found, due = self.reach(trigger, today, dates)
            return found, {(trigger.name, b""): due}
        everything: list[Found] = []
        dues: dict[Key, int | None] = {}
        for account in sorted({one.account for one in dates}):
            found, due = self.reach(trigger, today, [one for one in dates if one.account == account], account)
            everything += found
            dues[trigger.name, account] = due
        return everything, dues

    def packed(self, keys: Iterable[Key]) -> list[tuple[Key, bytes]]:
        """The bytes of some states, those that are shared among them."""
        found: list[tuple[Key, bytes]] = []
        for key in keys:
            state = self.shared if key[0] == SHARED else self.states[key]
            found.append((key, state if isinstance(state, bytes) else state.pack()))
        return found


def _key(trigger: Compiled, fact: Fact) -> Key:
    return (trigger.name, fact.account) if trigger.by_account else trigger.whole


def emitted(found: Found) -> Found:
    """With the figures alone that the trigger lets into the evidence."""
    emit, verdict = found.trigger.definition.emit, found.verdict
    if len(emit) == 2 or not isinstance(verdict, Raised):
        return found
    amount = verdict.amount if "amount" in emit else None
    compared = verdict.compared_with if "compared_with" in emit else None
    return found._replace(verdict=verdict._replace(amount=amount, compared_with=compared))
