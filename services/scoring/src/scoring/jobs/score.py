"""The job `score`: whoever answers over a whole snapshot, and the feature rows that renewals start from.

Champion and challenger score the customers of their arms (X13); what shadow versions say, and what the champion would
have said of those whom no model answers for, is kept apart. Params: `model` (null = every one), `as_of` (null = the
newest snapshot).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import structlog
from pyarrow import parquet

from attune_contracts.datasets import SCORES, SHADOW_SCORES, Dataset
from attune_contracts.pointer import Pointer
from attune_contracts.scoring import ScoresPublished
from attune_measure.arms import ModelArm
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid
from attune_service_kit.jobs import JobContext
from attune_service_kit.lake import Lake
from attune_service_kit.lake_schema import arrow_schema
from attune_service_kit.runtime import Runtime
from scoring import feature_rows, purposes, registry, watches
from scoring.arms import Shares
from scoring.features import NUMERIC
from scoring.jobs import batches
from scoring.jobs.batches import Batch, Part, scored
from scoring.outputs import UnfitModel
from scoring.registry import Answers
from scoring.settings import ScoringSettings

log = structlog.get_logger(__name__)

# Columns of a scores file that say the same again and again; a dictionary of the others is made and thrown away.
_REPEATED = ["model", "version", "scored_at", "likeliest", "model_hash", "why"]

_LOCK = "SELECT pg_advisory_lock(hashtext('scoring.score'))"


@dataclass(frozen=True)
class Plan:
    """What this run does: which snapshot, whose scores of whom, and into which slot the rows go, if they are newer.

    `silent` are models that no version answers for any more: their scores go.
    """

    pointer: Pointer
    parts: Sequence[Part]
    shares: Mapping[str, Shares]
    silent: Sequence[str]
    slot: int | None
    scored_at: datetime


async def run(job: JobContext) -> dict[str, Any]:
    """Score the snapshot in batches; publish one `scores` partition a model, with all events in one transaction."""
    if job.cursor is not None:  # published before it was interrupted
        return job.cursor
    async with _alone(job):
        plan = await _plan(job)
        if plan is None:
            return {"superseded": True, "scored": {}}
        with TemporaryDirectory(dir=job.runtime.lake.scratch, prefix="scores-") as folder:
            failed = await _score(job, plan, Path(folder))
            published = _publish(job.runtime.lake, plan, Path(folder), failed)
        async with job.transaction() as tx:
            if plan.slot is not None:
                await feature_rows.switch(tx.conn, plan.slot, plan.pointer, NUMERIC)
            tx.emit(*published.values())
            await watch_again(job.runtime, tx, job.params.get("model"))
            job.cursor = {
                "as_of": plan.pointer.as_of.isoformat(),
                "rows": plan.pointer.rows,
                "loaded": plan.slot is not None,
                "scored": {name: _told(plan, name, said) for name, said in published.items()},
                "failed": failed,
            }
    return job.cursor


async def watch_again(runtime: Runtime, tx: Transaction, name: str | None) -> None:
    """Look anew at those that say what they were trained on, once these scores are there."""
    if await watches.any_watched(tx.conn, name):
        await runtime.jobs.start(tx, "watch", {"model": name})


def _told(plan: Plan, name: str, published: ScoresPublished) -> dict[str, Any]:
    versions = {p.arms is None or ModelArm.CHAMPION in p.arms: p.model.version for p in _deciding(plan, name)}
    assert published.pointer is not None  # noqa: S101 - a batch has one
    told = {"version": versions.get(True), "rows": published.pointer.rows}
    return told | ({"challenger": versions[False]} if False in versions else {})


def _deciding(plan: Plan, name: str) -> list[Part]:
    """A model's parts that decisions see."""
    return [part for part in plan.parts if part.model.name == name and part.dataset is SCORES]


def _publish(lake: Lake, plan: Plan, folder: Path, failed: Mapping[str, str]) -> dict[str, ScoresPublished]:
    """Publish each model's files; return what is to be said, by model.

    What has failed stands as it stood, the whole model's scores: of one arm alone they would take the other's away.
    Scores that nobody gives any more are published as none.
    """
    said = {}
    for name in sorted({part.model.name for part in plan.parts} | set(plan.silent)):
        for dataset in (SCORES, SHADOW_SCORES):
            parts = [p for p in plan.parts if p.model.name == name and p.dataset is dataset]
            if any(part.file in failed for part in parts) or not (parts or _has_rows(lake, dataset, name)):
                continue
            rows = [folder / p.file for p in parts] if parts else arrow_schema(dataset).empty_table()
            pointer = lake.write(dataset, f"model={name}", rows, as_of=plan.pointer.as_of)
            if dataset is SCORES:
                kind = parts[0].model.output.kind if parts else "probability"
                said[name] = ScoresPublished(pointer=pointer, output=kind)
    return said


@asynccontextmanager
async def _alone(job: JobContext) -> AsyncIterator[None]:
    """Hold the loading lock: two runs at once would fill the same slot."""
    connection = await job.runtime.worker_database.connect()
    try:
        await connection.execute(_LOCK)
        yield
    finally:
        await connection.close()


