"""`own_history` beside the mean closing balance: the state of `judging`, with every movement of the deposits (X34)."""

from dataclasses import dataclass, field
from functools import lru_cache

from eventing.compiled import CANDIDATE, About, Compiled
from eventing.facts import Fact
from eventing.judging import Movement, Rule, Subject
from eventing.shapes.state import State
from eventing.verdicts import Verdict


@dataclass(slots=True)
class OwnBalance(State):
    """One subject's deposits and open candidates."""

    subject: Subject = field(default_factory=Subject)

    def apply(self, fact: Fact, marks: int, trigger: Compiled, about: About) -> list[Verdict]:
        """Book the fact and judge what it touches."""
        moved = Movement(
            fact.day, fact.key, fact.net, bool(marks & CANDIDATE), None, fact.account, fact.moment,
            fact.amount, fact.deposit,
        )  # fmt: skip
        return self.subject.apply(moved, rule_of(trigger), about.opening, about.newest)

    def reverse(self, key: str, day: int, trigger: Compiled, about: About) -> list[Verdict]:
        """A reversed candidate's detection falls."""
        return self.subject.reverse(key, day, rule_of(trigger), about.opening, about.newest)

    def pack(self) -> bytes:
        """The subject as bytes."""
        return self.subject.pack()

    @staticmethod
    def unpack(packed: bytes) -> "OwnBalance":
        """The subject behind its bytes."""
        return OwnBalance(Subject.unpack(packed))


@lru_cache(maxsize=4_096)
def rule_of(trigger: Compiled) -> Rule:
    """The parameters of a trigger of this shape."""
    own = trigger.definition.own_history
    assert own is not None  # noqa: S101 - whoever makes this state has looked
    return Rule(
        trigger.name,
        trigger.version,
        months=own.over.number if own.over.unit == "months" else 0,
        days=own.over.number if own.over.unit == "days" else 0,
        times=own.times,
        cooldown_days=trigger.cooldown,
        lateness_days=trigger.lateness,
        expires_hours=trigger.expires_hours,
        enabled=trigger.enabled,
    )
