"""Purposes over HTTP: which share of their customers no model, or a challenger, answers for."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from attune_measure.arms import ARM_NUMBERS
from attune_service_kit.app import AnyRuntime
from attune_service_kit.approvals import Change, Submit, TwoPersons
from attune_service_kit.auth import Caller, requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, refusals
from attune_service_kit.idempotency import REFUSALS
from attune_service_kit.runtime import Runtime
from scoring import champions, purposes, registry
from scoring.api.steps import Share, points, score_again
from scoring.purposes import SharesUnfit, UnknownPurpose

router = APIRouter(tags=["models"])

Purpose = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_-]{0,63}$", examples=["propensity"])]


class SharesBody(Body):
    """The shares that are to hold. A new salt draws all arms anew: what has been compared so far ends with it."""

    no_model_share: Share = Field(examples=[0.05])
    challenger_share: Share = Field(examples=[0.1])
    new_salt: bool = False


class WantedShares(BaseModel):
    """The shares in basis points."""

    no_model_bp: int
    challenger_bp: int
    new_salt: bool


class AnsweringVersions(BaseModel):
    """Who answers for a model of the purpose."""

    model: str = Field(examples=["propensity-wealth"])
    champion: int | None
    challenger: int | None


class PurposeView(BaseModel):
    """A purpose's shares, salt and models. `version` counts the settings, 0 where none was made."""

    purpose: str = Field(examples=["propensity"])
    no_model_share: float = Field(examples=[0.05])
    challenger_share: float = Field(examples=[0.1])
    salt: str | None = Field(
        description="An arm is a function of salt and customer (X13): with it the arms can be recomputed",
        examples=["4f1c9b7e2a6d4c0f8b3e5a7d9c1f2e4b"],
    )
    version: int
    since: datetime | None
    who: str | None
    models: list[AnsweringVersions]


async def _put(runtime: Runtime, tx: Transaction, purpose: str, wanted: WantedShares) -> PurposeView:
    await purposes.put(tx, purpose, wanted.no_model_bp, wanted.challenger_bp, new_salt=wanted.new_salt)
    shares = await purposes.shares(tx.conn)
    table = champions.table(runtime)
    for name in await purposes.models_of(tx, purpose):
        [answers] = await registry.answers(tx.conn, name)
        tx.after_commit(lambda answers=answers: table.swap(answers, shares))  # type: ignore[misc]
        await score_again(runtime, tx, name)
    return await _view(tx, purpose)


async def _base(tx: Transaction, purpose: str) -> int:
    return (await purposes.current(tx, purpose)).shares.version


SHARES = Change("purpose.shares", WantedShares, _put, _base)


@router.get(
    "/v1/purposes/{purpose}",
    operation_id="purposes-get",
    summary="Which customers of a purpose no model answers for",
    responses=refusals(UnknownPurpose),
)
async def get(
    purpose: Purpose, runtime: AnyRuntime, caller: Annotated[Caller, Depends(requires("models:read"))]
) -> PurposeView:
    """Show the purpose's shares and who answers."""
    async with runtime.database.transaction(caller.scope) as tx:
        return await _view(tx, purpose)


@router.put(
    "/v1/purposes/{purpose}",
    operation_id="purposes-put",
    summary="Set apart a share without model, and the challengers' share",
    dependencies=[Depends(requires("models:write"))],
    response_model=PurposeView,
    responses=refusals(UnknownPurpose, SharesUnfit, Invalid, *REFUSALS),
)
async def put(purpose: Purpose, body: SharesBody, submit: Annotated[Submit, Depends(TwoPersons(SHARES))]) -> Response:
    """Let these shares hold from now on; the base is scored anew. Who is without model has no score of it at all.

    A share that grows takes customers in and lets nobody go: the two arms lie at the two ends of the hash.
    """
    no_model, challenger = points(body.no_model_share), points(body.challenger_share)
    wanted = WantedShares(no_model_bp=no_model or 0, challenger_bp=challenger or 0, new_salt=body.new_salt)
    return await submit(purpose, wanted)


async def _view(tx: Transaction, purpose: str) -> PurposeView:
    found = await purposes.current(tx, purpose)
    models = [a for a in await registry.answers(tx.conn) if a.purpose == purpose]
    return PurposeView(
        purpose=purpose,
        no_model_share=found.shares.no_model_bp / ARM_NUMBERS,
        challenger_share=found.shares.challenger_bp / ARM_NUMBERS,
        salt=found.shares.salt or None,
        version=found.shares.version,
        since=found.since,
        who=found.who,
        models=[
            AnsweringVersions(
                model=a.name,
                champion=a.champion.version if a.champion else None,
                challenger=a.challenger.version if a.challenger else None,
            )
            for a in models
        ],
    )
