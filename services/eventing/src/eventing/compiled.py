"""A trigger ready to be judged: its definition with the conditions compiled, once for each version (X36). Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from attune_expressions.condition import Condition
from attune_expressions.one_row import compiled
from eventing import fact_fields
from eventing.definition import Definition, Span
from eventing.facts import Fact, Row
from eventing.own_history import months_before
from eventing.trigger_conditions import asks_new_money

# What a fact is to a trigger.
MATCHES, CANDIDATE, FIRST, UNLESS = 1, 2, 4, 8
_OFTEN = MATCHES | CANDIDATE


class Part(NamedTuple):
    """One condition of a trigger: what a fact is to it where the condition is TRUE; no condition: always."""

    mark: int
    condition: Condition | None
    ask: Callable[[Row], bool]


@dataclass(frozen=True, eq=False, slots=True)
class Compiled:
    """One version of a trigger. `digits` are the base currency's decimals; a trigger that is off finds nothing."""

    definition: Definition
    name: str
    version: int
    enabled: bool
    digits: int
    parts: tuple[Part, ...]
    kind: str
    lateness: int
    cooldown: int
    by_account: bool
    """Whether the facts of one account are seen together, not those of the customer."""
    takes_every_deposit: bool
    """Whether it keeps closing balances: then every posting on a deposit account is its business."""
    least: int = 0
    """The smallest amount of a candidate, in minor units, beside what the conditions say."""
    state: str = field(init=False)
    """Which state it keeps: by kind, but of closing balances for a change of them."""
    needs_first: bool = field(init=False)
    """Whether the subject's first fact of all matters beside those that match."""
    has_timer: bool = field(init=False)
    """Whether it finds something when a day is over, not when a fact comes."""
    whole: tuple[str, bytes] = field(init=False)
    """The key of a whole customer's state."""

    def __post_init__(self) -> None:
        # Asked for every fact: worked out once.
        changed = self.kind == "change" and self.takes_every_deposit
        object.__setattr__(self, "state", "changed_balance" if changed else self.kind)
        object.__setattr__(self, "needs_first", self.kind in ("own_history", "change"))
        object.__setattr__(self, "whole", (self.name, b""))
        object.__setattr__(self, "has_timer", self.kind in ("absence", "silence", "lost", "change", "calendar"))

    @staticmethod
    def of(
        definition: Definition, version: int = 1, *, enabled: bool = True, digits: int = 2, least: int = 0
    ) -> "Compiled":
        """Compile a definition; refuses as the conditions' language does."""
        parts = tuple(_part(definition, digits, mark, text) for mark, text in _conditions(definition))
        kind = definition.kind
        if kind == "own_history" and definition.needs_balance:
            kind = "own_balance"
        if kind == "silence" and definition.silence is not None and definition.silence.had is not None:
            kind = "lost"
        lateness, cooldown = definition.lateness.number, definition.cooldown.number
        return Compiled(
            definition, definition.trigger, version, enabled, digits, parts, kind, lateness, cooldown,
            definition.grain == "account", definition.needs_balance, least,
        )  # fmt: skip

    @property
    def expires_hours(self) -> int:
        """How long a moment lasts."""
        return self.definition.expires.number

    @property
    def metric(self) -> str:
        """What the figures of its evidence are."""
        own = self.definition.own_history
        if own is None:
            return self.kind
        return f"{own.compared_with}_{own.over.number}{own.over.unit[0]}"

    @property
    def of_new_money(self) -> bool:
        """Whether the amount of its evidence is new money, that of the posting which its event key names."""
        own = self.definition.own_history
        return own is not None and own.compare == "amount" and asks_new_money(self.parts[0].condition)

    def marks(self, fact: Fact) -> int:
        """What a fact is to this trigger; 0 = nothing."""
        found = 0
        for mark, _, ask in self.parts:
            if ask(fact.row):
                found |= mark
        return self.allowed(found, fact)

    def allowed(self, found: int, fact: Fact) -> int:
        """What the conditions that are TRUE of a fact make of it."""
        if found & CANDIDATE and (fact.reverses is not None or not self.enabled or fact.amount < self.least):
            found &= ~CANDIDATE
        if self.kind == "behaviour" and fact.source != "behaviours":
            found &= UNLESS
        if self.kind == "change" and not found & MATCHES:
            return 0
        return found


def _conditions(d: Definition) -> list[tuple[int, str | None]]:
    if d.sequence is not None:
        return [(FIRST, d.sequence.first), (CANDIDATE, d.sequence.then)]
    if d.absence is not None:
        return [(CANDIDATE, d.absence.after), (UNLESS, d.absence.without)]
    found: list[tuple[int, str | None]] = [(_OFTEN, d.where)]
    if d.behaviour is not None and d.behaviour.unless is not None:
        found.append((UNLESS, d.behaviour.unless))
    if d.change is not None and d.change.share_of is not None:
        found.append((FIRST, d.change.share_of))
    return found


def _always(_: Row) -> bool:
    return True


def _part(definition: Definition, digits: int, mark: int, text: str | None) -> Part:
    if text is None:
        return Part(mark, None, _always)
    condition = fact_fields.read(text, definition.on, digits, definition.fields)
    return Part(mark, condition, compiled(condition))


def start_of(past: Span, day: int) -> int:
    """The first day of the past before a day: so many days, or calendar months, earlier."""
    return day - past.number if past.unit == "days" else months_before(day, past.number)


class About(NamedTuple):
    """What else is known of a subject: its accounts' opening balances, the day of its first fact of all (0 = none).

    `newest` is the partition's largest business day, this fact's included, `undone` the first day on which this fact
    was reversed (0 = it is not).
    """

    opening: int = 0
    first: int = 0
    newest: int = 0
    undone: int = 0


def half_up(numerator: int, denominator: int) -> int:
    """A quotient of integers, rounded half up, without a float; the denominator is positive."""
    return (2 * numerator + denominator) // (2 * denominator)
