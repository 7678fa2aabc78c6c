"""One party of several source records, found in an import, set-wise: the same document joins, a likeness is for people.

In a job's process, in the transaction that writes the parties. Only records whose identity this import has changed are
compared, by keyed digests alone: nothing is opened.
"""

from dataclasses import dataclass

from attune_contracts.identifiers import new_id
from attune_service_kit.database import Transaction
from customer_360 import consent_union, resolution

FRESH = "fresh_identity"
"""The temporary table of the parties whose identity an import has changed: what of them is compared."""

CROWD = 10
"""A likeness that more records share is none: a placeholder, or the branch's own telephone."""

# Everybody with a document of this import, joined to the first of them by id. Whoever was separated from one of them
# by a person stays out.
_SAME_DOCUMENT = f"""
WITH fresh AS (
    SELECT document_key FROM {FRESH} WHERE document_key IS NOT NULL GROUP BY 1 HAVING count(*) > 1 OR $1
), holders AS (
    SELECT i.document_key, i.customer_id FROM fresh JOIN party_identity i USING (document_key)
    WHERE NOT EXISTS (
        SELECT FROM party_merge m JOIN party_identity o ON o.customer_id IN (m.first, m.second)
        WHERE i.customer_id IN (m.first, m.second) AND NOT m.holds AND o.customer_id <> i.customer_id
          AND o.document_key = i.document_key)
      AND NOT EXISTS (
        SELECT FROM identity_review v JOIN party_identity o ON o.customer_id IN (v.first, v.second)
        WHERE i.customer_id IN (v.first, v.second) AND v.state = 'rejected' AND o.customer_id <> i.customer_id
          AND o.document_key = i.document_key)
), pairs AS (
    SELECT first_value(customer_id) OVER (PARTITION BY document_key ORDER BY customer_id) AS first,
           customer_id AS second FROM holders
)
SELECT first, second FROM pairs WHERE first <> second
EXCEPT SELECT first, second FROM party_merge
"""  # noqa: S608 - names of this package
_LINK = """
INSERT INTO party_merge (merge_id, first, second, holds, how, merged_by, merged_at)
SELECT merge_id, first, second, true, 'document', $4, $5
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS m (merge_id, first, second) ON CONFLICT DO NOTHING"""
# Same name and birth date, or same name and phone, and no document that decides: the fresh ones among themselves, and
# with those that stood before.
_SOUGHT = f"""
CREATE TEMPORARY TABLE sought ON COMMIT DROP AS
SELECT key, ground FROM (
    SELECT name_birth AS key, 'name_birth' AS ground FROM {FRESH}
    UNION ALL SELECT name_phone, 'name_phone' FROM {FRESH}
) s WHERE key IS NOT NULL GROUP BY key, ground HAVING count(*) > 1 OR $1
"""  # noqa: S608 - names of this package
_ALIKE = """
INSERT INTO identity_review (review_id, first, second, grounds, documents, state, found_at)
WITH members AS MATERIALIZED (
    SELECT s.key, s.ground, k.customer_id, i.document_key, coalesce(a.customer_id, k.customer_id) AS answered_by,
           p.party_kind = 'organisation' AS firm, count(*) OVER (PARTITION BY s.key, s.ground) AS crowd
    FROM sought s JOIN identity_key k USING (key) JOIN party_identity i USING (customer_id)
    JOIN party p USING (customer_id) LEFT JOIN party_alias a ON a.alias_id = k.customer_id
)
SELECT gen_random_uuid(), a.customer_id, b.customer_id, array_agg(DISTINCT a.ground ORDER BY a.ground),
       CASE WHEN bool_and(a.document_key IS NOT NULL AND b.document_key IS NOT NULL) THEN 'other' ELSE 'missing' END,
       'open', $2
FROM members a JOIN members b ON (a.key, a.ground) = (b.key, b.ground) AND a.customer_id < b.customer_id
WHERE a.crowd <= $1 AND a.firm = b.firm AND a.answered_by <> b.answered_by
  AND (a.document_key = b.document_key) IS NOT TRUE
  AND NOT EXISTS (SELECT FROM party_merge m WHERE m.first = a.customer_id AND m.second = b.customer_id)
GROUP BY a.customer_id, b.customer_id
ON CONFLICT (first, second) DO NOTHING"""


@dataclass(frozen=True)
class Resolved:
    """How many records an import has joined by their document, and how many pairs it has found for people to decide."""

    merged: int
    doubtful: int


async def resolve(tx: Transaction, older: bool) -> Resolved:
    """Join the parties in FRESH with whom they are, and list whom they may be. `older`: there were others before."""
    await tx.conn.execute(f"ANALYZE {FRESH}")
    pairs = [(row["first"], row["second"]) for row in await tx.conn.fetch(_SAME_DOCUMENT, older)]
    if pairs:
        first, second = (list(side) for side in zip(*pairs, strict=True))
        await tx.conn.execute(_LINK, [new_id() for _ in pairs], first, second, tx.who, tx.now)
        await resolution.settle(tx, sorted({*first, *second}))
        await consent_union.unite_all(tx)
        await tx.audit("party.merged", "import", tx.who, detail={"how": "document", "pairs": len(pairs)})
    return Resolved(len(pairs), await _doubtful(tx, older))


async def _doubtful(tx: Transaction, older: bool) -> int:
    await tx.conn.execute(_SOUGHT, older)
    await tx.conn.execute("ANALYZE sought")
    status: str = await tx.conn.execute(_ALIKE, CROWD, tx.now)
    return int(status.rpartition(" ")[2])
