"""Two persons: one proposes a change, another approves it, and what is approved is what was proposed (maker-checker).

A service declares its kinds of change, and the operation that makes one takes `TwoPersons(change)`. Where the setting
`maker_checker` is on, the operation stores a proposal and answers 202; the change is made in the approval's own
transaction. Before it is stored it is tried and undone, so nobody is asked to approve what cannot be done. It names the
version that it was made on: if another change comes first, it is outdated. Where `maker_checker` is off (a developer's
machine, the demo) the operation makes the change at once.
"""

import hashlib
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import asyncpg
import orjson
from fastapi import Depends, Request, Response
from pydantic import BaseModel, ConfigDict

from attune_contracts.identifiers import new_id
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, Forbidden, NotFound, Refusal
from attune_service_kit.idempotency import Write, idempotent
from attune_service_kit.paging import by_time

if TYPE_CHECKING:
    from attune_service_kit.runtime import Runtime

State = Literal["pending", "approved", "rejected", "withdrawn", "expired"]

_COLUMNS = """
id, kind, entity, payload, sha256, base, maker,
CASE WHEN state = 'pending' AND expires_at <= now() THEN 'expired' ELSE state END AS state,
created_at, expires_at, decided_by, decided_at, reason"""
ONE = f"SELECT {_COLUMNS} FROM proposal WHERE id = $1"  # noqa: S608 - columns of ours
_LOCK = f"{ONE} FOR UPDATE"
# Ids are time-ordered: the newest proposal has the largest.
LISTS = by_time(f"""
SELECT * FROM (SELECT {_COLUMNS} FROM proposal) AS p
WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR maker = $3)
  AND ($4::uuid IS NULL OR id {{beyond}} $4) ORDER BY id {{order}} LIMIT $5""")  # noqa: S608 - columns of ours
# Changes of one entity take turns, whatever their kind: who reads its version still has it when the change is made.
_TURN = "SELECT pg_advisory_xact_lock(hashtext('attune.change/' || $1 || '/' || $2))"
_PENDING = """
SELECT id, maker, expires_at <= now() AS expired FROM proposal
WHERE kind = $1 AND entity = $2 AND state = 'pending' FOR UPDATE"""
_MAKE = """
INSERT INTO proposal (id, kind, entity, payload, sha256, base, maker, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8))"""
_DECIDE = "UPDATE proposal SET state = $2, decided_by = $3, decided_at = now(), reason = $4 WHERE id = $1"

_EXAMPLE: dict[str, Any] = {
    "id": "0198c1d2-7f40-7abc-8def-0123456789ab",
    "kind": "policy.contact",
    "entity": "contact",
    "payload": {"version": 3, "policy": {"caps": [], "cool_down_days": 5, "cool_downs": [], "quiet_hours": None}},
    "sha256": "60db0e6fa785aa3f38fb1de7660d5350f340ae27dd88f4e659decd1f6fefbd05",
    "base": "3",
    "maker": "M0417",
    "state": "pending",
    "created_at": "2026-03-17T06:05:11Z",
    "expires_at": "2026-03-20T06:05:11Z",
    "decided_by": None,
    "decided_at": None,
    "reason": None,
}


async def _nobody(_tx: Transaction, _entity: str, _payload: Any) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class Change:
    """A kind of change that needs two persons; `kind` is `<what is changed>.<how>`.

    `apply` makes it, with what was proposed, and returns what the operation shows; `base` tells the version of the
    entity that it would replace, None for one that is not there yet; `authors` who else has made what is changed, and
    may approve it no more than the maker: whoever trained a model.
    """

    kind: str
    payload: type[BaseModel]
    apply: "Callable[[Runtime, Transaction, str, Any], Awaitable[BaseModel]]"
    base: Callable[[Transaction, str], Awaitable[object]]
    authors: Callable[[Transaction, str, Any], Awaitable[Sequence[str]]] = _nobody


@dataclass(frozen=True)
class Approvals:
    """A service's kinds of change, and the scope that approves them."""

    scope: str
    changes: Sequence[Change]

    def of(self, kind: str) -> Change:
        """The change of a kind; UnknownProposal for one that the service does not have any more."""
        for change in self.changes:
            if change.kind == kind:
                return change
        raise _unknown()


class Proposal(BaseModel):
    """A change that waits for another person, or what became of it. `sha256` is that of the payload's canonical JSON.

    Until `expires_at`, wall time, another person may approve it. `base` is the version that the change was made on.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    kind: str
    entity: str
    payload: dict[str, Any]
    sha256: str
    base: str | None
    maker: str
    state: State
    created_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None


class UnknownProposal(NotFound):
    """There is no such proposal."""

    code = "unknown_proposal"


class ProposalPending(Conflict):
    """Another person's change of the same entity waits already."""

    code = "proposal_pending"


