"""Dates that datasets know, kept beside the states: what the shape calendar listens to. For jobs.

Only the kinds of date that some trigger asks for are kept. A date that is new, or has another day than before, is known
since the business day on which it was loaded; those of a kind that is loaded for the first time have always been known,
unless a calendar in force has waited for them: it says nothing of days long past.
"""

from collections.abc import Iterable
from datetime import date
from importlib.resources import files
from uuid import UUID

import asyncpg
import duckdb

from eventing import timers, triggers

DATASETS = ("accounts", "parties", "holdings", "products", "loans", "cards")
_CHUNK = 50_000
_COLUMNS = ("customer_id", "kind", "source_id", "day", "account_id", "product", "product_kind", "amount_minor")

_STAGE = "CREATE TEMP TABLE incoming_date (LIKE dated_fact) ON COMMIT DROP"
_GONE = """
DELETE FROM dated_fact d WHERE d.kind = any($1::text[]) AND NOT EXISTS (
    SELECT FROM incoming_date i WHERE (i.customer_id, i.kind, i.source_id) = (d.customer_id, d.kind, d.source_id))
RETURNING d.customer_id"""
_KEEP = """
WITH loaded AS (SELECT kind FROM dated_fact UNION SELECT unnest($2::text[]))
INSERT INTO dated_fact AS d
    (customer_id, kind, source_id, day, known_on, account_id, product, product_kind, amount_minor)
SELECT i.customer_id, i.kind, i.source_id, i.day, CASE WHEN l.kind IS NOT NULL THEN $1::date END, i.account_id,
       i.product, i.product_kind, i.amount_minor
FROM incoming_date i LEFT JOIN loaded l ON l.kind = i.kind
ON CONFLICT (customer_id, kind, source_id) DO UPDATE
SET day = excluded.day, account_id = excluded.account_id, product = excluded.product,
    product_kind = excluded.product_kind, amount_minor = excluded.amount_minor,
    known_on = CASE WHEN d.day = excluded.day THEN d.known_on ELSE $1::date END
WHERE (d.day, d.account_id, d.product, d.product_kind, d.amount_minor) IS DISTINCT FROM
      (excluded.day, excluded.account_id, excluded.product, excluded.product_kind, excluded.amount_minor)
RETURNING d.customer_id"""


async def asked_for(conn: triggers.Queryable) -> set[str]:
    """The kinds of date that a trigger's newest version, or the one in force, listens to."""
    rows = [*await triggers.current(conn), *await triggers.in_force(conn)]
    definitions = [triggers.definition(row) for row in rows if row["kind"] == "calendar" and not row["ended_at"]]
    return {one.calendar.of for one in definitions if one.calendar is not None}


async def load(
    conn: asyncpg.Connection, con: duckdb.DuckDBPyConnection, kinds: Iterable[str], today: date, currency: str
) -> int:
    """Take over the datasets' dates of these kinds; return how many customers' dates have changed.

    `con` has the views of `DATASETS`. The calendars in force look at the changed customers' dates once more.
    """
    wanted = sorted(kinds)
    if not wanted:
        return 0
    await conn.execute(_STAGE)
    model = files("eventing").joinpath("models", "dated_facts.sql").read_text(encoding="utf-8")
    cursor = con.cursor().execute(model, {"kinds": wanted})
    while rows := cursor.fetchmany(_CHUNK):
        records = [(UUID(customer), kind, source, day, account and UUID(account), *rest)
                   for customer, kind, source, day, account, *rest in rows]  # fmt: skip
        await conn.copy_records_to_table("incoming_date", records=records, columns=_COLUMNS)
    changed = {row["customer_id"] for row in await conn.fetch(_GONE, wanted)}
    in_force = [triggers.compiled(row, currency) for row in await triggers.in_force(conn)]
    awaited = {one.definition.calendar.of for one in in_force if one.definition.calendar is not None}
    changed |= {row["customer_id"] for row in await conn.fetch(_KEEP, today, sorted(awaited))}
    await conn.execute("DROP TABLE incoming_date")
    await timers.wake(conn, changed, in_force, today)
    return len(changed)
