"""Judging many detections at once: one read of what is known, the pure rule for each, one reservation for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson

from attune_contracts.campaign import MessageClass, OpportunityState
from attune_contracts.consent import too_young
from attune_contracts.identifiers import new_id
from campaign import consents, contacts
from campaign.campaigns import Campaign
from campaign.openings import Opening, OpeningFacts, after_policy, open_opportunity
from campaign.plans import Plans
from campaign.sql import Conn

# Quadrant and digital share are read only of customers who have agreed to personalised decisions (R-02, X21).
_KNOWN = """
SELECT p.customer_id, p.branch_id, p.manager_id, p.personalisation, p.birth_date,
       c.marketing, c.personalised_consent, f.value_quadrant, f.digital_share, e.daily_capacity
FROM proj_party p
LEFT JOIN LATERAL (
    SELECT (json_agg(json_build_array(channel, product_kind, granted))
               FILTER (WHERE purpose = 'marketing_contact'))::text AS marketing,
           bool_or(granted) FILTER (WHERE purpose = 'personalised_decision') AS personalised_consent
    FROM proj_consent WHERE customer_id = p.customer_id
) c ON true
LEFT JOIN proj_features f ON f.customer_id = p.customer_id AND p.personalisation AND c.personalised_consent
LEFT JOIN employee e ON e.employee_id = p.manager_id
WHERE p.customer_id = ANY ($1::uuid[])"""

# Locked: a task that somebody is completing right now takes no further opportunity.
_ALIVE = """
SELECT id, customer_id, family FROM task WHERE customer_id = ANY ($1::uuid[]) AND state IN ('open', 'claimed')
ORDER BY id FOR UPDATE"""
_LOAD = """
SELECT employee_id, business_date, count(*) FROM task
WHERE employee_id = ANY ($1::text[]) AND business_date = ANY ($2::date[]) GROUP BY 1, 2"""


@dataclass(frozen=True)
class Draft:
    """A detection on its way to an opportunity. `now` is the business time at which it is judged."""

    opportunity_id: UUID
    campaign: Campaign
    customer_id: UUID
    event_key: str
    business_date: date
    escalates_at: datetime
    expires_at: datetime
    now: datetime


@dataclass(frozen=True)
class NewTask:
    """A task to be written, with the contact that was reserved for it."""

    id: UUID
    contact_id: UUID


@dataclass(frozen=True)
class Judged:
    """What became of a draft: `task_id` is the task it lies in, `new_task` set if this opportunity brings it."""

    draft: Draft
    opening: Opening
    branch_id: str | None
    task_id: UUID | None = None
    new_task: NewTask | None = None


async def judge(conn: Conn, plan: Plans, drafts: Sequence[Draft]) -> list[Judged]:
    """Judge the drafts in their order. Contacts of the open ones are reserved when this returns."""
    known = await _known(conn, drafts)
    capacity = await _capacity(conn, drafts, known)
    judged = [_open(draft, known.get(draft.customer_id), plan, capacity) for draft in drafts]
    return await _reserve(conn, plan, judged)


async def _known(conn: Conn, drafts: Sequence[Draft]) -> dict[UUID, Any]:
    rows = await conn.fetch(_KNOWN, list({d.customer_id for d in drafts}))
    return {row["customer_id"]: row for row in rows}


async def _capacity(conn: Conn, drafts: Sequence[Draft], known: Mapping[UUID, Any]) -> dict[tuple[str, date], int]:
    """Tasks that each manager concerned has already got on each day concerned."""
    managers = {row["manager_id"] for row in known.values() if row["daily_capacity"] is not None}
    if not managers:
        return {}
    rows = await conn.fetch(_LOAD, list(managers), list({d.business_date for d in drafts}))
    return {(row[0], row[1]): row[2] for row in rows}


def _open(draft: Draft, row: Any, plan: Plans, taken: dict[tuple[str, date], int]) -> Judged:
    arm = plan.arm(draft.campaign.code, draft.campaign.control_share_bp, draft.customer_id, draft.business_date)
    if row is None:
        unknown = OpeningFacts(
            draft.customer_id, False, arm, draft.escalates_at, draft.expires_at, enabled=draft.campaign.enabled
        )
        return Judged(draft, open_opportunity(unknown), None)
    place = (row["manager_id"], draft.business_date)
    free = row["daily_capacity"] is None or taken.get(place, 0) < row["daily_capacity"]
    facts = OpeningFacts(
        customer_id=draft.customer_id,
        known=True,
        arm=arm,
        escalates_at=draft.escalates_at,
        expires_at=draft.expires_at,
        enabled=draft.campaign.enabled,
        channels=draft.campaign.channels,
        consents=()
        if too_young(row["birth_date"], draft.business_date)
        else consents.given(orjson.loads(row["marketing"] or "[]")),
        product_kind=draft.campaign.product_kind,
        personalised_consent=row["personalised_consent"],
        personalisation=row["personalisation"],
        manager_id=row["manager_id"],
        manager_has_capacity=free,
        quadrant=row["value_quadrant"],
        digital_share=row["digital_share"],
    )
    opening = open_opportunity(facts)
    if opening.state is OpportunityState.OPEN and opening.route is not None and opening.route.employee_id:
        taken[place] = taken.get(place, 0) + 1
    return Judged(draft, opening, row["branch_id"])


async def _reserve(conn: Conn, plan: Plans, judged: list[Judged]) -> list[Judged]:
    """Ask the contact policy, in rounds: a customer's second opportunity joins the task that the first one got."""
    alive = {
        (r["customer_id"], r["family"]): r["id"]
        for r in await conn.fetch(_ALIVE, list({j.draft.customer_id for j in judged}))
    }
    waiting = [i for i, j in enumerate(judged) if j.opening.assigned]
    while waiting:
        asked, later = _round(waiting, judged, alive)
        answers = await contacts.reserve(conn, plan.policy, [wish for _, wish in asked])
        for (i, wish), refusal in zip(asked, answers, strict=True):
            judged[i] = _answered(judged[i], wish, refusal, alive)
        waiting = later
    return judged


