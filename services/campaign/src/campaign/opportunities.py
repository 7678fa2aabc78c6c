"""Opportunities: opened by detections, acted on by staff, withdrawn by repairs (X8, X9, X10)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from attune_contracts.campaign import OpportunityActed, OpportunityAssigned, OpportunityOpened, OpportunityState
from attune_contracts.eventing import DetectionEvidence, DetectionRaised, DetectionWithdrawn
from attune_contracts.identifiers import new_id, partition
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict
from campaign import campaigns, contacts, handling, turns
from campaign.business_days import add_business_days
from campaign.handling_rules import Clock
from campaign.judging import Draft, Judged, judge
from campaign.plans import Plans
from campaign.sql import Conn, insert_rows

ZONE = "Asia/Shanghai"
"""The bank's zone where nobody says another."""

_EXISTING = "SELECT detection_id FROM opportunity WHERE detection_id = ANY ($1::uuid[])"
_EVIDENCE = """
UPDATE opportunity o SET amount_minor = e.amount, compared_with_minor = e.compared, metric = e.metric,
                         new_money = e.new_money
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::boolean[])
    AS e (detection_id, amount, compared, metric, new_money)
WHERE o.detection_id = e.detection_id RETURNING o.detection_id"""
_MATCH_PENDING = """
WITH found AS (DELETE FROM pending_evidence WHERE detection_id = ANY ($1::uuid[]) RETURNING *)
UPDATE opportunity o
SET amount_minor = f.amount_minor, compared_with_minor = f.compared_with_minor, metric = f.metric,
    new_money = f.new_money
FROM found f WHERE o.detection_id = f.detection_id"""
_REJUDGED = """
UPDATE opportunity SET state = $2, reason = $3, assigned = $4, arm = $5, channel = $6, branch_id = $7, due = $8,
                       task_id = $9, escalates_at = $10
WHERE id = $1 AND state = 'suppressed'"""
_JOIN = "UPDATE task SET campaign_priority = $2 WHERE id = $1 AND campaign_priority < $2"
_TASKS_OF = "SELECT task_id FROM opportunity WHERE detection_id = ANY ($1::uuid[])"
_WITHDRAW = """
WITH told AS (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS t (detection_id, at)),
seen AS (
    SELECT o.id, t.at, o.task_id,
           o.state IN ('open', 'escalated', 'held_out', 'suppressed', 'deferred')
           AND NOT EXISTS (SELECT FROM task k WHERE k.id = o.task_id AND k.state <> 'open') AS untouched
    FROM opportunity o JOIN told t USING (detection_id) WHERE o.withdrawn_at IS NULL FOR UPDATE OF o
)
UPDATE opportunity o SET withdrawn_at = s.at, state = CASE WHEN s.untouched THEN 'withdrawn' ELSE o.state END,
                         due = CASE WHEN s.untouched THEN NULL ELSE o.due END
FROM seen s WHERE o.id = s.id RETURNING s.task_id"""
# A repair may raise again what an earlier one has withdrawn: it stands again, and is judged anew while its clock runs.
_RAISED_AGAIN = """
UPDATE opportunity SET withdrawn_at = NULL,
    state = CASE WHEN state <> 'withdrawn' THEN state WHEN expires_at > $2 THEN 'suppressed' ELSE 'expired' END,
    reason = CASE WHEN state = 'withdrawn' AND expires_at > $2 THEN 'unknown_customer' ELSE reason END
WHERE detection_id = ANY ($1::uuid[]) AND withdrawn_at IS NOT NULL RETURNING customer_id"""
_ACT = """
UPDATE opportunity SET state = 'acted', disposition = $2, acted_at = $3, due = NULL
WHERE id = ANY ($1::uuid[]) AND state IN ('open', 'escalated') RETURNING id, customer_id, task_id"""
_CLOSE = """
UPDATE task t SET state = 'closed', completed_at = $2
WHERE t.id = ANY ($1::uuid[]) AND t.state IN ('open', 'claimed')
  AND NOT EXISTS (SELECT FROM opportunity o WHERE o.task_id = t.id AND o.state IN ('open', 'escalated'))
RETURNING t.contact_id"""


class NoCampaign(Conflict):
    """A detection of a trigger that no campaign names. Its activation brings one, so this is quarantined, not lost."""

    code = "no_campaign"


@dataclass(frozen=True)
class Detected:
    """A detection, the business time at which it was raised, and what makes its effects name it as their cause."""

    raised: DetectionRaised
    now: datetime
    as_cause: Callable[[], AbstractContextManager[None]] = nullcontext


