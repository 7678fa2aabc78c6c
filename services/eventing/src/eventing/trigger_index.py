"""Which triggers can fire on an event: by its type, then by the smallest amount each asks for (X36)."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from eventing.judging import Movement, Rule


@dataclass(slots=True)
class TriggerIndex:
    """Rules by event type, sorted by their smallest amount: finding those that can fire is one bisection."""

    floors: dict[str, list[int]] = field(default_factory=dict)
    rules: dict[str, list[Rule]] = field(default_factory=dict)

    @staticmethod
    def of(rules: Iterable[tuple[str, Rule]]) -> "TriggerIndex":
        """Index pairs of event type and rule; a disabled rule never fires."""
        index = TriggerIndex()
        for event_type, rule in sorted(rules, key=lambda pair: (pair[1].minimum_minor, pair[1].name)):
            if rule.enabled:
                index.floors.setdefault(event_type, []).append(rule.minimum_minor)
                index.rules.setdefault(event_type, []).append(rule)
        return index

    def candidates(self, event_type: str, amount: int) -> list[Rule]:
        """The rules whose smallest amount is not above this one."""
        floors = self.floors.get(event_type)
        return self.rules[event_type][: bisect_right(floors, amount)] if floors else []


def seen_by(rule: Rule, movement: Movement, can_fire: Sequence[Rule]) -> Movement:
    """The movement as one rule sees it: it moves the balance, and is a candidate only if the rule can fire on it."""
    return movement if rule in can_fire or not movement.candidate else movement._replace(candidate=False)
