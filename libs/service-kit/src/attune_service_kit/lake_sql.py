"""The lake through DuckDB. For job processes and the command line only: it imports duckdb (X29)."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import duckdb

from attune_contracts.datasets import DATASETS, Dataset
from attune_contracts.identifiers import new_id
from attune_contracts.pointer import Pointer
from attune_service_kit.lake import Lake, SchemaMismatch

# The lowest level packs nearly as well as the default and takes three quarters of its time.
_PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"
_SMALL_GROUPS = f"{_PARQUET}, ROW_GROUP_SIZE 61440"
# Each partition is one pass over the rows: beyond so many one pass for all is cheaper, though all stand open at once.
_PASSES = 40


class HasScratch(Protocol):
    """Settings that name a directory for temporary files."""

    @property
    def scratch(self) -> Path:
        """The directory."""


def connect(
    lake: Lake, settings: HasScratch | None = None, *, threads: int = 2, memory_limit: str = "1GB"
) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB that fetches nothing, spills to scratch and counts time in UTC (X20).

    A TIMESTAMPTZ reaches Python through `epoch_us(…)` or Arrow: fetching one as a value needs a package we do not ship.
    """
    # Two processes must not share a spill directory: their temporary files have the same names.
    spill = (settings or lake).scratch / f"duckdb-{new_id()}"
    spill.parent.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "threads": threads,
            "memory_limit": memory_limit,
            "temp_directory": str(spill),
        },
    )
    con.execute("SET TimeZone = 'UTC'")
    # Drawn among the lines of a service's log, for each query of two seconds.
    con.execute("SET enable_progress_bar = false")
    return con


def quote(text: str) -> str:
    """Return the text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def scan(dataset: Dataset, files: Sequence[Path]) -> str:
    """Return a SELECT over the files, or over nothing, with the dataset's columns and types.

    Files of an older version of the dataset lack columns that were added since: those are NULL.
    """
    typed = ", ".join(f"NULL::{c.type} AS {c.name}" for c in dataset.columns)
    if not files:
        return f"SELECT {typed} WHERE false"
    names, paths = ", ".join(dataset.names), ", ".join(quote(str(path)) for path in files)
    if dataset.version == 1:
        return f"SELECT {names} FROM read_parquet([{paths}])"  # noqa: S608
    found = f"FROM read_parquet([{paths}], union_by_name = true)"
    return f"SELECT {names} FROM (SELECT {typed} WHERE false UNION ALL BY NAME {found})"  # noqa: S608


def register(con: duckdb.DuckDBPyConnection, lake: Lake, *names: str, partition: str | None = None) -> None:
    """Make a view of the newest content of each dataset, under its name; typed and empty if it has none yet."""
    for name in names:
        con.execute(f"CREATE OR REPLACE VIEW {name} AS {scan(DATASETS[name], lake.files(name, partition))}")


def write_query(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    dataset: Dataset,
    partition: str,
    sql: str,
    *,
    as_of: date,
    append: bool = False,
) -> Pointer:
    """Publish a query's result as the partition's content.

    The query gives exactly the dataset's columns, in any order; types are cast where DuckDB can do it without loss of
    rows. Raises SchemaMismatch naming the column.
    """
    lake.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=lake.scratch, prefix="query-") as temporary:
        file = Path(temporary) / "query.parquet"
        con.execute(f"COPY ({_typed(con, dataset, sql)}) TO {quote(str(file))} ({_PARQUET})")
        return lake.write(dataset, partition, [file], as_of=as_of, append=append)


def write_partitions(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    dataset: Dataset,
    sql: str,
    *,
    key: str,
    value: str,
    as_of: date,
    append: bool = False,
    origin: str | None = None,
    only: Callable[[str], str] | None = None,
) -> list[Pointer]:
    """Publish a query's result as the partitions `<key>=<value>`; `value` is an SQL expression over it.

    Transactions: `key="month", value="strftime(business_date, '%Y-%m')"`. `only` says the same of one partition as a
    condition that Parquet files can be pruned by. Pointers come in the partitions' order.
    """
    lake.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=lake.scratch, prefix="query-") as temporary:
        typed = _typed(con, dataset, sql)
        found = con.execute(f"SELECT DISTINCT {value} FROM ({typed}) ORDER BY 1 LIMIT {_PASSES + 1}").fetchall()  # noqa: S608
        if len(found) > _PASSES:
            con.execute(
                f"COPY (SELECT *, {value} AS {key} FROM ({typed})) TO {quote(temporary)}"  # noqa: S608
                f" ({_PARQUET}, PARTITION_BY ({key}), OVERWRITE_OR_IGNORE)"
            )
        else:
            one = only or (lambda name: f"{value} = {quote(name)}")
            _copy_each(con, {f"{key}={name}": f"{typed} WHERE {one(name)}" for (name,) in found}, Path(temporary))
        return [
            lake.write(
                dataset, folder.name, sorted(folder.glob("*.parquet")), as_of=as_of, append=append, origin=origin
            )
            for folder in sorted(Path(temporary).iterdir())
        ]


def _copy_each(con: duckdb.DuckDBPyConnection, queries: dict[str, str], root: Path) -> None:
    """Copy each query into a folder of its name, two at a time: a small one keeps only one thread busy.

    Each holds its row groups in memory until they are full: of half the usual size, two take the room of one.
    """

    def copy(name: str) -> None:
        folder = root / name
        folder.mkdir()
        with con.cursor() as cursor:
            cursor.execute("SET TimeZone = 'UTC'")
            cursor.execute(f"COPY ({queries[name]}) TO {quote(str(folder / 'data_0.parquet'))} ({_SMALL_GROUPS})")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(copy, queries))


def _typed(con: duckdb.DuckDBPyConnection, dataset: Dataset, sql: str) -> str:
    found = [row[0] for row in con.execute(f"DESCRIBE ({sql})").fetchall()]
    for name in dataset.names:
        if name not in found:
            raise SchemaMismatch(f"the query for {dataset.name} lacks {name}")
    for name in found:
        if name not in dataset.names:
            raise SchemaMismatch(f"{dataset.name} has no column {name}")
    columns = ", ".join(f"CAST({c.name} AS {c.type}) AS {c.name}" for c in dataset.columns)
    return f"SELECT {columns} FROM ({sql})"  # noqa: S608