async def open_for(tx: Transaction, plan: Plans, detections: Sequence[Detected], zone: str = ZONE) -> int:
    """Open one opportunity for each detection that has none yet; return how many. A withdrawn one stands again."""
    await turns.share(tx.conn)
    # Of several campaigns for one trigger the first that is on; one that is off still records what was detected (X10).
    by_trigger = {c.trigger: c for c in sorted(await campaigns.newest(tx.conn), key=_last_counts)}
    wanted = {d.raised.detection_id: d for d in sorted(detections, key=lambda d: -_campaign(by_trigger, d).priority)}
    existing = [row[0] for row in await tx.conn.fetch(_EXISTING, list(wanted))]
    if existing:
        await _raise_again(tx, plan, [wanted.pop(detection) for detection in existing], zone)
    if not wanted:
        return 0
    clock = await handling.clock(tx.conn, zone)
    drafts = [_draft(d, by_trigger[d.raised.trigger], clock) for d in wanted.values()]
    judged = await judge(tx.conn, plan, drafts)
    pairs = list(zip(judged, wanted.values(), strict=True))
    await insert_rows(tx.conn, "opportunity", [_row(j, d.raised) for j, d in pairs])
    await _write_tasks(tx, judged)
    await tx.conn.execute(_MATCH_PENDING, list(wanted))
    for j, d in pairs:
        with d.as_cause():
            _announce(tx, j, d.raised.detection_id)
    return len(judged)


async def _raise_again(tx: Transaction, plan: Plans, again: Sequence[Detected], zone: str) -> None:
    now = max(d.now for d in again)
    rows = await tx.conn.fetch(_RAISED_AGAIN, [d.raised.detection_id for d in again], now)
    if rows:
        await judge_again(tx, plan, [row[0] for row in rows], now, zone)


async def judge_again(tx: Transaction, plan: Plans, customers: Sequence[UUID], now: datetime, zone: str = ZONE) -> int:
    """Judge opportunities of customers who were unknown and no longer are, while their clock runs; return how many.

    The caller shares its turn with others (in the customers' own partition) or is alone, see `turns`.
    """
    by_code = {c.code: c for c in await campaigns.newest(tx.conn)}
    rows = await tx.conn.fetch(
        "SELECT id, detection_id, campaign, customer_id, event_key, business_date, expires_at FROM opportunity"
        " WHERE reason = 'unknown_customer' AND state = 'suppressed' AND customer_id = ANY ($1::uuid[])"
        " AND expires_at > $2 ORDER BY opened_at, id FOR UPDATE",
        list(customers),
        now,
    )
    if not rows:
        return 0
    clock = await handling.clock(tx.conn, zone)
    drafts = [
        Draft(
            opportunity_id=r["id"],
            campaign=(campaign := by_code[r["campaign"]]),
            customer_id=r["customer_id"],
            event_key=r["event_key"],
            business_date=r["business_date"],
            escalates_at=clock.after(now, campaign.escalate_after_hours),
            expires_at=r["expires_at"],
            now=now,
        )
        for r in rows
    ]
    judged = await judge(tx.conn, plan, drafts)
    await tx.conn.executemany(_REJUDGED, [_rejudged(j) for j in judged])
    await _write_tasks(tx, judged)
    for j, r in zip(judged, rows, strict=True):
        _announce(tx, j, r["detection_id"])
    return len(judged)


async def add_evidence(tx: Transaction, evidence: Sequence[DetectionEvidence]) -> None:
    """Keep the amounts with the opportunity, or aside until it exists."""
    found = await tx.conn.fetch(
        _EVIDENCE,
        [e.detection_id for e in evidence],
        [e.amount_minor for e in evidence],
        [e.compared_with_minor for e in evidence],
        [e.metric for e in evidence],
        [e.new_money for e in evidence],
    )
    there = {row[0] for row in found}
    await insert_rows(
        tx.conn,
        "pending_evidence",
        [
            e.model_dump(include={"detection_id", "amount_minor", "compared_with_minor", "metric", "new_money"})
            for e in evidence
            if e.detection_id not in there
        ],
        "ON CONFLICT DO NOTHING",
    )


async def withdraw(tx: Transaction, withdrawn: Sequence[tuple[DetectionWithdrawn, datetime]]) -> None:
    """Close what nobody has touched, mark what somebody has (X8)."""
    await turns.share(tx.conn)
    ids = [d.detection_id for d, _ in withdrawn]
    await turns.lock_tasks(tx.conn, (r[0] for r in await tx.conn.fetch(_TASKS_OF, ids)))
    rows = await tx.conn.fetch(_WITHDRAW, ids, [at for _, at in withdrawn])
    if rows:
        await close_idle_tasks(tx.conn, (r[0] for r in rows), max(at for _, at in withdrawn))


async def act(tx: Transaction, opportunity_ids: Iterable[UUID], disposition: str, now: datetime) -> list[UUID]:
    """Somebody has acted: the clock of each live one stops. Returns those that were live."""
    rows = await tx.conn.fetch(_ACT, list(opportunity_ids), disposition, now)
    for row in rows:
        tx.emit(
            OpportunityActed(customer_id=row["customer_id"], opportunity_id=row["id"], disposition=disposition),
            time=now,
        )
    return [row["id"] for row in rows]


