"""The job `train`: from a training spec to a registered version. Params: the spec, and `asked_by`."""

import asyncio
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import UUID

import duckdb

from attune_service_kit import lake_sql
from attune_service_kit.approvals import ProposalPending, propose
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid
from attune_service_kit.jobs import JobContext
from attune_service_kit.lake import Lake
from attune_service_kit.runtime import Runtime
from scoring import uploads
from scoring.api.models import PROMOTION, Promotion
from scoring.registry import promote, register
from scoring.settings import ScoringSettings
from scoring.spec import SpecRefused, TrainingSpec, choose_snapshot, label_window
from scoring.training.examples import Examples, read_examples

if TYPE_CHECKING:
    from scoring.training.trainer import Trained


class TrainingRefused(Invalid):
    """The data cannot serve the spec."""

    code = "training_refused"


class ParityRefused(Invalid):
    """The exported model does not answer like the trained one."""

    code = "parity_broken"


async def run(job: JobContext) -> dict[str, Any]:
    """Train, vet, register; the first version of a model and one with `promote` answer at once.

    With `maker_checker` on they are proposed in the name of whoever asked for the training.
    """
    settings = job.runtime.settings
    assert isinstance(settings, ScoringSettings)  # noqa: S101 - the service declares it
    if job.cursor is not None:  # registered before it was interrupted
        return job.cursor
    spec = TrainingSpec.model_validate({name: value for name, value in job.params.items() if name != "asked_by"})
    try:
        if spec.file is not None:
            as_of, examples = None, await asyncio.to_thread(read_upload, job.runtime, spec)
        else:
            as_of, examples = await asyncio.to_thread(read, job.runtime.lake, settings, spec)
        await job.progress(1, 3, f"{len(examples.label)} examples of {as_of or 'the file'}")
        trained = await asyncio.to_thread(_train, examples, spec, as_of)
    except SpecRefused as refused:
        raise TrainingRefused(refused.en, refused.zh) from refused
    await job.progress(2, 3, "trained")
    return await _register(job, spec, as_of, trained)


def read(lake: Lake, settings: ScoringSettings, spec: TrainingSpec) -> tuple[date, Examples]:
    """Read the examples of the spec's snapshot; raises SpecRefused."""
    with lake_sql.connect(lake, settings, memory_limit=settings.memory_limit) as con:
        lake_sql.register(con, lake, "transactions", "accounts")
        last = _last_day(con)
        as_of = choose_snapshot(spec, [pointer.as_of for pointer in lake.pointers("features")], last)
        window = label_window(spec.event, as_of, last)
        lake_sql.register(con, lake, "features", partition=f"as_of={as_of}")
        return as_of, read_examples(con, spec, window)


def read_upload(runtime: Runtime, spec: TrainingSpec) -> Examples:
    """Read the examples of the file that was sent before; raises SpecRefused, NothingUploaded."""
    # The training stack, as below.
    from scoring.training.files import read_file

    assert spec.file is not None  # noqa: S101 - asked for files only
    runtime.settings.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=runtime.settings.scratch, prefix="training-") as folder:
        return read_file(
            uploads.store(runtime).assemble(spec.file.file_id, Path(folder) / "files") / uploads.FILE, spec
        )


def _last_day(con: duckdb.DuckDBPyConnection) -> date | None:
    row = con.execute("SELECT max(business_date) FROM transactions").fetchone()
    return row[0] if row else None


def _train(examples: Examples, spec: TrainingSpec, as_of: date | None) -> "Trained":
    # Seconds of import, spared where the data has been refused.
    from scoring.training.exporting import ParityBroken
    from scoring.training.trainer import train

    try:
        return train(examples, spec, as_of)
    except ParityBroken as broken:
        raise ParityRefused(str(broken), "导出的模型与训练模型的结果不一致") from broken


async def _register(job: JobContext, spec: TrainingSpec, as_of: date | None, trained: "Trained") -> dict[str, Any]:
    day = as_of.isoformat() if as_of else None
    async with job.transaction() as tx:
        tx.who = job.params.get("asked_by", tx.who)
        version = await register(
            tx,
            spec.about,
            onnx=trained.onnx,
            sha256=trained.sha256,
            features=trained.features,
            metrics=trained.metrics,
            card=trained.card | {"as_of": day, "trained_by": tx.who},
            feature_specs=trained.specs,
            snapshot=trained.snapshot,
        )
        # What was learned from a file answers for the bank's customers only if somebody says so.
        first = version == 1 and spec.file is None
        proposal = await let_answer(job, tx, spec.model, version) if first or spec.promote else None
        job.cursor = {
            "model": spec.model,
            "version": version,
            "as_of": day,
            "metrics": trained.metrics,
            "rows": trained.metrics["rows"],
            "features": list(trained.features),
            "refused": trained.refused,
            "sha256": trained.sha256,
            "proposal": proposal,
        }
        if spec.file is not None:
            file_id = spec.file.file_id
            # Kept until now: an interrupted training reads it again.
            tx.after_commit(lambda: _forget(job.runtime, file_id))
    return job.cursor


def _forget(runtime: Runtime, file_id: UUID) -> None:
    uploads.store(runtime).remove(file_id)


async def let_answer(job: JobContext, tx: Transaction, name: str, version: int) -> str | None:
    """Promote the version, or propose that; the proposal's id, None where none is made or another one waits."""
    if job.runtime.settings.maker_checker == "off":
        await promote(tx, name, version)
        return None
    try:
        return str((await propose(job.runtime, tx, PROMOTION, name, Promotion(version=version))).id)
    except ProposalPending:  # the version is kept, whatever becomes of the other proposal
        return None
