"""What a look at the contact policy needs to know of a customer, as two SQL functions tell it in JSON.

They see the whole household and every holder of the customer's accounts, whatever branch the caller belongs to.
"""

from datetime import datetime, time, timedelta
from uuid import UUID

import orjson

from attune_service_kit.reads import Queryable
from campaign.contact_policy import PastContact, Suppression
from campaign.sql import one

LONGEST_LOOK = timedelta(days=366)

_READ = "SELECT contact_history($1, $2)::text AS contacts, suppressions_of($1, $3)::text AS suppressions"


async def of(
    conn: Queryable, customer_id: UUID, now: datetime
) -> tuple[tuple[PastContact, ...], tuple[Suppression, ...]]:
    """The contacts that count for a customer, and whether somebody is not to be contacted."""
    row = await one(conn, _READ, customer_id, now - LONGEST_LOOK, now)
    return contacts(row["contacts"]), suppressions(row["suppressions"])


def contacts(text: str | None) -> tuple[PastContact, ...]:
    """Read the answer of contact_history()."""
    return tuple(
        PastContact(channel, datetime.fromisoformat(at), outbound, own, household, tuple(accounts))
        for channel, at, outbound, own, household, accounts in orjson.loads(text or "[]")
    )


def suppressions(text: str | None) -> tuple[Suppression, ...]:
    """Read the answer of suppressions_of()."""
    return tuple(
        Suppression(
            level,
            channel,
            datetime.fromisoformat(starts),
            None if ends is None else datetime.fromisoformat(ends),
            None if start is None else (time.fromisoformat(start), time.fromisoformat(end)),
            reason,
            source,
        )
        for level, channel, starts, ends, start, end, reason, source in orjson.loads(text or "[]")
    )
