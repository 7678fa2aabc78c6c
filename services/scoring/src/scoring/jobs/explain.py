"""The job `explain`: what each feature adds to a tree model's answer, exactly, for chosen customers, from the lake.

Params: `model`, `version` (null = the champion), `customers`, `most`. The values themselves are not told.
"""

import asyncio
from typing import Any

import numpy as np

from attune_contracts.datasets import FEATURES
from attune_contracts.features import CATALOGUE
from attune_service_kit import lake_sql
from attune_service_kit.errors import Invalid
from attune_service_kit.jobs import JobContext
from attune_service_kit.runtime import Runtime
from scoring import contributions, registry
from scoring.champions import NoChampion
from scoring.contributions import NoTrees, Told, Trees
from scoring.jobs.watch import newest
from scoring.model import Model
from scoring.settings import ScoringSettings

CLOSEST = 1e-3
"""So near must the sums come to what the model answers; float32 sums of many trees differ by less."""

_ONNX = "SELECT onnx FROM model_version WHERE model = $1 AND version = $2"


class NotExplained(Invalid):
    """The model is not one sum of trees, or not of the feature snapshot: its contributions are not known exactly."""

    code = "not_explained"


async def run(job: JobContext) -> dict[str, Any]:
    """Explain the answers to the customers whom the newest snapshot has."""
    name = job.params["model"]
    async with job.transaction() as tx:
        number = job.params["version"] or await registry.answering(tx, name)
        if number is None:
            raise NoChampion("no version of this model answers yet", "该模型尚无生效版本")
        model = await registry.version(tx.conn, name, number)
        content = await tx.conn.fetchval(_ONNX, name, number)
    return await asyncio.to_thread(explain, job.runtime, model, content, job.params["customers"], job.params["most"])


def explain(runtime: Runtime, model: Model, content: bytes, customers: list[str], most: int) -> dict[str, Any]:
    """Read the customers' rows and share each answer out among its features."""
    pointer = newest(runtime.lake)
    if pointer is None:
        raise Invalid("there is no feature snapshot", "没有特征快照")
    try:
        trees = contributions.read(content)
    except NoTrees:
        raise _not_explained() from None
    if not model.of_snapshot:
        raise _not_explained()
    settings = runtime.settings
    assert isinstance(settings, ScoringSettings)  # noqa: S101 - the service declares it
    names = ", ".join(f"CAST({name} AS DOUBLE)" for name in model.features)
    scan = lake_sql.scan(FEATURES, runtime.lake.read_pointer(pointer))
    with lake_sql.connect(runtime.lake, settings, memory_limit=settings.memory_limit) as con:
        query = f"SELECT customer_id, {names} FROM ({scan}) WHERE customer_id IN (SELECT unnest($1))"  # noqa: S608 - names of the contract
        found = {str(row[0]): row[1:] for row in con.execute(query, [customers]).fetchall()}
    known = [customer for customer in customers if customer in found]
    rows = np.array([found[one] for one in known], dtype=np.float32).reshape(len(known), len(model.features))
    return {
        "model": model.name,
        "version": model.version,
        "sha256": model.sha256,
        "as_of": pointer.as_of.isoformat(),
        "unit": trees.unit,
        "customers": _told(model, trees, rows, known, most),
        "unknown": [customer for customer in customers if customer not in found],
    }


def _told(model: Model, trees: Trees, rows: Any, customers: list[str], most: int) -> list[dict[str, Any]]:
    if not customers:
        return []
    told = contributions.contributions(trees, rows, model.usual)
    answer = model.answer(rows)
    if answer.shape[1] == 1 and told.rows.shape[1] == 2:  # no and yes: the answer is the yes
        told = Told(told.each[:, :, 1:], told.baseline[1:], told.rows[:, 1:])
    near = CLOSEST * max(1.0, float(np.abs(answer).max()))
    if told.rows.shape != answer.shape or np.abs(trees.answer(told.rows) - answer).max() > near:
        raise _not_explained()
    return [_line(model, told, place, customer, answer[place], most) for place, customer in enumerate(customers)]


def _line(model: Model, told: Told, place: int, customer: str, answer: Any, most: int) -> dict[str, Any]:
    """One customer: of several classes the likeliest's sum is shared out."""
    number = int(answer.argmax())
    adds = told.each[place, :, number]
    order = [at for at in np.argsort(-np.abs(adds), kind="stable") if adds[at]]
    return {
        "customer_id": customer,
        "score": float(answer[number]),
        "class": model.output.classes[number] if model.output.classes else None,
        "baseline": float(told.baseline[number]),
        "sum": float(told.rows[place, number]),
        "contributions": [_one(model.features[at], float(adds[at])) for at in order[:most]],
        "others": float(adds[order[most:]].sum()),
    }


def _one(name: str, adds: float) -> dict[str, Any]:
    known = CATALOGUE.get(name)
    zh, en = (known.zh, known.en) if known else (name, name)
    return {"feature": name, "adds": adds, "zh": zh, "en": en}


def _not_explained() -> NotExplained:
    return NotExplained(
        "exact contributions are those of one sum of trees over the feature snapshot; ask for reasons instead",
        "仅基于特征快照的树模型可精确分解，请改用原因（reasons）",
    )
