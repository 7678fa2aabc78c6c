"""What the bank's ledger says. The producer is the bank's core; eventing's intake speaks for it (X4)."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from attune_contracts.envelope import CustomerData

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
BankId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Minor = Annotated[int, Field(ge=0, le=10**13)]


class Direction(StrEnum):
    """Seen from the customer: a credit raises the balance."""

    CREDIT = "credit"
    DEBIT = "debit"


class Flag(StrEnum):
    """Why a credit is no new money, or that a posting undoes another (X37)."""

    OWN_TRANSFER = "own_transfer"
    MATURITY = "maturity"
    LOAN_PAYOUT = "loan_payout"
    REVERSAL = "reversal"


class AccountKind(StrEnum):
    """What an account is to the rules: demand and time accounts are deposits."""

    DEMAND = "demand"
    TIME = "time"
    WEALTH = "wealth"
    LOAN = "loan"
    CARD = "card"


class TransactionPosted(CustomerData):
    """One posting on one account. Travels on LEDGER, readable by eventing only. C2."""

    TYPE: ClassVar[str] = "ledger.transaction.posted.v1"

    posting_id: BankId
    account_id: UUID
    business_date: date
    booked_at: datetime | None = None
    direction: Direction
    amount_minor: Minor
    currency: Currency
    kind: Code
    channel: Code | None = None
    flags: tuple[Flag, ...] = ()
    reverses: BankId | None = None
    account_kind: AccountKind = AccountKind.DEMAND
    origin: Literal["live", "replay"] = "live"
    # The replay that sent it: what an abandoned replay left on the stream is no longer applied.
    run: UUID | None = None
