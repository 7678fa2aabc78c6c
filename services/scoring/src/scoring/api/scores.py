"""Scores on request over HTTP."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from attune_contracts.scoring import AnsweringModel, Reason, ScoreAnswer
from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.bodies import Body
from attune_service_kit.errors import Forbidden, Invalid, TooLarge, UnsupportedMedia, refusals
from attune_service_kit.hot import HotPost
from attune_service_kit.octets import octet_body, octets
from attune_service_kit.runtime import Runtime
from scoring import champions, matrices, online, registry
from scoring.champions import NoChampion
from scoring.feature_json import asked
from scoring.model import Model
from scoring.registry import UnknownVersion, VersionUnfit
from scoring.renewal import answering
from scoring.spec import ModelName
from scoring.unfit import unfit

router = APIRouter(tags=["scores"])
STREAMED = r"[A-Z]+ /v1/scores:matrix"

Reader = Annotated[Caller, Depends(requires("scores:read"))]

_SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_CUSTOMER = "0198f2aa-0000-8000-8000-0000000000bb"


class ScoreRequest(Body):
    """Rows of values by feature name, the same as columns, or customers by their stored rows: one of them.

    Customers are scored by whoever answers for them: the champion, its challenger, or no model, as their arm of the
    model's purpose says; rows by the champion that they name. A named `version` scores all of them.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "model": "propensity-wealth",
                    "rows": [{"age": 45, "demand_balance_minor": 8600000, "holds_wealth": False}],
                },
                {
                    "model": "propensity-wealth",
                    "columns": {
                        "age": [45, 71],
                        "demand_balance_minor": [8600000, None],
                        "holds_wealth": [False, True],
                    },
                },
                {"customer_ids": [_CUSTOMER], "reasons": 3},
            ]
        },
    )

    model: ModelName | None = None
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    rows: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = Field(
        default=None, description="Each with exactly the model's features; null = unknown"
    )
    columns: (
        Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], Field(min_length=1, max_length=500)] | None
    ) = Field(
        default=None, description="Rows by feature: of each one value a row, in the rows' order; shorter than `rows`"
    )
    customer_ids: Annotated[list[UUID], Field(min_length=1)] | None = None
    reasons: Annotated[int, Field(ge=0, le=20)] = Field(
        default=0, description="So many reasons a score, the strongest first; of 100 rows or customers at most"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.rows, self.columns, self.customer_ids).count(None) != 2:
            raise unfit("rows_or_customers", "give one of rows, columns and customer_ids",
                        "rows、columns、customer_ids 须填写其一")  # fmt: skip
        if self.model is None and (self.customer_ids is None or self.version is not None):
            raise unfit("model_missing", "rows and versions need a model", "按行或按版本评分须指定 model")
        return self


class ScoredView(BaseModel):
    """One row's scores, in the order of `models`."""

    customer_id: UUID | None
    scores: list[float | None] = Field(description="null where another version answers for this customer, or none")
    classes: list[dict[str, float] | None] = Field(
        description="The probability of every class, of models that answer with classes: their score is the likeliest's"
    )
    reasons: list[list[Reason] | None] = Field(
        description="What each feature does to the score, where reasons are asked for; null where the model cannot tell"
    )


