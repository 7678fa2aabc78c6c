"""A bank's own flat file as what a model is trained on: its columns, its label, what no feature may be. Pure."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator

from attune_contracts.features import PROTECTED, PROTECTED_IN_CREDIT
from attune_service_kit.bodies import Body
from scoring.feature_specs import FeatureName
from scoring.unfit import unfit

Heading = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Value = Annotated[str, StringConstraints(max_length=200)]


def _unsaid(schema: dict[str, JsonValue]) -> None:
    schema.pop("pattern", None)


class _Strict(Body):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Strict):
    """A column that may become a feature. A category's levels are those of the training rows; `unknown` is a level.

    `known_after: outcome`: known only once the answer is, and therefore refused. `dated`: the column that says of
    which day the value is; one that is later than the label's day is refused.
    """

    column: Heading | None = Field(default=None, description="Its heading in the file, where that is another")
    type: Literal["number", "boolean", "category"] = "number"
    known_after: Literal["outcome"] | None = None
    dated: Heading | None = None


class FileLabel(_Strict):
    """The answer: the column that holds it and the values that mean yes."""

    column: Heading
    positive: Annotated[tuple[Value, ...], Field(min_length=1, max_length=50)]
    dated: Heading | None = Field(default=None, description="The column with the day by which features must be known")


class Treatment(_Strict):
    """Who was treated, by chance: the column that says so and the values that mean yes."""

    column: Heading
    treated: Annotated[tuple[Value, ...], Field(min_length=1, max_length=50)]


class Protected(_Strict):
    """A protected attribute: never a feature, but fairness is reported over it; a number by bands."""

    column: Heading
    bands: Annotated[tuple[float, ...], Field(max_length=20)] = ()


class FileData(_Strict):
    """A CSV or Parquet file, sent before by `PUT /v1/model-uploads/files/{file_id}`."""

    file_id: UUID
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    format: Literal["csv", "parquet"] = "csv"
    # The pattern keeps it as it stands: a blank is a separator too, and any one character always was.
    separator: Annotated[str, StringConstraints(min_length=1, max_length=1, pattern=r"^.$")] = Field(
        default=",", json_schema_extra=_unsaid
    )
    encoding: Literal["utf-8", "gb18030", "latin-1"] = "utf-8"
    headings: Annotated[tuple[Heading, ...], Field(max_length=1000)] = Field(
        default=(), description="Where the file's first line has none"
    )
    columns: Annotated[dict[FeatureName, Column], Field(min_length=1, max_length=500)]
    label: FileLabel
    treatment: Treatment | None = Field(default=None, description="Of the kind uplift")
    time: Heading | None = Field(default=None, description="A column of ISO dates: stability over time, split by time")
    protected: Annotated[dict[FeatureName, Protected], Field(max_length=10)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _no_answer_among_the_features(self) -> Self:
        if asked := [name for name, column in self.columns.items() if self.heading(name, column) == self.label.column]:
            raise unfit(
                "label_is_feature", "the label is no feature: {names}", "标签不得作为特征", "columns", names=asked
            )
        if self.treatment is not None and self.treatment.column in {
            self.label.column, *(self.heading(name, column) for name, column in self.columns.items())
        }:  # fmt: skip
            raise unfit("treatment_is_feature", "the treatment is neither feature nor label",
                        "treatment 既不得是特征也不得是标签", "treatment")  # fmt: skip
        if any(column.dated for column in self.columns.values()) and self.label.dated is None:
            raise unfit("label_undated", "dated columns need a dated label", "有日期的列需要 label.dated", "label")
        return self

    @staticmethod
    def heading(name: str, column: Column) -> str:
        """The column's heading in the file."""
        return column.column or name

    def refused(self, *, credit: bool = False) -> dict[str, str]:
        """Return the columns that are no features whatever they hold, with the reason."""
        barred = PROTECTED | PROTECTED_IN_CREDIT if credit else PROTECTED
        protected = {one.column for one in self.protected.values()}
        reasons: dict[str, str] = {}
        for name, column in self.columns.items():
            heading = self.heading(name, column)
            if column.known_after is not None:
                reasons[name] = "known_after_outcome"
            elif name in self.protected or heading in protected or {name, heading.casefold()} & barred:
                reasons[name] = "protected"
        return reasons

    def needed(self) -> set[str]:
        """Return the headings that the file must have."""
        columns = {self.heading(name, column) for name, column in self.columns.items()}
        dated = {column.dated for column in self.columns.values()} | {self.label.dated, self.time}
        dated.add(self.treatment.column if self.treatment else None)
        return columns | {one.column for one in self.protected.values()} | {h for h in dated if h} | {self.label.column}
