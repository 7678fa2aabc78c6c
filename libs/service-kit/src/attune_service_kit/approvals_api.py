"""Proposals over HTTP: what waits, and what becomes of it; one set of paths in every service that has any."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field, StringConstraints

from attune_service_kit import approvals
from attune_service_kit.approvals import Approvals, Proposal, State
from attune_service_kit.auth import Caller, authenticated, requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, refusals
from attune_service_kit.idempotency import REFUSALS, Write, idempotent
from attune_service_kit.paging import ByTime, Cursor, InvalidCursor, Limit, Page, decode_cursor, page

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime

Digest = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    Field(examples=["60db0e6fa785aa3f38fb1de7660d5350f340ae27dd88f4e659decd1f6fefbd05"]),
]
Reader = Annotated[Caller, Depends(requires("proposals:read"))]


class Approval(Body):
    """What is approved: the hash of the payload that the approver has read."""

    sha256: Digest


class Rejection(Body):
    """Why the change is not to be made."""

    reason: str = Field(min_length=1, max_length=500, examples=["the limit is above the board's decision"])


def router(name: str, kinds: Approvals) -> APIRouter:
    """The routes `/v1/proposals/<service>`: list, look at one, approve, reject, withdraw."""
    routes = APIRouter(tags=["proposals"])
    path = f"/v1/proposals/{name}"
    _add_reads(routes, name, path)
    _add_approval(routes, name, f"{path}/{{proposal_id}}", kinds)
    _add_ends(routes, name, f"{path}/{{proposal_id}}", kinds.scope)
    return routes


def _add_reads(routes: APIRouter, name: str, path: str) -> None:
    @routes.get(
        path,
        operation_id=f"list_{name}_proposals",
        summary="Changes that wait for another person, and what became of others",
        responses=refusals(InvalidCursor, Invalid),
    )
    async def listing(
        request: Request,
        caller: Reader,
        state: State | None = None,
        kind: Annotated[str | None, Query(max_length=64)] = None,
        maker: Annotated[str | None, Query(max_length=128)] = None,
        sort: ByTime = "newest",
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[Proposal]:
        """List the service's proposals."""
        runtime: Runtime = request.app.state.runtime
        key, bound = runtime.settings.cursor_key, ("proposals", caller.subject, state, kind, maker, sort)
        (after,) = decode_cursor(key, cursor, bound_to=bound) if cursor else (None,)
        rows = await runtime.database.pool.fetch(approvals.LISTS[sort], state, kind, maker, after, limit + 1)
        found = [approvals.shown(row) for row in rows]
        return page(found, limit, key, lambda proposal: [proposal.id], bound_to=bound)

    @routes.get(
        f"{path}/{{proposal_id}}",
        operation_id=f"read_{name}_proposal",
        summary="One proposed change",
        dependencies=[Depends(requires("proposals:read"))],
        responses=refusals(approvals.UnknownProposal),
    )
    async def read(proposal_id: UUID, request: Request) -> Proposal:
        """Show a proposal with its payload and the payload's hash."""
        return await _one(request.app.state.runtime, proposal_id)


def _add_approval(routes: APIRouter, name: str, path: str, kinds: Approvals) -> None:
    async def refuse_makers(
        proposal_id: UUID, request: Request, caller: Annotated[Caller, Depends(authenticated)]
    ) -> None:
        await _refuse_makers(request.app.state.runtime, kinds, proposal_id, caller)

    @routes.post(
        f"{path}:approve",
        operation_id=f"approve_{name}_proposal",
        summary="Approve another person's change: it is made at once",
        # The maker first: a second tab of theirs, whatever its role, leaves a trace.
        dependencies=[Depends(refuse_makers), Depends(requires(kinds.scope))],
        response_model=Proposal,
        responses=refusals(
            approvals.UnknownProposal,
            approvals.ProposalSettled,
            approvals.OwnProposal,
            approvals.NotWhatWasProposed,
            approvals.ProposalOutdated,
            approvals.ChangeRefused,
            *REFUSALS,
        ),
    )
    async def approve(
        proposal_id: UUID, body: Approval, request: Request, write: Annotated[Write, Depends(idempotent)]
    ) -> Response:
        """Make exactly the change whose hash is given. Nobody approves their own, by whatever role.

        What the change itself would refuse by now is 409 with its own refusal in `cause` and `why`; the proposal waits.
        """
        runtime: Runtime = request.app.state.runtime

        async def run(tx: Transaction) -> Proposal:
            return await approvals.approve(runtime, tx, kinds, proposal_id, body.sha256)

        return await write(run)


def _add_ends(routes: APIRouter, name: str, path: str, scope: str) -> None:
    settled = (approvals.UnknownProposal, approvals.ProposalSettled)

    @routes.post(
        f"{path}:reject",
        operation_id=f"reject_{name}_proposal",
        summary="Reject a change",
        dependencies=[Depends(requires(scope))],
        response_model=Proposal,
        responses=refusals(*settled, *REFUSALS),
    )
    async def reject(proposal_id: UUID, body: Rejection, write: Annotated[Write, Depends(idempotent)]) -> Response:
        """Say why it is not to be made."""

        async def run(tx: Transaction) -> Proposal:
            return await approvals.reject(tx, proposal_id, body.reason)

        return await write(run)

    @routes.post(
        f"{path}:withdraw",
        operation_id=f"withdraw_{name}_proposal",
        summary="Take an own proposal back",
        dependencies=[Depends(requires("proposals:write"))],
        response_model=Proposal,
        responses=refusals(*settled, approvals.NotYours, *REFUSALS),
    )
    async def withdraw(proposal_id: UUID, write: Annotated[Write, Depends(idempotent)]) -> Response:
        """Nobody has to decide on it any more."""

        async def run(tx: Transaction) -> Proposal:
            return await approvals.withdraw(tx, proposal_id)

        return await write(run)


async def _one(runtime: "Runtime", proposal_id: UUID) -> Proposal:
    return approvals.shown(await runtime.database.pool.fetchrow(approvals.ONE, proposal_id))


async def _refuse_makers(runtime: "Runtime", kinds: Approvals, proposal_id: UUID, caller: Caller) -> None:
    """A maker who would approve is refused, and that is on record: a refused write's own transaction leaves nothing."""
    async with runtime.database.transaction(caller.scope) as tx:
        tx.who = caller.subject
        theirs = await approvals.is_theirs(tx, kinds, proposal_id, caller.subject)
        if theirs:
            await tx.audit("proposal.self_approval_refused", "proposal", proposal_id)
    if theirs:
        raise approvals.own_proposal()
