"""What a rule says of a fact or of a day that has come: raised, withdrawn. And the rest after a raised one. Pure."""

from typing import Literal, NamedTuple


class Raised(NamedTuple):
    """This fact, or day, is a detection from now on. Figures that a shape does not have are None."""

    key: str
    day: int
    amount: int | None
    account: bytes
    compared_with: int | None
    late: bool


class Withdrawn(NamedTuple):
    """If the detection of this key stands and its day is not after `day`, it stands no longer."""

    key: str
    day: int
    reason: Literal["late_posting", "reversed"]


Verdict = Raised | Withdrawn


class Anchor(NamedTuple):
    """The last raised one that no late fact can change, and the first day on or after its own on which it was reversed
    (0 = it is not)."""

    day: int = 0
    key: str = ""
    undone: int = 0

    def frees(self, day: int, cooldown: int) -> bool:
        """Whether the subject may be raised again on this day."""
        return not self.day or day - self.day >= cooldown or 0 < self.undone <= day

    def reversed(self, key: str, day: int) -> "Anchor":
        """The anchor once a reversal of `key` is known to have been booked on a day."""
        if key != self.key or day < self.day or 0 < self.undone <= day:
            return self
        return self._replace(undone=day)


NONE = Anchor()
