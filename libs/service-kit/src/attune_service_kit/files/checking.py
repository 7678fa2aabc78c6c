"""What an import would do, without doing it: counts, the first rejects, and the rows that would stand."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb

from attune_contracts.datasets import DATASETS, IMPORT_ORDER
from attune_service_kit.errors import Invalid
from attune_service_kit.files.engine import Prepared, Reference, prepare
from attune_service_kit.files.mapping import Mapping

SHOWN_REJECTS = 20
SHOWN_ROWS = 5
# A column that names a row of another dataset of the extract: there its key stands in this column.
_REFERENCES = {
    "customer_id": ("parties", "customer_id", "no such customer"),
    "account_id": ("accounts", "account_id", "no such account"),
    "product_id": ("products", "product_id", "no such product"),
}


@dataclass(frozen=True)
class Checked:
    """What would come of one dataset; `fault` is why it cannot be read at all."""

    dataset: str
    read: int = 0
    accepted: int = 0
    rejected: int = 0
    skipped: int = 0
    rejects: tuple[dict[str, str], ...] = ()  # file, line, column, reason, row
    preview: tuple[dict[str, Any], ...] = ()
    fault: Invalid | None = None


def check(mapping: Mapping, folder: Path, con: duckdb.DuckDBPyConnection, scratch: Path) -> Iterator[Checked]:
    """Read every dataset of the mapping as an import would, and tell what comes of it; nothing is kept.

    Rows that refer to something are held to the same extract: what stands in the bank already is not known here.
    """
    known: set[str] = set()
    for name in (name for name in IMPORT_ORDER if name in mapping.datasets):
        try:
            with prepare(mapping, folder, name, con, scratch, _references(name, known)) as prepared:
                yield _checked(prepared, con)
                _remember(name, prepared, con)
        except Invalid as error:
            yield Checked(name, fault=error)
            continue
        known.add(name)


def _references(dataset: str, known: set[str]) -> list[Reference]:
    own = DATASETS[dataset].key
    return [
        Reference(column, f"known_{other}", reason)
        for column, (other, _, reason) in _REFERENCES.items()
        if column in DATASETS[dataset].names and other in known and (column,) != own
    ]


def _remember(dataset: str, prepared: Prepared, con: duckdb.DuckDBPyConnection) -> None:
    for other, key, _ in _REFERENCES.values():
        if other == dataset:
            con.execute(f"CREATE TABLE known_{other} AS SELECT {key} AS key FROM {prepared.relation}")  # noqa: S608


def _checked(prepared: Prepared, con: duckdb.DuckDBPyConnection) -> Checked:
    shown = con.execute(f"SELECT COLUMNS(*)::VARCHAR FROM {prepared.relation} LIMIT {SHOWN_ROWS}")  # noqa: S608
    columns = [column[0] for column in shown.description or ()]
    preview = tuple(dict(zip(columns, row, strict=True)) for row in shown.fetchall())
    with _report(prepared.rejects_file) as report:
        rejects = tuple(islice(report, SHOWN_REJECTS))
    return Checked(
        prepared.dataset, prepared.read, prepared.accepted, prepared.rejected, prepared.skipped, rejects, preview
    )


@contextmanager
def _report(file: Path | None) -> Iterator[Iterator[dict[str, str]]]:
    if file is None:
        yield iter(())
        return
    with file.open(encoding="utf-8", newline="") as lines:
        yield iter(csv.DictReader(lines))
