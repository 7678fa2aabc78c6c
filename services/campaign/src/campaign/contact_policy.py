"""The contact policy: what it says, and a read-only look at it. The binding check is the SQL function of `contacts`.

A limit that is not set forbids nothing, 0 forbids everything, n allows n: three different values. Service and legal
messages are exempt by their class, and count for nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field

from attune_service_kit.bodies import Body, TimeOfDay
from campaign import local_time

Level = Literal["customer", "household", "account"]
Channel = Literal["counter", "mobile", "call_centre", "relationship_manager", "sms", "push"]
OUTBOUND_CHANNELS = frozenset({"call_centre", "relationship_manager", "sms", "push"})

_LONGEST_SEARCH = 200  # ends of rules that are followed one after the other


class Cap(Body):
    """At most `limit` contacts of the level in any sliding window of `days`, in business time."""

    model_config = ConfigDict(frozen=True)

    level: Level = "customer"
    channel: str | None = Field(default=None, max_length=40, description="None counts all channels together")
    limit: int | None = Field(default=None, ge=0, le=1000, description="null: no limit; 0: nobody; n: at most n")
    days: int = Field(ge=1, le=366)


class CoolDown(Body):
    """No contact of the level within `days` after one, in business time."""

    model_config = ConfigDict(frozen=True)

    level: Level = "customer"
    channel: str | None = Field(default=None, max_length=40, description="None: a contact on any channel starts it")
    days: int | None = Field(default=None, ge=0, le=366, description="null: no rule; 0: said to be none; n: n days")


class Hours(Body):
    """From one local time to another, over midnight too; `end` itself is outside."""

    model_config = ConfigDict(frozen=True)

    start: TimeOfDay
    end: TimeOfDay

    def cover(self, moment: datetime, zone: str) -> bool:
        """Whether this moment lies within."""
        local = moment.astimezone(ZoneInfo(zone)).time()
        after, before = local >= self.start, local < self.end
        return (after or before) if self.start > self.end else (after and before)

    def end_after(self, moment: datetime, zone: str) -> datetime:
        """The first end after this moment, in UTC."""
        local = moment.astimezone(ZoneInfo(zone))
        for days in range(3):
            for ends in local_time.moments(local.date() + timedelta(days=days), self.end, zone):
                if ends > moment:
                    return ends
        raise ValueError("a day without an end")


class QuietHours(Hours):
    """The named channels contact nobody in these hours."""

    channels: tuple[Annotated[str, Field(max_length=40)], ...] = Field(max_length=20)


class ContactPolicy(Body):
    """Caps, cool-downs and quiet hours of outbound marketing. Inbound contacts count and are never refused."""

    model_config = ConfigDict(frozen=True)

    caps: tuple[Cap, ...] = Field(default=(), max_length=50)
    cool_down_days: int | None = Field(
        default=None,
        ge=0,
        le=366,
        description="Days after any contact with the customer: null, 0 and n as in cool_downs",
    )
    cool_downs: tuple[CoolDown, ...] = Field(default=(), max_length=50, description="The same by level and channel")
    quiet_hours: QuietHours | None = None

    @property
    def rests(self) -> tuple[CoolDown, ...]:
        """Every cool-down, the customer's own first."""
        return (CoolDown(days=self.cool_down_days), *self.cool_downs)

    def to_reserve(self) -> str:
        """The rules as reserve_contacts() reads them."""
        return self.model_copy(update={"cool_down_days": None, "cool_downs": self.rests}).model_dump_json()


@dataclass(frozen=True)
class PastContact:
    """A marketing contact that counts: confirmed, or reserved and not lapsed. `at` is business time.

    It may be another's: somebody of the household, or of one of the customer's accounts.
    """

    channel: str
    at: datetime
    outbound: bool = True
    own: bool = True
    household: bool = False
    accounts: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Self:
        """As a decision's inputs hold it; of the first versions only the customer's own were kept."""
        accounts = tuple(raw.get("accounts", ()))
        return cls(**raw | {"at": datetime.fromisoformat(raw["at"]), "accounts": accounts})


