"""Each service's `branch_scope`: every branch under every branch, itself included; what row security asks (X23)."""

from collections.abc import Iterable

import asyncpg

# Over a relation `branches` (branch_id, parent_id), in DuckDB and in PostgreSQL. UNION ends on a circle.
CLOSURE = """
WITH RECURSIVE above(ancestor, branch) AS (
    SELECT branch_id, branch_id FROM branches
    UNION
    SELECT b.parent_id, a.branch FROM above a JOIN branches b ON b.branch_id = a.ancestor WHERE b.parent_id IS NOT NULL
)
SELECT ancestor, branch FROM above"""


async def replace(conn: asyncpg.Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Let these pairs be the tree, in the transaction at hand."""
    await conn.execute("DELETE FROM branch_scope")
    await conn.copy_records_to_table("branch_scope", records=list(pairs), columns=("ancestor", "branch"))
