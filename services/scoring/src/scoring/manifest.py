"""What a bank says of a model that it brings: the body of `POST /v1/models/{name}/versions`. Pure."""

from datetime import date
from math import inf
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, field_validator, model_validator

from attune_contracts.features import CATALOGUE, NEVER, PROTECTED, PROTECTED_IN_CREDIT, USABLE
from attune_service_kit.bodies import Body
from scoring.feature_specs import Bound, FeatureSpec, of_catalogue
from scoring.outputs import Output
from scoring.spec import About, RiskClass
from scoring.unfit import unfit

Purpose = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
ClassName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
MetricName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]

_BARRED = {feature.name for feature in (*CATALOGUE.values(), *NEVER)} - set(USABLE) | PROTECTED
CREDIT = "credit"
_EXAMPLE: dict[str, JsonValue] = {
    "file_id": "0190a7c2-7b1e-7d35-8f04-5a6b9c2d1e3f",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "purpose": "propensity",
    "owner": "Retail analytics",
    "risk_class": "limited",
    "target": "buys a wealth product within 30 days",
    "population": "retail customers with a current account, 18 to 75 years old",
    "features": [
        {"name": "age", "unit": "years", "min": 18, "max": 100},
        {"name": "demand_balance_minor", "unit": "minor"},
        {"name": "branch_visits_90d", "type": "INTEGER", "unit": "count", "min": 0, "max": 60, "nullable": False},
    ],
    "output": "probability",
    "metrics": {"auc": 0.79, "ks": 0.44},
    "training": {"dataset": "warehouse.crm_2025", "as_of": "2025-12-31", "rows": 412000},
    "card": {"intended_use": "ranks the wealth offer at the counter", "limits": "not for credit decisions"},
}


class TrainedOn(Body):
    """The data that the model was trained on."""

    dataset: Text
    as_of: date | None = None
    rows: Annotated[int, Field(ge=1, le=10**12)] | None = None


class Signature(Body):
    """Who has signed the model, and the Ed25519 signature over its statement, 64 bytes in base64."""

    signer: Text
    value: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]


class Manifest(Body):
    """A model's data sheet. A feature of the catalogue has its name, type and unit; others are the model's own."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [_EXAMPLE]})

    file_id: UUID = Field(description="Under which the bytes were sent")
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    purpose: Purpose
    owner: Text
    risk_class: RiskClass
    target: Text
    population: Text
    features: Annotated[tuple[FeatureSpec, ...], Field(min_length=1, max_length=500)] = Field(
        description="In the order of the input's columns"
    )
    output: Literal["probability", "class_probabilities", "value"] = "probability"
    classes: Annotated[tuple[ClassName, ...], Field(min_length=2, max_length=50)] | None = None
    lowest: Bound | None = None
    highest: Bound | None = None
    signature: Signature | None = Field(default=None, description="Needed where the settings name signers")
    metrics: Annotated[dict[MetricName, Bound], Field(max_length=50)] = Field(default_factory=dict)
    training: TrainedOn | None = None
    card: Annotated[dict[MetricName, Annotated[str, StringConstraints(max_length=2000)]], Field(max_length=30)] = Field(
        default_factory=dict, description="What a reader of the card should know"
    )

    @field_validator("features")
    @classmethod
    def _admitted(cls, features: tuple[FeatureSpec, ...]) -> tuple[FeatureSpec, ...]:
        if barred := [f.name for f in features if f.name in _BARRED]:
            raise unfit("feature_unusable", "no model may use {names}: leave it out and train anew",
                        "任何模型不得使用 {names}，请去除后重新训练", names=", ".join(barred))  # fmt: skip
        if len({f.name for f in features}) != len(features):
            raise unfit("feature_repeated", "a feature is named twice", "特征重复")
        return tuple(_as_catalogued(f) for f in features)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.output == "class_probabilities") != (self.classes is not None):
            raise unfit("classes_unfit", "output class_probabilities, and only it, names its classes",
                        "output 为 class_probabilities 时应有 classes，其他情况不得有")  # fmt: skip
        if self.output != "value" and (self.lowest is not None or self.highest is not None):
            raise unfit("range_unfit", "output value, and only it, has lowest and highest",
                        "仅 output 为 value 时可有 lowest 与 highest")  # fmt: skip
        if self.lowest is not None and self.highest is not None and self.lowest > self.highest:
            raise unfit("range_reversed", "lowest lies above highest", "lowest 大于 highest")
        return self

    @model_validator(mode="after")
    def _fit_to_judge_persons(self) -> Self:
        """What others rely on to judge a person has its data sheet, and sees nothing that is protected (R-24, R-25)."""
        if self.risk_class != "high_risk":
            if self.purpose == CREDIT:
                raise unfit("risk_class_unfit", "a model of the purpose credit is of the class high_risk",
                            "purpose 为 credit 的模型，risk_class 应为 high_risk")  # fmt: skip
            return self
        if aged := [f.name for f in self.features if f.name in PROTECTED_IN_CREDIT]:
            raise unfit("feature_unusable", "no high_risk model may use {names}: leave it out and train anew",
                        "high_risk 模型不得使用 {names}，请去除后重新训练", names=", ".join(aged))  # fmt: skip
        if lacking := [name for name in ("metrics", "training", "card") if not getattr(self, name)]:
            raise unfit("data_sheet_missing", "a high_risk model has its data sheet: give {lacking}",
                        "high_risk 模型须有完整说明：请提供 {lacking}", lacking=", ".join(lacking))  # fmt: skip
        return self

    def about(self, name: str) -> About:
        """What the registry is told of the model."""
        output = Output(
            self.output,
            self.classes or (),
            -inf if self.lowest is None else self.lowest,
            inf if self.highest is None else self.highest,
        )
        return About(name, self.purpose, self.target, self.owner, self.risk_class, self.population, output)


def _as_catalogued(feature: FeatureSpec) -> FeatureSpec:
    """The feature with the catalogue's type and unit, where it is the catalogue's: yuan for fen would be no model."""
    if feature.name not in USABLE:
        return feature
    known = of_catalogue(feature.name)
    if feature.unit not in ("", known.unit):
        raise unfit("unit_differs", "{name} is in {unit}", "{name} 的单位是 {unit}", name=feature.name, unit=known.unit)
    return feature.model_copy(update={"type": known.type, "unit": known.unit})
