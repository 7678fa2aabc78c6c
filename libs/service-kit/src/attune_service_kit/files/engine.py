"""The import engine: from one dataset's files to accepted rows and a report of every rejected line.

For job processes only: it imports duckdb (X29). accepted + rejected = read, always. Files go through in chunks of
bounded size, each of them set-wise in DuckDB, never row by row; what has been read waits as Parquet on scratch.
"""
# ruff: noqa: S608 - the statements are made of names that this package chose and of quoted literals

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Self

from duckdb import DuckDBPyConnection as Connection

from attune_service_kit.errors import Invalid
from attune_service_kit.files.mapping import Mapping
from attune_service_kit.files.parts import look_at_part, stage_part
from attune_service_kit.files.rejects import write_rejects
from attune_service_kit.files.space import disk_full_named
from attune_service_kit.files.staging import OnRows, Stage
from attune_service_kit.files.targets import targets

MEMORY = "256MB"
"""DuckDB's memory while it reads an extract: rows wait on scratch, so that more would be filled, not needed."""

_STAGED = ".staged-"


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
    """What came of one dataset's files. `relation` has the dataset's columns and then its identity columns.

    Use as a context: the rows lie on scratch until it ends.
    """

    dataset: str
    relation: str
    read: int  # records: lines that are neither heading, blank, nor left out by the mapping's `where`
    accepted: int
    rejected: int
    skipped: int  # left out by `where`
    rejects_file: Path | None  # CSV: file, line, column, reason, row; None if nothing was rejected
    staged: Path = field(repr=False, default=Path())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.staged, ignore_errors=True)


def prepare(
    mapping: Mapping,
    folder: Path,
    dataset: str,
    con: Connection,
    rejects_dir: Path,
    references: Sequence[Reference] = (),
    on_rows: OnRows | None = None,
) -> Prepared:
    """Read, convert and check one dataset of an extract in `folder`; a row that refers to nothing known is rejected.

    The accepted rows stand in the view `accepted_<dataset>` of `con`. Raises Invalid (a file or column is missing, a
    file cannot be read at all, the disk is full); faults of single lines are in the rejects file. `on_rows` is told
    between two chunks how many lines have been read; if it raises, nothing is left.
    """
    if dataset not in mapping.datasets:
        raise NotMapped(f"the mapping has no dataset {dataset}", f"映射文件中没有数据集 {dataset}")
    rejects_dir.mkdir(parents=True, exist_ok=True)
    for left_behind in rejects_dir.glob(f"{_STAGED}{dataset}-*"):  # by a run that was killed: it holds customers' data
        shutil.rmtree(left_behind)
    staged = Path(mkdtemp(dir=rejects_dir, prefix=f"{_STAGED}{dataset}-"))
    try:
        with disk_full_named():
            return _prepare(mapping, folder, Stage(dataset, con, staged, on_rows), rejects_dir, references)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise


def look_at(mapping: Mapping, folder: Path, datasets: Sequence[str], con: Connection, scratch: Path) -> None:
    """Refuse an extract of which a dataset cannot be read at all, before any of them is written.

    A file is missing or no such file, or lacks a column: raises Invalid. Of each file only the heading is read.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    for dataset in datasets:
        with TemporaryDirectory(dir=scratch, prefix=f"{_STAGED}{dataset}-") as staged:
            stage = Stage(dataset, con, Path(staged))
            for part in mapping.datasets[dataset]:
                look_at_part(stage, mapping, part, folder)


def sweep(scratch: Path) -> None:
    """Remove what killed runs left anywhere under a folder of imports. Only where no import runs."""
    for left_behind in scratch.glob(f"*/{_STAGED}*"):
        shutil.rmtree(left_behind, ignore_errors=True)


def _prepare(
    mapping: Mapping, folder: Path, stage: Stage, rejects_dir: Path, references: Sequence[Reference]
) -> Prepared:
    dataset = stage.dataset
    for part in mapping.datasets[dataset]:
        stage_part(stage, mapping, part, folder)
    stage.reject_repeats()
    for reference in references:
        stage.reject_dangling(reference.column, reference.known, reference.reason)
    columns = ", ".join(f'"{target.name}"' for target in targets(dataset))
    relation = f"accepted_{dataset}"
    stage.con.execute(f"CREATE OR REPLACE VIEW {relation} AS SELECT {columns} FROM {stage.accepted()}")
    file = write_rejects(stage.con, stage.files, stage.rejected_table, rejects_dir / f"{dataset}.rejects.csv")
    rejected = stage.count_rejected()
    return Prepared(
        dataset, relation, stage.read, stage.read - rejected, rejected, stage.skipped, file, staged=stage.folder
    )
