"""What came of a task: an outcome code of the handling policy, and what it does to contact, opportunities and task."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from attune_contracts.campaign import ContactMade
from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid
from campaign import claims, contacts, handling, notes, suppressions, tasks
from campaign.consent_withdrawals import WITHDRAWN
from campaign.handling_rules import Disposition
from campaign.opportunities import act
from campaign.plans import Plans
from campaign.tasks import Task

_EXPIRY = "SELECT max(expires_at) FROM opportunity WHERE task_id = $1 AND state IN ('open', 'escalated')"
_DONE = """
UPDATE task SET state = 'done', disposition = $2, handling_version = $3, completed_at = $4, claimed_by = $5,
                claimed_until = NULL, visible_from = NULL, kept_for = NULL, attempts = $6
WHERE id = $1"""
_AGAIN = """
UPDATE task SET state = 'open', disposition = $2, handling_version = $3, claimed_by = NULL, claimed_until = NULL,
                attempts = $4, visible_from = $5, call_back_at = $6, kept_for = $7, rank = $8
WHERE id = $1"""


class UnknownDisposition(Invalid):
    """The handling policy has no such outcome code; `known` names those it has."""

    code = "unknown_disposition"


class BadCallBack(Invalid):
    """The moment of the call-back is missing or will not do; `why` says what is wrong with it."""

    code = "bad_call_back"


@dataclass(frozen=True)
class Outcome:
    """What the employee says."""

    disposition: str
    call_back_at: datetime | None = None
    note: str | None = None


async def complete(tx: Transaction, plan: Plans, caller: Caller, task_id: UUID, outcome: Outcome, zone: str) -> Task:
    """Apply an outcome: the contact counts or is given back, the clock stops or runs on, the task ends or comes back.

    An open task is claimed on the way. NotFound, Forbidden, TaskTaken, ContactRefused, UnknownDisposition, BadCallBack.
    """
    version = await handling.newest(tx.conn)
    found = _disposition(version, outcome)
    row = await tasks.lock(tx, caller, task_id)
    at = await _call_back(tx, plan, version, row, outcome.call_back_at, zone)
    if row["state"] == "open" or (row["state"] == "claimed" and row["lapsed"] and row["claimed_by"] != caller.subject):
        await claims.renew(tx, plan, row, zone)
    elif not (row["claimed_by"] == caller.subject and (row["state"] == "claimed" or _ended_meanwhile(row))):
        raise tasks.taken(row)
    await _settle_contact(tx, plan, row, found)
    if found.opportunity == "acted":
        await act(tx, row["opportunity_ids"], found.code, tx.now)
    await _settle_task(tx, version, found, caller, row, at, zone)
    if found.suppress_days is not None:
        await _suppress(tx, caller, row["customer_id"], found)
    if outcome.note:
        await notes.keep(tx, task_id, row["customer_id"], row["branch_id"], outcome.note)
    await tx.audit("task.completed", "task", task_id, version=version.number, detail={"disposition": found.code})
    return await tasks.told(tx.conn, task_id)


def _disposition(version: handling.Version, outcome: Outcome) -> Disposition:
    found = version.policy.disposition(outcome.disposition)
    if found is None:
        known = [d.code for d in version.policy.dispositions]
        raise UnknownDisposition("there is no such outcome code", "反馈代码不存在", known=known)
    if (found.task == "call_back") != (outcome.call_back_at is not None):
        raise BadCallBack("a call-back, and nothing else, needs its moment", "仅约定回电须填写回电时间", why="moment")
    return found


async def _call_back(
    tx: Transaction, plan: Plans, version: handling.Version, row: Any, at: datetime | None, zone: str
) -> datetime | None:
    """The agreed moment; BadCallBack unless it is to come, in the channel's hours, not quiet, before the task's end."""
    if at is None:
        return None
    ends = await tx.conn.fetchval(_EXPIRY, row["id"]) or row["due_at"]
    if at <= tx.now:
        raise BadCallBack("the call-back lies in the past", "回电时间已过", why="past")
    if at >= ends:
        raise BadCallBack("the opportunity will have expired by then", "届时商机已失效", why="expired", until=ends)
    if not version.policy.open_at(row["channel"], at, zone):
        opens = version.policy.next_open(row["channel"], at, zone)
        raise BadCallBack("nobody works at that hour", "该时段不在服务时间内", why="closed", next_open=opens)
    quiet = plan.policy.quiet_hours
    if quiet is not None and row["channel"] in quiet.channels and quiet.cover(at, zone):
        raise BadCallBack("these are quiet hours", "该时段为静默时段", why="quiet", until=quiet.end_after(at, zone))
    return at


async def _settle_contact(tx: Transaction, plan: Plans, row: Any, found: Disposition) -> None:
    if found.contact == "released":
        await contacts.release(tx.conn, [row["contact_id"]])
        return
    wish = await contacts.wish_of(tx.conn, row["contact_id"], tx.now)
    if await contacts.confirm(tx.conn, plan.policy, wish, found.code):
        tx.emit(
            ContactMade(
                customer_id=row["customer_id"],
                contact_id=row["contact_id"],
                opportunity_id=row["opportunity_ids"][0] if row["opportunity_ids"] else None,
                channel=row["channel"],
                disposition=found.code,
            )
        )


async def _settle_task(
    tx: Transaction,
    version: handling.Version,
    found: Disposition,
    caller: Caller,
    row: Any,
    at: datetime | None,
    zone: str,
) -> None:
    policy, attempts = version.policy, row["attempts"] + (found.contact == "released")
    used_up = policy.max_attempts is not None and attempts >= policy.max_attempts
    # A contact that took place although the task had been closed in between does not open it again.
    if found.task == "done" or row["state"] == "closed" or (found.task == "again" and used_up):
        await tx.conn.execute(_DONE, row["id"], found.code, version.number, tx.now, caller.subject, attempts)
        return
    pause = tx.now + timedelta(minutes=found.pause_minutes)
    await tx.conn.execute(
        _AGAIN,
        row["id"],
        found.code,
        version.number,
        attempts,
        at or policy.next_open(row["channel"], pause, zone),
        at,
        caller.subject if at else None,
        0 if at else 1 if row["escalated"] else 2,
    )


async def _suppress(tx: Transaction, caller: Caller, customer_id: UUID, found: Disposition) -> None:
    days = found.suppress_days
    terms = suppressions.Terms(
        channel=None,
        ends_at=None if not isinstance(days, int) else tx.now + timedelta(days=days),
        reason=found.code,
        source="opt_out",
    )
    await suppressions.add(tx, caller, suppressions.Subject("customer", str(customer_id)), terms)


def _ended_meanwhile(row: Any) -> bool:
    """The customer has withdrawn consent after the claim: a contact that took place all the same stays a fact."""
    return bool(row["state"] == "closed" and row["disposition"] == WITHDRAWN)
