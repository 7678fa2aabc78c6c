"""What is to be trained: the file that `attune train` takes and the body of `POST /v1/trainings`."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from attune_service_kit.bodies import Body
from scoring.feature_specs import FeatureName
from scoring.features import NUMERIC
from scoring.file_spec import FileData, Heading, Value
from scoring.labels import Choice, Label, Leaving, Seeds, Window
from scoring.outputs import PROBABILITY, Output
from scoring.purchases_spec import Purchases
from scoring.unfit import unfit

ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
RiskClass = Literal["minimal", "limited", "high_risk"]
Kind = Literal[
    "classifier", "scorecard", "multiclass", "lookalike", "uplift", "lifetime_value", "clusters"
]  # fmt: skip
"""What is trained, and by which function: see `scoring.training.kinds`."""
# By which field a kind says what it learns to tell of the feature snapshot's customers.
_TELLS: dict[Kind, tuple[str, ...]] = {
    "classifier": ("label", "leaving"),
    "scorecard": ("label", "leaving"),
    "multiclass": ("choice",),
    "lookalike": ("seeds",),
}


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


class Split(_Strict):
    """Who is held back to be tested; a repetition divides alike.

    `customer`: by a hash of the customer, in a file of the column `column`. Files also by `row` (number modulo
    `modulo` is `test`, from 0), by `time` (from `since` on) or by `column` (its value is one of `values`).
    """

    by: Literal["customer", "row", "time", "column"] = "customer"
    test_share: Annotated[float, Field(ge=0.05, le=0.5)] = 0.25
    modulo: Annotated[int, Field(ge=2, le=1000)] | None = None
    test: Annotated[int, Field(ge=0, le=999)] | None = None
    since: date | None = None
    column: Heading | None = None
    values: Annotated[tuple[Value, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = {
            "row": self.modulo is not None and self.test is not None and self.test < self.modulo,
            "time": self.since is not None,
            "column": self.column is not None and bool(self.values),
            "customer": True,
        }
        if not given[self.by]:
            needs = {"row": "modulo and a smaller test", "time": "since", "column": "column and values"}
            zh = {"row": "modulo 及小于它的 test", "time": "since", "column": "column 与 values"}[self.by]
            raise unfit("split_unfit", "a split by {by} needs {needs}", f"按 {self.by} 划分需要 {zh}", "by",
                        by=self.by, needs=needs[self.by])  # fmt: skip
        return self


class Params(_Strict):
    """LightGBM's parameters that a bank may turn.

    `early_stopping`: after so many rounds without a gain on a quarter of the training rows, set aside for it, no more
    are needed; `rounds` is then the most. The rows held back to be tested choose nothing.
    """

    rounds: Annotated[int, Field(ge=1, le=2000)] = 120
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    num_leaves: Annotated[int, Field(ge=2, le=255)] = 15
    min_data_in_leaf: Annotated[int, Field(ge=1, le=100_000)] = 40
    feature_fraction: Annotated[float, Field(gt=0, le=1)] = 0.9
    lambda_l2: Annotated[float, Field(ge=0, le=1000)] = 1.0
    early_stopping: Annotated[int, Field(ge=1, le=1000)] | None = None


class Points(_Strict):
    """A scorecard's scale: so many points at these odds of good to bad, and so many more where the odds double."""

    base_points: Annotated[int, Field(ge=0, le=10_000)] = 600
    base_odds: Annotated[float, Field(gt=0, le=1_000_000)] = 50.0
    double_odds: Annotated[int, Field(ge=1, le=1000)] = 20


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := [name for name in names if name not in NUMERIC]:
        raise unfit("feature_unusable", "no numeric or boolean feature: {names}", "不是数值或布尔型特征", names=unknown)
    if len(set(names)) != len(names):
        raise unfit("feature_repeated", "a feature is named twice", "特征重复")
    return names


