"""Scores on request: rows of values by feature name, or customers by their stored feature rows."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import orjson
import structlog
from numpy.typing import NDArray

from attune_contracts.scoring import AnsweringModel, NewMoney, Reason, ScoreAnswer, ScoredItem
from attune_service_kit.errors import Invalid
from attune_service_kit.runtime import Runtime
from scoring import matrices
from scoring.feature_rows import stored_rows
from scoring.feature_values import Fault, matrix, rows_of
from scoring.features import Floats, fingerprints
from scoring.model import Model
from scoring.outputs import UnfitModel
from scoring.reasons import effects, strongest
from scoring.renewal import aligned, moved
from scoring.settings import ScoringSettings
from scoring.sql import Conn

log = structlog.get_logger(__name__)

# From this many rows on the loop would notice: they are scored in a thread (ONNX Runtime lets others run). Fewer take
# less than reading them did, and a thread's own cost would be a fifth of the answer's.
ALOFT = 256

# Each row with reasons is asked once more for every feature.
MOST_EXPLAINED = 100


class TooManyRows(Invalid):
    """More rows than one request may bring: score the base by a batch instead."""

    code = "too_many_rows"


class UnfitFeatures(Invalid):
    """Rows whose values the model cannot take; `errors` names row, feature and fault."""

    code = "features_unfit"


class UnequalColumns(Invalid):
    """One feature has more values than another."""

    code = "columns_unequal"


class NoMatrix(Invalid):
    """The body is no matrix: a line of names, then whole rows of little-endian float32."""

    code = "no_matrix"


class NoAnswer(Invalid):
    """The model answers these values with what is no answer: they lie beyond all that it was ever asked."""

    code = "no_answer"


def check_size(runtime: Runtime, rows: int, *, explained: bool = False) -> None:
    """Refuse with TooManyRows."""
    most = min(most_rows(runtime), MOST_EXPLAINED) if explained else most_rows(runtime)
    if rows > most:
        raise TooManyRows("more rows than one request may bring", "单次请求行数超限", most=most)


def rows_told(columns: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    """The rows that columns tell; UnequalColumns."""
    if (rows := rows_of(columns)) is None:
        raise UnequalColumns("every feature needs one value a row", "各特征的取值个数须一致")
    return rows


def most_rows(runtime: Runtime) -> int:
    """So many rows one request may bring."""
    assert isinstance(runtime.settings, ScoringSettings)  # noqa: S101 - the service declares it
    return runtime.settings.most_rows


async def score_rows(model: Model, rows: Sequence[Mapping[str, object]], reasons: int = 0) -> ScoreAnswer:
    """Score rows of values, each of exactly the model's features, with so many reasons; UnfitFeatures."""
    values = _values(model, rows)
    told = await _run(model, values, reasons)
    return ScoreAnswer(
        models=(_answering(model),),
        items=tuple(
            ScoredItem(scores=(one.score,), classes=_classes([one]), reasons=(one.reasons,) if reasons else ())
            for one in told
        ),
    )


async def score_matrix(model: Model, body: bytes) -> bytes:
    """The answer to a matrix as little-endian float64, a line a row; NoMatrix, TooManyRows, UnfitFeatures, NoAnswer."""
    try:
        values = _fit(matrices.read(model.specs, body))
    except matrices.NoMatrix:
        raise NoMatrix("the body is no matrix of float32 under a line of names", "请求体不是带特征名的矩阵") from None
    if len(values) > matrices.MOST_ROWS:
        raise TooManyRows("more rows than one request may bring", "单次请求行数超限", most=matrices.MOST_ROWS)
    return (await _ask(model, values)).astype("<f8").tobytes()


async def scored(model: Model, values: Floats) -> bytes:
    """The answer of `score_rows` without reasons, as JSON; NoAnswer."""
    return _as_json(model, await _ask(model, values))


def scored_at_once(model: Model, values: Floats) -> bytes | None:
    """The same of few rows; None where the model has no answer."""
    try:
        if len(values) == 1 and not model.output.classes:
            return _said(model, _ITEM % orjson.dumps(model.answer_one(values)))
        return _as_json(model, model.answer(values))
    except UnfitModel:
        return None


# A row's score, and what stands between two, of models without classes.
_ITEM = b'{"customer_id":null,"scores":[%b],"classes":[],"reasons":[]}'
_BETWEEN = b'],"classes":[],"reasons":[]},{"customer_id":null,"scores":['


def _as_json(model: Model, answer: NDArray[np.float64]) -> bytes:
    if names := model.output.classes:
        told = [(max(row), dict(zip(names, row, strict=True))) for row in answer.tolist()]
        items = orjson.dumps(
            [{"customer_id": None, "scores": (score,), "classes": (each,), "reasons": ()} for score, each in told]
        )[1:-1]
    else:
        scores = orjson.dumps(answer[:, 0].tolist())[1:-1].replace(b",", _BETWEEN)
        items = _ITEM % scores
    return _said(model, items)


