"""Consents from the bank's files, as set-wise statements over the staged rows: in a job's process.

The newest word of the customer holds. A file never turns a refusal into a consent unless it is newer, and a documented
default ("branch agreement 2023") only speaks where the customer has said nothing (X21), and never for a prospect.
"""

from dataclasses import dataclass

from attune_service_kit.database import Transaction
from customer_360.loads import STAGE

_VALUES = "granted, basis, evidence, since, notice_version"
_AGREED_FOR_PROSPECT = """(i.granted AND i.basis = 'default' AND EXISTS (
    SELECT FROM party p WHERE p.customer_id = i.customer_id AND p.party_kind = 'prospect'))"""
# Equal rows are no news. Of what differs, the file's row stands back behind the customer's own word in the same place
# (newer, or a refusal of the same day), and what it grants behind a refusal that covers it, lest the finer row win.
_NEWS = f"""
CREATE TEMPORARY TABLE consent_news ON COMMIT DROP AS
SELECT i.* FROM {STAGE} i LEFT JOIN consent c USING (customer_id, purpose, channel, product_kind)
WHERE (c.customer_id IS NULL OR
       (c.granted, c.basis, c.evidence, c.since) IS DISTINCT FROM (i.granted, i.basis, i.evidence, i.since)
       OR c.notice_version IS DISTINCT FROM i.notice_version)
  AND (c.customer_id IS NULL
       OR (i.basis = 'decision' OR c.basis = 'default') AND (
           c.basis = 'default' AND i.basis = 'decision' OR i.since > c.since
           OR i.since = c.since AND (c.granted OR NOT i.granted)))
  AND NOT {_AGREED_FOR_PROSPECT}
  AND NOT (i.granted AND EXISTS (
      SELECT FROM consent r
      WHERE r.customer_id = i.customer_id AND r.purpose = i.purpose AND NOT r.granted AND r.basis = 'decision'
        AND r.channel IN ('*', i.channel) AND r.product_kind IN ('*', i.product_kind)
        AND (r.channel, r.product_kind) <> (i.channel, i.product_kind)
        AND (i.basis = 'default' OR r.since >= i.since)))
"""  # noqa: S608 - names of this package
_WRITE = f"""
WITH versions AS (
    INSERT INTO consent_version AS v (customer_id, version, changed_at)
    SELECT DISTINCT customer_id, 1, $1::timestamptz FROM consent_news ORDER BY customer_id
    ON CONFLICT (customer_id) DO UPDATE SET version = v.version + 1, changed_at = excluded.changed_at
    RETURNING v.customer_id, v.version
), entries AS (
    INSERT INTO consent_entry (customer_id, version, purpose, channel, product_kind, {_VALUES}, source, actor, at)
    SELECT customer_id, version, purpose, channel, product_kind, {_VALUES}, 'import', $2, $1
    FROM consent_news JOIN versions USING (customer_id)
)
INSERT INTO consent (customer_id, purpose, channel, product_kind, {_VALUES})
SELECT customer_id, purpose, channel, product_kind, {_VALUES} FROM consent_news
ON CONFLICT (customer_id, purpose, channel, product_kind) DO UPDATE SET
    granted = excluded.granted, basis = excluded.basis, evidence = excluded.evidence, since = excluded.since,
    notice_version = excluded.notice_version
"""  # noqa: S608 - names of this package
# A row holds, or the customer's own word stands in its place, or it would have agreed for a prospect.
_STANDING = f"""
SELECT count(*) FILTER (WHERE holds AND basis = 'default') AS defaults,
       count(*) FILTER (WHERE NOT holds AND NOT for_prospect) AS outranked,
       count(*) FILTER (WHERE NOT holds AND for_prospect) AS prospects
FROM (SELECT i.basis, (c.granted, c.basis, c.since) IS NOT DISTINCT FROM (i.granted, i.basis, i.since) AS holds,
             {_AGREED_FOR_PROSPECT} AS for_prospect
      FROM {STAGE} i LEFT JOIN consent c USING (customer_id, purpose, channel, product_kind)) AS told
"""  # noqa: S608 - names of this package


@dataclass(frozen=True)
class ImportedConsents:
    """How many rows changed something, hold as documented defaults, or do not hold: the customer's word, a prospect."""

    changed: int
    defaults: int
    outranked: int
    prospects: int


async def write(tx: Transaction) -> ImportedConsents:
    """Write what is news in the stage: ledger, versions and what holds, in the caller's transaction."""
    await tx.conn.execute(_NEWS)
    status: str = await tx.conn.execute(_WRITE, tx.now, tx.who)
    [row] = await tx.conn.fetch(_STANDING)
    return ImportedConsents(int(status.rpartition(" ")[2]), row["defaults"], row["outranked"], row["prospects"])
