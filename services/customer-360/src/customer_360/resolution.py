"""Several records, one customer: merging, separating again, and deciding doubtful pairs (M-25, X22).

A merge moves no row: it is an edge between two records, and who answers for whom follows from all edges that hold. So a
separation restores what was, but for the consents: what the customer said as one of them stays said for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from attune_contracts.customer_360 import PartyMerged, PartyUnmerged
from attune_contracts.identifiers import new_id
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict, Invalid, NotFound
from customer_360 import consent_union, profiles, timeline
from customer_360.resolution_rules import age, answering

How = Literal["document", "review", "steward"]

# Edges change one transaction at a time: who answers for whom depends on all of them.
_TURN = "SELECT pg_advisory_xact_lock(hashtext('customer_360.resolution'))"
_KNOWN = "SELECT count(*) FROM party WHERE customer_id = ANY ($1::uuid[])"
_LINK = """
INSERT INTO party_merge (merge_id, first, second, holds, how, reason, merged_by, merged_at)
VALUES ($1, least($2::uuid, $3::uuid), greatest($2::uuid, $3::uuid), true, $4, $5, $6, $7)
ON CONFLICT (first, second) DO UPDATE SET
    holds = true, how = excluded.how, reason = excluded.reason, merged_by = excluded.merged_by,
    merged_at = excluded.merged_at, undone_by = NULL, undone_at = NULL, undone_reason = NULL
