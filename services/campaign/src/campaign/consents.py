"""Consents as campaign keeps them, and what they permit at the moment of a contact (X21, P-12).

Whoever applies a newer state and whoever reserves a contact lock the customer's policy subject first: a reservation
either is there when consents change, and is given back, or it sees the new ones.
"""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from attune_contracts.campaign import MessageClass
from attune_contracts.consent import ANY, Given
from attune_contracts.customer_360 import ConsentChanged
from attune_service_kit.database import Transaction
from attune_service_kit.reads import Queryable
from campaign import turns
from campaign.sql import Conn

NO_CONSENT = "no_consent"

_ALIVE = "SELECT id FROM task WHERE customer_id = ANY ($1::uuid[]) AND state IN ('open', 'claimed')"
_LOCK = "SELECT lock_policy_subjects(ARRAY(SELECT 'customer:' || c FROM unnest($1::uuid[]) c))"
_HELD = """
SELECT customer_id, max(version) FROM proj_consent WHERE customer_id = ANY ($1::uuid[]) GROUP BY customer_id"""
_INSERT = """
INSERT INTO proj_consent (customer_id, purpose, channel, product_kind, granted, since, version)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""
_REFUSED = """
SELECT w.id FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS w (id, customer_id, channel, campaign)
WHERE EXISTS (SELECT FROM unnest(contact_kinds(w.id, w.campaign)) kind
              WHERE contact_permitted(w.customer_id, w.channel, kind) IS NOT TRUE)"""
_GIVE_BACK = (
    "UPDATE contact SET state = 'released', hold_until = NULL WHERE id = ANY ($1::uuid[]) AND state = 'reserved'"
)
_PERMITTED = """
SELECT bool_and(contact_permitted($1, $2, kind) IS TRUE) FROM unnest($3::text[]) kind"""


class Wished(Protocol):
    """A contact that somebody wants to make."""

    @property
    def id(self) -> UUID: ...
    @property
    def customer_id(self) -> UUID: ...
    @property
    def channel(self) -> str: ...
    @property
    def campaign(self) -> str | None: ...
    @property
    def message_class(self) -> MessageClass: ...


def given(rows: Sequence[Sequence[object]]) -> tuple[Given, ...]:
    """Rows of channel, product kind and granted, as the rule takes them."""
    return tuple(Given(str(channel), str(kind), bool(granted)) for channel, kind, granted in rows)


async def apply(tx: Transaction, changes: Sequence[ConsentChanged]) -> list[UUID]:
    """Replace the consents of customers whose told version is greater than the one held (X7); return those customers.

    When this returns, their tasks and policy subjects are locked, in the order that `turns` tells.
    """
    newest: dict[UUID, ConsentChanged] = {}
    for change in changes:
        if change.customer_id not in newest or change.version > newest[change.customer_id].version:
            newest[change.customer_id] = change
    await lock(tx.conn, list(newest))
    held: dict[UUID, int] = {row[0]: row[1] for row in await tx.conn.fetch(_HELD, list(newest))}
    newer = [change for change in newest.values() if change.version > held.get(change.customer_id, -1)]
    customers = [change.customer_id for change in newer]
    await tx.conn.execute("DELETE FROM proj_consent WHERE customer_id = ANY ($1::uuid[])", customers)
    await tx.conn.executemany(_INSERT, [row for change in newer for row in _rows(change)])
    return customers


async def lock(conn: Conn, customers: Sequence[UUID]) -> None:
    """Lock what depends on these customers' consents: their living tasks, then their policy subjects."""
    if not customers:
        return
    await turns.lock_tasks(conn, (row[0] for row in await conn.fetch(_ALIVE, list(customers))))
    await lock_subjects(conn, customers)


async def lock_subjects(conn: Conn, customers: Sequence[UUID]) -> None:
    """No contact with these customers is reserved until the commit."""
    await conn.execute(_LOCK, list(customers))


async def refuse(conn: Conn, wishes: Sequence[Wished], answers: Sequence[str | None]) -> list[str | None]:
    """The policy's answers, and `no_consent` where the customer does not permit the contact: its hold is given back.

    Asked once the policy has locked the customers, so the answer holds until the commit. Who comes to the bank by
    themselves needs no consent: only what a campaign begins is asked about here, `permits` is for the others.
    Service and legal messages need none by their class.
    """
    asked = [
        w
        for w, answer in zip(wishes, answers, strict=True)
        if answer is None and w.campaign is not None and w.message_class is MessageClass.MARKETING
    ]
    rows = await conn.fetch(
        _REFUSED, [w.id for w in asked], [w.customer_id for w in asked], [w.channel for w in asked],
        [w.campaign for w in asked],
    ) if asked else []  # fmt: skip
    refused = {row[0] for row in rows}
    if refused:
        await conn.execute(_GIVE_BACK, list(refused))
    return [NO_CONSENT if w.id in refused else answer for w, answer in zip(wishes, answers, strict=True)]


async def permits(conn: Queryable, customer_id: UUID, channel: str, product_kinds: Sequence[str | None]) -> bool:
    """Whether the customer permits a contact about all of these product kinds; False if nothing is known."""
    return await conn.fetchval(_PERMITTED, customer_id, channel, list(product_kinds)) is True


def _rows(change: ConsentChanged) -> list[tuple[object, ...]]:
    return [
        (change.customer_id, c.purpose, c.channel or ANY, c.product_kind or ANY, c.granted, c.since, change.version)
        for c in change.consents
    ]
