"""Branches and books of business over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.paging import Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from customer_360 import books
from customer_360.api.models import BranchView, CustomerSummary
from customer_360.masking import Sight

router = APIRouter(tags=["branches"])

Reader = Annotated[Caller, Depends(requires("customers:read"))]
EmployeeId = Annotated[str, Path(min_length=1, max_length=64, description="The bank's staff number")]


@router.get(
    "/v1/branches",
    operation_id="branches-list",
    summary="The branches that the caller may see",
    responses=refusals(InvalidCursor, Invalid),
)
async def branches(
    runtime: AnyRuntime,
    caller: Reader,
    parent: Annotated[str | None, Query(max_length=64, description="Only those directly below this branch")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[BranchView]:
    """List branches by id: all for the whole bank, the own one and those below it for a branch, none for a customer."""
    key, bound = runtime.settings.cursor_key, ("branches", caller.subject, parent)
    (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
    rows = await books.branches(runtime, caller.scope, parent, after, limit + 1)
    return page([BranchView(**row) for row in rows], limit, key, lambda b: [b.branch_id], bound_to=bound)


@router.get(
    "/v1/employees/{employee_id}/customers",
    operation_id="employees-book",
    summary="A relationship manager's book of business",
    responses=refusals(InvalidCursor, NotFound, Invalid),
)
async def book(
    employee_id: EmployeeId, runtime: AnyRuntime, caller: Reader, limit: Limit = 50, cursor: Cursor = None
) -> Page[CustomerSummary]:
    """List the customers whom the employee manages, within the caller's scope, in the order of their ids."""
    key, bound = runtime.settings.cursor_key, ("book", caller.subject, employee_id)
    (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
    rows = await books.book_of(runtime, caller.scope, Sight.of(caller.scopes), employee_id, after, limit + 1)
    return page([CustomerSummary(**row) for row in rows], limit, key, lambda c: [c.customer_id], bound_to=bound)
