"""The value quadrant's parameters (X27): the numbers that divide the customers. Pure."""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from attune_service_kit.bodies import Body

Share = Annotated[float, Field(ge=0, le=1)]


class QuadrantNumbers(Body):
    """What divides the customers; money in minor units, quantiles and weights as shares."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "private_at_minor": 50_000_000,
                    "active_days": 365,
                    "current_quantile": 0.7,
                    "potential_quantile": 0.5,
                    "inflow_weight": 0.4,
                    "digital_weight": 0.3,
                    "youth_weight": 0.3,
                }
            ]
        },
    )

    private_at_minor: Annotated[int, Field(gt=0, le=10**15)] = Field(
        default=50_000_000, description="Mean assets of 90 days from which a customer is `private`: 500,000.00"
    )
    active_days: Annotated[int, Field(gt=0, le=3650)] = Field(
        default=365, description="Without a posting in so many days a customer is inactive"
    )
    current_quantile: Share = Field(
        default=0.7, description="High current value: not below this rank among the active, the top 30 %"
    )
    potential_quantile: Share = Field(
        default=0.5, description="High potential: above this quantile of the active, the median"
    )
    inflow_weight: Share = Field(default=0.4, description="Weights of the potential; together 1")
    digital_weight: Share = 0.3
    youth_weight: Share = 0.3

    @model_validator(mode="after")
    def _weights_are_shares_of_one(self) -> Self:
        if abs(self.inflow_weight + self.digital_weight + self.youth_weight - 1) > 1e-9:
            raise ValueError("the weights of the potential do not add up to 1")
        return self


class QuadrantParameters(QuadrantNumbers):
    """One version of them."""

    version: Annotated[int, Field(ge=1)] = 1

    @property
    def numbers(self) -> dict[str, Any]:
        """What the model is rendered with."""
        return self.model_dump(exclude={"version"})
