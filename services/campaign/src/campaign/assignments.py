"""Who was assigned to which arm: the population of a campaign's result (X12, X14)."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from attune_service_kit.reads import Queryable

# A customer's first opportunity that came as far as the arm; later ones change nothing. Detections that a repair has
# withdrawn count for neither arm: the ledger withdraws them, whatever the arm.
FIRST_ASSIGNED = """
SELECT DISTINCT ON (customer_id) customer_id, arm, business_date, control_share_bp FROM opportunity
WHERE campaign = $1 AND assigned AND withdrawn_at IS NULL
ORDER BY customer_id, business_date, opened_at, id"""

_PAGE = """
SELECT DISTINCT ON (customer_id) customer_id, arm, business_date FROM opportunity
WHERE campaign = $1 AND assigned AND withdrawn_at IS NULL AND ($2::uuid IS NULL OR customer_id > $2)
ORDER BY customer_id, business_date, opened_at, id LIMIT $3"""


@dataclass(frozen=True)
class Assignment:
    """One customer's arm, and the business day of the opportunity that brought it."""

    customer_id: UUID
    arm: str
    business_date: date


async def page(conn: Queryable, campaign: str, after: UUID | None, limit: int) -> list[Assignment]:
    """Assignments in the order of the customers' ids."""
    return [Assignment(*row) for row in await conn.fetch(_PAGE, campaign, after, limit)]