async def _plan(job: JobContext) -> Plan | None:
    """Decide what to do; None if a newer snapshot answers already and nobody asked for this one by its day."""
    asked = job.params.get("as_of")
    pointer = _snapshot(job.runtime.lake, asked)
    async with job.transaction() as tx:
        loaded = await feature_rows.loaded_snapshot(tx.conn)
        if loaded and pointer.as_of < loaded[0] and not asked:
            return None
        wanted = job.params.get("model")
        answers = await registry.answers(tx.conn, wanted, shadows=True)
        shares = await purposes.shares(tx.conn)
        newer = loaded is None or (pointer.as_of >= loaded[0] and pointer.manifest != loaded[1])
        slot = await feature_rows.empty_slot(tx.conn) if newer else None
        parts = [part for one in answers for part in parts_of(one, shares.get(one.purpose))]
        silent = [one.name for one in answers if one.champion is None and not one.broken]
        return Plan(pointer, parts, shares, silent, slot, tx.now)


def _has_rows(lake: Lake, dataset: Dataset, name: str) -> bool:
    pointer = lake.latest(dataset.name, f"model={name}")
    return pointer is not None and pointer.rows > 0


def parts_of(answers: Answers, shares: Shares | None) -> list[Part]:
    """Whose scores a batch takes: decisions see champion and challenger, each of its arm; nobody sees the rest."""
    champion, challenger = answers.champion, answers.challenger
    # A model of another table's columns answers rows on request, not the customers of a snapshot.
    if champion is None or not champion.of_snapshot:
        return []
    parts = []
    set_apart = shares is not None and (shares.no_model_bp > 0 or shares.challenger_bp > 0)
    if challenger is None or not challenger.of_snapshot or not set_apart:
        arms = frozenset({ModelArm.CHAMPION, ModelArm.CHALLENGER}) if set_apart else None
        parts.append(Part(champion, answers.purpose, arms, SCORES))
    else:
        parts.append(Part(champion, answers.purpose, frozenset({ModelArm.CHAMPION}), SCORES))
        parts.append(Part(challenger, answers.purpose, frozenset({ModelArm.CHALLENGER}), SCORES))
    if set_apart:
        parts.append(Part(champion, answers.purpose, frozenset({ModelArm.NO_MODEL}), SHADOW_SCORES, "no_model"))
    shadows = [m for m in answers.shadows if m.of_snapshot]
    return parts + [Part(m, answers.purpose, None, SHADOW_SCORES, "shadow") for m in shadows]


def _snapshot(lake: Lake, as_of: str | None) -> Pointer:
    if as_of is not None:
        found = lake.latest("features", f"as_of={date.fromisoformat(as_of)}")
    else:
        found = max(lake.pointers("features"), key=lambda pointer: pointer.as_of, default=None)
    if found is None:
        raise Invalid("there is no such feature snapshot", "没有所需的特征快照")
    return found


async def _score(job: JobContext, plan: Plan, folder: Path) -> dict[str, str]:
    """Write one Parquet file a part, and copy the rows if they are newer; return what has no answer, with the reason.

    A model without an answer to some row stops no other.
    """
    lake, settings = job.runtime.lake, job.runtime.settings
    assert isinstance(settings, ScoringSettings)  # noqa: S101 - the service declares it
    failed: dict[str, str] = {}
    done = 0

    def work(batch: Batch) -> dict[str, pa.Table | UnfitModel]:
        return scored([part for part in plan.parts if part.file not in failed], batch, plan.scored_at)

    snapshot = batches.read(lake, settings, lake.read_pointer(plan.pointer), plan.parts, plan.shares)
    with closing(snapshot), _writers(plan, folder) as writers:
        async with aclosing(batches.in_turn(snapshot, work)) as turns:
            async for batch, told in turns:
                failed |= await asyncio.to_thread(_write, plan, writers, told)
                if plan.slot is not None:
                    async with job.transaction() as tx:
                        await feature_rows.copy_rows(tx.conn, plan.slot, batch.customers.to_pylist(), batch.values)
                done += len(batch.values)
                await job.progress(done, plan.pointer.rows, "scored")
    return failed


@contextmanager
def _writers(plan: Plan, folder: Path) -> Iterator[dict[str, parquet.ParquetWriter]]:
    """Parquet files in the making, by name."""
    with ExitStack() as stack:
        yield {
            part.file: stack.enter_context(
                parquet.ParquetWriter(
                    folder / part.file, arrow_schema(part.dataset), compression="zstd", use_dictionary=_REPEATED
                )
            )
            for part in plan.parts
        }


def _write(
    plan: Plan, writers: Mapping[str, parquet.ParquetWriter], told: Mapping[str, pa.Table | UnfitModel]
) -> dict[str, str]:
    """Add a batch's tables to their files; return what has no answer."""
    failed = {}
    for part in plan.parts:
        rows = told.get(part.file)
        if isinstance(rows, UnfitModel):
            log.error("model_unfit", model=part.model.name, version=part.model.version, reason=str(rows))
            failed[part.file] = str(rows)
        elif rows is not None:
            writers[part.file].write_table(rows)
    return failed
