"""Whether what was decided may still be shown: consent and risk rating may have changed since (P-12, R-14)."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict
from campaign import consents
from campaign.contact_policy import direction
from campaign.contacts import ContactRefused
from campaign.plans import Plans
from campaign.suitability import RiskRating, unsuitable
from campaign.texts import NO_CONSENT

_RATING = "SELECT risk_rating, risk_rated_on, risk_valid_until FROM proj_party WHERE customer_id = $1"


class NoLongerSuitable(Conflict):
    """The customer's risk rating has changed or expired since the decision: decide anew."""

    code = "not_suitable"


async def check(tx: Transaction, plan: Plans, decision: Any, offers: Sequence[str], zone: str) -> None:
    """Hold the decision's offers against what is known now. The contact is reserved, so the customer is locked.

    Who comes by themselves may be told of everything that suits them. ContactRefused, NoLongerSuitable.
    """
    shown = [offer for offer in plan.catalogue.marketing if offer.code in offers]
    if direction(decision["channel"]) == "outbound":
        kinds = [offer.product_kind for offer in shown]
        if not await consents.permits(tx.conn, decision["customer_id"], decision["channel"], kinds):
            raise ContactRefused(NO_CONSENT["en"], NO_CONSENT["zh"], reason=consents.NO_CONSENT)
    row = await tx.conn.fetchrow(_RATING, decision["customer_id"])
    rating = RiskRating(*row) if row else RiskRating(None, None)
    today = tx.now.astimezone(ZoneInfo(zone)).date()
    for offer in shown:
        if (text := unsuitable(offer.risk_level, offer.product_kind, rating, today)) is not None:
            raise NoLongerSuitable(
                "the offer no longer suits the customer", "该产品已不再适合客户", offer=offer.code, why=text
            )
