# ruff: noqa: S608 - the statements are made of names that this package chose and of quoted literals
"""The files of an extract, and their chunks as relations of texts: row n is line n, or the file cannot be read."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection as Connection

from attune_service_kit.errors import Invalid
from attune_service_kit.files.decode import Chunk, Opened
from attune_service_kit.files.packing import Member, UnreadableFile, members
from attune_service_kit.files.sources import suggestion
from attune_service_kit.lake_sql import quote

# Smaller than a chunk, so that two threads read it; larger than the longest line.
_BUFFER = 8 << 20


class MissingFile(Invalid):
    """The extract's folder has no such file."""

    code = "file_missing"


class MissingColumn(Invalid):
    """A file lacks a column that the mapping names."""

    code = "column_missing"


def files_of(folder: Path, file: str) -> list[Member]:
    """Return the files that a name or pattern stands for, in the order of their names, those of archives included.

    Raises MissingFile if there is none inside the folder, UnsafeArchive.
    """
    root = folder.resolve()
    found = sorted(path for path in folder.glob(file) if path.is_file())
    for path in found:
        if not path.resolve().is_relative_to(root):
            raise MissingFile(f"{path.name} leads outside the extract's folder", f"{path.name} 指向导入目录之外")
    if not found:
        raise MissingFile(f"the extract has no file {file}", f"导入目录中没有文件 {file}")
    return [member for path in found for member in members(path)]


@contextmanager
def ahead(chunks: Iterator[Chunk]) -> Iterator[Iterator[Chunk]]:
    """Make the next chunk in a thread while one is in use; a chunk's file is gone when the next is taken."""
    with ThreadPoolExecutor(1, thread_name_prefix="decode") as thread:

        def taken() -> Iterator[Chunk]:
            following = thread.submit(next, chunks, None)
            while (chunk := following.result()) is not None:
                following = thread.submit(next, chunks, None)
                yield chunk
                chunk.path.unlink(missing_ok=True)

        yield taken()


def require(file: Opened, columns: Sequence[str], label: str) -> None:
    """Refuse a file that lacks a column. Raises MissingColumn."""
    for column in columns:
        if column not in file.names:
            shown = file.names[:50]
            names = ", ".join(shown) + (" …" if len(file.names) > len(shown) else "")
            like = suggestion(column, file.names)
            text = f"{label} has no column {column!r}; it has {names}{like.en}"
            raise MissingColumn(text, f"{label} 没有列 {column!r}；现有列：{names}{like.zh}")


def relation(chunk: Chunk, file: Opened, columns: Sequence[str]) -> str:
    """A SELECT of a chunk's named columns, r0, r1 …; empty values are NULL."""
    places = {name: index for index, name in enumerate(file.names)}
    struct = ", ".join(f"'c{index}': 'VARCHAR'" for index in range(len(file.names)))
    # A file of which no column is needed still has its lines.
    chosen = ", ".join(f"c{places[column]} AS r{i}" for i, column in enumerate(columns)) or "1 AS r0"
    form = file.delimited
    return (
        f"SELECT {chosen} FROM read_csv({quote(str(chunk.path))}, columns = {{{struct}}}, header = false,"
        f" delim = {quote(form.separator.decode())}, quote = {quote(form.quote.decode())},"
        f" escape = {quote(form.quote.decode())}, nullstr = '', allow_quoted_nulls = true, auto_detect = false,"
        " new_line = '\\n', compression = 'none', strict_mode = true, null_padding = false, store_rejects = true,"
        f" rejects_limit = 0, buffer_size = {_BUFFER})"
    )


def line_by_line(con: Connection, chunk: Chunk, file: Opened, label: str, work: Callable[[], str]) -> None:
    """Do some work that makes rows of a chunk, and see to it that row n is line n.

    `work` returns the relation of its rows; it is done again once the lines that are no records are found.
    Raises UnreadableFile if there is none and still the rows are not the lines.
    """
    for last_try in (False, True):
        con.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
        try:
            rows = work()
            # Not fetchone: a result that is not read to its end keeps the connection from registering tables.
            if con.execute(f"SELECT count(*) FROM {rows}").fetchall() == [(chunk.lines,)] and not _rejects(con):
                return
        except (duckdb.InvalidInputException, duckdb.ConversionException):
            pass
        if last_try or file.layout is None:
            raise UnreadableFile(f"{label}: its records cannot be told apart", f"{label}：无法区分各条记录")
        chunk.rewrite(file.layout)


def _rejects(con: Connection) -> bool:
    return bool(con.execute("SELECT count(*) FROM reject_errors").fetchall() != [(0,)])
