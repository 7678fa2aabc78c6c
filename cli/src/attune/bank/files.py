"""The bank's extracts: gzip CSV files, UTF-8, comma, heading; equal bytes for an equal bank."""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pyarrow as pa

from attune.bank.calendar import Period
from attune.bank.ledger import Ledger
from attune.bank.postings import AccountType, Channel, Flag, Kind, Postings, running
from attune.bank.randomness import Ints, Texts
from attune.bank.truth import account_numbers

_SLICE = 120_000


class Extracts:
    """Writes the bank's files into a folder and counts their rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[str, int] = {}
        self._con = duckdb.connect(config={"threads": 2, "memory_limit": "300MB"})

    def write(self, name: str, heading: str, columns: Iterable[Iterable[object]]) -> None:
        """Write one file from columns in the heading's order; empty texts are written as nothing."""
        table = pa.table([pa.array([_known(v) for v in column]) for column in columns], names=heading.split(","))
        with self._file(name) as (out, scratch):
            self._append(out, scratch, table, "SELECT * FROM part", header=True)
        self.rows[name] = table.num_rows

    def write_postings(self, book: Ledger, numbers: Texts) -> None:
        """Write the ledger; `numbers` are all account numbers, by type and owner."""
        booked, period = book.booked, book.period
        balance = running(booked, book.opening)
        account = (booked.account * book.who.count + booked.owner).astype(np.int64)
        names = pa.array(numbers)
        with self._file("postings") as (out, scratch):
            for start in range(0, len(booked), _SLICE):
                rows = np.arange(start, min(start + _SLICE, len(booked)))
                part = _posting_table(booked.take(rows), rows, balance[rows], names.take(pa.array(account[rows])))
                self._append(out, scratch, part, _posting_sql(period), header=start == 0)
        self.rows["postings"] = len(booked)

    def close(self) -> None:
        """Release the writer."""
        self._con.close()

    @contextmanager
    def _file(self, name: str) -> Iterator[tuple[gzip.GzipFile, Path]]:
        # DuckDB's own gzip is five times slower and writes the time of day into the file.
        with (
            TemporaryDirectory(dir=self.folder) as scratch,
            (self.folder / f"{name}.csv.gz").open("wb") as raw,
            gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as out,
        ):
            yield out, Path(scratch) / "part.csv"

    def _append(self, out: gzip.GzipFile, scratch: Path, part: pa.Table, sql: str, *, header: bool) -> None:
        self._con.register("part", part)
        self._con.execute(f"COPY ({sql}) TO '{scratch}' (FORMAT csv, HEADER {header})")
        self._con.unregister("part")
        out.write(scratch.read_bytes())


def _posting_table(rows: Postings, numbers: Ints, balance: Ints, account: pa.Array) -> pa.Table:
    return pa.table(
        {
            "number": numbers + 1,
            "account": account,
            "moment": rows.day * 86_400 + rows.second,
            "amount": rows.amount,
            "kind": _coded(rows.kind, [k.name.lower() for k in Kind]),
            "channel": _coded(rows.channel, [c.name.lower() for c in Channel]),
            "flag": _coded(rows.flag, [f.letter for f in Flag]),
            "balance": balance,
        }
    )


def _posting_sql(period: Period) -> str:
    at = f"(TIMESTAMP '{period.first} 00:00:00' + to_seconds(moment))"
    return f"""
        SELECT printf('T%09d', number) AS TXN_NO, account AS ACCT_NO, strftime({at}, '%Y%m%d') AS BIZ_DATE,
               strftime({at}, '%Y-%m-%dT%H:%M:%S+08:00') AS BOOK_TS, {_yuan("amount")} AS AMT, 'CNY' AS CCY,
               kind AS TXN_KIND, channel AS CHN, nullif(flag, '') AS OWN_FLAG, {_yuan("balance")} AS BAL
        FROM part"""  # noqa: S608


def _known(value: object) -> object:
    return None if isinstance(value, str) and not value else value


def _yuan(column: str) -> str:
    return f"(CAST({column} AS DECIMAL(18, 0)) / 100)::DECIMAL(18, 2)"


def _coded(values: Ints, names: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(values.astype(np.int8)), pa.array(names))


def yuan(fen: int) -> str:
    """Fen as a decimal text."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def all_account_numbers(customers: int) -> Texts:
    """The numbers of all accounts that could exist, by type and owner."""
    return np.concatenate([account_numbers(account, np.arange(customers)) for account in AccountType])
