"""Postings as the stream's code takes them: plain values, for one is made of every event."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from attune_contracts.ledger import AccountKind, Direction, Flag
from attune_service_kit.uuids import uuid_of
from eventing import facts, postings
from eventing.facts import Fact

_CODE, _CURRENCY = re.compile(r"[a-z][a-z0-9_]{0,39}"), re.compile(r"[A-Z]{3}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?(Z|[+-][0-9]{2}:[0-9]{2})")
_LARGEST = 10**13
_LONGEST_ID = 64
_DIRECTIONS, _FLAGS, _KINDS = (frozenset(map(str, kind)) for kind in (Direction, Flag, AccountKind))
_ORIGINS = frozenset({"live", "replay"})


class Posting(NamedTuple):
    """What the stream takes of `ledger.transaction.posted`."""

    customer_id: UUID
    posting_id: str
    account_id: UUID
    business_date: date
    booked_at: datetime | None
    direction: str
    amount_minor: int
    currency: str
    kind: str
    channel: str | None
    flags: tuple[str, ...]
    reverses: str | None
    account_kind: str
    origin: str
    run: UUID | None

    def fact(self) -> Fact:
        """The posting as a fact; its currency is the caller's to look at."""
        return facts.posted(
            self.account_id.bytes, self.posting_id, self.business_date, self.booked_at, self.direction,
            self.amount_minor, self.kind, self.channel, self.account_kind, bool(self.flags), self.reverses,
        )  # fmt: skip


def read(data: Mapping[str, Any]) -> Posting:
    """The posting behind an event's data; raises UnreadablePosting.

    What nearly every posting looks like is seen at once, the rest asks the contract.
    """
    try:
        usual = _usual(data)
    except (KeyError, TypeError, ValueError):
        usual = None
    if usual is not None:
        return usual
    p = postings.read(data)
    return Posting(
        p.customer_id, p.posting_id, p.account_id, p.business_date, p.booked_at, p.direction.value, p.amount_minor,
        p.currency, p.kind, p.channel, tuple(flag.value for flag in p.flags), p.reverses, p.account_kind.value,
        p.origin, p.run,
    )  # fmt: skip


def _usual(data: Mapping[str, Any]) -> Posting | None:
    """The posting, if every field has the contract's own form; None or an error says nothing against it."""
    get = data.get
    key, amount, direction, reverses = data["posting_id"], data["amount_minor"], data["direction"], get("reverses")
    booked_at, channel, run = get("booked_at"), get("channel"), get("run")
    flags, account_kind, origin = get("flags", ()), get("account_kind", "demand"), get("origin", "live")
    day = _day(data["business_date"])
    if not (
        type(amount) is int
        and 0 <= amount <= _LARGEST
        and 0 < len(key) <= _LONGEST_ID
        and direction in _DIRECTIONS
        and account_kind in _KINDS
        and origin in _ORIGINS
        and _is_currency(data["currency"])
        and _is_code(data["kind"])
        and (channel is None or _is_code(channel))
        and type(flags) in (list, tuple)
        and _FLAGS.issuperset(flags)
        and (reverses is None or (type(reverses) is str and 0 < len(reverses) <= _LONGEST_ID))
        and type(key) is str
        and day is not None
    ):
        return None
    return Posting(
        _uuid(data["customer_id"]), key, _uuid(data["account_id"]), day,
        None if booked_at is None else _moment(booked_at), direction, amount, data["currency"], data["kind"], channel,
        tuple(flags), reverses, account_kind, origin, None if run is None else _uuid(run),
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _is_code(text: str) -> bool:
    return _CODE.fullmatch(text) is not None


@lru_cache(maxsize=256)
def _is_currency(text: str) -> bool:
    return _CURRENCY.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _day(text: str) -> date | None:
    day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    return None if day is None or day < postings.EARLIEST else day


def _moment(text: str) -> datetime:
    if not _MOMENT.fullmatch(text):
        raise ValueError("not the usual form")
    return datetime.fromisoformat(text)


def _uuid(text: str) -> UUID:
    found = uuid_of(text)
    if str(found) != text:
        raise ValueError("not the usual form")
    return found
