"""From DuckDB into insight's own tables: COPY of CSV that DuckDB writes, never row by row."""
# ruff: noqa: S608 - the statements are made of names that this package chose

from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import duckdb

from attune_service_kit import lake_sql
from attune_service_kit.runtime import Runtime
from insight.feature_rows import NAMES, Slot

# An array's elements as PostgreSQL reads them; none of these values needs quoting.
_ARRAYS = {
    kind: "'{' || concat_ws(',', " + ", ".join(f"coalesce({name}::VARCHAR, 'NULL')" for name in names) + ") || '}'"
    for kind, names in NAMES.items()
}
_ROWS = f"""
SELECT $slot AS slot, customer_id, branch_id, {", ".join(f"{text} AS {kind}" for kind, text in _ARRAYS.items())}
FROM features"""
_MEMBERS = """
SELECT $slot AS slot, s.segment, s.customer_id, s.value, f.branch_id
FROM segments AS s JOIN features AS f ON f.customer_id = s.customer_id"""
_ROW_COLUMNS = ("slot", "customer_id", "branch_id", *NAMES)
_MEMBER_COLUMNS = ("slot", "segment", "customer_id", "value", "branch_id")


async def load_rows(runtime: Runtime, conn: asyncpg.Connection, con: duckdb.DuckDBPyConnection, slot: Slot) -> None:
    """Fill a slot with everybody's features and segments."""
    with TemporaryDirectory(dir=runtime.settings.scratch, prefix="rows-") as folder:
        for table, query, columns in (
            (slot.features, _ROWS, _ROW_COLUMNS),
            (slot.members, _MEMBERS, _MEMBER_COLUMNS),
        ):
            file = Path(folder) / f"{table}.csv"
            text = query.replace("$slot", str(slot.number))
            con.execute(f"COPY ({text}) TO {lake_sql.quote(str(file))} (FORMAT csv, HEADER false)")
            await conn.copy_to_table(table, source=file, format="csv", columns=columns)
