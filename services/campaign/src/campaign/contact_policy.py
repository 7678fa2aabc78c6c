"""The contact policy: what it says, and a read-only look at it. The binding check is the SQL function of `contacts`.

A limit that is not set forbids nothing, 0 forbids everything, n allows n: three different values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

Level = Literal["customer", "household", "account"]
OUTBOUND_CHANNELS = frozenset({"call_centre", "relationship_manager", "sms", "push"})


class Cap(BaseModel):
    """At most `limit` contacts of the level in any sliding window of `days`, in business time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Level = "customer"
    channel: str | None = Field(default=None, max_length=40, description="None counts all channels together")
    limit: int | None = Field(default=None, ge=0, le=1000)
    days: int = Field(ge=1, le=366)


class QuietHours(BaseModel):
    """From one local time to another, over midnight too: the named channels contact nobody."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: tuple[str, ...]
    start: time
    end: time

    def cover(self, moment: datetime, channel: str, zone: str) -> bool:
        """Whether this channel is quiet at this moment."""
        local = moment.astimezone(ZoneInfo(zone)).time()
        over_midnight = self.start > self.end
        after, before = local >= self.start, local < self.end
        return channel in self.channels and (after or before if over_midnight else after and before)


class ContactPolicy(BaseModel):
    """Caps, cool-down and quiet hours of outbound contacts. Inbound contacts count and are never refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    caps: tuple[Cap, ...] = ()
    cool_down_days: int | None = Field(default=None, ge=0, le=366, description="Days after any contact; 0 = none")
    quiet_hours: QuietHours | None = None

    def longest_days(self) -> int:
        """How far back a look at past contacts must reach."""
        return max([cap.days for cap in self.caps] + [self.cool_down_days or 0])


@dataclass(frozen=True)
class PastContact:
    """A contact that counts: confirmed, or reserved and not lapsed. `at` is business time."""

    channel: str
    at: datetime
    outbound: bool = True


def direction(channel: str) -> Literal["inbound", "outbound"]:
    """Who comes to whom on this channel."""
    return "outbound" if channel in OUTBOUND_CHANNELS else "inbound"


def look(policy: ContactPolicy, past: Sequence[PastContact], channel: str, now: datetime, zone: str) -> str | None:
    """Why an outbound contact with this customer would be refused now; None if it would not. Reserves nothing."""
    if policy.quiet_hours and policy.quiet_hours.cover(now, channel, zone):
        return "quiet_hours"
    if policy.cool_down_days and any(c.at > now - timedelta(days=policy.cool_down_days) for c in past):
        return "cool_down"
    for cap in policy.caps:
        if cap.level != "customer" or cap.limit is None or cap.channel not in (None, channel):
            continue
        since = now - timedelta(days=cap.days)
        if sum(c.at > since and cap.channel in (None, c.channel) for c in past) >= cap.limit:
            return "frequency_cap"
    return None
