"""The results job: outcomes of both arms from the ledger's postings in the lake (X14). Job processes only (X29)."""

from datetime import date
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from attune_contracts.identifiers import new_id
from attune_service_kit.jobs import JobContext
from attune_service_kit.lake_sql import connect, register
from campaign import campaigns
from campaign.assignments import FIRST_ASSIGNED
from campaign.business_days import add_business_days
from campaign.campaigns import Campaign
from campaign.results import ArmCount, Measured, estimate

_OUTCOMES = """
WITH bought AS (
    SELECT DISTINCT a.customer_id
    FROM transactions t
    JOIN accounts c ON c.account_id = t.account_id
    JOIN assigned a ON a.customer_id = c.customer_id
    WHERE t.kind IN (SELECT unnest($1)) AND t.business_date > a.business_date AND t.business_date <= a.window_ends_on
      AND NOT list_contains(t.flags, 'reversal')
      AND NOT EXISTS (SELECT 1 FROM transactions r WHERE r.reverses = t.posting_id)
)
SELECT a.arm, count(*)::BIGINT, count(b.customer_id)::BIGINT
FROM assigned a LEFT JOIN bought b USING (customer_id) WHERE a.arm IN ('treated', 'control') GROUP BY a.arm"""


async def measure(job: JobContext) -> dict[str, Any]:
    """Compute and store one campaign's result."""
    async with job.transaction() as tx:
        campaign = await campaigns.get(tx.conn, job.params["campaign"])
        rows = await tx.conn.fetch(FIRST_ASSIGNED, campaign.code)
    await job.progress(0, 1, f"{len(rows)} customers assigned")
    con = connect(job.runtime.lake, job.runtime.settings)
    register(con, job.runtime.lake, "transactions", "accounts")
    content = estimate(_measured(con, campaign, rows))
    async with job.transaction() as tx:
        await tx.conn.execute(
            "INSERT INTO result (id, campaign, campaign_version, as_of, content)"
            " VALUES ($1, $2, $3, $4, $5::text::jsonb)",
            new_id(),
            campaign.code,
            campaign.version,
            date.fromisoformat(content["as_of"]) if content["as_of"] else date.min,
            orjson.dumps(content).decode(),
        )
    return content


def _measured(con: duckdb.DuckDBPyConnection, campaign: Campaign, rows: list[Any]) -> Measured:
    ends = {day: add_business_days(day, campaign.window_business_days) for day in {r["business_date"] for r in rows}}
    assigned = pa.table(
        {
            "customer_id": pa.array([str(r["customer_id"]) for r in rows], pa.string()),
            "arm": pa.array([r["arm"] for r in rows], pa.string()),
            "business_date": pa.array([r["business_date"] for r in rows], pa.date32()),
            "window_ends_on": pa.array([ends[r["business_date"]] for r in rows], pa.date32()),
        }
    )
    con.register("assigned", assigned)
    counts = {arm: ArmCount(n, x) for arm, n, x in con.execute(_OUTCOMES, [list(campaign.outcome_kinds)]).fetchall()}
    last = con.execute("SELECT max(business_date) FROM transactions").fetchone()
    compared = [r["control_share_bp"] for r in rows if r["arm"] != "universal"]
    return Measured(
        outcome=campaign.outcome,
        treated=counts.get("treated", ArmCount(0, 0)),
        control=counts.get("control", ArmCount(0, 0)),
        control_share=sum(compared) / len(compared) / 10_000 if compared else 0.0,
        last_window_ends_on=max(ends.values(), default=None),
        as_of=last[0] if last else None,
        campaign_version=campaign.version,
    )
