"""Contacts: reserved before anybody is contacted, then confirmed or released (X28, P-11)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from campaign import consents
from campaign.contact_policy import ContactPolicy, direction
from campaign.sql import Conn, one

_RESERVE = """
SELECT reserve_contact(c.id, c.customer_id, NULL, NULL, c.branch_id, c.channel, c.direction, c.campaign, c.step,
                       c.opportunity_id, c.decision_id, c.at, $11::text::jsonb, $12::time, c.keep)
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[],
            $9::uuid[], $10::timestamptz[], $13::boolean[])
     AS c (id, customer_id, branch_id, channel, direction, campaign, step, opportunity_id, decision_id, at, keep)"""

_CONFIRM = """
UPDATE contact SET state = 'confirmed', disposition = $2, confirmed_at = $3, at = $3, hold_until = NULL,
                   beyond_policy = $4
WHERE id = $1 AND state <> 'confirmed'"""
_WISH = """
SELECT id, customer_id, branch_id, channel, campaign, step, opportunity_id, decision_id FROM contact WHERE id = $1"""


@dataclass(frozen=True)
class Wish:
    """A contact that somebody wants to make. `at` is business time; `keep=False` only asks."""

    id: UUID
    customer_id: UUID
    branch_id: str | None
    channel: str
    at: datetime
    campaign: str | None = None
    step: str | None = None
    opportunity_id: UUID | None = None
    decision_id: UUID | None = None
    keep: bool = True


async def reserve(
    conn: Conn, policy: ContactPolicy, wishes: Sequence[Wish], *, zone: str | None = None
) -> list[str | None]:
    """Reserve each wish, all levels or nothing; the reason where refused. Asking again for the same id renews it.

    What a campaign begins needs the customer's consent at this very moment (P-12), else `no_consent`.
    Quiet hours are asked with `zone` only: when the contact is about to be made, not when its task is.
    """
    order = sorted(range(len(wishes)), key=lambda i: str(wishes[i].customer_id))
    ordered = [wishes[i] for i in order]
    local = ordered[0].at.astimezone(ZoneInfo(zone)).time() if zone and ordered else None
    rows = await conn.fetch(
        _RESERVE,
        [w.id for w in ordered],
        [w.customer_id for w in ordered],
        [w.branch_id for w in ordered],
        [w.channel for w in ordered],
        [direction(w.channel) for w in ordered],
        [w.campaign for w in ordered],
        [w.step for w in ordered],
        [w.opportunity_id for w in ordered],
        [w.decision_id for w in ordered],
        [w.at for w in ordered],
        policy.model_dump_json(),
        local,
        [w.keep for w in ordered],
    )
    answers: list[str | None] = [None] * len(wishes)
    for i, row in zip(order, rows, strict=True):
        answers[i] = row[0]
    return await consents.refuse(conn, wishes, answers)


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
    return Wish(**dict(await one(conn, _WISH, contact_id)), at=at)


async def release(conn: Conn, contact_ids: Sequence[UUID]) -> None:
    """Nobody was contacted: the reservations count no longer."""
    await conn.execute(
        "UPDATE contact SET state = 'released', hold_until = NULL WHERE id = ANY ($1::uuid[]) AND state = 'reserved'",
        list(contact_ids),
    )