RETURNING merge_id"""
_UNDO = """
UPDATE party_merge SET holds = false, undone_by = $2, undone_at = $3, undone_reason = $4
WHERE merge_id = $1 AND holds RETURNING first, second"""
_REACHED = """
WITH RECURSIVE reached (id) AS (
    SELECT unnest($1::uuid[])
    UNION
    SELECT other.id FROM reached r CROSS JOIN LATERAL (
        SELECT m.second FROM party_merge m WHERE m.first = r.id AND m.holds
        UNION ALL SELECT m.first FROM party_merge m WHERE m.second = r.id AND m.holds
    ) AS other (id)
)"""
_RECORDS = f"""
{_REACHED}
SELECT p.customer_id, p.party_kind, p.opened_on, coalesce(a.customer_id, p.customer_id) AS answered_by
FROM reached r JOIN party p ON p.customer_id = r.id LEFT JOIN party_alias a ON a.alias_id = r.id
"""  # noqa: S608 - this module's own text
_EDGES = f"{_REACHED} SELECT m.first, m.second FROM reached r JOIN party_merge m ON m.first = r.id WHERE m.holds"  # noqa: S608
_FREE = "DELETE FROM party_alias WHERE alias_id = ANY ($1::uuid[])"
_ANSWER = """
INSERT INTO party_alias (alias_id, customer_id) SELECT * FROM unnest($1::uuid[], $2::uuid[])
ON CONFLICT (alias_id) DO UPDATE SET customer_id = excluded.customer_id"""
_NEWER = "UPDATE party SET version = version + 1, updated_at = $2 WHERE customer_id = ANY ($1::uuid[])"
_BY_PEOPLE = """
SELECT (SELECT count(*) FROM party_merge m
        WHERE (m.first = ANY ($1::uuid[]) OR m.second = ANY ($1)) AND (m.how <> 'document' OR NOT m.holds))
     + (SELECT count(*) FROM identity_review v
        WHERE (v.first = ANY ($1::uuid[]) OR v.second = ANY ($1)) AND v.state <> 'open')"""
_OTHERS = f"{_REACHED} SELECT id FROM reached WHERE id <> ALL ($1::uuid[])"  # noqa: S608 - this module's own text
_LEAVE_REVIEWS = "DELETE FROM identity_review v WHERE v.first = ANY ($1::uuid[]) OR v.second = ANY ($1)"
_LEAVE_MERGES = "DELETE FROM party_merge m WHERE m.first = ANY ($1::uuid[]) OR m.second = ANY ($1)"
_REVIEW = "SELECT first, second FROM identity_review WHERE review_id = $1 AND state = 'open' FOR UPDATE"
_DECIDED = """
UPDATE identity_review SET state = $2, decided_by = $3, decided_at = $4, reason = $5 WHERE review_id = $1"""


class UnknownReview(NotFound):
    """No such pair waits for a decision."""

    code = "unknown_review"


class UnknownMerge(NotFound):
    """No such merge holds."""

    code = "unknown_merge"


class SameRecord(Invalid):
    """A record cannot be merged with itself."""

    code = "same_record"


class AlreadyOne(Conflict):
    """The two records answer as one customer already."""

    code = "already_one_customer"


@dataclass(frozen=True)
class Change:
    """A record and who answered for it before and after."""

    record: UUID
    before: UUID
    after: UUID


async def merge(tx: Transaction, first: UUID, second: UUID, how: How, reason: str | None) -> UUID:
    """Make one customer of two records; return the merge. SameRecord, NotFound or AlreadyOne."""
    if first == second:
        raise SameRecord("these are the same record", "两条记录相同")
    await tx.conn.execute(_TURN)
    if await tx.conn.fetchval(_KNOWN, [first, second]) != 2:
        raise NotFound("no such customer", "客户不存在")
    before = {row["customer_id"]: row["answered_by"] for row in await tx.conn.fetch(_RECORDS, [first, second])}
    if before[first] == before[second]:
        raise AlreadyOne("these records answer as one customer already", "两条记录已归并为同一客户")
    merge_id: UUID = await tx.conn.fetchval(_LINK, new_id(), first, second, how, reason, tx.who, tx.now)
    changes = await settle(tx, [first, second])
    await _tell(tx, changes, merge_id)
    await tx.audit("party.merged", "merge", merge_id, detail={"first": first, "second": second, "how": how})
    return merge_id


async def undo(tx: Transaction, merge_id: UUID, reason: str) -> None:
    """Separate what a merge has joined; it is not found again by itself. UnknownMerge."""
    await tx.conn.execute(_TURN)
    row = await tx.conn.fetchrow(_UNDO, merge_id, tx.who, tx.now, reason)
    if row is None:
        raise UnknownMerge("no such merge holds", "归并记录不存在或已撤销")
    changes = await settle(tx, [row["first"], row["second"]])
    await _tell(tx, changes, merge_id)
    await tx.audit("party.unmerged", "merge", merge_id, detail={"first": row["first"], "second": row["second"]})


async def decide(tx: Transaction, review_id: UUID, same: bool, reason: str | None) -> UUID | None:
    """Decide a doubtful pair: one customer, or two for good; return the merge, if it came to one. UnknownReview."""
    row = await tx.conn.fetchrow(_REVIEW, review_id)
    if row is None:
        raise UnknownReview("no such pair waits for a decision", "该核对任务不存在或已处理")
    merged = None
    if same:
        try:
            merged = await merge(tx, row["first"], row["second"], "review", reason)
        except AlreadyOne:  # by another way meanwhile
            same = True
    await tx.conn.execute(_DECIDED, review_id, "merged" if same else "rejected", tx.who, tx.now, reason)
    await tx.audit("review.decided", "identity_review", review_id, detail={"same": same})
    return merged


async def forget(tx: Transaction, records: Sequence[UUID]) -> int:
    """Before records go for good: what was found between them and others goes with them, and others answer anew.

    Return how many merges people have made of them; then nothing is done: their word is not taken back by the way.
    """
    decided: int = await tx.conn.fetchval(_BY_PEOPLE, records)
    if not decided:
        await tx.conn.execute(_TURN)
        others = [row["id"] for row in await tx.conn.fetch(_OTHERS, records)]
        await tx.conn.execute(_LEAVE_REVIEWS, records)
        await tx.conn.execute(_LEAVE_MERGES, records)
        await settle(tx, [*records, *others])
    return decided


async def settle(tx: Transaction, records: Sequence[UUID]) -> list[Change]:
    """Say anew who answers for these records and for all that merges join to them; return what changed."""
    rows = await tx.conn.fetch(_RECORDS, records)
    ages = {row["customer_id"]: age(row["customer_id"], row["party_kind"], row["opened_on"]) for row in rows}
    edges = [(row["first"], row["second"]) for row in await tx.conn.fetch(_EDGES, records)]
    now = answering(ages, edges)
    changes = [
        Change(row["customer_id"], row["answered_by"], now[row["customer_id"]])
        for row in rows
        if row["answered_by"] != now[row["customer_id"]]
    ]
    await tx.conn.execute(_FREE, [c.record for c in changes if c.after == c.record])
    joined = [c for c in changes if c.after != c.record]
    await tx.conn.execute(_ANSWER, [c.record for c in joined], [c.after for c in joined])
    await tx.conn.execute(_NEWER, sorted({id_ for c in changes for id_ in (c.before, c.after)}), tx.now)
    for change in changes:
        if change.after == change.record:
            tx.emit(PartyUnmerged(customer_id=change.before, alias_id=change.record))
        else:
            tx.emit(PartyMerged(customer_id=change.after, alias_id=change.record))
    return changes


async def _tell(tx: Transaction, changes: Sequence[Change], merge_id: UUID) -> None:
    """The states that follow from a change, as events and in the timelines of those who answer now."""
    answered = sorted({c.after for c in changes} | {c.before for c in changes if c.after == c.record})
    for customer_id in answered:
        ids = await _ids(tx, customer_id)
        if len(ids) > 1:
            await consent_union.unite(tx, ids)
        tx.emit(await profiles.state(tx, customer_id))
    entries = [
        timeline.Entry(
            c.after,
            "profile",
            f"{merge_id}/{tx.now.isoformat()}/{c.record}",
            tx.now,
            "unmerged" if c.after == c.record else "merged",
            {"record": c.record},
        )
        for c in changes
    ]
    await timeline.add(tx, entries)


async def _ids(tx: Transaction, customer_id: UUID) -> list[UUID]:
    query = "SELECT alias_id FROM party_alias WHERE customer_id = $1 ORDER BY alias_id"
    return [customer_id, *(row["alias_id"] for row in await tx.conn.fetch(query, customer_id))]
