"""Who calls a far end that fails is told at once, and repeats little (P-21): a breaker with a budget of repetitions.

A rule over a clock: no task and no timer, so an idle one costs nothing. It counts in slots of whole seconds.
"""

import time
from collections.abc import Callable
from typing import Literal

WINDOW = 10  # seconds that are looked back on, the current one among them
LEAST = 20  # calls in the window before anything is concluded from them
SHARE = 0.5  # of them failed: open
PAUSE = 5.0  # seconds between two calls that are let through to see whether it works again
BUDGET = 0.1  # of the window's calls may be repeated,
SPARE = 3  # or so many: the few calls of a quiet hour are repeated too

State = Literal["closed", "open", "half_open"]

_NOBODYS = -1


class BreakerOpen(ConnectionError):
    """The far end fails too often to be asked now; `seconds` until it may be."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the breaker is open")
        self.seconds = seconds


class Breaker:
    """What one caller knows of one far end. `changed` hears of every new state.

    `admit` before a call, then `worked` or `failed` with what it gave; a call whose end says nothing about the far
    end needs neither. Open, one call each PAUSE is let through (half-open), and the first that works closes it.
    """

    def __init__(
        self,
        changed: Callable[[State], None] = lambda _state: None,
        *,
        least: int = LEAST,
        pause: float = PAUSE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state: State = "closed"
        self.opened = 0  # how often it has
        self.repeated = 0  # calls, ever
        self._changed, self._least, self._pause, self._now = changed, least, pause, now
        self._since = 1  # verdicts of calls that were let through before the last change count nothing
        self._again = 0.0  # when the next one is let through
        self._second = int(now())
        self._ended, self._bad, self._repeats = ([0] * WINDOW for _ in range(3))

    def admit(self, *, anyway: bool = False) -> int:
        """The ticket of a call; BreakerOpen if there is none. A call `anyway` gets one that counts nothing."""
        if self.state == "closed":
            return self._since
        now = self._now()
        if now < self._again:
            if anyway:
                return _NOBODYS
            raise BreakerOpen(self._again - now)
        self._again = now + self._pause
        self._turn("half_open")
        return self._since

    def worked(self, ticket: int) -> None:
        """The far end answered, whatever it said."""
        if ticket == self._since:
            if self.state == "closed":
                self._ended[self._slot()] += 1
            else:
                self._ended, self._bad = [0] * WINDOW, [0] * WINDOW
                self._turn("closed")

    def failed(self, ticket: int) -> None:
        """The far end could not be reached, broke off, or was silent for too long."""
        if ticket != self._since:
            return
        if self.state == "closed":
            slot = self._slot()
            self._ended[slot] += 1
            self._bad[slot] += 1
            ended = sum(self._ended)
            if ended < self._least or sum(self._bad) < SHARE * ended:
                return
            self.opened += 1
        self._again = self._now() + self._pause
        self._turn("open")

    def may_repeat(self) -> bool:
        """Whether one more call may be repeated, counted if so: within a window a tenth of its calls, or SPARE."""
        slot = self._slot()
        if sum(self._repeats) + 1 > max(SPARE, BUDGET * sum(self._ended)):
            return False
        self._repeats[slot] += 1
        self.repeated += 1
        return True

    def _turn(self, state: State) -> None:
        self._since += 1
        if state != self.state:
            self.state = state
            self._changed(state)

    def _slot(self) -> int:
        """The current second's slot; those that have left the window are emptied."""
        second = int(self._now())
        if second != self._second:
            for passed in range(self._second + 1, min(second, self._second + WINDOW) + 1):
                slot = passed % WINDOW
                self._ended[slot] = self._bad[slot] = self._repeats[slot] = 0
            self._second = second
        return second % WINDOW
