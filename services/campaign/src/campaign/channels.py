"""Which channel an opportunity goes to: pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Channel = Literal["counter", "mobile", "call_centre", "relationship_manager"]
TaskChannel = Literal["mobile", "call_centre", "relationship_manager"]
"""Where a task may go: at the counter nobody is called, the next best action is shown."""
CHANNELS: tuple[Channel, ...] = ("counter", "mobile", "call_centre", "relationship_manager")

# Value quadrants whose customers expect their own manager to call (X27).
MANAGED_QUADRANTS = frozenset({"private", "A", "B"})
DIGITAL_SHARE = 0.6


@dataclass(frozen=True)
class Route:
    """Where a task goes: a channel, and its employee where it is a manager's."""

    channel: Channel
    employee_id: str | None = None


def routes(
    *,
    manager_id: str | None,
    manager_has_capacity: bool,
    quadrant: str | None,
    digital_share: float | None,
    channels: Sequence[TaskChannel] = (),
) -> list[Route]:
    """The ways to the customer, the best first: the manager for valuable ones, the app for digital ones, then the rest.

    Quadrant and digital share are None where they may not be read or are not known. `channels` are the campaign's own:
    those and no others, in its order.
    """
    manager = [Route("relationship_manager", manager_id)] if manager_id is not None and manager_has_capacity else []
    app, queue = Route("mobile"), Route("call_centre")
    digital = digital_share is not None and digital_share >= DIGITAL_SHARE
    others = [app, queue] if digital else [queue, app]
    ways = [*manager, *others] if quadrant in MANAGED_QUADRANTS else [*others, *manager]
    return (
        sorted((w for w in ways if w.channel in channels), key=lambda w: channels.index(w.channel))
        if channels
        else ways
    )
