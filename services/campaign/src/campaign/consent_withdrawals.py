"""What a withdrawal of consent ends at once: tasks, opportunities and held contacts that it covers (P-12, R-04, R-22).

Both arms alike, so that they stay comparable: who was assigned stays in the experiment, by intention to treat (X12).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from attune_contracts.campaign import OpportunityOpened, OpportunityState
from attune_service_kit.database import Transaction
from campaign import consents, turns
from campaign.sql import Conn

WITHDRAWN = "consent_withdrawn"
SWITCHED_OFF = "personalisation_off"
AT_ONCE = 500

_KIND = "(SELECT product_kind FROM campaign c WHERE c.code = {row}.campaign ORDER BY c.version DESC LIMIT 1)"
_LIVE = "('open', 'escalated', 'held_out', 'deferred')"
# Picking customers by their behaviour ends where they have refused it, as at an opportunity's opening.
_NOT_PICKED = """
EXISTS (SELECT FROM proj_consent n WHERE n.customer_id = {row}.customer_id AND n.purpose = 'personalised_decision'
        AND NOT n.granted)"""
_OFF = "EXISTS (SELECT FROM proj_party y WHERE y.customer_id = {row}.customer_id AND NOT y.personalisation)"


def _against_will(row: str) -> str:
    """Whether what a task or an opportunity stands for is something the customer does not, or no longer, agree to."""
    may = f"contact_permitted({row}.customer_id, {row}.channel, {_KIND.format(row=row)}) IS NOT TRUE"
    return f"({may} OR {_NOT_PICKED.format(row=row)} OR {_OFF.format(row=row)})"


_BLOCKED_TASKS = f"""
SELECT t.id FROM task t
WHERE t.customer_id = ANY ($1::uuid[]) AND t.state IN ('open', 'claimed') AND {_against_will("t")}
"""  # noqa: S608 - conditions of ours
_END = f"""
WITH ending AS (
    SELECT o.id FROM opportunity o
    WHERE o.customer_id = ANY ($1::uuid[]) AND o.state IN {_LIVE}
      AND (o.task_id = ANY ($2::uuid[]) OR {_against_will("o")})
    ORDER BY o.id FOR UPDATE
)
UPDATE opportunity o SET state = 'suppressed', due = o.expires_at,
       reason = CASE WHEN {_OFF.format(row="o")} THEN '{SWITCHED_OFF}' ELSE '{WITHDRAWN}' END
FROM ending e WHERE o.id = e.id
RETURNING o.id, o.customer_id, o.detection_id, o.reason, o.task_id, o.escalates_at, o.expires_at
"""  # noqa: S608 - conditions of ours
_CLOSE = """
UPDATE task t SET state = 'closed', disposition = $3, completed_at = $2
WHERE t.id = ANY ($1::uuid[]) AND t.state IN ('open', 'claimed')
  AND NOT EXISTS (SELECT FROM opportunity o WHERE o.task_id = t.id AND o.state IN ('open', 'escalated'))
RETURNING t.contact_id, t.customer_id"""
_RELEASE = """
UPDATE contact k SET state = 'released', hold_until = NULL, disposition = $3
WHERE k.customer_id = ANY ($1::uuid[]) AND k.state = 'reserved' AND k.message_class = 'marketing' AND (
    k.id = ANY ($2::uuid[]) OR (k.campaign IS NOT NULL OR k.direction = 'outbound') AND EXISTS (
        SELECT FROM unnest(contact_kinds(k.id, k.campaign)) kind
        WHERE contact_permitted(k.customer_id, k.channel, kind) IS NOT TRUE))
RETURNING k.customer_id"""
_WAITING = f"""
SELECT DISTINCT customer_id FROM (
    SELECT customer_id FROM opportunity o WHERE o.state IN {_LIVE}
    UNION ALL SELECT customer_id FROM contact k WHERE k.state = 'reserved' AND k.hold_until > clock_timestamp()
) live WHERE $1::uuid IS NULL OR customer_id > $1 ORDER BY 1 LIMIT $2
"""  # noqa: S608 - a list of ours


async def end(tx: Transaction, customers: Sequence[UUID]) -> int:
    """End what these customers no longer agree to; return how many opportunities, tasks and contacts that were.

    The caller shares its turn or is alone, see `turns`; what depends on the customers is locked by `consents.lock`.
    """
    if not customers:
        return 0
    wanted = list(customers)
    blocked = [row[0] for row in await tx.conn.fetch(_BLOCKED_TASKS, wanted)]
    ended = await tx.conn.fetch(_END, wanted, blocked)
    idle = list({*blocked, *(row["task_id"] for row in ended if row["task_id"])})
    closed = await tx.conn.fetch(_CLOSE, idle, tx.now, WITHDRAWN)
    released = await tx.conn.fetch(_RELEASE, wanted, [row["contact_id"] for row in closed], WITHDRAWN)
    for row in ended:
        tx.emit(_suppressed(row))
    counts: dict[UUID, Counter[str]] = defaultdict(Counter)
    for what, rows in (("opportunities", ended), ("tasks", closed), ("contacts", released)):
        for row in rows:
            counts[row["customer_id"]][what] += 1
    for customer, detail in counts.items():
        await tx.audit("contacts.ended", "customer", customer, detail=detail)
    return sum(sum(detail.values()) for detail in counts.values())


async def waiting(conn: Conn, after: UUID | None) -> list[UUID]:
    """The next customers for whom something is open or held: those whom a bulk load of consents may concern."""
    return [row[0] for row in await conn.fetch(_WAITING, after, AT_ONCE)]


async def end_after_load(tx: Transaction, customers: Sequence[UUID]) -> int:
    """The same for the job that has loaded everybody's consents: it takes its turn alone."""
    await turns.alone(tx.conn)
    await consents.lock(tx.conn, customers)
    return await end(tx, customers)


def _suppressed(row: Any) -> OpportunityOpened:
    return OpportunityOpened(
        customer_id=row["customer_id"],
        opportunity_id=row["id"],
        detection_id=row["detection_id"],
        state=OpportunityState.SUPPRESSED,
        reason=row["reason"],
        escalates_at=row["escalates_at"],
        expires_at=row["expires_at"],
    )
