"""`python -m eventing.jobs.facts_of`: a customer's postings and behaviours as the lake has them, for one question.

A process of its own, so that the service stays light (X29): the question comes as JSON on stdin, the rows go as JSON to
stdout. It reads the lake and nothing else.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson

from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake

COLUMNS = (
    "posting_id", "account_id", "business_date", "booked_at", "direction", "amount_minor", "currency", "kind",
    "channel", "flags", "reverses",
)  # fmt: skip


LOOKS = (
    "customer_id", "behaviour_id", "business_date", "occurred_at", "behaviour", "product", "step", "channel", "seconds",
)  # fmt: skip
MOMENTS = ("booked_at", "occurred_at")


def read(lake: Lake, accounts: list[str], customer: str) -> dict[str, list[dict[str, Any]]]:
    """The postings of these accounts and the behaviours of the customer, in business order."""
    with lake_sql.connect(lake, threads=1, memory_limit="512MB") as con:
        lake_sql.register(con, lake, "transactions", "behaviours")
        posted = "transactions WHERE account_id IN (SELECT unnest($asked)) ORDER BY business_date, posting_id"
        looked = "behaviours WHERE customer_id = $asked ORDER BY business_date, behaviour_id"
        return {
            "postings": _rows(con, COLUMNS, posted, accounts),
            "behaviours": _rows(con, LOOKS, looked, customer),
        }


def _rows(con: duckdb.DuckDBPyConnection, names: Sequence[str], of: str, asked: object) -> list[dict[str, Any]]:
    columns = ", ".join(f"epoch_us({name})" if name in MOMENTS else name for name in names)
    found = con.execute(f"SELECT {columns} FROM {of}", {"asked": asked}).fetchall()  # noqa: S608 - constants of this file
    return [_row(dict(zip(names, row, strict=True))) for row in found]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    told = {name: row[name] for name in MOMENTS if row.get(name) is not None}
    return row | {name: datetime.fromtimestamp(at / 1e6, UTC) for name, at in told.items()}


def main() -> None:
    """Answer the question on stdin."""
    question = orjson.loads(sys.stdin.buffer.read())
    lake = Lake(question["lake_url"], Path(question["scratch"]))
    sys.stdout.buffer.write(orjson.dumps(read(lake, question["accounts"], question["customer"])))


if __name__ == "__main__":
    main()
