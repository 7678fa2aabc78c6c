"""What rules judge: postings and behaviours as facts of a subject, in one order (docs/reference/triggers.md). Pure."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from attune_contracts.ledger import AccountKind, Direction, TransactionPosted

Heard = Literal["postings", "behaviours"]
Row = Mapping[str, Any]
"""What conditions read, by column; the fields of the other source are None."""
Place = tuple[int, int, str]
"""Where a fact stands in order: its day, its moment in microseconds from the noon (UTC) of that day, its key."""

# The moment before every moment of a day.
BEFORE_ALL = -(2**62)
DEPOSITS = frozenset({AccountKind.DEMAND, AccountKind.TIME})
MICROSECONDS_A_DAY = 86_400_000_000
# A moment that lies farther from the noon of its business day says nothing of the order of facts.
FARTHEST = 4 * MICROSECONDS_A_DAY
_MICROSECOND = timedelta(microseconds=1)

POSTING_COLUMNS = (
    "amount_minor", "direction", "kind", "channel", "account_kind", "business_date", "booked_at", "new_money",
)  # fmt: skip
BEHAVIOUR_COLUMNS = ("behaviour", "product", "step", "channel", "business_date", "seconds")
_NO_POSTING: dict[str, Any] = dict.fromkeys(POSTING_COLUMNS)
_NO_BEHAVIOUR: dict[str, Any] = dict.fromkeys(BEHAVIOUR_COLUMNS)


class Fact(NamedTuple):
    """A posting or a behaviour. `net` is what it adds to the closing balance of the deposits; `account`: 16 bytes."""

    day: int
    moment: int
    key: str
    source: Heard
    row: Row
    amount: int = 0
    net: int = 0
    deposit: bool = False
    account: bytes = b""
    reverses: str | None = None

    @property
    def place(self) -> Place:
        """Where it stands among its subject's facts."""
        return self.day, self.moment, self.key


def of_posting(posting: TransactionPosted) -> Fact:
    """A posting as a fact; its currency is the caller's to look at."""
    return posted(
        posting.account_id.bytes, posting.posting_id, posting.business_date, posting.booked_at, posting.direction.value,
        posting.amount_minor, posting.kind, posting.channel, posting.account_kind.value, bool(posting.flags),
        posting.reverses,
    )  # fmt: skip


def posted(
    account: bytes, key: str, day: date, booked: datetime | None, direction: str, amount: int, kind: str,
    channel: str | None, account_kind: str, flagged: bool, reverses: str | None,
) -> Fact:  # fmt: skip
    """A posting by its fields; `booked` has a zone."""
    row = {
        "amount_minor": amount,
        "direction": direction,
        "kind": kind,
        "channel": channel,
        "account_kind": account_kind,
        "business_date": day,
        "booked_at": None if booked is None else booked.astimezone(UTC).replace(tzinfo=None),
        "new_money": not flagged and reverses is None,
        "behaviour": None,
        "product": None,
        "step": None,
        "seconds": None,
    }
    deposit = account_kind in DEPOSITS
    net = (amount if direction == Direction.CREDIT else -amount) if deposit else 0
    return Fact(ordinal(day), moment(day, booked), key, "postings", row, amount, net, deposit, account, reverses)


def of_behaviour(key: str, day: date, at: datetime, fields: Row) -> Fact:
    """A behaviour as a fact; `fields` are `behaviour`, `product`, `step`, `channel`, `seconds`, as far as they are."""
    row = _NO_POSTING | _NO_BEHAVIOUR | dict(fields) | {"business_date": day}
    return Fact(ordinal(day), moment(day, at), key, "behaviours", row)


def moment(day: date, at: datetime | None) -> int:
    """When it was, in microseconds from the noon (UTC) of its business day; 0 where that is not known."""
    if at is None:
        return 0
    offset: int = (at - _noon(day)) // _MICROSECOND
    return offset if -FARTHEST <= offset <= FARTHEST else 0


@lru_cache(maxsize=4096)
def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


@lru_cache(maxsize=4096)
def ordinal(day: date) -> int:
    """The day as an ordinal; the same few days come again and again."""
    return day.toordinal()