class ScoresView(BaseModel):
    """Scores in the order asked for, with the version and hash of every model that gave them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "models": [{"model": "propensity-wealth", "version": 7, "sha256": _SHA}],
                    "items": [{"customer_id": None, "scores": [0.2218], "classes": [], "reasons": []}],
                    "unknown": [],
                    "as_of": None,
                }
            ]
        }
    )

    models: list[AnsweringModel]
    items: list[ScoredView]
    unknown: list[UUID] = Field(description="Customers without a feature row")
    as_of: date | None = Field(description="The feature snapshot's day; null for rows of values")


@router.post(
    "/v1/scores",
    operation_id="scores-score",
    summary="Score rows of values, or customers",
    responses=refusals(
        Forbidden,
        NoChampion,
        UnknownVersion,
        VersionUnfit,
        Invalid,
        online.UnequalColumns,
        online.UnfitFeatures,
        online.NoAnswer,
        online.TooManyRows,
    ),
)
async def score(body: ScoreRequest, runtime: AnyRuntime, caller: Reader) -> ScoresView:
    """Score at once; nothing is stored. Customers and named versions are for model administrators."""
    if (body.version is not None or body.customer_ids is not None) and "models:read" not in caller.scopes:
        raise Forbidden("customers and versions are for model administrators", "仅模型管理员可用", needs="models:read")
    if body.columns is not None:
        body = body.model_copy(update={"rows": online.rows_told(body.columns)})
    online.check_size(runtime, len(body.rows or body.customer_ids or ()), explained=body.reasons > 0)
    named = await _named(runtime, body)
    if named is not None:
        return _view(await _score(runtime, body, dict.fromkeys(body.customer_ids or (), (named,)), named))
    held = await champions.table(runtime).held(runtime.database, body.model)
    answers = held.of(body.model)
    if not answers:
        raise NoChampion("no version of this model answers yet", "该模型尚无生效版本")
    asked = {c: answering(c, answers, held.shares) for c in body.customer_ids or ()}
    return _view(await _score(runtime, body, asked, answers[0].champion))


_ROWS, _COLUMNS = {"model", "rows"}, {"model", "columns"}


async def _hot(runtime: Runtime, _caller: Caller, body: Any) -> bytes | None:
    """Ordinary values for a champion that is held; whatever else is asked goes through the declared route."""
    if type(body) is not dict or body.keys() not in (_ROWS, _COLUMNS) or type(body["model"]) is not str:
        return None
    if (champion := champions.table(runtime).champion(body["model"])) is None:
        return None
    rows, columns, most = body.get("rows"), body.get("columns"), online.most_rows(runtime)
    # The edge has read the body: its numbers are finite.
    if type(rows) is list and 0 < len(rows) <= most:
        values = champion.ordinary.read(rows, finite=True)
    elif type(columns) is dict:
        values = champion.ordinary.read_columns(columns, finite=True)
    else:
        return None
    return None if values is None or len(values) > most else await online.scored(champion, values)


def _at_once(runtime: Runtime, _caller: Caller, body: bytes) -> bytes | None:
    """As `_hot`, of so few rows that the loop does not notice; from the body's bytes."""
    if (told := asked(body)) is None or (champion := champions.table(runtime).champion(told.model)) is None:
        return None
    values = champion.bodies.read(body, told)
    if values is None or len(values) >= online.ALOFT or len(values) > online.most_rows(runtime):
        return None
    return online.scored_at_once(champion, values)


HOT = (HotPost("scores-score", _hot, _at_once),)

_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.post(
    "/v1/scores:matrix",
    operation_id="scores-matrix",
    summary="Score many rows as a matrix of float32",
    response_class=Response,
    responses=refusals(
        NoChampion, Invalid, TooLarge, UnsupportedMedia, online.NoMatrix, online.UnfitFeatures, online.NoAnswer,
        online.TooManyRows,
    )
    | {200: {"description": "Little-endian float64, row by row", "content": _BYTES}},
    openapi_extra=octet_body(matrices.MOST_BYTES),
)  # fmt: skip
async def score_matrix(
    request: Request,
    runtime: AnyRuntime,
    _caller: Reader,
    model: Annotated[ModelName, Query(description="Its champion answers")],
) -> Response:
    """Score up to 50,000 rows by the champion: the names with commas, a line feed, then the values row by row.

    Values are little-endian float32, NaN = unknown, flags 0 or 1; the names are the model's, in any order. The answer
    is one number a row, or one a class; `Attune-Model-Version` and `Attune-Model-Sha256` say who gave it.
    """
    held = (await champions.table(runtime).held(runtime.database, model)).of(model)
    champion = held[0].champion if held else None
    if champion is None:
        raise NoChampion("no version of this model answers yet", "该模型尚无生效版本")
    told = await online.score_matrix(champion, await _whole(request))
    said = {"Attune-Model-Version": str(champion.version), "Attune-Model-Sha256": champion.sha256}
    return Response(told, media_type="application/octet-stream", headers=said)


async def _whole(request: Request) -> bytes:
    body = bytearray()
    async for block in octets(request):
        body += block
        if len(body) > matrices.MOST_BYTES:
            raise TooLarge("the matrix is over its limit", "矩阵超过大小限制", max_bytes=matrices.MOST_BYTES)
    return bytes(body)


async def _score(
    runtime: Runtime, body: ScoreRequest, asked: Mapping[UUID, Sequence[Model]], of_rows: Model | None
) -> ScoreAnswer:
    if body.rows is not None:
        assert of_rows is not None  # noqa: S101 - whoever answers has a champion
        return await online.score_rows(of_rows, body.rows, body.reasons)
    of_snapshot = {customer: [m for m in models if m.of_snapshot] for customer, models in asked.items()}
    async with runtime.database.pool.acquire() as conn:
        return await online.score_customers(conn, of_snapshot, reasons=body.reasons)


async def _named(runtime: Runtime, body: ScoreRequest) -> Model | None:
    """The version that the request names; None where it names none. UnknownVersion, VersionUnfit."""
    if body.model is None or body.version is None:
        return None
    async with runtime.database.pool.acquire() as conn:
        return await registry.version(conn, body.model, body.version)


def _view(answer: ScoreAnswer) -> ScoresView:
    return ScoresView(
        models=list(answer.models),
        items=[
            ScoredView(
                customer_id=item.customer_id,
                scores=list(item.scores),
                classes=list(item.classes),
                reasons=[None if told is None else list(told) for told in item.reasons],
            )
            for item in answer.items
        ],
        unknown=list(answer.unknown),
        as_of=answer.as_of,
    )
