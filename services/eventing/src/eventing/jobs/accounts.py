"""After an import of customer-360: whose the accounts are, which branch lies under which, which dates are known."""

from typing import Any
from uuid import UUID

import duckdb

from attune_contracts.identifiers import partition
from attune_service_kit import branch_scope, lake_sql
from attune_service_kit.database import Transaction
from attune_service_kit.jobs import JobContext
from eventing import accounts, dated_facts
from eventing.settings import EventingSettings

CHUNK = 100_000

_OWNERS = """
SELECT a.account_id, a.source_id, a.customer_id, a.kind, coalesce(p.branch_id, a.branch_id), a.opening_balance_minor
FROM accounts a LEFT JOIN parties p USING (customer_id)"""
_CURRENCY = """
SELECT currency FROM accounts WHERE kind IN ('demand', 'time')
GROUP BY currency ORDER BY count(*) DESC, currency LIMIT 1"""
_ADOPT = "INSERT INTO base_currency (id, currency) VALUES (1, $1) ON CONFLICT DO NOTHING"


async def run(job: JobContext) -> dict[str, Any]:
    """Params: none; reads the newest datasets. Result: `{accounts, changed, dates}`, the last two in changed rows."""
    settings = job.runtime.settings
    assert isinstance(settings, EventingSettings)  # noqa: S101 - the service declares it
    with lake_sql.connect(job.runtime.lake, settings) as con:
        lake_sql.register(con, job.runtime.lake, "branches", *dated_facts.DATASETS)
        async with job.transaction() as tx:
            total, changed = await _owners(tx, con)
            await branch_scope.replace(tx.conn, con.execute(branch_scope.CLOSURE).fetchall())
            currency = settings.base_currency or _first(con, _CURRENCY)
            if currency is not None:
                await tx.conn.execute(_ADOPT, currency)
            kinds = await dated_facts.asked_for(tx.conn)
            today = job.runtime.clock.business_date()
            dates = await dated_facts.load(tx.conn, con, kinds, today, currency or "")
    return {"accounts": total, "changed": changed, "dates": dates}


async def _owners(tx: Transaction, con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    total = changed = 0
    cursor = con.cursor().execute(_OWNERS)
    partitions: dict[str, int] = {}
    while rows := cursor.fetchmany(CHUNK):
        for row in rows:
            if row[2] not in partitions:
                partitions[row[2]] = partition(row[2])
        owners = [
            (UUID(a), s, UUID(c), partitions[c], kind, branch, opening) for a, s, c, kind, branch, opening in rows
        ]
        total += len(owners)
        changed += await accounts.merge(tx.conn, owners)
    return total, changed


def _first(con: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    row = con.execute(sql).fetchone()
    return None if row is None else str(row[0])
