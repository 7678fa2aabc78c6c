# ruff: noqa: S608 - the statements are made of names that this package chose and of quoted literals
"""Read delimited files into DuckDB as texts, with every broken line accounted for by its number in the bank's file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection as Connection

from attune_service_kit.errors import Invalid
from attune_service_kit.files.decode import Decoded, UnreadableFile, decode, decode_strictly
from attune_service_kit.files.mapping import Csv, suggestion
from attune_service_kit.lake_sql import quote

_REASONS = {
    "MISSING COLUMNS": "has fewer values than there are columns",
    "TOO MANY COLUMNS": "has more values than there are columns",
    "UNQUOTED VALUE": "a quote is not closed",
    "INVALID ENCODING": "is not UTF-8",
    "LINE SIZE OVER MAXIMUM": "is too long",
}


class MissingFile(Invalid):
    """The extract's folder has no such file."""

    code = "file_missing"


class MissingColumn(Invalid):
    """A file lacks a column that the mapping names."""

    code = "column_missing"


class _NotLineByLine(Exception):
    """A record spans lines, or a line is no record."""


@dataclass(frozen=True)
class Part:
    """One file within a raw table: its rows start at rowid `base`."""

    number: int
    path: Path
    heading: int
    base: int
    broken: int  # lines that became no row


@dataclass(frozen=True)
class Raw:
    """A table `name` of texts: columns r0, r1 … for `columns`, in the files' order."""

    name: str
    columns: tuple[str, ...]
    parts: tuple[Part, ...]

    def column(self, label: str) -> str:
        """Return the SQL name of a source column."""
        return f"r{self.columns.index(label)}"


def files_of(folder: Path, file: str) -> list[Path]:
    """Return the files that a name or pattern stands for, sorted; MissingFile if there is none inside the folder."""
    root = folder.resolve()
    found = sorted(path for path in folder.glob(file) if path.is_file())
    for path in found:
        if not path.resolve().is_relative_to(root):
            raise MissingFile(f"{path.name} leads outside the extract's folder", f"{path.name} 指向导入目录之外")
    if not found:
        raise MissingFile(f"the extract has no file {file}", f"导入目录中没有文件 {file}")
    return found


class Reader:
    """Reads files into raw tables; lines that are no record go to the table `faults` (file, line, column, reason)."""

    def __init__(self, con: Connection, prefix: str, scratch: Path) -> None:
        self.con, self.prefix, self.scratch = con, prefix, scratch
        self.faults, self.gaps = f"{prefix}_faults", f"{prefix}_gaps"
        self.paths: list[Path] = []  # file number → path
        con.execute(
            f'CREATE OR REPLACE TABLE {self.faults} (file INTEGER, line BIGINT, "column" VARCHAR, reason VARCHAR)'
        )
        con.execute(f"CREATE OR REPLACE TABLE {self.gaps} (file INTEGER, after BIGINT, shift BIGINT)")

    def read(self, name: str, paths: Sequence[Path], columns: Sequence[str], form: Csv) -> Raw:
        """Read the files' named columns into the table `<prefix>_<name>`."""
        table = f"{self.prefix}_{name}"
        definition = ", ".join(f"r{i} VARCHAR" for i in range(len(columns)))
        self.con.execute(f"CREATE OR REPLACE TABLE {table} ({definition})")
        return Raw(table, tuple(columns), tuple(self._file(table, path, columns, form) for path in paths))

    def _file(self, table: str, path: Path, columns: Sequence[str], form: Csv) -> Part:
        number, base = len(self.paths), _count(self.con, table)
        self.paths.append(path)
        target, dropped = self.scratch / "lines.csv", self.scratch / "dropped.csv"
        dropped.write_text("")
        decoded = decode(path, form, target)
        _require(decoded, columns, path.name)
        try:
            if not decoded.regular:
                raise _NotLineByLine
            self._insert(table, decoded, columns, form, broken_lines=False)
        except _NotLineByLine:
            decoded = decode_strictly(path, form, target, dropped)
            try:
                self._insert(table, decoded, columns, form, broken_lines=True)
            except _NotLineByLine as error:
                text = f"{path.name}: its records cannot be told apart"
                raise UnreadableFile(text, f"{path.name}：无法区分各条记录") from error
        target.unlink()
        return Part(number, path, decoded.heading, base, self._note_broken(number, decoded.heading, dropped))

    def _insert(self, table: str, decoded: Decoded, columns: Sequence[str], form: Csv, *, broken_lines: bool) -> None:
        """Insert the lines' columns; raises _NotLineByLine unless each became one row (or, if allowed, is broken)."""
        con = self.con
        con.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
        before = _count(con, table)
        con.begin()
        try:
            if decoded.lines:
                con.execute(f"INSERT INTO {table} {_select(decoded, columns, form)}")
            broken = _broken(con)
            if _count(con, table) - before + broken != decoded.lines or (broken and not broken_lines):
                raise _NotLineByLine
        except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
            con.rollback()
            raise _NotLineByLine from error
        except BaseException:
            con.rollback()
            raise
        con.commit()

    def _note_broken(self, number: int, heading: int, dropped: Path) -> int:
        """Note the file's broken lines, by their numbers in the bank's file, and the gaps they leave in the rows."""
        con = self.con
        con.execute(
            "CREATE OR REPLACE TEMP TABLE dropped AS SELECT line, reason FROM read_csv("
            f"{quote(str(dropped))}, auto_detect = false, header = false, quote = '', escape = '',"
            " columns = {'line': 'BIGINT', 'reason': 'VARCHAR'})"
        )
        if not _count(con, "dropped") and not _broken(con):
            return 0
        con.execute(
            "CREATE OR REPLACE TEMP TABLE broken AS SELECT line, reason FROM dropped UNION ALL"
            f" SELECT s.line + coalesce(g.shift, 0), s.reason FROM ({_structural(con)}) s"
            f" ASOF LEFT JOIN ({_gaps('dropped')}) g ON s.line > g.after"
        )
        con.execute(
            f"INSERT INTO {self.faults} SELECT {number}, line + {heading}, NULL, reason FROM broken"
            " WHERE reason IS NOT NULL"
        )
        con.execute(f"INSERT INTO {self.gaps} SELECT {number}, after, shift FROM ({_gaps('broken')})")
        row = con.execute("SELECT count(reason) FROM broken").fetchone()
        return int(row[0]) if row else 0


