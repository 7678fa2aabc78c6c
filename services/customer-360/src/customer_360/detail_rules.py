"""Which particulars of a customer there are, who is their source, and when they have gone stale (M-74). Pure."""

from collections.abc import Mapping, Set
from datetime import datetime
from typing import Literal

from customer_360.months import months_before

Detail = Literal[
    "job", "employer", "income_band", "marital_status", "education", "phone", "address", "email",
]  # fmt: skip
PLAIN: tuple[Detail, ...] = ("job", "employer", "income_band", "marital_status", "education")
CONTACT: tuple[Detail, ...] = ("phone", "address", "email")
IDENTITY: tuple[Detail, ...] = ("phone", "address")
"""Those that lie with the name and are found by search."""

Source = Literal["bank", "manager", "customer", "import"]
Freshness = Literal["fresh", "stale"]

MANAGERS = frozenset({"relationship_manager", "branch_manager"})

MONTHS: Mapping[Detail, int] = {
    "job": 12, "employer": 12, "income_band": 12, "marital_status": 36, "education": 60, "phone": 12, "address": 12,
    "email": 12,
}  # fmt: skip
"""How long a value is fresh, unless the bank says otherwise."""


def source_of(roles: Set[str], own: bool) -> Source:
    """Whose word it is: the customer's, the manager's, or that of anybody else at the bank."""
    if own:
        return "customer"
    return "manager" if roles & MANAGERS else "bank"


def freshness(updated_at: datetime, since: datetime) -> Freshness:
    """Whether a value that was confirmed then can still be relied on; `since` is the field's, see `fresh_since`."""
    return "fresh" if updated_at >= since else "stale"


def fresh_since(now: datetime, differing: Mapping[Detail, int]) -> dict[Detail, datetime]:
    """From when on a word is fresh, by field; `differing` = the months of fields for which the bank has set others."""
    return {name: months_before(now, months) for name, months in {**MONTHS, **differing}.items()}


def masked_email(address: str) -> str:
    """The first letter and the domain: `z***@example.com`."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}***@{domain}"
