"""The operations on branches. Generated from the merged OpenAPI document by `make openapi`; do not edit."""

from collections.abc import AsyncIterator

from attune_client.base import Operations, pages
from attune_client.generated import schemas


class Branches(Operations):
    """Operations on branches."""

    async def list(
        self, *, parent: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> schemas.BranchViewPage:
        """The branches that the caller may see. List branches by id: all for the whole bank, the own one and those
        below it for a branch, none for a customer. Scope: customers:read.
        """
        return await self._call(
            schemas.BranchViewPage, "GET", "/v1/branches", params={"parent": parent, "limit": limit, "cursor": cursor}
        )

    def iterate(self, *, parent: str | None = None, limit: int | None = None) -> AsyncIterator[schemas.BranchView]:
        """Every item of `list`, page after page."""
        return pages(lambda cursor: self.list(parent=parent, limit=limit, cursor=cursor))

    async def employees_book(
        self, employee_id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> schemas.CustomerSummaryPage:
        """A relationship manager's book of business. List the customers whom the employee manages, within the
        caller's scope, in the order of their ids. Scope: customers:read.
        """
        return await self._call(
            schemas.CustomerSummaryPage,
            "GET",
            "/v1/employees/{employee_id}/customers",
            at={"employee_id": employee_id},
            params={"limit": limit, "cursor": cursor},
        )

    def iterate_employees_book(
        self, employee_id: str, *, limit: int | None = None
    ) -> AsyncIterator[schemas.CustomerSummary]:
        """Every item of `employees_book`, page after page."""
        return pages(lambda cursor: self.employees_book(employee_id, limit=limit, cursor=cursor))
