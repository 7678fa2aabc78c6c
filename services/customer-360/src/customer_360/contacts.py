"""When customers were last in contact with the bank."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from attune_service_kit.database import Transaction

_SEEN = """
INSERT INTO last_contact AS l (customer_id, at)
SELECT customer_id, max(at) FROM unnest($1::uuid[], $2::timestamptz[]) AS s (customer_id, at)
GROUP BY customer_id ORDER BY customer_id
ON CONFLICT (customer_id) DO UPDATE SET at = excluded.at WHERE excluded.at > l.at"""


async def seen(tx: Transaction, contacts: Sequence[tuple[UUID, datetime]]) -> None:
    """Keep the latest of each customer's contacts."""
    await tx.conn.execute(_SEEN, [customer for customer, _ in contacts], [at for _, at in contacts])
