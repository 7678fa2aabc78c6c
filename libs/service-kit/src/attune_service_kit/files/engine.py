"""The import engine: from one dataset's files to accepted rows in DuckDB and a report of every rejected line.

For job processes only: it imports duckdb (X29). accepted + rejected = read, always; work is set-wise, never row by row.
"""
# ruff: noqa: S608 - the statements are made of names that this package chose and of quoted literals

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from duckdb import DuckDBPyConnection as Connection

from attune_contracts.datasets import DATASETS
from attune_service_kit.errors import Invalid
from attune_service_kit.files.convert import Converter, Fault
from attune_service_kit.files.mapping import Condition, DatasetMapping, Join, Mapping, Source
from attune_service_kit.files.reading import Raw, Reader, files_of
from attune_service_kit.files.rejects import write_rejects
from attune_service_kit.files.targets import DEFAULTS, OWN_ID, ROW_RULES, targets
from attune_service_kit.lake_sql import quote


class NotMapped(Invalid):
    """The mapping says nothing about this dataset."""

    code = "dataset_not_mapped"


@dataclass(frozen=True)
class Reference:
    """A column that must name a known row: `known` is a relation of the connection with the keys in a column `key`."""

    column: str
    known: str
    reason: str


@dataclass(frozen=True)
class Prepared:
    """What came of one dataset's files. `relation` has the dataset's columns and then its identity columns."""

    dataset: str
    relation: str
    read: int  # records: lines that are neither heading, blank, nor left out by the mapping's `where`
    accepted: int
    rejected: int
    skipped: int  # left out by `where`
    rejects_file: Path | None  # CSV: file, line, column, reason, row; None if nothing was rejected


def prepare(
    mapping: Mapping,
    folder: Path,
    dataset: str,
    con: Connection,
    rejects_dir: Path,
    references: Sequence[Reference] = (),
) -> Prepared:
    """Read, convert and check one dataset of an extract in `folder`; a row that refers to nothing known is rejected.

    The accepted rows stand in the view `accepted_<dataset>` of `con`. Raises Invalid (a file or column is missing, a
    file cannot be read at all); faults of single lines are in the rejects file.
    """
    if dataset not in mapping.datasets:
        raise NotMapped(f"the mapping has no dataset {dataset}", f"映射文件中没有数据集 {dataset}")
    rejects_dir.mkdir(parents=True, exist_ok=True)
    for left_behind in rejects_dir.glob(f".decode-{dataset}-*"):  # by a run that was killed: it holds customers' data
        shutil.rmtree(left_behind)
    with TemporaryDirectory(dir=rejects_dir, prefix=f".decode-{dataset}-") as scratch:
        return _Preparation(mapping, dataset, folder, con, Path(scratch)).run(rejects_dir, references)


