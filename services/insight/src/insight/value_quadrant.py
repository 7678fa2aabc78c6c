"""The value quadrant's versioned parameters (X27), read from the file beside the model."""

from importlib import resources
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]


class QuadrantParameters(BaseModel):
    """What divides the customers; money in minor units, quantiles and weights as shares."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[int, Field(ge=1)]
    private_at_minor: Annotated[int, Field(gt=0)]
    active_days: Annotated[int, Field(gt=0)]
    current_quantile: Share
    potential_quantile: Share
    inflow_weight: Share
    digital_weight: Share
    youth_weight: Share

    @model_validator(mode="after")
    def _weights_are_shares_of_one(self) -> "QuadrantParameters":
        if abs(self.inflow_weight + self.digital_weight + self.youth_weight - 1) > 1e-9:
            raise ValueError("the weights of the potential do not add up to 1")
        return self


def quadrant_parameters() -> QuadrantParameters:
    """Return the parameters that ship with the models."""
    text = resources.files("insight.models").joinpath("value_quadrant.yaml").read_text(encoding="utf-8")
    return QuadrantParameters.model_validate(yaml.safe_load(text))
