"""What customers do on front ends, over HTTP."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from attune_contracts.eventing import BehaviourRecorded, ProductCode
from attune_contracts.identifiers import customer_id
from attune_contracts.ledger import BankId, Code
from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.bodies import Body
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Invalid, NotFound, refusals
from attune_service_kit.idempotency import InFlight, KeyMissing, OtherPayload, Write, idempotent
from attune_service_kit.runtime import Runtime
from eventing import behaviours
from eventing.api.ledger import Source

router = APIRouter(prefix="/v1/behaviours", tags=["behaviours"])

_EXAMPLE: dict[str, Any] = {
    "source": "demo",
    "behaviours": [
        {
            "behaviour_id": "app-7741-19",
            "customer_id": "C000042",
            "behaviour": "product_viewed",
            "product": "wealth-90",
            "channel": "mobile",
            "seconds": 42,
            "occurred_at": "2026-03-17T06:05:11Z",
        }
    ],
}


class BehaviourRefused(Invalid):
    """A behaviour cannot be what it says; `at` is its place in the list."""

    code = "behaviour_refused"


class BehaviourIn(Body):
    """One thing that a customer did, e.g. `product_viewed`, `step_started`, `step_completed`."""

    behaviour_id: BankId
    customer_id: BankId = Field(description="The bank's own customer id")
    behaviour: Code
    product: ProductCode | None = None
    step: ProductCode | None = Field(default=None, description="Of an application")
    channel: Code | None = None
    seconds: int | None = Field(default=None, ge=0, le=10**6, description="How long")
    occurred_at: AwareDatetime


class BehavioursIn(Body):
    """Behaviours of one front end; `source` is the source system of the customer ids."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    source: Source
    behaviours: list[BehaviourIn] = Field(min_length=1, max_length=500)


class BehavioursTaken(BaseModel):
    """What became of them: on their way, or known before."""

    accepted: int
    duplicates: int
    clashes: list[str] = Field(
        description="Ids among the duplicates that came before with other content; what came first holds", examples=[[]]
    )


@router.post(
    "",
    status_code=202,
    operation_id="behaviours-post",
    summary="Take in what customers do on front ends",
    response_model=BehavioursTaken,
    responses=refusals(BehaviourRefused, NotFound, KeyMissing, InFlight, OtherPayload),
)
async def post(
    body: BehavioursIn,
    runtime: AnyRuntime,
    caller: Annotated[Caller, Depends(requires("behaviours:write"))],
    write: Annotated[Write, Depends(idempotent)],
) -> Response:
    """Send behaviours to the ledger's stream, each once, whatever is repeated; triggers judge them as they come.

    A customer's own token brings that customer's behaviours; anybody else is unknown to it.
    """
    received = [_received(at, one, body.source, runtime) for at, one in enumerate(body.behaviours)]
    if caller.customer is not None and any(one.customer_id != caller.customer for one in received):
        raise NotFound("there is no such customer", "客户不存在")

    async def run(tx: Transaction) -> BehavioursTaken:
        accepted, clashes = await behaviours.take(tx, body.source, received, only=caller.customer)
        return BehavioursTaken(accepted=accepted, duplicates=len(received) - accepted, clashes=clashes)

    return await write(run, status=202)


def _received(at: int, one: BehaviourIn, source: str, runtime: Runtime) -> BehaviourRecorded:
    if runtime.settings.clock == "wall" and one.occurred_at > runtime.clock.now() + timedelta(days=1):
        raise BehaviourRefused("the moment lies in the future", "发生时间在未来", at=at)
    who, day = customer_id(source, one.customer_id), runtime.clock.date_of(one.occurred_at)
    return BehaviourRecorded(customer_id=who, business_date=day, **one.model_dump(exclude={"customer_id"}))