@dataclass(frozen=True)
class Suppression:
    """Somebody is not to be contacted: from `starts_at` to `ends_at`, or for good (`ends_at` None).

    With `hours`, the start and end of some hours of the day, in these only.
    """

    level: Level
    channel: str | None
    starts_at: datetime
    ends_at: datetime | None
    hours: tuple[time, time] | None
    reason: str
    source: str

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Self:
        """As a decision's inputs hold it."""
        ends, hours = raw["ends_at"], raw["hours"]
        read = {
            "starts_at": datetime.fromisoformat(raw["starts_at"]),
            "ends_at": None if ends is None else datetime.fromisoformat(ends),
            "hours": None if hours is None else (time.fromisoformat(hours[0]), time.fromisoformat(hours[1])),
        }
        return cls(**raw | read)

    def binds(self, channel: str, now: datetime, zone: str) -> bool:
        """Whether it forbids this channel at this moment."""
        current = self.starts_at <= now and (self.ends_at is None or now < self.ends_at)
        return current and self.channel in (None, channel) and (not self.hours or self._daily().cover(now, zone))

    def pauses_at(self, now: datetime, zone: str) -> datetime | None:
        """When it stops binding, for good or until its hours come again."""
        daily = self._daily().end_after(now, zone) if self.hours else None
        return min((end for end in (self.ends_at, daily) if end is not None), default=None)

    def _daily(self) -> Hours:
        start, end = self.hours or (time(), time())
        return Hours(start=start, end=end)


@dataclass(frozen=True)
class Refused:
    """Why a contact would be refused, on which level, and when this very rule ends (None: not by itself)."""

    reason: str
    level: Level | None
    until: datetime | None


def direction(channel: str) -> Literal["inbound", "outbound"]:
    """Who comes to whom on this channel."""
    return "outbound" if channel in OUTBOUND_CHANNELS else "inbound"


def look(
    policy: ContactPolicy,
    past: Sequence[PastContact],
    channel: str,
    now: datetime,
    zone: str,
    suppressions: Sequence[Suppression] = (),
) -> str | None:
    """Why outbound marketing to this customer would be refused now; None if it would not. Reserves nothing."""
    refused = refusal(policy, past, channel, now, zone, suppressions)
    return None if refused is None else refused.reason


def refusal(
    policy: ContactPolicy,
    past: Sequence[PastContact],
    channel: str,
    now: datetime,
    zone: str,
    suppressions: Sequence[Suppression] = (),
) -> Refused | None:
    """The first rule that forbids outbound marketing now, in the order in which the reservation asks them."""
    for suppression in suppressions:
        if suppression.binds(channel, now, zone):
            return Refused("do_not_contact", suppression.level, suppression.pauses_at(now, zone))
    quiet = policy.quiet_hours
    if quiet is not None and channel in quiet.channels and quiet.cover(now, zone):
        return Refused("quiet_hours", None, quiet.end_after(now, zone))
    for rule in policy.rests:
        if rule.days and rule.channel in (None, channel):
            for counted in _windows(rule, past, now):
                if counted:
                    return Refused("cool_down", rule.level, counted[-1] + timedelta(days=rule.days))
    for cap in policy.caps:
        if cap.limit is None or cap.channel not in (None, channel):
            continue
        if cap.limit == 0:
            return Refused("frequency_cap", cap.level, None)
        for counted in _windows(cap, past, now):
            if len(counted) >= cap.limit:
                return Refused("frequency_cap", cap.level, counted[-cap.limit] + timedelta(days=cap.days))
    return None


def free_from(
    policy: ContactPolicy,
    past: Sequence[PastContact],
    channel: str,
    now: datetime,
    zone: str,
    suppressions: Sequence[Suppression] = (),
) -> datetime | None:
    """The first moment from `now` on at which nothing would forbid it, as things stand; None if none is foreseen."""
    moment = now
    for _ in range(_LONGEST_SEARCH):
        refused = refusal(policy, past, channel, moment, zone, suppressions)
        if refused is None:
            return moment
        if refused.until is None:
            return None
        moment = refused.until
    return None


def _windows(rule: Cap | CoolDown, past: Sequence[PastContact], now: datetime) -> Iterator[list[datetime]]:
    """The moments that count for a rule, in order: one list for a customer or a household, one for each account."""
    since = now - timedelta(days=rule.days or 0)
    counted = [c for c in past if c.at > since and rule.channel in (None, c.channel)]
    match rule.level:
        case "customer":
            yield sorted(c.at for c in counted if c.own)
        case "household":
            yield sorted(c.at for c in counted if c.household)
        case "account":
            for account in sorted({a for c in past for a in c.accounts}):
                yield sorted(c.at for c in counted if account in c.accounts)
