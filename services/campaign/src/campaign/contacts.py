"""Contacts: reserved before anybody is contacted, then confirmed or released (X28, P-11)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from attune_contracts.campaign import MessageClass
from attune_service_kit.errors import Conflict
from campaign import consents
from campaign.contact_policy import ContactPolicy, direction
from campaign.sql import Conn, one
from campaign.texts import POLICY

_RESERVE = "SELECT reason FROM reserve_contacts($1::text::jsonb, $2::text::jsonb) ORDER BY wish"

_CONFIRM = """
UPDATE contact SET state = 'confirmed', disposition = $2, confirmed_at = $3, at = $3, hold_until = NULL,
                   beyond_policy = $4
WHERE id = $1 AND state <> 'confirmed'"""
_WISH = """
SELECT id, customer_id, branch_id, channel, message_class, campaign, step, opportunity_id, decision_id
FROM contact WHERE id = $1"""


class ContactRefused(Conflict):
    """The contact policy, or the customer's will, forbids the contact now."""

    code = "contact_refused"
    shown = POLICY["frequency_cap"]["en"], POLICY["frequency_cap"]["zh"]


@dataclass(frozen=True)
class Wish:
    """A contact that somebody wants to make. `at` is business time; `keep=False` only asks."""

    id: UUID
    customer_id: UUID
    branch_id: str | None
    channel: str
    message_class: MessageClass
    at: datetime
    campaign: str | None = None
    step: str | None = None
    opportunity_id: UUID | None = None
    decision_id: UUID | None = None
    keep: bool = True


async def reserve(
    conn: Conn, policy: ContactPolicy, wishes: Sequence[Wish], *, zone: str | None = None
) -> list[str | None]:
    """Reserve each wish on all its levels or not at all; the reason where refused. The same id again renews it.

    What a campaign begins needs the customer's consent at this very moment (P-12), else `no_consent`.
    Households and accounts are found by the function itself. Hours of the day are asked with `zone` only: when the
    contact is about to be made, not when its task is.
    """
    if not wishes:
        return []
    asked = orjson.dumps([_asked(wish, zone) for wish in wishes], default=str).decode()  # asyncpg has its own UUID
    answers = [row[0] for row in await conn.fetch(_RESERVE, asked, policy.to_reserve())]
    return await consents.refuse(conn, wishes, answers)


def _asked(wish: Wish, zone: str | None) -> dict[str, object]:
    fields = {name: getattr(wish, name) for name in Wish.__dataclass_fields__}
    local = wish.at.astimezone(ZoneInfo(zone)).time().isoformat() if zone else None
    return fields | {"direction": direction(wish.channel), "local": local}


async def confirm(conn: Conn, policy: ContactPolicy, wish: Wish, disposition: str) -> bool:
    """The customer of a reserved contact has been contacted: it counts from `wish.at` on. False if it did before.

    If the reservation had lapsed and the policy would refuse it now, it counts all the same, marked `beyond_policy`: a
    fact stays a fact. Asking again takes the lock, so that nobody counts the contact as lapsed meanwhile.
    """
    (refusal,) = await reserve(conn, policy, [wish])
    status: str = await conn.execute(_CONFIRM, wish.id, disposition, wish.at, refusal is not None)
    return status.endswith(" 1")


async def wish_of(conn: Conn, contact_id: UUID, at: datetime) -> Wish:
    """The wish behind a contact, for asking again."""
    values = dict(await one(conn, _WISH, contact_id))
    return Wish(**values | {"message_class": MessageClass(values["message_class"])}, at=at)


async def release(conn: Conn, contact_ids: Sequence[UUID]) -> None:
    """Nobody was contacted: the reservations count no longer."""
    await conn.execute(
        "UPDATE contact SET state = 'released', hold_until = NULL WHERE id = ANY ($1::uuid[]) AND state = 'reserved'",
        list(contact_ids),
    )
