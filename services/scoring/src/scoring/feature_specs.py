"""What a version takes, feature by feature: as the catalogue says, or as the model itself declares. Pure."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from attune_contracts.features import CATALOGUE, USABLE
from attune_service_kit.bodies import Body
from scoring.unfit import unfit

FeatureName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


Bound = Annotated[float, Field(ge=-1e18, le=1e18, allow_inf_nan=False)]


class FeatureSpec(Body):
    """One feature. `min` and `max`: what values usually lie between; they are probed there, not bounded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: FeatureName
    type: Literal["INTEGER", "BIGINT", "DOUBLE", "BOOLEAN"] = "DOUBLE"
    unit: Annotated[str, StringConstraints(max_length=32)] = ""
    min: Bound | None = None
    max: Bound | None = None
    nullable: bool = True

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise unfit("range_reversed", "min lies above max", "min 大于 max")
        return self


def of_catalogue(name: str) -> FeatureSpec:
    """The catalogue's feature; KeyError where it has none of this name."""
    feature = CATALOGUE[name]
    return FeatureSpec.model_validate({"name": name, "type": feature.type, "unit": feature.unit})


def specs_of(names: Iterable[str], stored: Iterable[Mapping[str, object]] = ()) -> tuple[FeatureSpec, ...]:
    """The specs of these features: the stored ones, the catalogue's where none is stored, else any number."""
    declared = {str(spec["name"]): FeatureSpec.model_validate(spec) for spec in stored}
    return tuple(
        declared.get(name) or (of_catalogue(name) if name in USABLE else FeatureSpec(name=name)) for name in names
    )