class TrainingSpec(_Strict):
    """One training: which snapshot, which label, which features. Unknown fields are refused."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "propensity-purchase",
                    "dataset": "features",
                    "as_of": "2026-01-31",
                    "label": {"kinds": ["time_deposit_opened", "wealth_purchase"], "within_days": 90},
                    "split": {"by": "customer", "test_share": 0.25},
                    "seed": 20260101,
                }
            ]
        }
    )

    model: ModelName
    kind: Kind = "classifier"
    purpose: Literal["propensity", "response", "churn", "channel", "credit", "lookalike"] = "propensity"
    owner: Annotated[str, StringConstraints(max_length=200)] = ""
    population: Annotated[str, StringConstraints(max_length=500)] = ""
    dataset: Literal["features", "file"] = "features"
    as_of: date | None = Field(
        default=None, description="The snapshot's day; by default the newest that leaves room for the label"
    )
    label: Label | None = Field(default=None, description="Of the feature snapshot; a file has its own")
    leaving: Leaving | None = Field(default=None, description="Of the feature snapshot, in place of a label")
    choice: Choice | None = Field(default=None, description="Of the kind multiclass")
    seeds: Seeds | None = Field(default=None, description="Of the kind lookalike")
    file: FileData | None = Field(default=None, description="The dataset `file`")
    features: Annotated[tuple[FeatureName, ...], Field(min_length=1, max_length=200), AfterValidator(_known)] = NUMERIC
    split: Split = Split()
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 1
    params: Params = Params()
    calibration: Literal["platt", "none"] = Field(
        default="platt", description="How scores become probabilities; part of the exported model"
    )
    learner: Literal["t", "x"] | None = Field(default=None, description="Of the kind uplift: T- or X-learner")
    purchases: Purchases | None = Field(default=None, description="Of the kind lifetime_value")
    clusters: Annotated[int, Field(ge=2, le=20)] | None = Field(default=None, description="How many, of that kind")
    points: Points = Field(default=Points(), description="Of the kind scorecard")
    promote: bool = False

    @model_validator(mode="after")
    def _of_one_dataset(self) -> Self:
        if (self.dataset == "file") != (self.file is not None):
            raise unfit("file_unfit", "the dataset file, and only it, describes its file",
                        "dataset 为 file 时应有 file，其他情况不得有", "file", "dataset")  # fmt: skip
        self._of_its_kind()
        self._of_its_label()
        if self.kind in ("multiclass", "lookalike") and self.file is not None:
            raise unfit("kind_unfit", "the kind {kind} learns from the feature snapshot",
                        "类型 {kind} 只能使用特征快照", "kind", kind=self.kind)  # fmt: skip
        if self.file is None:
            if self.split.by != "customer" or self.split.column is not None:
                raise unfit("split_unfit", "the feature snapshot is divided by customer", "特征快照只能按客户划分",
                            "split")  # fmt: skip
        elif self.split.by == "customer" and self.split.column is None:
            raise unfit("split_unfit", "a file's split by customer names the customers' column",
                        "文件按客户划分时 split.column 应为客户列", "split", "file")  # fmt: skip
        elif self.split.by == "time" and self.file.time is None:
            raise unfit("split_unfit", "a split by time needs the file's column of time", "按时间划分需要 file.time",
                        "split")  # fmt: skip
        elif self.features != NUMERIC:
            raise unfit("features_unfit", "a file's features are its columns", "文件的特征即其各列，不得另列",
                        "features")  # fmt: skip
        return self

    def _of_its_label(self) -> None:
        """Refuse what does not say, by its kind's field, what is learned of the snapshot's customers."""
        given = [name for name in ("label", "leaving", "choice", "seeds") if getattr(self, name) is not None]
        tells = _TELLS.get(self.kind, ()) if self.dataset == "features" else ()
        if len(given) == bool(tells) and set(given) <= set(tells):
            return
        zh = " 或 ".join(tells)
        raise unfit("label_unfit", "the kind {kind} over {dataset} says what it learns by {tells}",
                    "类型 {kind}（数据 {dataset}）" + (f"应由 {zh} 说明学习目标" if tells else "不用 label 一类的键"),
                    *(name for name in given if name not in tells), *given[1:], "kind", "model",
                    kind=self.kind, dataset=self.dataset, tells=" or ".join(tells) or "no label here")  # fmt: skip

    def _of_its_kind(self) -> None:
        """Refuse what the kind needs and does not have, and what is another kind's."""
        of: dict[str, tuple[Kind, object]] = {
            "learner": ("uplift", self.learner), "purchases": ("lifetime_value", self.purchases),
            "clusters": ("clusters", self.clusters),
        }  # fmt: skip
        for name, (kind, value) in of.items():
            if (kind == self.kind) != (value is not None):
                raise unfit("kind_unfit", "the kind {kind}, and only it, has {name}",
                            "类型 {kind} 必须且只有它有 {name}", name, "kind", kind=kind, name=name)  # fmt: skip
        arms = self.file is not None and self.file.treatment is not None
        if arms != (self.kind == "uplift"):
            raise unfit("kind_unfit", "the kind uplift, and only it, has a file with a treatment",
                        "类型 uplift 的文件必须有 treatment，其他类型不得有", "file", "kind")  # fmt: skip
        if self.kind in ("lifetime_value", "clusters") and self.file is not None:
            raise unfit("kind_unfit", "this kind does not learn from `file`", "该类型不使用 file", "file")
        if self.kind not in _TELLS and self.purpose != "propensity":
            raise unfit(
                "kind_unfit", "this kind's purpose is its own: say none", "该类型自有用途，不得另写 purpose", "purpose"
            )

    @property
    def sent(self) -> UUID | None:
        """The file that it learns from, where it does from one."""
        if self.purchases is not None and self.purchases.file is not None:
            return self.purchases.file.file_id
        return self.file.file_id if self.file is not None else None

    @property
    def event(self) -> Label:
        """The label of a spec over the feature snapshot."""
        assert self.label is not None  # noqa: S101 - the validator holds it
        return self.label

    @property
    def window(self) -> Window | None:
        """Where after the snapshot the answer is looked for; None of a file, and of seeds."""
        return self.label or self.leaving or self.choice

    @property
    def target(self) -> str:
        """The label in one word, for the model's card."""
        if self.purchases is not None:
            return f"amount_of_purchases_within_{self.purchases.weeks}_weeks"
        if self.clusters is not None:
            return f"one_of_{self.clusters}_clusters"
        if self.file is not None and self.file.treatment is not None:
            return f"change_of_{self.file.label.column}_by_{self.file.treatment.column}"
        if self.file is not None:
            return f"{self.file.label.column} is {' or '.join(self.file.label.positive)}"
        if self.seeds is not None:
            return f"like_{'_or_'.join(self.seeds.kinds)}" if self.seeds.kinds else "like_the_seeds"
        if self.choice is not None:
            return f"{self.choice.by}_used_most_within_{self.choice.within_days}_days"
        if self.leaving is not None:
            return f"assets_gone_within_{self.leaving.within_days}_days"
        label = self.event
        return f"{'_or_'.join(label.kinds)}_within_{label.within_days}_days"

    @property
    def about(self) -> About:
        """What the registry is told of the model."""
        default = "customers of the feature snapshot" if self.file is None else "rows of a file"
        if self.purchases is not None:
            default = "customers who have bought"
        purpose = self.purpose if self.kind in _TELLS else self.kind
        # Who is creditworthy is a decision of major effect, whatever the spec says.
        risk: RiskClass = "high_risk" if purpose == "credit" else "limited"
        return About(self.model, purpose, self.target, self.owner, risk, self.population or default)


