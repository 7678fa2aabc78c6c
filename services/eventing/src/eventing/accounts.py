"""Whose an account is: loaded from the lake after an import, kept up by profile changes (X6, X7)."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from attune_contracts.customer_360 import ProfileChanged
from attune_contracts.identifiers import partition

OwnerRow = tuple[UUID, str | None, UUID, int, str, str | None, int]
COLUMNS = ("account_id", "source_id", "customer_id", "partition", "kind", "branch_id", "opening_balance_minor")

_STAGE = "CREATE TEMP TABLE incoming_owner (LIKE account_owner INCLUDING DEFAULTS) ON COMMIT DROP"
# Rows that are as they were are left alone: an import repeated changes nothing and drops nobody's memory.
_MERGE = """
INSERT INTO account_owner AS o (account_id, source_id, customer_id, partition, kind, branch_id, opening_balance_minor)
SELECT account_id, source_id, customer_id, partition, kind, branch_id, opening_balance_minor FROM incoming_owner
ON CONFLICT (account_id) DO UPDATE
SET source_id = coalesce(excluded.source_id, o.source_id), customer_id = excluded.customer_id,
    partition = excluded.partition, kind = excluded.kind, branch_id = excluded.branch_id,
    opening_balance_minor = excluded.opening_balance_minor
WHERE (o.customer_id, o.kind, o.opening_balance_minor) IS DISTINCT FROM
      (excluded.customer_id, excluded.kind, excluded.opening_balance_minor)
   OR o.branch_id IS DISTINCT FROM excluded.branch_id
   OR (excluded.source_id IS NOT NULL AND o.source_id IS DISTINCT FROM excluded.source_id)
RETURNING partition, customer_id"""
# What was found stays with its customer: it is seen by the branch that has the customer now.
_FOLLOW = """
UPDATE detection d SET branch_id = o.branch_id
FROM (SELECT customer_id, min(branch_id) AS branch_id FROM account_owner
      WHERE customer_id = any($1::uuid[]) GROUP BY customer_id) AS o
WHERE d.customer_id = o.customer_id AND d.branch_id IS DISTINCT FROM o.branch_id"""
_PROFILE = """
INSERT INTO owner_version AS v (customer_id, version) SELECT * FROM unnest($1::uuid[], $2::bigint[])
ON CONFLICT (customer_id) DO UPDATE SET version = excluded.version WHERE excluded.version > v.version
RETURNING customer_id"""
# In order, as a rebuild takes them: neither waits for the other in a circle.
_NEW_EPOCH = """
UPDATE ledger_partition SET epoch = epoch + 1
WHERE partition IN (
    SELECT partition FROM ledger_partition WHERE partition = any($1::smallint[]) ORDER BY partition FOR UPDATE)"""


async def merge(conn: asyncpg.Connection, rows: Sequence[OwnerRow]) -> int:
    """Take over owners; return how many rows changed. Workers of the partitions concerned forget what they hold."""
    if not rows:
        return 0
    await conn.execute(_STAGE)
    await conn.copy_records_to_table("incoming_owner", records=rows, columns=COLUMNS)
    changed = await conn.fetch(_MERGE)
    await conn.execute("DROP TABLE incoming_owner")
    if changed:
        await conn.execute(_NEW_EPOCH, sorted({row["partition"] for row in changed}))
        await conn.execute(_FOLLOW, list({row["customer_id"] for row in changed}))
    return len(changed)


async def follow(conn: asyncpg.Connection, profiles: Sequence[ProfileChanged]) -> int:
    """Take over the accounts of changed profiles, the newest version of each customer; return how many rows changed."""
    newest = {p.customer_id: p for p in sorted(profiles, key=lambda p: p.version)}
    ids = sorted(newest)
    applied = await conn.fetch(_PROFILE, ids, [newest[c].version for c in ids])
    return await merge(conn, [row for a in applied for row in _rows(newest[a["customer_id"]])])


def _rows(profile: ProfileChanged) -> list[OwnerRow]:
    number = partition(profile.customer_id)
    return [
        (a.account_id, None, profile.customer_id, number, a.kind.value, profile.branch_id, a.opening_balance_minor)
        for a in profile.accounts
    ]
