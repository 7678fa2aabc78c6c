"""`python -m eventing.jobs.postings_of`: some accounts' postings as the lake has them, for one question.

A process of its own, so that the service stays light (X29): the question comes as JSON on stdin, the rows go as JSON to
stdout. It reads the lake and nothing else.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake

COLUMNS = (
    "posting_id", "account_id", "business_date", "booked_at", "direction", "amount_minor", "currency", "kind",
    "channel", "flags", "reverses",
)  # fmt: skip


def read(lake: Lake, accounts: list[str]) -> list[dict[str, Any]]:
    """The postings of these accounts, in business order."""
    columns = ", ".join("epoch_us(booked_at)" if name == "booked_at" else name for name in COLUMNS)
    with lake_sql.connect(lake, threads=1, memory_limit="512MB") as con:
        lake_sql.register(con, lake, "transactions")
        rows = con.execute(
            f"SELECT {columns} FROM transactions WHERE account_id IN (SELECT unnest($accounts))"  # noqa: S608
            " ORDER BY business_date, posting_id",
            {"accounts": accounts},
        ).fetchall()
    return [_row(dict(zip(COLUMNS, row, strict=True))) for row in rows]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    booked = row["booked_at"]
    return row | {"booked_at": None if booked is None else datetime.fromtimestamp(booked / 1e6, UTC)}


def main() -> None:
    """Answer the question on stdin."""
    question = orjson.loads(sys.stdin.buffer.read())
    lake = Lake(question["lake_url"], Path(question["scratch"]))
    sys.stdout.buffer.write(orjson.dumps(read(lake, question["accounts"])))


if __name__ == "__main__":
    main()