class ProposalSettled(Conflict):
    """The proposal is approved, rejected, withdrawn or expired."""

    code = "proposal_settled"


class ProposalOutdated(Conflict):
    """The entity has changed since the proposal was made."""

    code = "proposal_outdated"


class NotWhatWasProposed(Conflict):
    """The approver has another payload before them than the one that was proposed."""

    code = "not_what_was_proposed"


class ChangeRefused(Conflict):
    """What was possible when it was proposed is so no longer; `cause` and `why` are the change's own refusal."""

    code = "change_refused"


class OwnProposal(Forbidden):
    """Nobody approves what they have proposed or made themselves, whatever other roles they have."""

    code = "own_proposal"


class NotYours(Forbidden):
    """Only the maker withdraws a proposal."""

    code = "not_your_proposal"


class Undeclared(RuntimeError):
    """A service's `approvals` and its operations name different changes: it does not start."""


class Submit:
    """What an operation that needs two persons is given: `return await submit(code, body)`."""

    def __init__(self, runtime: "Runtime", write: Write, change: Change) -> None:
        self._runtime, self._write, self._change = runtime, write, change

    async def __call__(self, entity: str, payload: BaseModel) -> Response:
        """Make the change now (200), or propose it (202), as the settings say."""

        async def apply(tx: Transaction) -> BaseModel:
            await _turn(tx, self._change.kind, entity)
            return await self._change.apply(self._runtime, tx, entity, payload)

        async def make(tx: Transaction) -> BaseModel:
            return await propose(self._runtime, tx, self._change, entity, payload)

        if self._runtime.settings.maker_checker == "off":
            return await self._write(apply)
        return await self._write(make, status=202)


class TwoPersons:
    """Dependency of an operation that needs two persons: `submit: Annotated[Submit, Depends(TwoPersons(CHANGE))]`.

    The document tells of its 202 and of what else it may answer by itself.
    """

    def __init__(self, change: Change) -> None:
        self.change = change

    async def __call__(self, request: Request, write: Annotated[Write, Depends(idempotent)]) -> Submit:
        """Return what makes or proposes the change."""
        return Submit(request.app.state.runtime, write, self.change)


def check(approvals: Approvals | None, used: Iterable[Change]) -> None:
    """Undeclared unless the operations make just the changes that the service's `approvals` names."""
    declared = {change.kind for change in approvals.changes} if approvals else set()
    if differing := declared ^ {change.kind for change in used}:
        raise Undeclared(f"declared in approvals and made by no operation, or the other way: {', '.join(differing)}")


async def propose(runtime: "Runtime", tx: Transaction, change: Change, entity: str, payload: BaseModel) -> Proposal:
    """Store a proposal in the name of `tx.who`; an own one that still waits is withdrawn.

    Refuses with ProposalPending, or as the change itself would.
    """
    await _turn(tx, change.kind, entity)
    base = await _base(tx, change, entity)
    body = _canonical(payload)
    async with tx.rehearsal():
        await change.apply(runtime, tx, entity, change.payload.model_validate_json(body))
    await _make_room(tx, change.kind, entity)
    proposal_id, digest = new_id(), hashlib.sha256(body).hexdigest()
    seconds = runtime.settings.proposal_hours * 3600
    await tx.conn.execute(_MAKE, proposal_id, change.kind, entity, body.decode(), digest, base, tx.who, seconds)
    detail = {"kind": change.kind, "entity": entity, "sha256": digest}
    await tx.audit("proposal.made", "proposal", proposal_id, detail=detail)
    return shown(await tx.conn.fetchrow(ONE, proposal_id))


async def _make_room(tx: Transaction, kind: str, entity: str) -> None:
    """At most one proposal of a kind waits for an entity: of two, one would be approved without the other."""
    waiting = await tx.conn.fetchrow(_PENDING, kind, entity)
    if waiting is None:
        return
    if waiting["expired"]:
        await tx.conn.execute(_DECIDE, waiting["id"], "expired", None, None)
        return
    if not same_person(waiting["maker"], tx.who):
        raise ProposalPending(
            "another proposal waits for this entity", "该对象已有待审批的变更", proposal=waiting["id"]
        )
    await tx.conn.execute(_DECIDE, waiting["id"], "withdrawn", tx.who, "replaced by its maker")
    await tx.audit("proposal.withdrawn", "proposal", waiting["id"])


