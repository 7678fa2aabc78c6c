"""What customer-360 says."""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from attune_contracts.consent import Channel, ProductKind, Purpose
from attune_contracts.envelope import CustomerData, Data
from attune_contracts.ledger import AccountKind
from attune_contracts.pointer import Pointer


class OwnedAccount(BaseModel):
    """An account as its OWNER's profile carries it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account_id: UUID
    kind: AccountKind
    opening_balance_minor: int = 0


class ProfileChanged(CustomerData):
    """The customer's whole non-personal state and its version: a receiver applies what is newer (X7)."""

    TYPE: ClassVar[str] = "customer_360.profile.changed.v1"

    version: Annotated[int, Field(ge=1)]
    party_kind: Literal["person", "organisation", "prospect"]
    branch_id: str | None = None
    manager_id: str | None = None
    birth_date: date | None = None
    risk_rating: str | None = None
    risk_rated_on: date | None = None
    # None = twelve months from the day of the rating, the longest that one may hold.
    risk_valid_until: date | None = None
    personalisation: bool = True
    household_id: str | None = None
    accounts: tuple[OwnedAccount, ...] = ()
    products: tuple[str, ...] = ()


class ConsentState(BaseModel):
    """What holds for one purpose. Marketing contacts may be divided: None = every channel, every product kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: Purpose
    channel: Channel | None = None
    product_kind: ProductKind | None = None
    granted: bool
    since: date


class ConsentChanged(CustomerData):
    """All of the customer's consents as they now stand, and their version: a receiver applies what is newer (X7).

    What is not listed is unknown, and that means no (X21); see `consent.permitted`.
    """

    TYPE: ClassVar[str] = "customer_360.consent.changed.v1"

    version: Annotated[int, Field(ge=1)]
    consents: tuple[ConsentState, ...]


class VisitOpened(CustomerData):
    """A customer of another branch is at the counter: this teller may serve them until then, in wall time (X23)."""

    TYPE: ClassVar[str] = "customer_360.visit.opened.v1"

    visit_id: UUID
    teller: str
    until: AwareDatetime


class PartyMerged(CustomerData):
    """Two records are one customer: from now on `alias_id` answers as `customer_id` (X22).

    The survivor is the older one, whose arms go on. Its state follows as profile and consent changes of their own.
    """

    TYPE: ClassVar[str] = "customer_360.party.merged.v1"

    alias_id: UUID


class PartyUnmerged(CustomerData):
    """They were two customers after all: `alias_id` answers for itself again, and no longer as `customer_id`."""

    TYPE: ClassVar[str] = "customer_360.party.unmerged.v1"

    alias_id: UUID


class ImportCompleted(Data):
    """All datasets of one import that customer-360 owns have been written and published."""

    TYPE: ClassVar[str] = "customer_360.import.completed.v1"

    import_id: UUID
    pointers: tuple[Pointer, ...]

    def subject(self) -> str:
        """Return the import's id: an import is about no single customer."""
        return str(self.import_id)
