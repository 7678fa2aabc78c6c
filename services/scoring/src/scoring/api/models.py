"""Models over HTTP: what there is, how good it is, and which version answers."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import defer
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from attune_service_kit.app import AnyRuntime
from attune_service_kit.approvals import Change, Submit, TwoPersons
from attune_service_kit.auth import Caller, requires
from attune_service_kit.database import Transaction
from attune_service_kit.errors import refusals
from attune_service_kit.idempotency import REFUSALS
from attune_service_kit.paging import Cursor, InvalidCursor, Limit, Page, decode_cursor, page
from attune_service_kit.runtime import Runtime
from scoring import champions, purposes, registry
from scoring.feature_specs import FeatureSpec
from scoring.registry import IllegalStep, UnknownModel, UnknownVersion, VersionUnfit
from scoring.tables import ModelRow, ModelVersion

router = APIRouter(tags=["models"])

Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,63}$", description="The model's name")]
Reader = Annotated[Caller, Depends(requires("models:read"))]
Administrator = Depends(requires("models:write"))


class Reason(BaseModel):
    """Why an uploaded version was refused, and where; `detail` holds what the model calls it, cleaned."""

    code: str = Field(examples=["operator"])
    en: str
    zh: str
    detail: str = Field(examples=["Loop"])


class VersionView(BaseModel):
    """One version. `state`: uploaded, vetted, shadow, challenger, champion, retired or refused (`reasons` says why).

    `origin`: trained or uploaded. `snapshot` tells of the data that it was trained on.
    """

    version: int
    state: str
    origin: str
    sha256: str
    features: list[str]
    feature_specs: list[FeatureSpec]
    metrics: dict[str, float]
    card: dict[str, Any]
    snapshot: dict[str, Any]
    reasons: list[Reason]
    approved_by: str | None
    signer: str | None = Field(description="Whose signature of the bytes was found to fit")
    trained_at: datetime


class _About(BaseModel):
    name: str
    purpose: str
    target: str
    owner: str
    risk_class: str = Field(description="minimal, limited or high_risk")
    population: str
    output: str = Field(description="probability, class_probabilities (one of each of `classes`) or value")
    classes: list[str] | None


class ModelSummary(_About):
    """A model and which version answers; `champion` is null before the first."""

    champion: int | None
    versions: int


class ModelView(_About):
    """A model with its versions, the newest first."""

    champion: int | None
    versions: list[VersionView]


class Promotion(BaseModel):
    """The version of a model that is to answer."""

    version: int


async def _promote(runtime: Runtime, tx: Transaction, name: str, wanted: Promotion) -> ModelView:
    await registry.promote(tx, name, wanted.version)
    return await changed(runtime, tx, name)


async def changed(runtime: Runtime, tx: Transaction, name: str) -> ModelView:
    """Let this process answer as the transaction says, once it commits; show the model.

    Sessions are ready before they are to answer: nobody waits for a swap. Refuses with VersionUnfit.
    """
    [answers] = await registry.answers(tx.conn, name)
    if answers.champion is None and (number := await registry.answering(tx, name)) is not None:
        await registry.version(tx.conn, name, number)
    tx.after_commit(partial(champions.table(runtime).swap, answers, await purposes.shares(tx.conn)))
    return await view(tx.session, name)


async def _authors(tx: Transaction, name: str, wanted: Promotion) -> list[str]:
    return await registry.trained_by(tx, name, wanted.version)


PROMOTION = Change("model.promote", Promotion, _promote, registry.answering, _authors)


@router.get(
    "/v1/models",
    operation_id="models-list",
    summary="The models and which version of each answers",
    responses=refusals(InvalidCursor),
)
async def models(
    runtime: AnyRuntime,
    caller: Reader,
    purpose: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ModelSummary]:
    """List the models by name."""
    key, bound = runtime.settings.cursor_key, ("models", caller.subject, purpose)
    after: str = decode_cursor(key, cursor, bound_to=bound)[0] if cursor else ""
    query = select(ModelRow).where(col(ModelRow.name) > after).order_by(col(ModelRow.name)).limit(limit + 1)
    if purpose is not None:
        query = query.where(col(ModelRow.purpose) == purpose)
    async with runtime.database.transaction(caller.scope) as tx:
        rows = (await tx.session.exec(query)).all()
        found = [_summary(row, await _versions(tx.session, row.name)) for row in rows]
    return page(found, limit, key, lambda one: [one.name], bound_to=bound)


@router.get(
    "/v1/models/{name}",
    operation_id="models-get",
    summary="A model's versions, their metrics and features",
    responses=refusals(UnknownModel),
)
async def model(name: Name, runtime: AnyRuntime, caller: Reader) -> ModelView:
    """Show one model."""
    async with runtime.database.transaction(caller.scope) as tx:
        return await view(tx.session, name)


@router.post(
    "/v1/models/{name}/versions/{version}:promote",
    operation_id="models-promote",
    summary="Let a version answer from now on",
    dependencies=[Administrator],
    response_model=ModelView,
    responses=refusals(UnknownVersion, IllegalStep, VersionUnfit, *REFUSALS),
)
async def promote(
    name: Name,
    version: Annotated[int, Path(ge=1, le=2**31 - 1)],
    submit: Annotated[Submit, Depends(TwoPersons(PROMOTION))],
) -> Response:
    """Promote a version: the one before it is retired, running requests end with the one they began with.

    This process answers with it from the commit on, the others as soon as they hear of it.
    """
    return await submit(name, Promotion(version=version))


async def view(session: AsyncSession, name: str) -> ModelView:
    """The model as it is shown; UnknownModel."""
    row = await session.get(ModelRow, name)
    if row is None:
        raise UnknownModel("there is no model of this name", "没有该名称的模型")
    versions = await _versions(session, name)
    return ModelView(**_about(row), champion=_champion(versions), versions=versions)


async def _versions(session: AsyncSession, name: str) -> list[VersionView]:
    """Return the versions, the newest first, without reading the models' bytes."""
    query = select(ModelVersion).where(ModelVersion.model == name)
    # Neither the bytes nor the page of the card, each read where it is asked for.
    unread = [defer(cast("Any", column)) for column in (ModelVersion.onnx, ModelVersion.card_html)]
    rows = await session.exec(query.options(*unread).order_by(col(ModelVersion.version).desc()))
    return [VersionView.model_validate(row, from_attributes=True) for row in rows]


def _summary(row: ModelRow, versions: Sequence[VersionView]) -> ModelSummary:
    return ModelSummary(**_about(row), champion=_champion(versions), versions=len(versions))


def _about(row: ModelRow) -> dict[str, Any]:
    return row.model_dump(include=set(_About.model_fields))


def _champion(versions: Sequence[VersionView]) -> int | None:
    return next((version.version for version in versions if version.state == "champion"), None)
