"""One customer under all triggers: what the facts have left, and what a fact or a day that is over brings about. Pure.

Nothing here knows a database: the worker, a rebuild, a backfill and the tests against the lake all drive it.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgpack

from eventing.compiled import About, Compiled
from eventing.fact_index import FactIndex
from eventing.facts import Fact
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


@dataclass(slots=True)
class Shared:
    """What triggers ask beside their own facts: the first posting of each account, the first behaviour, reversals."""

    firsts: dict[bytes, int] = field(default_factory=dict)
    first_behaviour: int = 0
    reversals: list[tuple[int, str]] = field(default_factory=list)

    def see(self, fact: Fact) -> tuple[bool, bool]:
        """Take note of a fact; return whether that changed anything, and whether an earlier first was known."""
        known = self.first_behaviour if fact.source == "behaviours" else self.firsts.get(fact.account, 0)
        changed = not known or fact.day < known
        if changed and fact.source == "behaviours":
            self.first_behaviour = fact.day
        elif changed:
            self.firsts[fact.account] = fact.day
        if fact.reverses is not None:
            insort(self.reversals, (fact.day, fact.reverses))
            last = self.reversals[-1][0]
            self.reversals = [(day, key) for day, key in self.reversals if day > last - REVERSALS_DAYS]
            return True, changed
        return changed, changed

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
        packed: bytes = msgpack.packb((sorted(self.firsts.items()), self.first_behaviour, self.reversals))
        return packed

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


def unpacked(trigger: Compiled, packed: bytes) -> AnyState:
    """A state of a trigger behind its bytes."""
    return _STATES[_kind(trigger)][1](packed)


def _kind(trigger: Compiled) -> str:
    return "changed_balance" if trigger.kind == "change" and trigger.takes_every_deposit else trigger.kind


@dataclass(slots=True)
class Customer:
    """One customer's states, by trigger and account, what they share, and the accounts' opening balances.

    `opening` is the sum over the deposit accounts, `openings` has each account's own.
    """

    opening: int = 0
    openings: dict[bytes, int] = field(default_factory=dict)
    branch_id: str | None = None
    shared: Shared = field(default_factory=Shared)
    states: dict[Key, AnyState] = field(default_factory=dict)
    touched: set[Key] = field(default_factory=set)
    """What has changed since this was last emptied: what is to be written."""

    def apply(self, index: FactIndex, fact: Fact, newest: int) -> list[Found]:
        """Take in a fact; `newest` is the partition's largest business day, this fact's included."""
        found: list[Found] = []
        changed, moved_back = self.shared.see(fact)
        if changed:
            self.touched.add((SHARED, b""))
        undone = self.shared.undone(fact) if self.shared.reversals else 0
        for trigger, marks in index.concerned(fact):
            key = (trigger.name, fact.account if trigger.by_account else b"")
            state = self.states.get(key)
            if state is None:
                state = self.states[key] = _STATES[_kind(trigger)][0]()
            assert isinstance(state, State)  # noqa: S101 - dates are no facts
            verdicts = state.apply(fact, marks, trigger, self._about(trigger, key[1], newest, undone))
            self.touched.add(key)
            found += [Found(trigger, key[1], verdict) for verdict in verdicts]
        if fact.reverses is not None:
            found += self._reverse(index, fact, newest)
        if moved_back:
            found += self._again(index, fact, newest)
        return found

    def _about(self, trigger: Compiled, account: bytes, newest: int, undone: int = 0) -> About:
        opening = self.opening if not trigger.by_account else self.openings.get(account, 0)
        first = self.shared.first(trigger, account) if trigger.needs_first else 0
        return About(opening, first, newest, undone)

    def _reverse(self, index: FactIndex, fact: Fact, newest: int) -> list[Found]:
        found: list[Found] = []
        assert fact.reverses is not None  # noqa: S101 - the caller has looked
        for trigger in index.triggers:
            key = (trigger.name, fact.account if trigger.by_account else b"")
            state = self.states.get(key)
            if isinstance(state, State):
                about = self._about(trigger, key[1], newest)
                verdicts = state.reverse(fact.reverses, fact.day, trigger, about)
                found += [Found(trigger, key[1], verdict) for verdict in verdicts]
                self.touched.add(key)
        return found

    def _again(self, index: FactIndex, fact: Fact, newest: int) -> list[Found]:
        """The customer's first fact of all may have moved back: what waits on it is judged once more."""
        found: list[Found] = []
        for trigger in index.triggers:
            key = (trigger.name, fact.account if trigger.by_account else b"")
            state = self.states.get(key)
            if trigger.needs_first and isinstance(state, State) and fact.day >= newest - trigger.lateness:
                verdicts = state.again(trigger, self._about(trigger, key[1], newest))
                found += [Found(trigger, key[1], verdict) for verdict in verdicts]
                self.touched.add(key)
        return found

    def due(self, trigger: Compiled, account: bytes) -> int | None:
        """The day after which this trigger may find something without a fact; dates are asked by `next_day`."""
        state = self.states.get((trigger.name, account))
        if not trigger.has_timer or not isinstance(state, State):
            return None
        return state.due(trigger, self._about(trigger, account, 0))

    def fire(self, trigger: Compiled, account: bytes, through: int) -> list[Found]:
        """The days up to `through` are over for this trigger."""
        key = (trigger.name, account)
        state = self.states.get(key)
        if not isinstance(state, State):
            return []
        self.touched.add(key)
        verdicts = state.fire(through, trigger, self._about(trigger, account, 0))
        return [Found(trigger, account, verdict) for verdict in verdicts]

    def reach(self, trigger: Compiled, today: int, dates: Sequence[DatedFact]) -> tuple[list[Found], int | None]:
        """The business day has been reached: what the customer's dates bring, and the next day that may bring more."""
        found: list[Found] = []
        later: list[int] = []
        accounts = {date.account for date in dates} if trigger.by_account else {b""}
        for account in sorted(accounts):
            key = (trigger.name, account)
            state = self.states.get(key)
            if state is None:
                state = self.states[key] = Dated()
            assert isinstance(state, Dated)  # noqa: S101 - the trigger's shape is the calendar
            mine = [date for date in dates if date.account == account or not trigger.by_account]
            verdicts = state.fire(today, trigger, mine)
            self.touched.add(key)
            found += [Found(trigger, account, verdict) for verdict in verdicts]
            following = next_day(trigger, mine, today)
            later += [] if following is None else [following]
        return found, min(later, default=None)


def emitted(found: Found) -> Found:
    """With the figures alone that the trigger lets into the evidence."""
    emit, verdict = found.trigger.definition.emit, found.verdict
    if len(emit) == 2 or not isinstance(verdict, Raised):
        return found
    amount = verdict.amount if "amount" in emit else None
    compared = verdict.compared_with if "compared_with" in emit else None
    return found._replace(verdict=verdict._replace(amount=amount, compared_with=compared))


def packed_states(customer: Customer, keys: Iterable[Key]) -> list[tuple[Key, bytes]]:
    """The bytes of some of a customer's states."""
    found = []
    for key in keys:
        state = customer.shared if key[0] == SHARED else customer.states[key]
        found.append((key, state.pack()))
    return found