async def close_idle_tasks(conn: Conn, task_ids: Iterable[UUID | None], now: datetime) -> None:
    """Close tasks in which no opportunity waits any more, and release their contacts."""
    wanted = await turns.lock_tasks(conn, task_ids)
    if wanted:
        await contacts.release(conn, [row[0] for row in await conn.fetch(_CLOSE, wanted, now)])


def _last_counts(campaign: campaigns.Campaign) -> tuple[bool, tuple[int, ...]]:
    return campaign.enabled, tuple(-ord(letter) for letter in campaign.code)


def _campaign(by_trigger: Mapping[str, campaigns.Campaign], detected: Detected) -> campaigns.Campaign:
    trigger = detected.raised.trigger
    if trigger not in by_trigger:
        raise NoCampaign("no campaign names this trigger", "没有营销活动使用该触发器", trigger=trigger)
    return by_trigger[trigger]


def _draft(detected: Detected, campaign: campaigns.Campaign, clock: Clock) -> Draft:
    detection, hours = detected.raised, campaign.expire_after_hours
    return Draft(
        opportunity_id=new_id(),
        campaign=campaign,
        customer_id=detection.customer_id,
        event_key=detection.event_key,
        business_date=detection.business_date,
        escalates_at=clock.after(detected.now, campaign.escalate_after_hours),
        # A campaign that says nothing leaves it to the trigger.
        expires_at=detection.expires_at if hours is None else clock.after(detected.now, hours),
        now=detected.now,
    )


def _row(judged: Judged, detection: DetectionRaised) -> dict[str, Any]:
    draft, opening = judged.draft, judged.opening
    return {
        "id": draft.opportunity_id,
        "trigger": detection.trigger,
        "subject": str(detection.customer_id),
        "event_key": detection.event_key,
        "trigger_version": detection.trigger_version,
        "detection_id": detection.detection_id,
        "customer_id": detection.customer_id,
        "partition": partition(detection.customer_id),
        "branch_id": judged.branch_id,
        "campaign": draft.campaign.code,
        "campaign_version": draft.campaign.version,
        "control_share_bp": draft.campaign.control_share_bp,
        "arm": str(opening.arm),
        "assigned": opening.assigned,
        "state": str(opening.state),
        "reason": opening.reason,
        "channel": opening.route.channel if opening.route else None,
        "business_date": detection.business_date,
        "window_ends_on": add_business_days(detection.business_date, draft.campaign.window_business_days),
        "late": detection.late,
        "opened_at": draft.now,
        "escalates_at": opening.escalates_at,
        "expires_at": opening.expires_at,
        "due": _due(judged),
        "task_id": judged.task_id,
    }


def _due(judged: Judged) -> datetime:
    """The clock runs for all; only `open` escalates (X10)."""
    opening = judged.opening
    return opening.escalates_at if opening.state is OpportunityState.OPEN else opening.expires_at


def _rejudged(judged: Judged) -> tuple[object, ...]:
    opening = judged.opening
    channel = opening.route.channel if opening.route else None
    return (
        judged.draft.opportunity_id,
        str(opening.state),
        opening.reason,
        opening.assigned,
        str(opening.arm),
        channel,
        judged.branch_id,
        _due(judged),
        judged.task_id,
        opening.escalates_at,
    )


async def _write_tasks(tx: Transaction, judged: Sequence[Judged]) -> None:
    rows = [
        {
            "id": j.new_task.id,
            "customer_id": j.draft.customer_id,
            "branch_id": j.branch_id,
            "campaign": j.draft.campaign.code,
            "campaign_priority": j.draft.campaign.priority,
            "family": j.draft.campaign.family,
            "channel": j.opening.route.channel,
            "employee_id": j.opening.route.employee_id,
            "contact_id": j.new_task.contact_id,
            "state": "open",
            "escalated": False,
            "business_date": j.draft.business_date,
            "created_at": j.draft.now,
            "due_at": j.opening.expires_at,
        }
        for j in judged
        if j.new_task is not None and j.opening.route is not None
    ]
    await insert_rows(tx.conn, "task", rows)
    joined = [(j.task_id, j.draft.campaign.priority) for j in judged if j.task_id is not None and j.new_task is None]
    if joined:
        await tx.conn.executemany(_JOIN, joined)


def _announce(tx: Transaction, judged: Judged, detection_id: UUID) -> None:
    draft, opening = judged.draft, judged.opening
    opened = OpportunityOpened(
        customer_id=draft.customer_id,
        opportunity_id=draft.opportunity_id,
        detection_id=detection_id,
        state=opening.state,
        reason=opening.reason,
        escalates_at=opening.escalates_at,
        expires_at=opening.expires_at,
    )
    tx.emit(opened, time=draft.now)
    if judged.task_id is not None and opening.route is not None:
        assigned = OpportunityAssigned(
            customer_id=draft.customer_id,
            opportunity_id=draft.opportunity_id,
            task_id=judged.task_id,
            channel=opening.route.channel,
            employee_id=opening.route.employee_id,
        )
        tx.emit(assigned, time=draft.now)
