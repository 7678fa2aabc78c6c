"""A model's outcomes in the lake, as a campaign's result counts them: postings that were not undone (X14)."""

from datetime import date

import duckdb

from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from scoring.watch_settings import Outcome

_MADE = """
CREATE OR REPLACE TEMP TABLE made AS
SELECT c.customer_id, t.business_date, t.currency, t.amount_minor
FROM transactions t JOIN accounts c ON c.account_id = t.account_id
WHERE t.kind IN (SELECT unnest($1)) AND ($2::DATE IS NULL OR t.business_date > $2)
  AND NOT list_contains(t.flags, 'reversal')
  AND NOT EXISTS (SELECT 1 FROM transactions r WHERE r.reverses = t.posting_id)"""


def made(con: duckdb.DuckDBPyConnection, lake: Lake, outcome: Outcome, after: date | None) -> date | None:
    """Make the table `made`: outcomes after a day, each with the account's owner. Return the ledger's last day."""
    lake_sql.register(con, lake, "transactions", "accounts")
    con.execute(_MADE, [list(outcome.kinds), after])
    [(last,)] = con.execute("SELECT max(business_date) FROM transactions").fetchall()
    return last if isinstance(last, date) else None
