"""Opportunities that wait, as campaign tells of them: a reason to call (X10, X11)."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from attune_contracts.campaign import OpportunityOpened, OpportunityState
from attune_service_kit.database import Transaction

# A detection may be withdrawn before its opportunity is told of: what is withdrawn waits for nobody.
_OPEN = """
INSERT INTO open_opportunity AS o (opportunity_id, customer_id, detection_id, escalated, expires_at)
SELECT $1::uuid, $2::uuid, $3::uuid, false, $4::timestamptz WHERE NOT EXISTS (
    SELECT FROM timeline_entry WHERE customer_id = $2 AND kind = 'detection' AND key = $3::uuid::text || '/withdrawn'
        AND at >= $5::timestamptz)
ON CONFLICT (opportunity_id) DO UPDATE SET escalated = false, expires_at = excluded.expires_at"""


async def opened(tx: Transaction, told: Sequence[tuple[OpportunityOpened, datetime]]) -> None:
    """Keep those that are open, and drop those that are no longer: the last word holds. In order of their events."""
    for opportunity, at in told:
        if opportunity.state is OpportunityState.OPEN:
            await tx.conn.execute(
                _OPEN,
                opportunity.opportunity_id,
                opportunity.customer_id,
                opportunity.detection_id,
                opportunity.expires_at,
                at,
            )
        else:
            await ended(tx, [opportunity.opportunity_id])


async def escalated(tx: Transaction, opportunity_ids: Sequence[UUID]) -> None:
    """Nobody has acted for a day."""
    await tx.conn.execute(
        "UPDATE open_opportunity SET escalated = true WHERE opportunity_id = ANY ($1::uuid[])", list(opportunity_ids)
    )


async def ended(tx: Transaction, opportunity_ids: Sequence[UUID]) -> None:
    """Somebody has acted, or time has run out."""
    await tx.conn.execute("DELETE FROM open_opportunity WHERE opportunity_id = ANY ($1::uuid[])", list(opportunity_ids))


async def withdrawn(tx: Transaction, detection_ids: Sequence[UUID]) -> None:
    """What was detected was untrue after all."""
    await tx.conn.execute("DELETE FROM open_opportunity WHERE detection_id = ANY ($1::uuid[])", list(detection_ids))