def _said(model: Model, items: bytes) -> bytes:
    return b'{"models":[%b],"items":[%b],"unknown":[],"as_of":null}' % (model.said, items)


def _values(model: Model, rows: Sequence[Mapping[str, object]]) -> Floats:
    if (values := model.ordinary.read(rows)) is not None:
        return values
    return _fit(matrix(model.specs, rows))


def _fit(values: Floats | list[Fault]) -> Floats:
    if isinstance(values, list):
        raise UnfitFeatures(
            "these values do not fit the model's features", "特征取值不符合模型要求", errors=list(map(_told, values))
        )
    return values


async def score_customers(
    conn: Conn, asked: Mapping[UUID, Sequence[Model]], evidence: Sequence[NewMoney] = (), reasons: int = 0
) -> ScoreAnswer:
    """Score customers' stored rows, each with the models that answer for them; `evidence` moves the rows first.

    Where one model answers for some and another for others, each customer has null in the place of the other; and all
    of them where a model has no answer, which stops no other.
    """
    rows = await stored_rows(conn, asked)
    known = [customer for customer in asked if customer in rows]
    # Two triggers that report one posting move the row once.
    new = [(e.business_date, e.amount_minor) for e in {e.key: e for e in evidence}.values()]
    models = sorted({m for c in known for m in asked[c]}, key=lambda m: (m.name, m.version))
    told: dict[UUID, dict[Model, _Told]] = {customer: {} for customer in known}
    for model in models:
        values = {c: moved(rows[c], new) for c in known if model in asked[c]}
        try:
            answers = await _run(model, aligned(model, rows, values), reasons)
        except NoAnswer:
            continue
        for customer, answer in zip(values, answers, strict=True):
            told[customer][model] = answer
    return ScoreAnswer(
        models=tuple(map(_answering, models)),
        items=tuple(_item(customer, [told[customer].get(model) for model in models], reasons) for customer in known),
        unknown=tuple(customer for customer in asked if customer not in rows),
        as_of=min((rows[c].as_of for c in known), default=None),
    )


@dataclass(frozen=True)
class _Told:
    """One row's answer: its score, its classes' probabilities where it has such, the hash of what was seen, reasons."""

    score: float
    classes: dict[str, float] | None
    features_hash: str
    reasons: tuple[Reason, ...] | None


def _item(customer: UUID, told: Sequence[_Told | None], reasons: int) -> ScoredItem:
    return ScoredItem(
        customer_id=customer,
        scores=tuple(None if one is None else one.score for one in told),
        features_hashes=tuple(None if one is None else one.features_hash for one in told),
        classes=_classes(told),
        reasons=tuple(None if one is None else one.reasons for one in told) if reasons else (),
    )


def _classes(told: Sequence[_Told | None]) -> tuple[dict[str, float] | None, ...]:
    """By model, where any of them answers with classes."""
    found = tuple(None if one is None else one.classes for one in told)
    return found if any(found) else ()


async def _ask(model: Model, values: Floats) -> NDArray[np.float64]:
    try:
        return model.answer(values) if len(values) < ALOFT else await asyncio.to_thread(model.answer, values)
    except UnfitModel as unfit:
        log.error("model_unfit", model=model.name, version=model.version, reason=str(unfit))
        raise NoAnswer("the model has no answer to these values", "模型无法对这些取值给出结果") from unfit


async def _run(model: Model, values: Floats, reasons: int) -> list[_Told]:
    answer = await _ask(model, values)
    names, hashes = model.output.classes, fingerprints(values)
    why: list[tuple[Reason, ...] | None] = [None] * len(values)
    if reasons and len(values):
        try:
            lines = await asyncio.to_thread(effects, model.answer, values, answer, model.usual)
        except UnfitModel as unfit:  # it cannot do without a value: the scores stand, without reasons
            log.warning("reasons_unfit", model=model.name, version=model.version, reason=str(unfit))
        else:
            why = [strongest(model.features, line, model.usual, reasons) for line in lines.tolist()]
    return [
        _Told(max(row), dict(zip(names, row, strict=True)) if names else None, seen, told)
        for row, seen, told in zip(answer.tolist(), hashes, why, strict=True)
    ]


def _answering(model: Model) -> AnsweringModel:
    return AnsweringModel(model=model.name, version=model.version, sha256=model.sha256)


def _told(fault: Fault) -> dict[str, object]:
    # A name that the caller made up is cut and cleaned before it is told again.
    name = "".join(c for c in fault.feature[:40] if c.isalnum() or c in "_-") or "?"
    return {"row": fault.row, "feature": name, "fault": fault.fault}