def _select(decoded: Decoded, columns: Sequence[str], form: Csv) -> str:
    struct = ", ".join(f"{quote(column)}: 'VARCHAR'" for column in decoded.names)
    chosen = ", ".join(_identifier(column) for column in columns)
    return (
        f"SELECT {chosen} FROM read_csv({quote(str(decoded.path))}, columns = {{{struct}}}, header = false,"
        f" delim = {quote(form.separator)}, quote = {quote(form.quote)}, escape = {quote(form.quote)},"
        " auto_detect = false, new_line = '\\n', compression = 'none', strict_mode = true, null_padding = false,"
        " store_rejects = true, rejects_limit = 0)"
    )


def _structural(con: Connection) -> str:
    """The reader's own rejects: scratch line and reason."""
    if not _has_rejects(con):
        return "SELECT 0::BIGINT AS line, NULL::VARCHAR AS reason WHERE false"
    reasons = " ".join(f"WHEN {quote(kind)} THEN {quote(text)}" for kind, text in _REASONS.items())
    reason = f"CASE CAST(error_type AS VARCHAR) {reasons} ELSE 'cannot be read' END"
    return f"SELECT line, first({reason} ORDER BY column_idx) AS reason FROM reject_errors GROUP BY line"


def _gaps(lost: str) -> str:
    """Rows after the `after`-th stand `shift` lines further down than their own number."""
    return (
        "SELECT after, max(shift) AS shift FROM (SELECT line - row_number() OVER (ORDER BY line) AS after,"
        f" row_number() OVER (ORDER BY line) AS shift FROM {lost}) GROUP BY after"
    )


def _require(decoded: Decoded, columns: Sequence[str], file: str) -> None:
    for column in columns:
        if column not in decoded.names:
            names = ", ".join(decoded.names)
            text = f"{file} has no column {column!r}; it has {names}{suggestion(column, decoded.names)}"
            raise MissingColumn(text, f"{file} 没有列 {column!r}；现有列：{names}")


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _count(con: Connection, table: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def _has_rejects(con: Connection) -> bool:
    return con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'").fetchone() is not None


def _broken(con: Connection) -> int:
    if not _has_rejects(con):
        return 0
    row = con.execute("SELECT count(DISTINCT line) FROM reject_errors").fetchone()
    return int(row[0]) if row else 0
