"""The channel simulator: who is reached, and what they say. Pure functions of the seed; no order, no clock, no call."""

import hashlib
from dataclasses import dataclass
from typing import Literal

REACH = 0.78
"""The share of customers whom a contact reaches."""

Disposition = Literal["reached", "not_reached", "refused", "promised"]
Response = Literal["accepted", "interested", "refused"]

_UNIT = 16**15


@dataclass(frozen=True)
class Contact:
    """What a contact came to: the staff's disposition, and the customer's answer to the offer if they were reached."""

    reached: bool
    disposition: Disposition
    response: Response | None


@dataclass(frozen=True)
class ChannelSimulator:
    """Decides contacts by the seed and the bank's customer number alone, so that any order gives the same answers."""

    seed: int

    def reached(self, cif: str) -> bool:
        """Whether a contact would reach the customer: drawn for everybody, also for those never contacted (X14)."""
        return self._draw("reached", cif) < REACH

    def contact(self, cif: str, *, buys: bool) -> Contact:
        """What one contact comes to; `buys` = the customer would buy if reached (the truth's Y1)."""
        if not self.reached(cif):
            return Contact(False, "not_reached", None)
        mood = self._draw("mood", cif)
        if buys:
            return Contact(True, "promised", "accepted") if mood < 0.7 else Contact(True, "reached", "interested")
        if mood < 0.08:
            return Contact(True, "promised", "interested")
        return Contact(True, "refused", "refused") if mood < 0.55 else Contact(True, "reached", None)

    def delay_minutes(self, cif: str) -> int:
        """Minutes from the task's making to the contact: 10 minutes to 20 hours, in business time."""
        return 10 + int(self._draw("delay", cif) * 1_190)

    def _draw(self, what: str, cif: str) -> float:
        digest = hashlib.sha256(f"{self.seed}:{what}:{cif}".encode()).hexdigest()
        return int(digest[:15], 16) / _UNIT
