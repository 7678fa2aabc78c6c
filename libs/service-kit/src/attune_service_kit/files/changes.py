"""What an import has added and changed, remembered by the database itself while the import writes.

Every table that an import fills has a trigger: within a transaction that says which import it is, it keeps the keys of
the rows that were added, and key, former and new state of those that were changed, thousands to a row.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Identity, Index, MetaData, Table, Text
from sqlalchemy.dialects import postgresql

from attune_service_kit.database import Transaction
from attune_service_kit.row_security import not_for_app

if TYPE_CHECKING:
    from alembic.operations import Operations

_AT_ONCE = 5_000
# Keys are random: to compress them costs as much as to list them, and saves nothing.
_PLAIN_KEYS = "ALTER TABLE import_change ALTER COLUMN keys SET STORAGE EXTERNAL"
_LISTED = """
UPDATE import_change SET keys = (
    SELECT jsonb_agg(CASE jsonb_typeof(k) WHEN 'array' THEN k ELSE jsonb_build_array(k) END)
    FROM jsonb_array_elements(keys) AS k)
WHERE jsonb_typeof(keys -> 0) <> 'array'"""


async def say_which(tx: Transaction, import_id: str) -> None:
    """From here to the commit, what is written is this import's."""
    await tx.conn.execute("SELECT set_config('app.import_id', $1, true)", import_id)


def change_tables(metadata: MetaData) -> None:
    """Add the table: `keys` of rows that were added, or [key, before, after] of changed ones in `rows`.

    A key is a list of values; in `keys` one of a single value stands as it is.
    """
    Table(
        "import_change",
        metadata,
        Column("seq", BigInteger, Identity(always=True), primary_key=True),
        Column("import_id", postgresql.UUID, nullable=False),
        Column("table_name", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("rows", postgresql.JSONB),
        Column("keys", postgresql.JSONB),
        Index("import_change_import", "import_id", "table_name"),
    )


def create_change_tables(op: "Operations", tables: Mapping[str, Sequence[str]]) -> None:
    """For a migration: the table, and a trigger on each of `tables` (name → primary key)."""
    metadata = MetaData()
    change_tables(metadata)
    metadata.create_all(op.get_bind(), checkfirst=False)
    not_for_app(op, "import_change")
    run = op.get_bind().exec_driver_sql
    run(_PLAIN_KEYS)
    for table, key in tables.items():
        run(_function(table, key))
        for statement in _triggers(table):
            run(statement)


def keep_keys_apart(op: "Operations", tables: Mapping[str, Sequence[str]]) -> None:
    """For a migration of what was made when `rows` held the keys too: from now on they have a column of their own."""
    run = op.get_bind().exec_driver_sql
    run("ALTER TABLE import_change ADD COLUMN IF NOT EXISTS keys jsonb")
    run("ALTER TABLE import_change ALTER COLUMN rows DROP NOT NULL")
    run(_PLAIN_KEYS)
    for table, key in tables.items():
        run(_function(table, key))


def keep_keys_plain(op: "Operations", tables: Mapping[str, Sequence[str]]) -> None:
    """For a migration of what was made when every key was a list: from now on those of one value are that value."""
    for table, key in tables.items():
        op.get_bind().exec_driver_sql(_function(table, key))


def keep_keys_listed(op: "Operations", tables: Mapping[str, Sequence[str]]) -> None:
    """Back again."""
    run = op.get_bind().exec_driver_sql
    for table, key in tables.items():
        run(_function(table, key, plain=False))
    run(_LISTED)


def keep_keys_together(op: "Operations", tables: Mapping[str, Sequence[str]]) -> None:
    """Back again."""
    run = op.get_bind().exec_driver_sql
    for table, key in tables.items():
        run(_function(table, key, "rows", plain=False))
    run("UPDATE import_change SET rows = keys, keys = NULL WHERE rows IS NULL")


def drop_change_tables(op: "Operations", tables: Mapping[str, Sequence[str]]) -> None:
    """Take all of it away again."""
    for table in tables:
        for statement in (
            f"DROP TRIGGER import_added ON {table}",
            f"DROP TRIGGER import_changed ON {table}",
            f"DROP FUNCTION import_keeps_{table}()",
        ):
            op.get_bind().exec_driver_sql(statement)
    op.get_bind().exec_driver_sql("DROP TABLE import_change")


def _function(table: str, columns: Sequence[str], kept: str = "keys", *, plain: bool = True) -> str:
    key = ", ".join(f"r.{column}" for column in columns)
    chunk = f"(row_number() OVER () - 1) / {_AT_ONCE}"
    # A list around each of many values costs more than the values.
    single = plain and len(columns) == 1
    one, all_ = (key, "to_jsonb(array_agg(key))") if single else (f"jsonb_build_array({key})", "jsonb_agg(key)")
    return f"""
CREATE OR REPLACE FUNCTION import_keeps_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    import uuid := nullif(current_setting('app.import_id', true), '')::uuid;
BEGIN
    IF import IS NULL THEN
        RETURN NULL;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO import_change (import_id, table_name, action, {kept})
        SELECT import, '{table}', 'added', {all_}
        FROM (SELECT {one} AS key, {chunk} AS chunk FROM fresh r) s GROUP BY chunk;
    ELSE
        INSERT INTO import_change (import_id, table_name, action, rows)
        SELECT import, '{table}', 'changed', jsonb_agg(jsonb_build_array(jsonb_build_array({key}), before, after))
        FROM (SELECT {key}, to_jsonb(o) AS before, to_jsonb(r) AS after, {chunk} AS chunk
              FROM fresh r JOIN stale o USING ({", ".join(columns)})) r GROUP BY chunk;
    END IF;
    RETURN NULL;
END $$"""  # noqa: S608 - names of this code base


def _triggers(table: str) -> tuple[str, str]:
    run = f"FOR EACH STATEMENT EXECUTE FUNCTION import_keeps_{table}()"
    return (
        f"CREATE TRIGGER import_added AFTER INSERT ON {table} REFERENCING NEW TABLE AS fresh {run}",
        f"CREATE TRIGGER import_changed AFTER UPDATE ON {table}"
        f" REFERENCING OLD TABLE AS stale NEW TABLE AS fresh {run}",
    )