class SpecRefused(Exception):
    """The data cannot serve this training; `en` and `zh` say why."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


def label_window(label: Window, as_of: date, last_day: date | None) -> tuple[date, date]:
    """Return the label window's first and last day; raises SpecRefused if it leaks or reaches beyond the ledger."""
    first = label.starts_on or as_of + timedelta(days=1)
    return unseen(first, first + timedelta(days=label.within_days - 1), as_of, last_day)


def unseen(first: date, last: date, as_of: date, last_day: date | None) -> tuple[date, date]:
    """Return the days if no feature has seen them and the ledger has them all; raises SpecRefused.

    Features see everything up to and including `as_of`: a window that begins by then would let them see the answer.
    """
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
    room = timedelta(days=spec.window.within_days if spec.window is not None else 0)
    fitting = [day for day in days if last_day is not None and day + room <= last_day and _unseen(spec, day)]
    if not fitting:
        raise SpecRefused(
            f"no feature snapshot leaves {room.days} days of ledger after it (it ends on {last_day});"
            " name an earlier day: attune train --as-of DAY makes its snapshot, as POST /v1/feature-snapshots does",
            f"没有特征快照之后留有 {room.days} 天账务数据（截至 {last_day}），"
            "请用更早的日期：attune train --as-of 会创建其快照",
        )
    return max(fitting)


def _unseen(spec: TrainingSpec, day: date) -> bool:
    """Whether a snapshot of this day has seen nothing of the seeds' season."""
    return spec.seeds is None or spec.seeds.since is None or day < spec.seeds.since
