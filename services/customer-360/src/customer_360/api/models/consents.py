"""Consent."""

from datetime import date

from pydantic import BaseModel

from attune_contracts.consent import Basis, Channel, ProductKind, Purpose


class ConsentView(BaseModel):
    """A decision of the customer that holds. A purpose that is not listed is unknown, and that means no.

    Of marketing contacts one channel or one product kind may have a decision of its own: the most specific one holds,
    null stands for all of them.
    """

    purpose: Purpose
    channel: Channel | None
    product_kind: ProductKind | None
    granted: bool
    basis: Basis
    evidence: str
    notice_version: int | None
    since: date
