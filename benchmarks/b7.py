"""B7: a bank's daily files become Parquet, and rows of PostgreSQL.

Postings in three files, GB18030 and UTF-8, one row of a thousand bad, go through the import engine into months of a
lake, against DuckDB's own COPY of the same lines (in UTF-8, for it reads nothing else) into the same partitions: the
rows of both must be equal before any figure is printed, and every bad row reported. Each side runs in a process of its
own, whose peak memory is taken, at a tenth of the size, too. Then parties, encrypted, and accounts go through a running
home's import job, against raw COPY of the same rows into equal tables (of parties those that an import fills of them),
against sealing alone and against pandas' to_sql, as documented and with many rows a statement.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import structlog
from benchmarks.bank_b7 import MAPPING, write_customers, write_postings
from benchmarks.machine import machine, peak_mb

from attune.client import Client
from attune.home import Home
from attune.processes import SERVICES, Ports, database_url
from attune.session import supervised
from attune_contracts.identifiers import new_id


@dataclass(frozen=True)
class Size:
    """How much goes through."""

    rows: int
    parties: int
    accounts: int


TINY, QUICK, FULL = Size(30_000, 2_000, 5_000), Size(1_000_000, 100_000, 300_000), Size(10_000_000, 500_000, 3_000_000)
_SAME = """
SELECT count(*), sum(hash(posting_id, account_id, business_date, booked_at, direction, amount_minor, currency, kind,
    channel, flags, balance_minor)::HUGEINT) FROM read_parquet('{}/**/*.parquet', hive_partitioning = false)"""


# --- Parquet: each side in a process of its own ----------------------------------------------------------------------


def import_to_parquet(folder: Path) -> dict[str, Any]:
    """What eventing's import job does with the files: read, check, add to the lake's months."""
    from attune_contracts.datasets import TRANSACTIONS
    from attune_service_kit.files import load_mapping
    from attune_service_kit.files.engine import MEMORY, prepare
    from attune_service_kit.lake import Lake
    from eventing.jobs import workbench

    lake = Lake(str(folder / "lake"), folder / "scratch")
    runtime: Any = SimpleNamespace(lake=lake, settings=lake)
    started = time.perf_counter()
    with (
        workbench.opened(runtime, memory_limit=MEMORY) as con,
        prepare(load_mapping(MAPPING), folder / "files", "transactions", con, folder / "rejects") as prepared,
    ):
        _, added = workbench.add(con, runtime, TRANSACTIONS, prepared.relation, "b7")
        seconds = time.perf_counter() - started
    assert prepared.rejects_file is not None
    with prepared.rejects_file.open(encoding="utf-8") as report:
        reported = sum(1 for _ in report) - 1
    return {"seconds": seconds, "added": added, "rejected": prepared.rejected, "reported": reported}


def copy_by_duckdb(folder: Path) -> dict[str, Any]:
    """The limit."""
    from benchmarks.limit_b7 import copy_to_parquet

    return {"seconds": copy_to_parquet(folder / "plain", folder / "limit")}


def child(part: str, folder: Path) -> dict[str, Any]:
    """Run a part in a process of its own; return what it tells, with its peak memory."""
    command = [sys.executable, "-m", "benchmarks.b7", "--part", part, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def parquet(place: Path, rows: int) -> dict[str, Any]:
    """Both sides at one size, compared."""
    import duckdb

    folder = place / f"rows-{rows}"
    write_postings(folder / "files", folder / "plain", rows)
    ours, limit = child("import", folder), child("copy", folder)
    same = [duckdb.execute(_SAME.format(folder / side)).fetchone() for side in ("lake/transactions", "limit")]
    assert same[0] == same[1], f"the rows differ: {same}"
    assert ours["rejected"] == ours["reported"] == rows - ours["added"] == rows // 1000
    subprocess.run(["rm", "-rf", str(folder)], check=True)
    return {
        "rows": rows,
        "rows_per_second": round(rows / ours["seconds"]),
        "limit_rows_per_second": round(rows / limit["seconds"]),
        "share_of_limit": round(limit["seconds"] / ours["seconds"], 3),
        "rejected": ours["rejected"],
        "peak_mb": ours["peak_mb"],
        "limit_peak_mb": limit["peak_mb"],
    }


# --- PostgreSQL: a running home --------------------------------------------------------------------------------------


def postgres(place: Path, size: Size) -> dict[str, Any]:
    """Parties and accounts through the import job; then the limits on the same server."""
    files = place / "customers"
    write_customers(files, size.parties, size.accounts)
    home = Home.at(place / "home")
    with supervised(home, "events"):
        with Client(home) as client:
            body = {"import_id": str(new_id()), "mapping": MAPPING, "folder": str(files)}
            job = client.post("/v1/imports", body | {"datasets": ["parties", "accounts"]})
            client.wait_job("customer_360", str(job["id"]))
            began = datetime.fromisoformat(str(client.job("customer_360", str(job["id"])).started_at))
            log = client.get(f"/v1/imports/{body['import_id']}")["log"]
            # The job that publishes and those that follow are not what is measured here.
            client.settle(timeout=3600)
        ports = home.state()["ports"]
        named = {name: ports[name] for name in SERVICES}
        url = database_url(
            home, Ports(ports["postgres"], ports["nats"], ports["gateway"], named), "customer_360", "worker"
        )
        figures = asyncio.run(_limits(url, size))
    moments = [began, *(datetime.fromisoformat(line["at"]) for line in log[:2])]
    seconds = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    per_second = {"parties": size.parties / seconds[0], "accounts": size.accounts / seconds[1]}
    return {
        "encrypted_parties_per_second": round(per_second["parties"]),
        "parties_copied_per_second": round(figures["parties"]),
        "parties_share_of_copy": round(per_second["parties"] / figures["parties"], 3),
        "parties_sealed_alone_per_second": round(figures["sealed"]),
        "accounts_per_second": round(per_second["accounts"]),
        "copy_rows_per_second": round(figures["copy"]),
        "share_of_copy": round(per_second["accounts"] / figures["copy"], 3),
        "to_sql_rows_per_second": round(figures["to_sql"]),
        "times_to_sql": round(per_second["accounts"] / figures["to_sql"], 2),
        "to_sql_multi_rows_per_second": round(figures["to_sql_multi"]),
        "times_to_sql_multi": round(per_second["accounts"] / figures["to_sql_multi"], 2),
        "copy_times_to_sql": round(figures["copy"] / figures["to_sql"], 2),
    }


async def _limits(url: str, size: Size) -> dict[str, float]:
    import asyncpg
    import pandas as pd
    from benchmarks.limit_b7 import copy_to_postgres, seal_alone, to_sql

    conn = await asyncpg.connect(url)
    seconds, rows = await copy_to_postgres(conn, "account")
    assert rows == size.accounts, f"{rows} accounts stand, {size.accounts} were sent"
    whole = 0.0
    for table in ("party", "party_identity", "identity_key"):
        took, stood = await copy_to_postgres(conn, table)
        assert stood >= size.parties, f"{table}: {stood} rows of {size.parties} parties"
        whole += took
    # pandas writes an object as text, and asyncpg takes no UUID for one.
    found = await conn.fetch("SELECT * FROM account LIMIT $1", min(size.accounts, 50_000))
    some = pd.DataFrame(
        [{name: str(value) if isinstance(value, UUID) else value for name, value in row.items()} for row in found]
    )
    await conn.close()
    return {
        "copy": rows / seconds,
        "parties": size.parties / whole,
        "sealed": await asyncio.to_thread(seal_alone, min(size.parties, 50_000)),
        "to_sql": await asyncio.to_thread(to_sql, url, some),
        "to_sql_multi": await asyncio.to_thread(to_sql, url, some[:10_000], "multi"),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--tiny", action="store_true", help="for correctness only")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--home", type=Path, help="where the files and the home are made; a temporary folder by default"
    )
    parser.add_argument("--part", choices=("import", "copy"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    if options.part:
        figures = (import_to_parquet if options.part == "import" else copy_by_duckdb)(options.folder)
        sys.stdout.write(json.dumps(figures | {"peak_mb": peak_mb()}) + "\n")
        return
    size = FULL if options.full else TINY if options.tiny else QUICK
    with tempfile.TemporaryDirectory(prefix="attune-b7-", dir=options.home) as scratch:
        place = Path(scratch)
        place.chmod(0o711)
        small = parquet(place, size.rows // 10)
        whole = parquet(place, size.rows)
        result = {
            "parquet": whole,
            "memory": {"peak_mb_at_a_tenth": small["peak_mb"], "growth": round(whole["peak_mb"] / small["peak_mb"], 2)},
            "postgres": postgres(place, size),
        }
    if options.json:
        sys.stdout.write(json.dumps(result | {"machine": machine()}) + "\n")
        return
    sys.stdout.write(json.dumps(result | {"machine": machine()}, indent=1) + "\n")
    rows, stored = result["parquet"], result["postgres"]
    sys.stdout.write(
        f"B7: {rows['rows_per_second']} rows/s to Parquet, {rows['share_of_limit']} of DuckDB's COPY;"
        f" {stored['accounts_per_second']} to PostgreSQL, {stored['share_of_copy']} of raw COPY,"
        f" {stored['times_to_sql']} times to_sql ({stored['times_to_sql_multi']} with many rows a statement);"
        f" {stored['encrypted_parties_per_second']} encrypted parties/s,"
        f" {stored['parties_share_of_copy']} of raw COPY of them\n"
    )


if __name__ == "__main__":
    main()
