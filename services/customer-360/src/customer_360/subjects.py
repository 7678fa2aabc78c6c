"""Whom a request is about: the one way in which use cases find a customer within the caller's scope."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from attune_service_kit.database import Scope
from customer_360 import visibility
from customer_360.view import unknown_customer

_FIND = f"""
SELECT p.customer_id, m.ids, p.personalisation FROM {visibility.ANSWERING} WHERE {visibility.of_answering(2)}
"""  # noqa: S608 - the condition is this package's own text


@dataclass(frozen=True)
class Subject:
    """The customer who answers to an id, and all the ids that answer as this customer."""

    customer_id: UUID
    ids: list[UUID]
    personalisation: bool


async def find(conn: Any, scope: Scope, customer_id: UUID, *, lock: bool = False) -> Subject:
    """Find a customer, and with `lock` hold the row until the commit; NotFound if unknown or out of scope.

    A customer whom the caller has before them is within the scope.
    """
    tail = " FOR NO KEY UPDATE OF p" if lock else ""
    row = await conn.fetchrow(_FIND + tail, customer_id, *visibility.arguments(scope))
    if row is None:
        raise unknown_customer()
    return Subject(**dict(row))
