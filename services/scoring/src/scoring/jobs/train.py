"""The job `train`: from a training spec to a registered version. Params: the `spec` as JSON text, and `asked_by`."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

from attune_service_kit.approvals import ProposalPending, propose
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid
from attune_service_kit.jobs import JobContext
from attune_service_kit.runtime import Runtime
from scoring import signing, uploads
from scoring.api.models import PROMOTION, Promotion
from scoring.cards.page import Facts, page
from scoring.registry import promote, register
from scoring.settings import ScoringSettings
from scoring.spec import SpecRefused, TrainingSpec
from scoring.training import cautions
from scoring.training.kinds import learner
from scoring.training.source import Source
from scoring.training.trained import ParityBroken, Trained


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
    spec = TrainingSpec.model_validate_json(job.params["spec"])
    key = signing.own_key(settings)
    loop = asyncio.get_running_loop()

    def say(read: str) -> None:
        asyncio.run_coroutine_threadsafe(job.progress(1, 3, read), loop).result()

    try:
        trained = await asyncio.to_thread(learner(spec.kind), Source(job.runtime.lake, settings), spec, say)
    except SpecRefused as refused:
        raise TrainingRefused(refused.en, refused.zh) from refused
    except ParityBroken as broken:
        raise ParityRefused(str(broken), "导出的模型与训练模型的结果不一致") from broken
    await job.progress(2, 3, "trained")
    return await _register(job, spec, trained, key)


async def _register(job: JobContext, spec: TrainingSpec, trained: Trained, key: signing.Key | None) -> dict[str, Any]:
    day = trained.as_of.isoformat() if trained.as_of else None
    about = replace(spec.about, output=trained.output)
    card = trained.card | {"as_of": day, "refused": trained.refused, "cautions": cautions.of(trained)}
    async with job.transaction() as tx:
        tx.who = job.params.get("asked_by", tx.who)
        version = await register(
            tx,
            about,
            onnx=trained.onnx,
            sha256=trained.sha256,
            features=trained.features,
            metrics=trained.metrics,
            card=card | {"trained_by": tx.who},
            feature_specs=trained.specs,
            snapshot=trained.snapshot,
            card_html=page(Facts(about, trained.sha256, trained.metrics, card, trained.snapshot)),
            signed=None if key is None else key.sign(spec.model, trained.sha256, trained.features, trained.output),
        )
        # What was learned from a file, or judges a person's credit, answers only if somebody says so.
        first = version == 1 and spec.sent is None and about.risk_class != "high_risk"
        proposal = await let_answer(job, tx, spec.model, version) if first or spec.promote else None
        job.cursor = {
            "model": spec.model,
            "version": version,
            "as_of": day,
            "metrics": trained.metrics,
            "stability": trained.card.get("stability", []),
            "rows": trained.metrics["rows"],
            "features": list(trained.features),
            "refused": trained.refused,
            "cautions": card["cautions"],
            "sha256": trained.sha256,
            "proposal": proposal,
        }
        if (file_id := spec.sent) is not None:
            # Kept until now: an interrupted training reads it again.
            tx.after_commit(lambda: _forget(job.runtime, file_id))
    return job.cursor


def _forget(runtime: Runtime, file_id: UUID) -> None:
    uploads.store(runtime.settings).remove(file_id)


async def let_answer(job: JobContext, tx: Transaction, name: str, version: int) -> str | None:
    """Promote the version, or propose that; the proposal's id, None where none is made or another one waits."""
    if job.runtime.settings.maker_checker == "off":
        await promote(tx, name, version)
        return None
    try:
        return str((await propose(job.runtime, tx, PROMOTION, name, Promotion(version=version))).id)
    except ProposalPending:  # the version is kept, whatever becomes of the other proposal
        return None
