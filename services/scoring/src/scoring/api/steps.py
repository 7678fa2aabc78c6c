"""The steps of a version's life over HTTP, and the way back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field, StringConstraints

from attune_measure.arms import basis_points
from attune_service_kit.app import AnyRuntime
from attune_service_kit.approvals import Change, Submit, TwoPersons
from attune_service_kit.auth import requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, refusals
from attune_service_kit.idempotency import REFUSALS, Write, idempotent
from attune_service_kit.runtime import Runtime
from scoring import registry, steps
from scoring.api.models import ModelView, Name, changed
from scoring.purposes import SharesUnfit
from scoring.registry import IllegalStep, UnknownVersion, VersionUnfit
from scoring.steps import NothingBefore

router = APIRouter(tags=["models"])

Writing = Annotated[Write, Depends(idempotent)]
Administrator = Depends(requires("models:write"))
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Share = Annotated[float, Field(ge=0, le=1, multiple_of=0.0001)]
Why = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Challenger(Body):
    """How many of the purpose's customers its challengers answer for; without a share what holds, or a tenth."""

    share: Share | None = Field(default=None, examples=[0.1])


class ReasonGiven(Body):
    """Why the version is to answer no more; kept in the trail."""

    reason: Why = Field(examples=["scores doubled overnight"])


class Challenge(BaseModel):
    """A version that is to answer its purpose's challenger share, in basis points; null = as it stands."""

    version: int
    share_bp: int | None


async def _challenge(runtime: Runtime, tx: Transaction, name: str, wanted: Challenge) -> ModelView:
    await steps.challenge(tx, name, wanted.version, wanted.share_bp)
    await score_again(runtime, tx, name)
    return await changed(runtime, tx, name)


async def _authors(tx: Transaction, name: str, wanted: Challenge) -> list[str]:
    return await registry.trained_by(tx, name, wanted.version)


CHALLENGE = Change("model.challenge", Challenge, _challenge, registry.answering, _authors)


async def score_again(runtime: Runtime, tx: Transaction, name: str) -> None:
    """Score the base with whoever answers from this commit on."""
    await runtime.jobs.start(tx, "score", {"model": name, "as_of": None})


@router.post(
    "/v1/models/{name}/versions/{version}:shadow",
    operation_id="models-shadow",
    summary="Let a version look on",
    dependencies=[Administrator],
    response_model=ModelView,
    responses=refusals(UnknownVersion, IllegalStep, *REFUSALS),
)
async def shadow(name: Name, version: Number, runtime: AnyRuntime, write: Writing) -> Response:
    """Score everybody with it in each batch, beside the champion; no decision sees these scores."""

    async def run(tx: Transaction) -> ModelView:
        await steps.shadow(tx, name, version)
        await score_again(runtime, tx, name)
        return await changed(runtime, tx, name)

    return await write(run)


@router.post(
    "/v1/models/{name}/versions/{version}:challenge",
    operation_id="models-challenge",
    summary="Let a version answer for a share of the customers",
    dependencies=[Administrator],
    response_model=ModelView,
    responses=refusals(UnknownVersion, IllegalStep, VersionUnfit, SharesUnfit, Invalid, *REFUSALS),
)
async def challenge(
    name: Name, version: Number, body: Challenger, submit: Annotated[Submit, Depends(TwoPersons(CHALLENGE))]
) -> Response:
    """Make the version the challenger; the one before it looks on. Its customers are always the same ones."""
    return await submit(name, Challenge(version=version, share_bp=points(body.share)))


@router.post(
    "/v1/models/{name}/versions/{version}:retire",
    operation_id="models-retire",
    summary="Take a version out of service",
    dependencies=[Administrator],
    response_model=ModelView,
    responses=refusals(UnknownVersion, IllegalStep, Invalid, *REFUSALS),
)
async def retire(name: Name, version: Number, body: ReasonGiven, runtime: AnyRuntime, write: Writing) -> Response:
    """Retire it. Where it is the champion, no version answers from now on, and what it has scored goes with it."""

    async def run(tx: Transaction) -> ModelView:
        await steps.retire(tx, name, version, body.reason)
        await score_again(runtime, tx, name)
        return await changed(runtime, tx, name)

    return await write(run)


@router.post(
    "/v1/models/{name}:rollback",
    operation_id="models-rollback",
    summary="Let the version before answer again",
    dependencies=[Administrator],
    response_model=ModelView,
    responses=refusals(NothingBefore, UnknownVersion, IllegalStep, VersionUnfit, Invalid, *REFUSALS),
)
async def rollback(name: Name, body: ReasonGiven, runtime: AnyRuntime, write: Writing) -> Response:
    """Go back to the version that answered before the newest champion was promoted, at once.

    One person may do it: a bank must be able to stop a bad model without looking for another one. What answers then has
    been approved by two before. The trail says who and why; going forth again is a promotion.
    """

    async def run(tx: Transaction) -> ModelView:
        await steps.rollback(tx, name, body.reason)
        return await changed(runtime, tx, name)

    return await write(run)


def points(share: float | None) -> int | None:
    """A share in basis points."""
    return None if share is None else basis_points(round(share, 4))
