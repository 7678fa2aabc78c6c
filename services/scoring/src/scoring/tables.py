"""All tables of scoring: models, their versions and promotions, and the feature rows that renewals start from."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from attune_service_kit.tables import kit_tables, proposal_table


class Row(SQLModel, registry=registry()):
    """Base of scoring's tables: its own registry, so that two services can share a process."""


class ModelRow(Row, table=True):
    """A model: what it is for, whom it is about, what it predicts, and what it answers with.

    `output`: probability, class_probabilities (one a class, in the order of `classes`) or value (within `lowest` and
    `highest`, where they are told). `risk_class`: minimal, limited or high_risk.
    """

    __tablename__ = "model"

    name: str = Field(primary_key=True, sa_type=Text)
    purpose: str = Field(sa_type=Text)
    target: str = Field(sa_type=Text)
    owner: str = Field(default="", sa_type=Text)
    risk_class: str = Field(default="limited", sa_type=Text)
    population: str = Field(default="", sa_type=Text)
    output: str = Field(default="probability", sa_type=Text)
    classes: list[str] | None = Field(default=None, sa_type=ARRAY(Text))
    lowest: float | None = Field(default=None, sa_type=Double)
    highest: float | None = Field(default=None, sa_type=Double)


class ModelVersion(Row, table=True):
    """One version. States: uploaded, vetted or refused (`reasons`), shadow, challenger, champion, retired.

    At most one of a model is champion, and one challenger. `origin`: trained or uploaded. `feature_specs` describes
    what the version takes, in the order of `features`; `snapshot` the data that it was trained on.
    """

    __tablename__ = "model_version"

    model: str = Field(primary_key=True, foreign_key="model.name", sa_type=Text)
    version: int = Field(primary_key=True)
    onnx: bytes = Field(sa_type=LargeBinary)
    sha256: str = Field(sa_type=Text)
    features: list[str] = Field(sa_type=ARRAY(Text))
    metrics: dict[str, float] = Field(sa_type=JSONB)
    card: dict[str, Any] = Field(sa_type=JSONB)
    state: str = Field(sa_type=Text)
    trained_at: datetime = Field(sa_type=DateTime(timezone=True))
    feature_specs: list[dict[str, Any]] = Field(sa_type=JSONB)
    snapshot: dict[str, Any] = Field(sa_type=JSONB)
    card_html: str | None = Field(default=None, sa_type=Text)
    approved_by: str | None = Field(default=None, sa_type=Text)
    origin: str = Field(default="trained", sa_type=Text)
    reasons: list[dict[str, Any]] = Field(sa_type=JSONB)
    signer: str | None = Field(default=None, sa_type=Text)
    signature: bytes | None = Field(default=None, sa_type=LargeBinary)


class Promotion(Row, table=True):
    """Who has let which version take which step, and when; append-only. `previous` is the champion before it."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    model: str = Field(sa_type=Text)
    version: int
    previous: int | None = None
    who: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=DateTime(timezone=True))
    step: str = Field(default="promote", sa_type=Text)


class PurposeSetting(Row, table=True):
    """Which share of the customers, in basis points, no model or the challenger answers for a purpose; append-only.

    The newest version holds. Arms are drawn with the purpose's own salt (X13).
    """

    __tablename__ = "purpose_setting"

    purpose: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(primary_key=True)
    salt: str = Field(sa_type=Text)
    no_model_bp: int
    challenger_bp: int
    who: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=DateTime(timezone=True))


class Comparison(Row, table=True):
    """What a model earned against no model, as it was computed; append-only, the newest is shown."""

    __tablename__ = "comparison"
    __table_args__ = (Index("comparison_model", "model", "id"),)

    id: UUID = Field(primary_key=True, sa_type=Uuid)
    model: str = Field(foreign_key="model.name", sa_type=Text)
    content: dict[str, Any] = Field(sa_type=JSONB)
    computed_at: datetime = Field(sa_type=DateTime(timezone=True))


class WatchSetting(Row, table=True):
    """What counts as a model's outcome, and from which drift on something is said; append-only."""

    __tablename__ = "watch_setting"

    model: str = Field(primary_key=True, foreign_key="model.name", sa_type=Text)
    version: int = Field(primary_key=True)
    content: dict[str, Any] = Field(sa_type=JSONB)
    who: str = Field(sa_type=Text)
    since: datetime = Field(sa_type=DateTime(timezone=True))


class Watch(Row, table=True):
    """What was seen of a version on a snapshot: drift of its features and scores, responses by decile."""

    __tablename__ = "watch"
    __table_args__ = (UniqueConstraint("model", "version", "as_of", name="watch_one_a_snapshot"),)

    id: UUID = Field(primary_key=True, sa_type=Uuid)
    model: str = Field(sa_type=Text)
    version: int
    as_of: date
    content: dict[str, Any] = Field(sa_type=JSONB)
    watched_at: datetime = Field(sa_type=DateTime(timezone=True))


class Drift(Row, table=True):
    """A feature of a version, or its score (feature NULL), that has come to drift more; append-only."""

    __tablename__ = "drift"
    __table_args__ = (Index("drift_model", "model", "id"),)

    id: UUID = Field(primary_key=True, sa_type=Uuid)
    model: str = Field(sa_type=Text)
    version: int
    feature: str | None = Field(default=None, sa_type=Text)
    level: str = Field(sa_type=Text)
    psi: float = Field(sa_type=Double)
    ks: float = Field(sa_type=Double)
    as_of: date
    detected_at: datetime = Field(sa_type=DateTime(timezone=True))


class FeatureSet(Row, table=True):
    """Which slot of `feature_row` answers, of which snapshot, and what its values are called. One row."""

    __tablename__ = "feature_set"

    id: int = Field(primary_key=True, sa_type=SmallInteger)
    slot: int = Field(sa_type=SmallInteger)
    as_of: date
    manifest: str = Field(sa_type=Text)
    features: list[str] = Field(sa_type=ARRAY(Text))
    rows: int = Field(sa_type=BigInteger)
    loaded_at: datetime = Field(sa_type=DateTime(timezone=True))


# Two slots, one of them read while the other is filled; each is a partition of its own, emptied by TRUNCATE.
FEATURE_ROW = Table(
    "feature_row",
    Row.metadata,
    Column("slot", SmallInteger, primary_key=True),
    Column("customer_id", Uuid, primary_key=True),
    Column("values", ARRAY(Double), nullable=False),
    postgresql_partition_by="LIST (slot)",
)

kit_tables(Row.metadata)
proposal_table(Row.metadata)
METADATA = Row.metadata
