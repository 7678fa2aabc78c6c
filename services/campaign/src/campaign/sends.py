"""Contacts of whoever sends by themselves: held before the send, then made or given back. Tasks have their own way."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from attune_contracts.campaign import ContactMade, MessageClass
from attune_contracts.identifiers import new_id
from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, NotFound
from attune_service_kit.paging import by_time
from attune_service_kit.reads import Queryable
from campaign import consents, contacts
from campaign.contact_policy import ContactPolicy
from campaign.contacts import ContactRefused
from campaign.sql import Conn, one
from campaign.texts import POLICY
from campaign.visibility import parameters, visible

ContactState = Literal["reserved", "confirmed", "released", "expired"]

_CUSTOMER = f"""
SELECT p.branch_id FROM proj_party p WHERE {visible("p", 1)} AND p.customer_id = $4"""  # noqa: S608 - ours
_ONE = f"SELECT t.* FROM contact t WHERE {visible('t', 1)} AND t.id = $4"  # noqa: S608 - a condition of ours
# Ids are time-ordered.
_LISTS = by_time(f"""
SELECT t.* FROM contact t
WHERE {visible("t", 1)} AND ($4::uuid IS NULL OR t.customer_id = $4) AND ($5::text IS NULL OR t.channel = $5)
  AND ($6::text IS NULL OR t.state = $6) AND ($7::text IS NULL OR t.message_class = $7)
  AND ($8::uuid IS NULL OR t.id {{beyond}} $8)
ORDER BY t.id {{order}} LIMIT $9""")  # noqa: S608 - a condition of ours


class ContactMadeAlready(Conflict):
    """The contact is confirmed: it cannot be given back."""

    code = "contact_made"


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to send, to whom."""

    customer_id: UUID
    channel: str
    message_class: MessageClass
    campaign: str | None = None
    step: str | None = None
    product_kind: str | None = None


@dataclass(frozen=True)
class Filter:
    """Which contacts to list; None asks nothing."""

    customer_id: UUID | None = None
    channel: str | None = None
    state: ContactState | None = None
    message_class: MessageClass | None = None


async def hold(tx: Transaction, policy: ContactPolicy, caller: Caller, wanted: Wanted, zone: str) -> Any:
    """Reserve the contact on all levels, or refuse. NotFound, ContactRefused."""
    customer = await tx.conn.fetchrow(_CUSTOMER, *parameters(caller.scope), wanted.customer_id)
    if customer is None:
        raise NotFound("there is no such customer", "客户不存在")
    wish = contacts.Wish(
        id=new_id(),
        customer_id=wanted.customer_id,
        branch_id=customer["branch_id"],
        channel=wanted.channel,
        message_class=wanted.message_class,
        at=tx.now,
        campaign=wanted.campaign,
        step=wanted.step,
    )
    (reason,) = await contacts.reserve(tx.conn, policy, [wish], zone=zone)
    # The reservation has locked the customer: what consent says now holds until the commit (P-12).
    if reason is None and wanted.message_class is MessageClass.MARKETING:
        kinds = [wanted.product_kind]
        if not await consents.permits(tx.conn, wanted.customer_id, wanted.channel, kinds):
            reason = consents.NO_CONSENT
    if reason is not None:
        raise ContactRefused(POLICY[reason]["en"], POLICY[reason]["zh"], reason=reason)
    await tx.audit("contact.reserved", "contact", wish.id, detail={"class": wanted.message_class})
    return await one(tx.conn, "SELECT * FROM contact WHERE id = $1", wish.id)


async def made(tx: Transaction, policy: ContactPolicy, caller: Caller, contact_id: UUID, disposition: str) -> Any:
    """The contact took place: it counts from now on, beyond the policy where it had lapsed. NotFound."""
    await _visible(tx.conn, caller, contact_id)
    wish = await contacts.wish_of(tx.conn, contact_id, tx.now)
    if await contacts.confirm(tx.conn, policy, wish, disposition):
        await tx.audit("contact.confirmed", "contact", contact_id, detail={"disposition": disposition})
        tx.emit(
            ContactMade(
                customer_id=wish.customer_id,
                contact_id=contact_id,
                opportunity_id=wish.opportunity_id,
                channel=wish.channel,
                disposition=disposition,
            )
        )
    return await one(tx.conn, "SELECT * FROM contact WHERE id = $1", contact_id)


async def give_back(tx: Transaction, caller: Caller, contact_id: UUID) -> Any:
    """The send has failed: the reservation counts no longer. NotFound, ContactMadeAlready."""
    await _visible(tx.conn, caller, contact_id)
    await contacts.release(tx.conn, [contact_id])
    row = await one(tx.conn, "SELECT * FROM contact WHERE id = $1", contact_id)
    if row["state"] == "confirmed":
        raise ContactMadeAlready("the contact has been made", "该接触已完成")
    await tx.audit("contact.released", "contact", contact_id)
    return row


async def listed(
    conn: Queryable, caller: Caller, wanted: Filter, sort: str, after: UUID | None, limit: int
) -> list[Any]:
    """One page of contacts in the caller's scope, in the order of their making or the other way round."""
    asked = wanted.customer_id, wanted.channel, wanted.state, wanted.message_class
    return list(await conn.fetch(_LISTS[sort], *parameters(caller.scope), *asked, after, limit))


async def _visible(conn: Conn, caller: Caller, contact_id: UUID) -> None:
    if await conn.fetchrow(_ONE, *parameters(caller.scope), contact_id) is None:
        raise NotFound("there is no such contact", "接触记录不存在")
