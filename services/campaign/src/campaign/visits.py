"""Visits: customer-360 opens a foreign customer to one teller for a while; decisions and answers honour it (X23)."""

from collections.abc import Sequence

from attune_contracts.customer_360 import VisitOpened
from attune_service_kit.database import Transaction

_ADD = """
INSERT INTO visit (visit_id, customer_id, subject, until)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) ON CONFLICT DO NOTHING"""
_FORGET = "DELETE FROM visit WHERE until < now() - interval '1 day'"


async def opened(tx: Transaction, told: Sequence[VisitOpened]) -> None:
    """Remember visits, and forget those of yesterday."""
    columns = zip(*((v.visit_id, v.customer_id, v.teller, v.until) for v in told), strict=True)
    await tx.conn.execute(_ADD, *map(list, columns))
    await tx.conn.execute(_FORGET)
