"""Where a training reads from: the bank's lake, or the file that was sent for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import duckdb

from attune_service_kit import lake_sql
from attune_service_kit.lake import Lake
from scoring import uploads
from scoring.settings import ScoringSettings
from scoring.spec import TrainingSpec, choose_snapshot


@dataclass(frozen=True)
class Source:
    """The lake, and the settings that name the place of uploads."""

    lake: Lake
    settings: ScoringSettings

    @contextmanager
    def tables(self, *datasets: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with these datasets of the lake as views."""
        with lake_sql.connect(self.lake, self.settings, memory_limit=self.settings.memory_limit) as con:
            lake_sql.register(con, self.lake, *datasets)
            yield con

    def features(self, con: duckdb.DuckDBPyConnection, spec: TrainingSpec) -> tuple[date, date | None]:
        """Lay the spec's snapshot as the view `features`; return its day and the ledger's last one.

        The connection has `transactions`. Raises SpecRefused where there is no such snapshot.
        """
        row = con.execute("SELECT max(business_date) FROM transactions").fetchone()
        last: date | None = row[0] if row else None
        as_of = choose_snapshot(spec, [pointer.as_of for pointer in self.lake.pointers("features")], last)
        lake_sql.register(con, self.lake, "features", partition=f"as_of={as_of}")
        return as_of, last

    @contextmanager
    def upload(self, spec: TrainingSpec) -> Iterator[Path]:
        """The file that the spec names, for as long as it is read; raises NothingUploaded."""
        assert spec.file is not None  # noqa: S101 - asked for files only
        with self.sent(spec.file.file_id) as path:
            yield path

    @contextmanager
    def sent(self, file_id: UUID) -> Iterator[Path]:
        """A file that was sent, for as long as it is read; raises NothingUploaded."""
        self.settings.scratch.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self.settings.scratch, prefix="training-") as folder:
            sent = uploads.store(self.settings)
            yield sent.assemble(file_id, Path(folder) / "files") / uploads.FILE