async def approve(
    runtime: "Runtime", tx: Transaction, approvals: Approvals, proposal_id: UUID, sha256: str
) -> Proposal:
    """Make the change that was proposed. The approver is `tx.who`; what is made names the maker, the trail both.

    Refuses with UnknownProposal, ProposalSettled, OwnProposal, NotWhatWasProposed, ProposalOutdated, ChangeRefused.
    """
    row = await _waiting(tx, proposal_id)
    kind, entity, approver = row["kind"], row["entity"], tx.who
    if await _is_theirs(tx, approvals, row, approver):
        raise own_proposal()
    if row["sha256"] != sha256:
        raise NotWhatWasProposed("this is not what was proposed", "内容与申请时不一致")
    change = approvals.of(kind)
    if await _base(tx, change, entity) != row["base"]:
        raise ProposalOutdated("another change has come first: propose it anew", "对象已被修改，请重新申请")
    with tx.in_the_name_of(row["maker"], approved_by=approver):
        try:
            await change.apply(runtime, tx, entity, change.payload.model_validate_json(row["payload"]))
        except Refusal as refused:
            if refused.status >= 500:  # passes by itself
                raise
            why = {"en": refused.en, "zh": refused.zh}
            raise ChangeRefused(
                "the change cannot be made any more", "该变更已无法执行", cause=refused.code, why=why
            ) from refused
    await _decide(tx, row, "approved", None)
    return shown(await tx.conn.fetchrow(ONE, proposal_id))


async def is_theirs(tx: Transaction, approvals: Approvals, proposal_id: UUID, person: str) -> bool:
    """Whether somebody has proposed this, or made what it is about: they may not approve it."""
    row = await tx.conn.fetchrow(ONE, proposal_id)
    return row is not None and await _is_theirs(tx, approvals, row, person)


async def _is_theirs(tx: Transaction, approvals: Approvals, row: asyncpg.Record, person: str) -> bool:
    change = approvals.of(row["kind"])
    authors = await change.authors(tx, row["entity"], change.payload.model_validate_json(row["payload"]))
    return any(same_person(one, person) for one in (row["maker"], *authors))


async def reject(tx: Transaction, proposal_id: UUID, reason: str) -> Proposal:
    """The change is not to be made. UnknownProposal, ProposalSettled."""
    await _decide(tx, await _waiting(tx, proposal_id), "rejected", reason)
    return shown(await tx.conn.fetchrow(ONE, proposal_id))


async def withdraw(tx: Transaction, proposal_id: UUID) -> Proposal:
    """The maker has changed their mind. UnknownProposal, ProposalSettled, NotYours."""
    row = await _waiting(tx, proposal_id)
    if not same_person(row["maker"], tx.who):
        raise NotYours("only its maker withdraws a proposal", "仅申请人可撤回")
    await _decide(tx, row, "withdrawn", None)
    return shown(await tx.conn.fetchrow(ONE, proposal_id))


async def _decide(tx: Transaction, row: asyncpg.Record, state: State, reason: str | None) -> None:
    await tx.conn.execute(_DECIDE, row["id"], state, tx.who, reason)
    detail = {name: row[name] for name in ("kind", "entity", "sha256", "maker")}
    await tx.audit(f"proposal.{state}", "proposal", row["id"], detail=detail)


async def _waiting(tx: Transaction, proposal_id: UUID) -> asyncpg.Record:
    """A proposal that waits, held until the transaction ends, and its entity with it."""
    known = shown(await tx.conn.fetchrow(ONE, proposal_id))
    await _turn(tx, known.kind, known.entity)
    row = await tx.conn.fetchrow(_LOCK, proposal_id)
    if row is None:  # nobody deletes one
        raise _unknown()
    if row["state"] != "pending":
        raise ProposalSettled("this proposal waits no longer", "该申请已处理或已过期", state=row["state"])
    return row


async def _turn(tx: Transaction, kind: str, entity: str) -> None:
    await tx.conn.execute(_TURN, kind.partition(".")[0], entity)


async def _base(tx: Transaction, change: Change, entity: str) -> str | None:
    version = await change.base(tx, entity)
    return None if version is None else str(version)


def own_proposal() -> OwnProposal:
    """The refusal of a maker who would approve."""
    return OwnProposal("nobody approves what they have made themselves", "不得审批本人提交或制作的变更")


def _unknown() -> UnknownProposal:
    return UnknownProposal("there is no such proposal", "没有该变更申请")


def same_person(one: str, other: str) -> bool:
    """Whether two subjects are one person: an issuer may write one staff number in several ways."""
    return _person(one) == _person(other)


def _person(subject: str) -> str:
    return unicodedata.normalize("NFKC", subject).casefold().strip()


def _canonical(payload: BaseModel) -> bytes:
    """The payload's one form in bytes, defaults and all: what an approver reads, and what its hash is of."""
    return orjson.dumps(payload.model_dump(mode="json", by_alias=True), option=orjson.OPT_SORT_KEYS)


def shown(row: asyncpg.Record | None) -> Proposal:
    """A row as the API shows it; UnknownProposal for none."""
    if row is None:
        raise _unknown()
    return Proposal(**dict(row) | {"payload": orjson.loads(row["payload"])})
