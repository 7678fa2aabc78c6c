"""What scoring says."""

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from attune_contracts.envelope import Data
from attune_contracts.pointer import Pointer

HASH_DIGITS = 16
"""So many hex digits of a sha256 go with a score: of the model's bytes, and of the values that it saw (P-32)."""

_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class Score(BaseModel):
    """One customer's score from one model: a probability, the version that gave it, and the hashes of both sides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    version: int
    score: Annotated[float, Field(ge=0, le=1)]
    scored_at: datetime
    model_hash: _Hash | None = None
    features_hash: _Hash | None = None


class ScoresPublished(Data):
    """Scores are there: the whole base's in the lake (`pointer`), or one customer's after a detection (`merge`, X17).

    A merge carries the scores themselves; the receiver applies those whose `scored_at` is newer than its own. `output`
    says what the scores are: probabilities, of which alone there are merges, those of the likeliest class, or values.
    """

    TYPE: ClassVar[str] = "scoring.scores.published.v1"

    merge: bool = False
    output: Literal["probability", "class_probabilities", "value"] = "probability"
    pointer: Pointer | None = None
    customer_id: UUID | None = None
    scores: tuple[Score, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> "ScoresPublished":
        if self.merge != (self.customer_id is not None) or self.merge == (self.pointer is not None):
            raise ValueError("a merge names its customer, anything else its pointer")
        return self

    def subject(self) -> str:
        """Return the customer's id of a merge, else the dataset's name."""
        return str(self.customer_id) if self.pointer is None else self.pointer.dataset


class ModelPromoted(Data):
    """A model version answers from now on."""

    TYPE: ClassVar[str] = "scoring.model.promoted.v1"

    model: str
    version: int
    sha256: str

    def subject(self) -> str:
        """Return the model's name."""
        return self.model


class DriftDetected(Data):
    """A version's feature, or its score, has come to drift more from its training snapshot than when last looked at.

    Said once a crossing: again only after it has been below. Without `feature` it is the score.
    """

    TYPE: ClassVar[str] = "scoring.drift.detected.v1"

    model: str
    version: int
    feature: str | None = None
    level: Literal["moderate", "major"]
    psi: float
    ks: float
    as_of: date

    def subject(self) -> str:
        """Return the model's name."""
        return self.model


SCORE_SUBJECT = "scoring.score"
"""NATS requests for scores of this moment: a ScoreQuestion in, a ScoreAnswer or a ScoreRefusal out."""


class NewMoney(BaseModel):
    """A credit that the feature snapshot may not have seen; `key` names the posting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    amount_minor: int
    business_date: date


class ScoreQuestion(BaseModel):
    """Score a customer's stored feature row with every model that answers, moved by what has happened since.

    Or rows of values by feature name with one model: each with exactly the model's features, null = unknown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    customer_id: UUID | None = None
    evidence: tuple[NewMoney, ...] = Field(default=(), max_length=100)
    model: str | None = Field(default=None, max_length=64)
    rows: tuple[dict[str, Any], ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.customer_id is None) == (self.rows is None):
            raise ValueError("either a customer or rows")
        if (self.rows is None) != (self.model is None):
            raise ValueError("rows, and only rows, name their model")
        return self


class AnsweringModel(BaseModel):
    """Which bytes have answered."""

    model_config = ConfigDict(frozen=True)

    model: str
    version: int
    sha256: str


class Reason(BaseModel):
    """What one feature does to a score: the score less what it were with the feature at `baseline`.

    `compared_with` says what the baseline is: the median of the training snapshot, or an unknown value (null).
    """

    model_config = ConfigDict(frozen=True)

    feature: str
    direction: Literal["raises", "lowers"]
    effect: float
    baseline: float | None
    compared_with: Literal["training_median", "unknown"]
    zh: str
    en: str


class ScoredItem(BaseModel):
    """One row's scores, in the order of the answer's `models`; `customer_id` is null for rows of values.

    A score is null where that version does not answer for the customer: another one does, or none (X13).
    """

    model_config = ConfigDict(frozen=True)

    customer_id: UUID | None = None
    scores: tuple[float | None, ...]
    features_hashes: tuple[str | None, ...] = ()
    """Of what each model saw of the customer, in the same order; not told for rows of values."""
    classes: tuple[dict[str, float] | None, ...] = ()
    """In the same order, the probability of every class, of models that answer with classes; empty where none does."""
    reasons: tuple[tuple[Reason, ...] | None, ...] = ()
    """In the same order, the reasons, strongest first; null where a model cannot tell; empty where none are asked."""


class ScoreAnswer(BaseModel):
    """Scores, and the version of every model that gave them. `as_of` is the snapshot's day, null for rows of values."""

    model_config = ConfigDict(frozen=True)

    models: tuple[AnsweringModel, ...]
    items: tuple[ScoredItem, ...]
    unknown: tuple[UUID, ...] = ()
    as_of: date | None = None


class ScoreRefusal(BaseModel):
    """Why there is no answer: the status, code, texts and errors of the same refusal over HTTP."""

    model_config = ConfigDict(frozen=True)

    status: int = 422
    code: str
    en: str
    zh: str
    errors: tuple[dict[str, Any], ...] = ()
