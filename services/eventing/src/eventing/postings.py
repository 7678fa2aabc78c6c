"""A posting of the ledger as the rules see it."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from pydantic import ValidationError

from attune_contracts.ledger import AccountKind, Direction, TransactionPosted
from eventing import facts
from eventing.facts import DEPOSITS, Place, ordinal
from eventing.judging import Movement

# A date far back is a fault of the sender, and six months before it must be a date, too.
EARLIEST = date(1900, 1, 1)
Obstacle = Literal["direction", "account_kind", "flags", "reverses"]
OBSTACLES: tuple[Obstacle, ...] = ("direction", "account_kind", "flags", "reverses")


class UnreadablePosting(Exception):
    """The event's data does not meet the contract; the message names the fields, never their content."""


def read(data: Mapping[str, Any]) -> TransactionPosted:
    """The posting behind an event's data. Tolerant: unknown fields are ignored. Raises UnreadablePosting."""
    try:
        posting = TransactionPosted.model_validate(data, extra="ignore")
    except ValidationError as error:
        places = {".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False, include_url=False)}
        raise UnreadablePosting(f"not as the contract has it: {', '.join(sorted(places))}") from None
    if posting.business_date < EARLIEST:
        raise UnreadablePosting("the business date lies before every bank's ledger")
    return posting


def is_deposit(posting: TransactionPosted) -> bool:
    """Whether it moves the balance that X37 compares with."""
    return posting.account_kind in DEPOSITS


def obstacle(posting: TransactionPosted) -> Obstacle | None:
    """What first keeps a posting from being new money on a demand account (X37); None if it may fire."""
    if posting.direction is not Direction.CREDIT:
        return "direction"
    if posting.account_kind is not AccountKind.DEMAND:
        return "account_kind"
    if posting.flags:
        return "flags"
    if posting.reverses is not None:
        return "reverses"
    return None


def movement(posting: TransactionPosted) -> Movement:
    """The posting as a movement; a candidate is new money on a demand account."""
    credit = posting.direction is Direction.CREDIT
    return Movement(
        ordinal(posting.business_date),
        posting.posting_id,
        posting.amount_minor if credit else -posting.amount_minor,
        obstacle(posting) is None,
        posting.reverses,
        posting.account_id.bytes,
        facts.moment(posting.business_date, posting.booked_at),
        posting.amount_minor,
        is_deposit(posting),
    )


def place(posting: TransactionPosted) -> Place:
    """Where it stands among its subject's facts."""
    return ordinal(posting.business_date), facts.moment(posting.business_date, posting.booked_at), posting.posting_id