class _Preparation:
    def __init__(self, mapping: Mapping, dataset: str, folder: Path, con: Connection, scratch: Path) -> None:
        self.mapping, self.dataset, self.folder, self.con = mapping, dataset, folder, con
        self.rules: DatasetMapping = mapping.datasets[dataset]
        self.table = f"import_{dataset}"
        self.reader = Reader(con, self.table, scratch)
        # Source columns in use: alias of the file ("" = the dataset's own) → its columns.
        self.used: dict[str, list[str]] = {"": [], **{alias: [] for alias in self.rules.join}}
        self.labels: list[tuple[str, str]] = []

    def run(self, rejects_dir: Path, references: Sequence[Reference]) -> Prepared:
        converter = Converter(self.mapping.source, self._resolve)
        # Defaults come last: they may speak of the other columns.
        for target in sorted(targets(self.dataset), key=lambda target: target.key in DEFAULTS):
            if target.name != OWN_ID.get(self.dataset, ("", ""))[0]:
                converter.add(target, self.rules.columns.get(target.name))
        own = self._read_files()
        broken = sum(part.broken for part in own.parts)
        total = self._scalar(f"SELECT count(*) FROM {own.name}")
        rules = [Fault(condition, self._label(name), why) for condition, name, why in ROW_RULES.get(self.dataset, ())]
        faults = [
            *converter.faults,
            *rules,
            *self._join_faults(),
            Fault("false", self._key_label(), "is there already"),
        ]
        dangling = [Fault("false", self._label(r.column), r.reason) for r in references]
        self._convert(own, converter, faults)
        typed = self._scalar(f"SELECT count(*) FROM {self.table}")
        self._reject_repeats(len(faults))
        for i, reference in enumerate(references, len(faults)):
            self.con.execute(
                f"UPDATE {self.table} SET fault = {i} WHERE fault IS NULL AND {reference.column} IS NOT NULL"
                f" AND {reference.column} NOT IN (SELECT key FROM {reference.known})"
            )
        rejected = broken + self._scalar(f"SELECT count(fault) FROM {self.table}")
        columns = ", ".join(f'"{target.name}"' for target in targets(self.dataset))
        relation = f"accepted_{self.dataset}"
        self.con.execute(f"CREATE OR REPLACE VIEW {relation} AS SELECT {columns} FROM {self.table} WHERE fault IS NULL")
        file = write_rejects(
            self.con, self.reader, own, self.table, [*faults, *dangling], rejects_dir / f"{self.dataset}.rejects.csv"
        )
        self._drop_raw(own)
        read = typed + broken
        return Prepared(self.dataset, relation, read, read - rejected, rejected, total - typed, file)

    def _resolve(self, label: str) -> str:
        """Return the alias of a source column, noting that it is used: `join.column`, or a column of the own file."""
        alias, dot, column = label.partition(".")
        place = (alias, column) if dot and alias in self.rules.join else ("", label)
        if place not in self.labels:
            self.labels.append(place)
        if place[1] not in self.used[place[0]]:
            self.used[place[0]].append(place[1])
        return f"c{self.labels.index(place)}"

    def _read_files(self) -> Raw:
        for join in self.rules.join.values():
            for column in join.on:
                self._resolve(column)
        conditions = [self._condition(condition) for condition in self.rules.where]
        self.where = " AND ".join(conditions) or "true"
        form = self.rules.csv or self.mapping.csv
        own = self.reader.read("raw", files_of(self.folder, self.rules.file), self.used[""] or [], form)
        for alias, join in self.rules.join.items():
            self._read_join(alias, join)
        return own

    def _condition(self, condition: Condition) -> str:
        values = ", ".join(quote(value) for value in condition.equals)
        return f"coalesce({self._resolve(condition.column)} IN ({values}), false)"

    def _read_join(self, alias: str, join: Join) -> None:
        """One row per key: a key that stands on several lines is a fault of the rows that ask for it."""
        used = self.used[alias]
        columns = list(dict.fromkeys([*used, *join.on.values(), *(c.column for c in join.where)]))
        raw = self.reader.read(f"raw_{alias}", files_of(self.folder, join.file), columns, join.csv or self.mapping.csv)

        def text(column: str) -> str:
            return f"nullif(trim({raw.column(column)}), '')"

        keys = [f"{text(column)} AS k{i}" for i, column in enumerate(join.on.values())]
        picked = [f"min({text(column)}) AS j{i}" for i, column in enumerate(used)]
        where = [f"{text(c.column)} IN ({', '.join(map(quote, c.equals))})" for c in join.where] or ["true"]
        self.con.execute(
            f"CREATE OR REPLACE TABLE {self.table}_{alias} AS SELECT {', '.join([*keys, *picked, 'count(*) AS n'])}"
            f" FROM {raw.name} WHERE {' AND '.join(where)} GROUP BY ALL"
        )
        self.con.execute(f"DROP TABLE {raw.name}")

    def _join_faults(self) -> list[Fault]:
        return [
            Fault(f"n_{alias} > 1", ", ".join(join.on), f"several lines of {join.file} match")
            for alias, join in self.rules.join.items()
        ]

    def _convert(self, own: Raw, converter: Converter, faults: Sequence[Fault]) -> None:
        """Three layers in one statement: trimmed texts, parsed values, the dataset's columns with the first fault."""
        texts = ["m.rowid AS record", *(f"n_{alias}" for alias in self.rules.join)]
        for i, (alias, column) in enumerate(self.labels):
            sql = f"{alias}.j{self.used[alias].index(column)}" if alias else f"nullif(trim(m.{own.column(column)}), '')"
            texts.append(f"{sql} AS c{i}")
        tables = f"{own.name} m"
        for alias, join in self.rules.join.items():
            on = [f"nullif(trim(m.{own.column(column)}), '') = {alias}.k{i}" for i, column in enumerate(join.on)]
            tables += f" LEFT JOIN (SELECT *, n AS n_{alias} FROM {self.table}_{alias}) {alias} ON {' AND '.join(on)}"
        values = ", ".join(["*", *(f"{sql} AS v{i}" for i, sql in enumerate(converter.values))])
        outputs = ", ".join(f'{sql} AS "{name}"' for name, sql in converter.outputs)
        fault = " ".join(f"WHEN {f.condition} THEN {i}" for i, f in enumerate(faults))
        inner = f"SELECT {', '.join(texts)} FROM {tables}"
        # Values may refer to earlier values: DuckDB resolves an alias of the same SELECT.
        self.con.execute(
            f"CREATE OR REPLACE TABLE {self.table} AS SELECT record, {outputs}, (CASE {fault} END)::SMALLINT AS fault"
            f" FROM (SELECT {values} FROM ({inner}) WHERE {self.where})"
        )

    def _key_label(self) -> str:
        sources = [self.rules.columns.get(name) for name in DATASETS[self.dataset].key]
        named = [_column_of(source) for source in sources if source is not None]
        return ", ".join(named) or _column_of(self.rules.columns["source_id"])

    def _label(self, column: str) -> str:
        source = self.rules.columns.get(column)
        return column if source is None else _column_of(source)

    def _reject_repeats(self, faults: int) -> None:
        """The first row of a key stands; later ones are rejected."""
        key = ", ".join(DATASETS[self.dataset].key)
        repeated = f"SELECT {key} FROM {self.table} WHERE fault IS NULL GROUP BY {key} HAVING count(*) > 1"
        if self.con.execute(f"{repeated} LIMIT 1").fetchone() is None:
            return
        numbered = (
            f"SELECT record, row_number() OVER (PARTITION BY {key} ORDER BY record) AS occurrence FROM {self.table}"
            f" WHERE fault IS NULL AND ({key}) IN ({repeated})"
        )
        self.con.execute(
            f"UPDATE {self.table} SET fault = {faults - 1} WHERE record IN"
            f" (SELECT record FROM ({numbered}) WHERE occurrence > 1)"
        )

    def _drop_raw(self, own: Raw) -> None:
        for name in (own.name, *(f"{self.table}_{alias}" for alias in self.rules.join)):
            self.con.execute(f"DROP TABLE {name}")
        self.con.execute(f"DROP TABLE {self.reader.faults}; DROP TABLE {self.reader.gaps}")

    def _scalar(self, sql: str) -> int:
        row = self.con.execute(sql).fetchone()
        return int(row[0]) if row else 0


def _column_of(source: Source) -> str:
    return source.column or "key"
