"""What both ways of rebuilding share: rules, whom the lake knows, and putting states in place under the locks."""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import duckdb

from attune_contracts.datasets import BEHAVIOURS
from attune_contracts.identifiers import partition
from attune_service_kit.jobs import JobContext
from eventing import triggers
from eventing.compiled import Compiled
from eventing.intake import moment_of

LOCK = "SELECT partition, epoch, business_date FROM ledger_partition ORDER BY partition FOR UPDATE"
_STAGE = "CREATE TEMP TABLE rebuilt (LIKE keyed_state) ON COMMIT DROP"
_COLUMNS = ("customer_id", "trigger", "account_id", "partition", "packed")
# The stream may still bring what the lake has of the last days: those postings are known already.
_KNOWN = """
INSERT INTO posting (account_id, posting_id, business_date, direction, amount_minor, currency, kind, in_lake, came)
SELECT account_id, posting_id, business_date, direction, amount_minor, currency, kind, true, 'lake' FROM known_posting
ON CONFLICT DO NOTHING"""
_KNOWN_BEHAVIOURS = f"""
INSERT INTO behaviour ({", ".join(BEHAVIOURS.names)}, in_lake, came)
SELECT {", ".join(BEHAVIOURS.names)}, true, 'lake' FROM known_behaviour ON CONFLICT DO NOTHING"""  # noqa: S608
_REMEMBERED = """
UPDATE ledger_partition SET remembered_from = greatest(remembered_from, $1) WHERE partition = any($2::smallint[])"""
_KNOWN_COLUMNS = ("account_id", "posting_id", "business_date", "direction", "amount_minor", "currency", "kind")
KNOWN_DAYS = 31
_CURRENCY = "SELECT currency FROM base_currency"

State = tuple[UUID, str, UUID, int, bytes]


async def rules(job: JobContext) -> tuple[list[tuple[Compiled, triggers.Row]], str | None]:
    """The triggers in force, each with its row, and the base currency."""
    async with job.runtime.worker_database.pool.acquire() as conn:
        rows = await triggers.in_force(conn)
        currency: str | None = await conn.fetchval(_CURRENCY)
    return [(triggers.compiled(row, currency or ""), row) for row in rows], currency


def newest(con: duckdb.DuckDBPyConnection, before: date) -> dict[int, date]:
    """The largest business day before `before`, by partition."""
    found: dict[int, date] = dict(
        con.execute(
            "SELECT o.partition, max(t.business_date) FROM transactions t JOIN account_owner o USING (account_id)"
            " WHERE t.business_date < $before GROUP BY o.partition",
            {"before": before},
        ).fetchall()
    )
    behaviours = "SELECT customer_id, max(business_date) FROM behaviour WHERE business_date < $before GROUP BY ALL"
    for customer_id, day in con.execute(behaviours, {"before": before}).fetchall():
        number = partition(UUID(customer_id))
        found[number] = max(day, found.get(number, day))
    return found


def partitions(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Each customer's partition."""
    return dict(con.execute("SELECT DISTINCT customer_id, partition FROM account_owner").fetchall())


async def stage(conn: asyncpg.Connection, states: Sequence[State]) -> None:
    """Put states into the transaction's own table `rebuilt`."""
    await conn.execute(_STAGE)
    await conn.copy_records_to_table("rebuilt", records=states, columns=_COLUMNS)


async def remember_last_days(
    conn: asyncpg.Connection, con: duckdb.DuckDBPyConnection, before: date, numbers: Sequence[int]
) -> None:
    """Mark the known accounts' facts of the last days as known: the live stream does not apply them again."""
    first = before - timedelta(KNOWN_DAYS)
    rows = con.execute(
        f"SELECT {', '.join(_KNOWN_COLUMNS)} FROM transactions SEMI JOIN account_owner USING (account_id)"  # noqa: S608
        " WHERE business_date < $before AND business_date >= $first",
        {"before": before, "first": first},
    ).fetchall()
    await conn.execute("CREATE TEMP TABLE known_posting (LIKE posting) ON COMMIT DROP")
    for name in ("flags", "in_lake", "came", "received_at"):
        await conn.execute(f"ALTER TABLE known_posting ALTER {name} DROP NOT NULL")
    records = [(UUID(account), *rest) for account, *rest in rows]
    await conn.copy_records_to_table("known_posting", records=records, columns=_KNOWN_COLUMNS)
    await conn.execute(_KNOWN)
    await _remember_behaviours(conn, con, first, before)
    await conn.execute(_REMEMBERED, first, list(numbers))


async def _remember_behaviours(
    conn: asyncpg.Connection, con: duckdb.DuckDBPyConnection, first: date, before: date
) -> None:
    columns = ", ".join("epoch_us(occurred_at)" if name == "occurred_at" else name for name in BEHAVIOURS.names)
    rows = con.execute(
        f"SELECT {columns} FROM behaviours"  # noqa: S608 - the contract's names
        " SEMI JOIN account_owner USING (customer_id) WHERE business_date < $before AND business_date >= $first",
        {"before": before, "first": first},
    ).fetchall()
    await conn.execute("CREATE TEMP TABLE known_behaviour (LIKE behaviour) ON COMMIT DROP")
    for name in ("in_lake", "came", "received_at"):
        await conn.execute(f"ALTER TABLE known_behaviour ALTER {name} DROP NOT NULL")
    records = [(UUID(who), key, day, moment_of(us), *rest) for who, key, day, us, *rest in rows]
    await conn.copy_records_to_table("known_behaviour", records=records, columns=BEHAVIOURS.names)
    await conn.execute(_KNOWN_BEHAVIOURS)
