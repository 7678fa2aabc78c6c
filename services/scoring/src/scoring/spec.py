"""What is to be trained: the file that `attune train` takes and the body of `POST /v1/trainings`."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from attune_contracts.ledger import Code
from attune_service_kit.bodies import Body
from scoring.feature_specs import FeatureName
from scoring.features import NUMERIC
from scoring.outputs import PROBABILITY, Output

ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
RiskClass = Literal["minimal", "limited", "high_risk"]


@dataclass(frozen=True)
class About:
    """What a model is: its name, what it is for, what it predicts, of whom, who answers for it, and its kind of answer.

    `risk_class` is that of the EU AI Act: creditworthiness is high_risk (R-24).
    """

    name: str
    purpose: str
    target: str
    owner: str = ""
    risk_class: RiskClass = "limited"
    population: str = ""
    output: Output = PROBABILITY


class _Strict(Body):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Label(_Strict):
    """The positive class: customers with a posting of one of these kinds within so many days."""

    dataset: Literal["transactions"] = "transactions"
    kinds: Annotated[tuple[Code, ...], Field(min_length=1, max_length=20)]
    within_days: Annotated[int, Field(ge=1, le=730)]
    starts_on: date | None = Field(default=None, description="First day of the window; by default the day after as_of")


class Split(_Strict):
    """How the customers are divided; always by a hash of the customer, so that a repetition divides them alike."""

    by: Literal["customer"] = "customer"
    test_share: Annotated[float, Field(ge=0.05, le=0.5)] = 0.25


class Params(_Strict):
    """LightGBM's parameters that a bank may turn."""

    rounds: Annotated[int, Field(ge=1, le=2000)] = 120
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    num_leaves: Annotated[int, Field(ge=2, le=255)] = 15
    min_data_in_leaf: Annotated[int, Field(ge=1, le=100_000)] = 40
    feature_fraction: Annotated[float, Field(gt=0, le=1)] = 0.9
    lambda_l2: Annotated[float, Field(ge=0, le=1000)] = 1.0


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := [name for name in names if name not in NUMERIC]:
        raise PydanticCustomError("feature_unusable", "no numeric or boolean feature: {names}", {"names": unknown})
    if len(set(names)) != len(names):
        raise PydanticCustomError("feature_repeated", "a feature is named twice")
    return names


class TrainingSpec(_Strict):
    """One training: which snapshot, which label, which features. Unknown fields are refused."""

    model: ModelName
    purpose: Literal["propensity"] = "propensity"
    dataset: Literal["features"] = "features"
    as_of: date | None = Field(
        default=None, description="The snapshot's day; by default the newest that leaves room for the label"
    )
    label: Label
    features: Annotated[tuple[FeatureName, ...], Field(min_length=1, max_length=200), AfterValidator(_known)] = NUMERIC
    split: Split = Split()
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 1
    params: Params = Params()
    promote: bool = False

    @property
    def target(self) -> str:
        """The label in one word, for the model's card."""
        return f"{'_or_'.join(self.label.kinds)}_within_{self.label.within_days}_days"

    @property
    def about(self) -> About:
        """What the registry is told of the model."""
        return About(self.model, self.purpose, self.target, population="customers of the feature snapshot")


class SpecRefused(Exception):
    """The data cannot serve this training; `en` and `zh` say why."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


def label_window(label: Label, as_of: date, last_day: date | None) -> tuple[date, date]:
    """Return the label window's first and last day; raises SpecRefused if it leaks or reaches beyond the ledger.

    Features see everything up to and including `as_of`: a window that begins by then would let them see the answer.
    """
    first = label.starts_on or as_of + timedelta(days=1)
    last = first + timedelta(days=label.within_days - 1)
    if first <= as_of:
        raise SpecRefused(
            f"the label would leak: its window begins on {first}, features see postings up to {as_of}",
            f"标签泄漏：标签窗口始于 {first}，特征已包含截至 {as_of} 的交易",
        )
    if last_day is None or last > last_day:
        raise SpecRefused(
            f"the label window {first} to {last} is not inside the ledger, which ends on {last_day or 'no day'}",
            f"标签窗口 {first} 至 {last} 超出账务数据范围（截至 {last_day or '无'}）",
        )
    return first, last


def choose_snapshot(spec: TrainingSpec, days: list[date], last_day: date | None) -> date:
    """Return the snapshot's day; raises SpecRefused naming what there is if the wanted one does not exist."""
    if spec.as_of is not None:
        if spec.as_of not in days:
            known = ", ".join(str(day) for day in sorted(days)[-5:]) or "none"
            raise SpecRefused(
                f"there is no feature snapshot of {spec.as_of} (newest: {known}); make one: POST /v1/feature-snapshots",
                f"没有 {spec.as_of} 的特征快照（最新：{known}），请先创建：POST /v1/feature-snapshots",
            )
        return spec.as_of
    room = timedelta(days=spec.label.within_days)
    fitting = [day for day in days if last_day is not None and day + room <= last_day]
    if not fitting:
        raise SpecRefused(
            f"no feature snapshot leaves {spec.label.within_days} days of ledger after it (it ends on {last_day});"
            " name an earlier as_of and make its snapshot: POST /v1/feature-snapshots",
            f"没有特征快照之后留有 {spec.label.within_days} 天账务数据（截至 {last_day}），请创建更早日期的快照",
        )
    return max(fitting)
