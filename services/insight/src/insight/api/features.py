"""Features over HTTP: what there are, and one customer's, as the newest snapshot has them."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from attune_contracts.features import CATALOGUE, FRESHNESS, NEVER, Feature
from attune_service_kit.app import AnyRuntime
from attune_service_kit.auth import Caller, requires
from attune_service_kit.errors import NotFound, refusals
from attune_service_kit.hot import HotRoute
from attune_service_kit.runtime import Runtime
from insight import feature_rows

router = APIRouter(prefix="/v1/features", tags=["features"])
Reader = Annotated[Caller, Depends(requires("features:read"))]


class FeatureView(BaseModel):
    """One feature: its labels, unit and purpose, and whether a model may use it (`never` says why not)."""

    name: str
    type: str
    unit: str
    purpose: str
    label: dict[Literal["zh", "en"], str] = Field(examples=[{"zh": "活期余额", "en": "demand balance"}])
    meaning: str
    level: Literal["C1", "C2"]
    nullable: bool
    usable: bool
    never: str | None


class FeatureList(BaseModel):
    """Every feature, and what is known of a customer and no model may see."""

    freshness: str
    items: list[FeatureView]
    never: list[FeatureView]


class CustomerFeatures(BaseModel):
    """One customer's features as of a day. Money is integer minor units; null = not known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "customer_id": "31a841d3-58da-8a8d-88a1-8b4e53d3878c",
                    "as_of": "2026-03-17",
                    "stale": False,
                    "branch_id": "B0102",
                    "features": {
                        "age": 41,
                        "aum_90d_minor": 4120317,
                        "digital_share_90d": 0.42,
                        "holds_time_deposit": True,
                        "value_quadrant": "B",
                        "lifecycle": "mature",
                    },
                }
            ]
        }
    )

    customer_id: UUID
    as_of: date
    stale: bool
    branch_id: str | None
    features: dict[str, int | float | bool | str | None]


@router.get("", operation_id="features-catalogue", summary="Every feature and what it means")
async def catalogue(_caller: Reader) -> FeatureList:
    """List the catalogue: what training, documents and this API go by."""
    return FeatureList(
        freshness=FRESHNESS,
        items=[_view(feature) for feature in CATALOGUE.values()],
        never=[_view(feature) for feature in NEVER],
    )


@router.get(
    "/{customer_id}",
    operation_id="features-get",
    summary="One customer's features",
    response_model=CustomerFeatures,
    responses=refusals(NotFound),
)
async def get(customer_id: UUID, runtime: AnyRuntime, caller: Reader) -> Response:
    """Return the newest snapshot's row of a customer within the caller's scope."""
    return Response(await feature_rows.read(runtime, caller.scope, customer_id), media_type="application/json")


async def _hot(runtime: Runtime, caller: Caller, path: Mapping[str, str], query: bytes) -> bytes | None:
    if query:
        return None
    try:
        customer_id = UUID(path["customer_id"])
    except ValueError:
        return None
    return await feature_rows.read(runtime, caller.scope, customer_id)


HOT = (HotRoute("features-get", _hot),)


def _view(feature: Feature) -> FeatureView:
    fields: dict[str, Any] = {name: getattr(feature, name) for name in FeatureView.model_fields if name != "label"}
    return FeatureView(**fields | {"label": {"zh": feature.zh, "en": feature.en}, "never": feature.never or None})
