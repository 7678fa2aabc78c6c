"""What a consent is about, and what a customer's consents together permit (X21): pure, the same for every service."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

Purpose = Literal["personalised_decision", "marketing_contact", "survey", "third_party"]
Channel = Literal["counter", "mobile", "call_centre", "relationship_manager", "sms", "push", "email", "mail"]
ProductKind = Literal["demand_deposit", "time_deposit", "wealth", "fund", "insurance", "loan", "card"]
Basis = Literal["decision", "default"]
"""The customer's own word, or what an agreement with the bank says where the customer has said nothing."""

PURPOSES: tuple[Purpose, ...] = ("personalised_decision", "marketing_contact", "survey", "third_party")
CHANNELS: tuple[Channel, ...] = (
    "counter", "mobile", "call_centre", "relationship_manager", "sms", "push", "email", "mail",
)  # fmt: skip
PRODUCT_KINDS: tuple[ProductKind, ...] = (
    "demand_deposit", "time_deposit", "wealth", "fund", "insurance", "loan", "card",
)  # fmt: skip

ANY = "*"
"""Every channel, every product kind: what a consent covers that names none. Stands in keys, which have no NULL."""

# The one purpose that may name a channel or a product kind.
DIVISIBLE: Purpose = "marketing_contact"


MARKETING_AGE = 14
"""Nobody younger is marketed to, on any channel, whatever is agreed to in their name (R-05)."""


def too_young(birth_date: date | None, day: date) -> bool:
    """Whether a customer is under MARKETING_AGE on this day; of somebody whose birth date is unknown: no."""
    if birth_date is None:
        return False
    birthday = (day.month, day.day) >= (birth_date.month, birth_date.day)
    return day.year - birth_date.year - (not birthday) < MARKETING_AGE


@dataclass(frozen=True, slots=True)
class Given:
    """One decision of a customer about one purpose: `granted` for a channel and a product kind, or for all of them."""

    channel: str
    product_kind: str
    granted: bool


def permitted(given: Iterable[Given], channel: str, product_kind: str | None) -> bool | None:
    """Whether these decisions, all of one purpose, permit this; None = unknown, and that means no.

    The most specific decision that covers it holds; of two that are equally specific a refusal holds. A contact that is
    about no single product kind is covered by decisions about all kinds only.
    """
    covering = [g for g in given if g.channel in (ANY, channel) and g.product_kind in (ANY, product_kind or ANY)]
    if not covering:
        return None
    finest = max(_specific(g) for g in covering)
    return all(g.granted for g in covering if _specific(g) == finest)


def _specific(given: Given) -> int:
    return (given.channel != ANY) + (given.product_kind != ANY)