def _round(
    waiting: list[int], judged: list[Judged], alive: dict[tuple[UUID, str], UUID]
) -> tuple[list[tuple[int, contacts.Wish]], list[int]]:
    asked: list[tuple[int, contacts.Wish]] = []
    later: list[int] = []
    busy: set[tuple[UUID, str]] = set()
    for i in waiting:
        draft, opening = judged[i].draft, judged[i].opening
        key = draft.customer_id, draft.campaign.family
        open_ = opening.state is OpportunityState.OPEN
        if open_ and key in alive:
            judged[i] = replace(judged[i], task_id=alive[key])
        elif key in busy:
            later.append(i)
        else:
            busy.add(key)
            asked.append((i, _wish(judged[i], keep=open_)))
    return asked, later


def _wish(judged: Judged, *, keep: bool) -> contacts.Wish:
    draft, route = judged.draft, judged.opening.route
    return contacts.Wish(
        id=new_id(),
        customer_id=draft.customer_id,
        branch_id=judged.branch_id,
        channel=route.channel if route else "call_centre",
        message_class=MessageClass.MARKETING,
        at=draft.now,
        campaign=draft.campaign.code,
        step=draft.event_key,
        opportunity_id=draft.opportunity_id,
        keep=keep,
    )


def _answered(judged: Judged, wish: contacts.Wish, refusal: str | None, alive: dict[tuple[UUID, str], UUID]) -> Judged:
    opening = after_policy(judged.opening, refusal)
    if opening.state is not OpportunityState.OPEN:
        return replace(judged, opening=opening)
    task = NewTask(new_id(), wish.id)
    alive[judged.draft.customer_id, judged.draft.campaign.family] = task.id
    return replace(judged, opening=opening, task_id=task.id, new_task=task)
