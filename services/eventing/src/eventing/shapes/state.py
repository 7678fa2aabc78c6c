"""What every shape's state answers to: facts, reversals, days that are over. Each overrides what concerns it."""

from eventing.compiled import About, Compiled
from eventing.facts import Fact
from eventing.verdicts import Verdict


class State:
    """One subject under one trigger."""

    __slots__ = ()

    def apply(self, fact: Fact, marks: int, trigger: Compiled, about: About) -> list[Verdict]:
        """Take in a fact that is something to the trigger, and judge what it touches."""
        raise AssertionError("every state has its own")

    def reverse(self, key: str, day: int, trigger: Compiled, about: About) -> list[Verdict]:
        """A reversal of the posting `key` was booked on a day."""
        return []

    def again(self, trigger: Compiled, about: About) -> list[Verdict]:
        """The subject's first fact of all has moved back: judge what is open once more."""
        return []

    def due(self, trigger: Compiled, about: About) -> int | None:
        """The day after which something may be found; None if no day that passes finds anything."""
        return None

    def fire(self, through: int, trigger: Compiled, about: About) -> list[Verdict]:
        """The days up to `through` are over, and no fact comes before them any more."""
        return []

    def pack(self) -> bytes:
        """The state as bytes: equal for equal sets of facts and days that are over."""
        raise AssertionError("every state has its own")
