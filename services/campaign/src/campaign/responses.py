"""What is shown to a customer, and what they answer (X16)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel

from attune_contracts.campaign import ContactMade, MessageClass, ResponseRecorded
from attune_contracts.identifiers import new_id
from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound
from attune_service_kit.reads import Queryable
from campaign import contacts, presentable, turns
from campaign.contact_policy import direction
from campaign.contacts import ContactRefused
from campaign.opportunities import act, close_idle_tasks
from campaign.plans import Plans
from campaign.texts import POLICY
from campaign.visibility import parameters, visible_here

Outcome = Literal["accepted", "refused", "later", "not_interested"]

_DECISION = f"SELECT * FROM decision t WHERE {visible_here('t', 1)} AND t.id = $4"  # noqa: S608 - of ours
_OWN_DECISION = "SELECT * FROM decision WHERE id = $1 AND caller = $2 AND branch_id IS NULL"
_OPPORTUNITY = f"""
SELECT * FROM opportunity t WHERE {visible_here("t", 1)} AND t.id = $4 AND ($5 OR t.arm = 'treated')
"""  # noqa: S608 - a condition of ours
_UNCONFIRMED = """
SELECT k.id, k.customer_id, k.channel FROM decision_presented p JOIN contact k ON k.id = p.contact_id
WHERE p.decision_id = $1 AND k.state <> 'confirmed' LIMIT 1"""
_OWN_TASK = """
SELECT contact_id FROM task
WHERE customer_id = $1 AND state = 'claimed' AND claimed_by = $2 AND channel = $3"""


class UnknownOffer(Invalid):
    """The offer was no part of the decision."""

    code = "offer_not_in_decision"


@dataclass(frozen=True)
class Presented:
    """Offers shown, and the contact that was reserved (outbound) or counted (inbound)."""

    decision_id: UUID
    contact_id: UUID
    offers: list[str]
    presented_at: datetime


class Response(BaseModel, frozen=True):
    """A customer's answer as recorded."""

    response_id: UUID
    customer_id: UUID
    decision_id: UUID | None
    opportunity_id: UUID | None
    offer: str
    outcome: str
    recorded_at: datetime


async def present(
    tx: Transaction, plan: Plans, caller: Caller, decision_id: UUID, offers: Sequence[str], zone: str
) -> Presented:
    """The decision's offers (all, or those named) are being shown.

    Inbound the customer has come by themselves: the contact counts at once and is never refused. Outbound it is
    reserved for 15 minutes, or refused. Presenting again adds nothing.
    Refuses with NotFound, UnknownOffer, ContactRefused or NoLongerSuitable.
    """
    found = await decision_row(tx.conn, caller, decision_id)
    shown = _offers(found)
    wanted = list(dict.fromkeys(offers)) or shown
    if not wanted or not set(wanted) <= set(shown):
        raise UnknownOffer("these offers are no part of the decision", "决策中没有这些产品", offers=shown)
    contact_id = await tx.conn.fetchval("SELECT contact_id FROM decision_presented WHERE decision_id = $1", decision_id)
    if contact_id is None:
        contact_id = await _contact(tx, plan, caller, found, zone)
    await presentable.check(tx, plan, found, wanted, zone)
    await tx.conn.executemany(
        "INSERT INTO decision_presented (decision_id, offer, contact_id, presented_by, presented_at)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        [(decision_id, offer, contact_id, caller.subject, tx.now) for offer in wanted],
    )
    await tx.audit("decision.presented", "decision", decision_id, detail={"offers": wanted})
    return Presented(decision_id, contact_id, wanted, tx.now)


async def record(
    tx: Transaction,
    plan: Plans,
    caller: Caller,
    *,
    decision_id: UUID | None,
    opportunity_id: UUID | None,
    offer: str,
    outcome: Outcome,
    sees_arms: bool,
) -> Response:
    """Keep the answer; the offer's opportunity is acted on, an outbound contact confirmed.

    NotFound for a decision or opportunity outside the scope; UnknownOffer.
    """
    found = await decision_row(tx.conn, caller, decision_id) if decision_id else None
    if found is not None and offer not in _offers(found):
        raise UnknownOffer("this offer is no part of the decision", "决策中没有该产品", offers=_offers(found))
    if found is None and offer not in {o.code for o in plan.catalogue.marketing}:
        raise UnknownOffer("there is no such offer", "产品不存在")
    opportunity_id = opportunity_id or _opportunity_of(found, offer)
    opportunity = await _opportunity(tx, caller, opportunity_id, sees_arms) if opportunity_id else None
    if found and opportunity and found["customer_id"] != opportunity["customer_id"]:
        raise Invalid("decision and opportunity are of different customers", "决策与商机属于不同客户")
    about = found or opportunity
    if about is None:
        raise Invalid("name a decision or an opportunity", "须提供决策或商机编号")
    response = Response(
        response_id=new_id(),
        customer_id=about["customer_id"],
        decision_id=decision_id,
        opportunity_id=opportunity_id,
        offer=offer,
        outcome=outcome,
        recorded_at=tx.now,
    )
    await _store(tx, caller, response, about)
    if opportunity is not None:
        await turns.lock_tasks(tx.conn, [opportunity["task_id"]])
    if decision_id is not None:
        await _confirm(tx, plan, decision_id, outcome)
    if opportunity is not None and await act(tx, [opportunity["id"]], outcome, tx.now):
        await close_idle_tasks(tx.conn, [opportunity["task_id"]], tx.now)
    return response


