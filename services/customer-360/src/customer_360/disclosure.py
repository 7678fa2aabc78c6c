"""What is masked elsewhere, in full: for a reason out of a list, only the fields asked for, and always on record."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from attune_service_kit.database import Scope, Transaction
from attune_service_kit.errors import Invalid
from customer_360 import subjects
from customer_360.identity import Identities, Identity

Field = Literal["name", "phone", "document", "address"]
Reason = Literal["contact_customer", "verify_identity", "correct_data", "complaint", "merge_review", "own_data"]

_SEALED = "SELECT name, phone, document, address FROM party_identity WHERE customer_id = $1"


class ReasonRefused(Invalid):
    """The reason is not one that this caller can have."""

    code = "reason_refused"


async def disclose(
    tx: Transaction, scope: Scope, keys: Identities, customer_id: UUID, fields: Sequence[Field], reason: Reason
) -> tuple[UUID, Identity]:
    """The customer who answers to the id, and the fields asked for in full; the others are None.

    NotFound, or ReasonRefused: `own_data` is the customer's own reason, and theirs alone.
    """
    if (reason == "own_data") != (scope.kind == "customer"):
        raise ReasonRefused("this is no reason for this caller", "该查看理由不适用于当前用户")
    subject = await subjects.find(tx.conn, scope, customer_id)
    rows = await tx.conn.fetch(_SEALED, subject.customer_id)
    whole = keys.open(subject.customer_id, dict(rows[0])) if rows else Identity()
    asked = sorted(set(fields))
    await tx.audit("identity.disclosed", "party", subject.customer_id, detail={"fields": asked, "reason": reason})
    return subject.customer_id, Identity(**{name: getattr(whole, name) for name in asked})
