"""Business time over HTTP."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel

from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from eventing import business_clock, upkeep

router = APIRouter(prefix="/v1", tags=["clock"])


class ClockRequest(Body):
    """Where business time shall go."""

    to: AwareDatetime


class BusinessTime(BaseModel):
    """Business time, and its day in the bank's zone."""

    now: datetime
    business_date: date


@router.post(
    "/clock:advance",
    operation_id="clock-advance",
    summary="Move business time on",
    dependencies=[Depends(requires("clock:write"))],
    response_model=BusinessTime,
    responses=refusals(business_clock.WallClock, business_clock.BackInTime, KeyMissing, InFlight, OtherPayload),
)
async def advance(body: ClockRequest, runtime: AnyRuntime, write: Annotated[Write, Depends(idempotent)]) -> Response:
    """Move business time on for every service; days that it leaves are closed."""

    async def run(tx: Transaction) -> BusinessTime:
        now = await business_clock.advance(runtime, tx, body.to)
        day = runtime.clock.date_of(now)
        await upkeep.start_close(runtime, tx, day)
        await tx.audit("clock.advanced", "clock", day)
        return BusinessTime(now=now, business_date=day)

    return await write(run)