async def _store(tx: Transaction, caller: Caller, response: Response, about: Any) -> None:
    await tx.conn.execute(
        "INSERT INTO response (id, customer_id, branch_id, decision_id, opportunity_id, offer, outcome, channel,"
        " recorded_by, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        response.response_id,
        response.customer_id,
        about["branch_id"],
        response.decision_id,
        response.opportunity_id,
        response.offer,
        response.outcome,
        about["channel"],
        caller.subject,
        tx.now,
    )
    await tx.audit("response.recorded", "response", response.response_id, detail={"outcome": response.outcome})
    tx.emit(
        ResponseRecorded(
            customer_id=response.customer_id,
            response_id=response.response_id,
            decision_id=response.decision_id,
            offer=response.offer,
            outcome=response.outcome,
        )
    )


async def _confirm(tx: Transaction, plan: Plans, decision_id: UUID, outcome: Outcome) -> None:
    """An answer proves an outbound contact that was only reserved so far."""
    contact = await tx.conn.fetchrow(_UNCONFIRMED, decision_id)
    if contact is None:
        return
    wish = await contacts.wish_of(tx.conn, contact["id"], tx.now)
    if await contacts.confirm(tx.conn, plan.policy, wish, outcome):
        _made(tx, contact, outcome)


async def _contact(tx: Transaction, plan: Plans, caller: Caller, decision: Any, zone: str) -> UUID:
    inbound = direction(decision["channel"]) == "inbound"
    wish = contacts.Wish(
        id=new_id(),
        customer_id=decision["customer_id"],
        branch_id=decision["branch_id"],
        channel=decision["channel"],
        message_class=MessageClass.MARKETING,
        at=tx.now,
        decision_id=decision["id"],
    )
    if not inbound:
        # Whoever works on a task for this customer has reserved the contact already: it counts once.
        own = await tx.conn.fetchval(_OWN_TASK, wish.customer_id, caller.subject, wish.channel)
        wish = await contacts.wish_of(tx.conn, own, tx.now) if own else wish
    (reason,) = await contacts.reserve(tx.conn, plan.policy, [wish], zone=zone)
    if reason is not None:
        raise ContactRefused(POLICY[reason]["en"], POLICY[reason]["zh"], reason=reason)
    if inbound:
        await contacts.confirm(tx.conn, plan.policy, wish, "presented")
        _made(tx, {"id": wish.id, "customer_id": wish.customer_id, "channel": wish.channel}, "presented")
    return wish.id


def _made(tx: Transaction, contact: Any, disposition: str) -> None:
    tx.emit(
        ContactMade(
            customer_id=contact["customer_id"],
            contact_id=contact["id"],
            channel=contact["channel"],
            disposition=disposition,
        )
    )


async def decision_row(conn: Queryable, caller: Caller, decision_id: UUID, *, lock: bool = True) -> Any:
    """The stored decision's row; NotFound outside the scope."""
    tail = " FOR UPDATE" if lock else ""
    row = await conn.fetchrow(_DECISION + tail, *parameters(caller.scope), decision_id)
    # The generic list of a customer whom the caller cannot see belongs to who asked for it.
    if row is None:
        row = await conn.fetchrow(_OWN_DECISION + tail, decision_id, caller.subject)
    if row is None:
        raise NotFound("there is no such decision", "决策不存在")
    return row


async def _opportunity(tx: Transaction, caller: Caller, opportunity_id: UUID, sees_arms: bool) -> Any:
    row = await tx.conn.fetchrow(_OPPORTUNITY, *parameters(caller.scope), opportunity_id, sees_arms)
    if row is None:
        raise NotFound("there is no such opportunity", "商机不存在")
    return row


def _offers(decision: Any) -> list[str]:
    return [a["offer"] for a in orjson.loads(decision["result"])["actions"]]


def _opportunity_of(decision: Any, offer: str) -> UUID | None:
    if decision is None:
        return None
    for action in orjson.loads(decision["result"])["actions"]:
        if action["offer"] == offer and action["opportunity_id"]:
            return UUID(action["opportunity_id"])
    return None
