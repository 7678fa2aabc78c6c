"""Consents of records that turn out to be one customer (X22): what the customer said as any of them holds for all."""

from collections.abc import Sequence
from uuid import UUID

from attune_service_kit.database import Transaction
from customer_360 import consents

_VALUES = "granted, basis, evidence, since, notice_version"
# The customer's newest word at each place; of the same day a refusal, and a documented default last of all.
_UNITE = f"""
WITH members (id, one) AS ({{members}}), united AS (
    SELECT DISTINCT ON (m.one, purpose, channel, product_kind) m.one, purpose, channel, product_kind, {_VALUES}
    FROM members m JOIN consent c ON c.customer_id = m.id
    ORDER BY m.one, purpose, channel, product_kind, basis = 'default', since DESC, granted
), news AS (
    SELECT m.id AS customer_id, u.* FROM members m JOIN united u USING (one)
    LEFT JOIN consent c ON c.customer_id = m.id
        AND (c.purpose, c.channel, c.product_kind) = (u.purpose, u.channel, u.product_kind)
    WHERE (c.granted, c.basis, c.since) IS DISTINCT FROM (u.granted, u.basis, u.since)
), versions AS (
    INSERT INTO consent_version AS v (customer_id, version, changed_at)
    SELECT DISTINCT customer_id, 1, $2::timestamptz FROM news ORDER BY customer_id
    ON CONFLICT (customer_id) DO UPDATE SET version = v.version + 1, changed_at = excluded.changed_at
    RETURNING v.customer_id, v.version
), entries AS (
    INSERT INTO consent_entry (customer_id, version, purpose, channel, product_kind, {_VALUES}, source, actor, at)
    SELECT customer_id, version, purpose, channel, product_kind, {_VALUES}, $4, $3, $2
    FROM news JOIN versions USING (customer_id)
), written AS (
    INSERT INTO consent (customer_id, purpose, channel, product_kind, {_VALUES})
    SELECT customer_id, purpose, channel, product_kind, {_VALUES} FROM news
    ON CONFLICT (customer_id, purpose, channel, product_kind) DO UPDATE SET
        granted = excluded.granted, basis = excluded.basis, evidence = excluded.evidence, since = excluded.since,
        notice_version = excluded.notice_version
)
SELECT customer_id FROM versions ORDER BY customer_id
"""  # noqa: S608 - this module's own text
_OF_ONE = _UNITE.format(members="SELECT unnest($1::uuid[]), 1")
_OF_ALL = _UNITE.format(
    members="SELECT alias_id, customer_id FROM party_alias WHERE $1::uuid[] IS NULL"
    " UNION SELECT customer_id, customer_id FROM party_alias"
)


async def unite(tx: Transaction, ids: Sequence[UUID]) -> None:
    """Bring the consents of these records to one state, and tell of each that has changed; for a merge's transaction.

    A separation later on takes nothing back: what was said stays said.
    """
    changed = [row[0] for row in await tx.conn.fetch(_OF_ONE, list(ids), tx.now, tx.who, "merge")]
    for id_ in changed:
        stands = await consents.of_record(tx.conn, id_)
        tx.emit(consents.event(stands))
        await tx.audit("consent.united", "customer", id_, version=stands.version)


async def unite_all(tx: Transaction) -> None:
    """The same for all customers of several records, after an import; its pointers tell what has changed."""
    await tx.conn.fetch(_OF_ALL, None, tx.now, tx.who, "import")
