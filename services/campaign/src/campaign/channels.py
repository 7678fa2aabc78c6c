"""Which channel an opportunity goes to: pure."""

from dataclasses import dataclass
from typing import Literal

Channel = Literal["counter", "mobile", "call_centre", "relationship_manager"]
CHANNELS: tuple[Channel, ...] = ("counter", "mobile", "call_centre", "relationship_manager")

# Value quadrants whose customers expect their own manager to call (X27).
MANAGED_QUADRANTS = frozenset({"private", "A", "B"})
DIGITAL_SHARE = 0.6


@dataclass(frozen=True)
class Route:
    """Where a task goes: a channel, and its employee where it is a manager's."""

    channel: Channel
    employee_id: str | None = None


def choose_channel(
    *, manager_id: str | None, manager_has_capacity: bool, quadrant: str | None, digital_share: float | None
) -> Route:
    """The manager for valuable customers, the phone's app for digital ones, else the call centre.

    Quadrant and digital share are None where they may not be read or are not known.
    """
    if manager_id is not None and manager_has_capacity and quadrant in MANAGED_QUADRANTS:
        return Route("relationship_manager", manager_id)
    if digital_share is not None and digital_share >= DIGITAL_SHARE:
        return Route("mobile")
    return Route("call_centre")
