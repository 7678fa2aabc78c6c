"""The operations on books. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal

from attune_client.base import OPEN, Operations, pages
from attune_client.generated import schemas


class Books(Operations):
    """Operations on books."""

    async def assign(
        self, branch_id: str, body: schemas.Assignments, *, idempotency_key: str | None = None
    ) -> schemas.Assigned:
        """Give many customers their managers. Move the customers, all or none, and tell everybody. Scope:
        books:write.
        """
        return await self._call(
            schemas.Assigned,
            "POST",
            "/v1/branches/{branch_id}/assignments",
            at={"branch_id": branch_id},
            body=body,
            key=idempotency_key or uuid.uuid4().hex,
        )

    async def unassigned(
        self, branch_id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> schemas.CustomerSummaryPage:
        """The customers of a branch who have no manager. List customers of the branch and those below it, by id, who
        have no manager or one who has left. Scope: customers:read.
        """
        return await self._call(
            schemas.CustomerSummaryPage,
            "GET",
            "/v1/branches/{branch_id}/unassigned-customers",
            at={"branch_id": branch_id},
            params={"limit": limit, "cursor": cursor},
        )

    def iterate_unassigned(self, branch_id: str, *, limit: int | None = None) -> AsyncIterator[schemas.CustomerSummary]:
        """Every item of `unassigned`, page after page."""
        return pages(lambda cursor: self.unassigned(branch_id, limit=limit, cursor=cursor))

    async def mine(
        self,
        *,
        reason: Sequence[
            Annotated[
                Literal[
                    "open_opportunity",
                    "maturing_holding",
                    "risk_rating_expiring",
                    "birthday",
                    "silence",
                    "stale_contact_data",
                ],
                OPEN,
            ]
        ]
        | None = None,
        sort: Annotated[Literal["reason", "assets", "name"], OPEN] | None = None,
        employee_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> schemas.MyCustomerPage:
        """My customers, with reasons to call. List the caller's own book; a branch manager's whole branch, or one
        manager's book of it. Scope: customers:read.
        """
        return await self._call(
            schemas.MyCustomerPage,
            "GET",
            "/v1/my-customers",
            params={"reason": reason, "sort": sort, "employee_id": employee_id, "limit": limit, "cursor": cursor},
        )

    def iterate_mine(
        self,
        *,
        reason: Sequence[
            Annotated[
                Literal[
                    "open_opportunity",
                    "maturing_holding",
                    "risk_rating_expiring",
                    "birthday",
                    "silence",
                    "stale_contact_data",
                ],
                OPEN,
            ]
        ]
        | None = None,
        sort: Annotated[Literal["reason", "assets", "name"], OPEN] | None = None,
        employee_id: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[schemas.MyCustomer]:
        """Every item of `mine`, page after page."""
        return pages(
            lambda cursor: self.mine(reason=reason, sort=sort, employee_id=employee_id, limit=limit, cursor=cursor)
        )

    async def unassigned_report(
        self, *, branch: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> schemas.UnassignedCountPage:
        """How many customers of each branch have no manager. Count by branch, in the order of their ids, within the
        caller's scope. Scope: customers:read.
        """
        return await self._call(
            schemas.UnassignedCountPage,
            "GET",
            "/v1/unassigned-customers",
            params={"branch": branch, "limit": limit, "cursor": cursor},
        )

    def iterate_unassigned_report(
        self, *, branch: str | None = None, limit: int | None = None
    ) -> AsyncIterator[schemas.UnassignedCount]:
        """Every item of `unassigned_report`, page after page."""
        return pages(lambda cursor: self.unassigned_report(branch=branch, limit=limit, cursor=cursor))
