"""Visits: who has a foreign customer before them may serve that one customer for half an hour (X23).

The customer shows a document, or names an account or card; only an exact match opens a visit. It counts wall time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import structlog

from attune_contracts.customer_360 import VisitOpened
from attune_contracts.identifiers import new_id
from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Forbidden, NotFound
from customer_360.identity import Identities

LASTS = timedelta(minutes=30)
"""How long a visit is open."""

Kind = Literal["document", "account", "card"]
Reason = Literal["counter_service", "identity_check", "account_opening", "complaint"]

log = structlog.get_logger(__name__)

# Whoever it is among all customers of the bank: two where it is nobody in particular.
_PRESENTED = "SELECT DISTINCT p.customer_id FROM unnest($3::bytea[]) AS k, presented_by($1, $2, k) p"
_OPEN = """
INSERT INTO visit (visit_id, customer_id, subject, branch_id, reason, opened_at, until)
VALUES ($1, $2, $3, $4, $5, now(), now() + $6) RETURNING until"""


class NobodyFound(NotFound):
    """What was presented belongs to no customer, or to more than one."""

    code = "nobody_found"


class NotAtABranch(Forbidden):
    """Visits are for those who sit at a branch: others see their customers anyway, or none."""

    code = "not_at_a_branch"


@dataclass(frozen=True)
class Visit:
    """An open visit."""

    visit_id: UUID
    customer_id: UUID
    until: datetime


async def open_visit(
    tx: Transaction, caller: Caller, keys: Identities, kind: Kind, number: str, reason: Reason
) -> Visit:
    """Open the customer to the caller for LASTS, on record, and say so; NotAtABranch or NobodyFound."""
    if caller.scope.kind != "branch":
        raise NotAtABranch("only staff of a branch open visits", "仅网点员工可登记客户到访")
    documents: list[bytes | None] = [*keys.document_keys(number)] or [None]
    found = await tx.conn.fetch(_PRESENTED, kind, number.strip(), documents)
    if len(found) != 1:
        log.warning("visit_refused", subject=caller.subject, kind=kind)
        raise NobodyFound("what was presented is not known", "未找到对应的客户")
    visit_id, customer_id = new_id(), found[0][0]
    until = await tx.conn.fetchval(_OPEN, visit_id, customer_id, caller.subject, caller.branch, reason, LASTS)
    tx.emit(VisitOpened(customer_id=customer_id, visit_id=visit_id, teller=caller.subject, until=until))
    await tx.audit("visit.opened", "party", customer_id, detail={"visit_id": visit_id, "kind": kind, "reason": reason})
    return Visit(visit_id, customer_id, until)
