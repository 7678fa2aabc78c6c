"""Books of business over HTTP: my customers with reasons to call, who has no manager, assignment of many."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Forbidden, Invalid, refusals
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.paging import Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from customer_360 import assignments, my_customers
from customer_360.api.models.books import Assigned, Assignments, MyCustomer, UnassignedCount
from customer_360.api.models.customers import CustomerSummary
from customer_360.masking import Sight
from customer_360.my_customers import Sort, Wanted
from customer_360.reasons import Reason

router = APIRouter(tags=["books"])

Reader = Annotated[Caller, Depends(requires("customers:read"))]
BranchId = Annotated[str, Path(min_length=1, max_length=64, description="The bank's branch code")]


@router.get(
    "/v1/my-customers",
    operation_id="books-mine",
    summary="My customers, with reasons to call",
    responses=refusals(InvalidCursor, Invalid, my_customers.NotYours, my_customers.TooManyByName),
)
async def mine(
    runtime: AnyRuntime,
    caller: Reader,
    reason: Annotated[list[Reason], Query(max_length=10, description="Only with one of these reasons")] = [],  # noqa: B006
    sort: Annotated[
        Sort, Query(description="The most pressing reason, the largest assets, or the name first")
    ] = "reason",
    employee_id: Annotated[
        str | None, Query(max_length=64, description="One manager's book; branch managers only")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[MyCustomer]:
    """List the caller's own book; a branch manager's whole branch, or one manager's book of it."""
    wanted = Wanted(my_customers.whose(caller, employee_id), tuple(sorted(set(reason))), sort)
    key = runtime.settings.cursor_key
    bound = ("my-customers", caller.subject, caller.branch, wanted.employee_id, sort, *wanted.reasons)
    after = decode_cursor(key, cursor, bound_to=bound) if cursor else []
    lines = await my_customers.page(runtime, caller, wanted, after, limit + 1)
    shown = page(lines, limit, key, lambda line: my_customers.place(line, sort), bound_to=bound)
    return Page(items=[_line(line) for line in shown.items], next_cursor=shown.next_cursor)


@router.get(
    "/v1/unassigned-customers",
    operation_id="books-unassigned-report",
    summary="How many customers of each branch have no manager",
    responses=refusals(InvalidCursor, Invalid),
)
async def report(
    runtime: AnyRuntime,
    caller: Reader,
    branch: Annotated[str | None, Query(max_length=64, description="This branch and those below it")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[UnassignedCount]:
    """Count by branch, in the order of their ids, within the caller's scope."""
    key, bound = runtime.settings.cursor_key, ("unassigned", caller.subject, caller.branch, branch)
    (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
    rows = await assignments.report(runtime, caller.scope, branch, after, limit + 1)
    return page([UnassignedCount(**row) for row in rows], limit, key, lambda row: [row.branch_id], bound_to=bound)


@router.get(
    "/v1/branches/{branch_id}/unassigned-customers",
    operation_id="books-unassigned",
    summary="The customers of a branch who have no manager",
    responses=refusals(InvalidCursor, Invalid, assignments.UnknownBranch),
)
async def unassigned(
    branch_id: BranchId, runtime: AnyRuntime, caller: Reader, limit: Limit = 50, cursor: Cursor = None
) -> Page[CustomerSummary]:
    """List customers of the branch and those below it, by id, who have no manager or one who has left."""
    key, bound = runtime.settings.cursor_key, ("unassigned", caller.subject, branch_id)
    (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
    sight = Sight.of(caller.scopes)
    rows = await assignments.unassigned(runtime, caller.scope, sight, branch_id, after, limit + 1)
    return page([CustomerSummary(**row) for row in rows], limit, key, lambda row: [row.customer_id], bound_to=bound)


@router.post(
    "/v1/branches/{branch_id}/assignments",
    operation_id="books-assign",
    summary="Give many customers their managers",
    response_model=Assigned,
    responses=refusals(
        Forbidden,
        Invalid,
        assignments.UnknownBranch,
        assignments.UnknownCustomers,
        assignments.UnknownEmployees,
        assignments.AssignedTwice,
    ),
)
async def assign(
    branch_id: BranchId,
    body: Assignments,
    caller: Annotated[Caller, Depends(requires("books:write"))],
    write: Annotated[Write, Depends(idempotent)],
) -> Response:
    """Move the customers, all or none, and tell everybody."""
    wanted = [assignments.Assignment(a.customer_id, a.manager_id) for a in body.assignments]

    async def run(tx: Transaction) -> Assigned:
        moved = await assignments.assign(tx, caller, branch_id, wanted)
        return Assigned(branch_id=branch_id, assigned=moved, unchanged=len(wanted) - moved)

    return await write(run)


def _line(line: dict[str, Any]) -> MyCustomer:
    values = {name: line[name] for name in MyCustomer.model_fields if name != "assets_band"}
    return MyCustomer(assets_band=line["band"], **values)
