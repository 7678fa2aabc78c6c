"""What kinds of events a timeline has, and who may read which: pure."""

from typing import Literal, get_args

Kind = Literal["detection", "contact", "response", "consent", "profile", "risk", "import"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# What the bank detects and loads is its own affair; the rest the customer may read.
FOR_CUSTOMERS: tuple[Kind, ...] = ("contact", "response", "consent", "profile", "risk")
# What somebody does by their own account is not read of a customer who wants no personalisation.
BEHAVIOUR: tuple[Kind, ...] = ("detection",)


def visible(own: bool, personalisation: bool) -> list[Kind]:
    """The kinds that may be shown: to the customer themselves, or to staff."""
    return [k for k in (FOR_CUSTOMERS if own else KINDS) if personalisation or k not in BEHAVIOUR]
