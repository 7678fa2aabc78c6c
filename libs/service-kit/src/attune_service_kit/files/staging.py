"""The rows of a dataset on their way: typed, on scratch, each with its place and first fault; what only all show."""
# ruff: noqa: S608 - the statements are made of names that this package chose and of quoted literals

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from duckdb import DuckDBPyConnection as Connection

from attune_contracts.datasets import DATASETS
from attune_service_kit.files.decode import Chunk
from attune_service_kit.files.mapping import Csv, Encoding, Form
from attune_service_kit.files.packing import Member
from attune_service_kit.files.targets import targets
from attune_service_kit.lake_sql import quote

# A row's place: the file's number above, its line below.
FILE_BITS = 40
LINE_MASK = (1 << FILE_BITS) - 1
# Called with the lines read so far; what it raises ends the import.
OnRows = Callable[[int], None]
# As many keys as are compared at once.
_KEYS = 2_000_000


@dataclass
class SourceFile:
    """A file that was read, and how; what the report needs to show its lines."""

    member: Member
    form: Form
    encoding: Encoding


@dataclass
class Stage:
    """The rows of one dataset on their way, as Parquet files in a folder."""

    dataset: str
    con: Connection
    folder: Path
    on_rows: OnRows | None = None
    files: list[SourceFile | None] = field(default_factory=list)  # None: rows that the mapping gives itself
    chunks: int = 0
    read: int = 0
    skipped: int = 0
    labels: dict[str, str] = field(default_factory=dict)  # column of the dataset → column of the bank's

    def __post_init__(self) -> None:
        """Make the tables of what is rejected and why, and of rows that do not stand though they have no fault.

        `record` is the row's place, NULL for lines of joined files.
        """
        self.rejected_table = f"rejected_{self.dataset}"
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE {self.rejected_table}"
            ' (record BIGINT, file INTEGER, line BIGINT, "column" VARCHAR, reason VARCHAR)'
        )
        # No temporary table: the accepted rows are read by several cursors.
        self.left_out = f"left_out_{self.dataset}"
        self.con.execute(f"CREATE OR REPLACE TABLE {self.left_out} (record BIGINT)")

    def tell(self) -> None:
        """Say how far it is."""
        if self.on_rows is not None:
            self.on_rows(self.read + self.skipped)

    def add_file(self, member: Member | None, form: Form | None = None, encoding: Encoding = "utf-8") -> int:
        """Return the number of a file that will be read; None = the mapping's own rows."""
        self.files.append(SourceFile(member, form or Csv(), encoding) if member else None)
        return len(self.files) - 1

    def reject_lines(self, file: int, chunk: Chunk, *, own: bool) -> None:
        """Note a chunk's broken lines; `own` lines are records of the dataset, and their rows do not stand."""
        if not chunk.broken:
            return
        lines = [chunk.first + number for number in chunk.broken]
        reasons = [reason or None for reason in chunk.broken.values()]
        # Not registered as an Arrow table: that makes DuckDB look for pandas, and load it where it finds it.
        self.con.execute(
            "CREATE OR REPLACE TEMP TABLE broken_lines AS"
            " SELECT unnest(?::BIGINT[]) AS line, unnest(?::VARCHAR[]) AS reason",
            [lines, reasons],
        )
        record = f"{file << FILE_BITS} + line" if own else "NULL"
        self.con.execute(
            f"INSERT INTO {self.rejected_table} SELECT {record}, {file}, line, NULL, reason FROM broken_lines"
            " WHERE reason IS NOT NULL"
        )
        if own:
            self.con.execute(f"INSERT INTO {self.left_out} SELECT {record} FROM broken_lines")

    def rows(self, *chunks: int) -> str:
        """The relation of some chunks' rows, or of all: with `record`, the row's place, and `fault`."""
        paths = ", ".join(quote(str(self.path(number))) for number in chunks or range(self.chunks))
        return (
            "(SELECT *, place + coalesce(row, file_row_number) AS record"
            f" FROM read_parquet([{paths}], file_row_number = true))"
        )

    def path(self, chunk: int) -> Path:
        """Where the rows of a chunk lie."""
        return self.folder / f"rows-{chunk}.parquet"

    def accepted(self) -> str:
        """The relation of the rows that stand, with a WHERE."""
        if not self.chunks:
            columns = ", ".join(f'NULL::{t.type} AS "{t.name}"' for t in targets(self.dataset))
            return f"(SELECT {columns}, NULL::BIGINT AS record, NULL::UBIGINT AS key_hash) WHERE false"
        some = self.scalar(f"SELECT count(*) FROM {self.left_out}")
        standing = f" AND record NOT IN (SELECT record FROM {self.left_out})" if some else ""
        return f"{self.rows()} WHERE fault IS NULL{standing}"

    def reject_repeats(self) -> None:
        """The first row of a key stands; later ones are rejected. Keys are compared by hash first, some at a time."""
        key = ", ".join(f'"{name}"' for name in DATASETS[self.dataset].key)
        passes = self.read // _KEYS + 1
        self.con.execute("CREATE OR REPLACE TEMP TABLE repeated_key (key_hash UBIGINT)")
        for number in range(passes):
            some = f" AND key_hash % {passes} = {number}" if passes > 1 else ""
            self.con.execute(
                f"INSERT INTO repeated_key SELECT key_hash FROM {self.accepted()}{some}"
                " GROUP BY key_hash HAVING count(*) > 1"
            )
        if not self.scalar("SELECT count(*) FROM repeated_key"):
            return
        self._reject(
            f"SELECT record FROM (SELECT record, row_number() OVER (PARTITION BY {key} ORDER BY record) AS n"
            f" FROM {self.accepted()} AND key_hash IN (SELECT key_hash FROM repeated_key)) WHERE n > 1",
            self._key_label(),
            "is there already",
        )

    def reject_dangling(self, column: str, known: str, reason: str) -> None:
        """Reject the rows whose column names nothing known."""
        if self.chunks:
            self._reject(
                f'SELECT record FROM {self.accepted()} AND "{column}" IS NOT NULL'
                f' AND "{column}" NOT IN (SELECT key FROM {known})',
                self.labels.get(column, column),
                reason,
            )

    def _reject(self, records: str, label: str, reason: str) -> None:
        self.con.execute(f"CREATE OR REPLACE TEMP TABLE rejected_now AS {records}")
        self.con.execute(f"INSERT INTO {self.left_out} SELECT record FROM rejected_now")
        self.con.execute(
            f"INSERT INTO {self.rejected_table} SELECT record, record >> {FILE_BITS},"
            f" record & {LINE_MASK}, {quote(label)}, {quote(reason)} FROM rejected_now"
        )

    def _key_label(self) -> str:
        named = [self.labels[name] for name in DATASETS[self.dataset].key if name in self.labels]
        return ", ".join(named) or self.labels.get("source_id", "key")

    def count_rejected(self) -> int:
        """How many records were rejected; broken lines of joined files are told, but are none."""
        return self.scalar(f"SELECT count(record) FROM {self.rejected_table}")

    def scalar(self, sql: str) -> int:
        """Return the one number that a statement gives."""
        return int(self.con.execute(sql).fetchall()[0][0])
