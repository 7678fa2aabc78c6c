"""What is masked elsewhere, in full: for a reason out of a list, only the fields asked for, and always on record."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from attune_service_kit.database import Scope, Transaction
from attune_service_kit.errors import Invalid
from customer_360 import subjects
from customer_360.identity import OF_ALL_RECORDS, TOGETHER, Identities, Identity

Field = Literal["name", "phone", "document", "address"]
Reason = Literal["contact_customer", "verify_identity", "correct_data", "complaint", "merge_review", "own_data"]

_SEALED = f"""
SELECT {TOGETHER} FROM (SELECT $1::uuid AS customer_id) p CROSS JOIN (SELECT $2::uuid[] AS ids) m
{OF_ALL_RECORDS}
"""  # noqa: S608 - this package's own text


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
    [row] = await tx.conn.fetch(_SEALED, subject.customer_id, subject.ids)
    asked = sorted(set(fields))
    await tx.audit("identity.disclosed", "party", subject.customer_id, detail={"fields": asked, "reason": reason})
    return subject.customer_id, keys.open_first(row, asked)
