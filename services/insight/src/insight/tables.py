"""All tables of insight: what has arrived, snapshots and sizes, parameters, and the newest snapshot by customer."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from attune_service_kit.tables import kit_tables, proposal_table


class Row(SQLModel, registry=registry()):
    """Base of insight's tables: its own registry, so that two services can share a process."""


class ImportArrival(Row, table=True):
    """What has arrived of one import; wall time. Its features are computed when both parts have."""

    __tablename__ = "import_arrival"

    import_id: UUID = Field(primary_key=True)
    profiles_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    transactions_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class KnownData(Row, table=True):
    """Up to which day a dataset is known to lie in the lake."""

    __tablename__ = "known_data"

    dataset: str = Field(primary_key=True, sa_type=Text)
    as_of: date


class QuadrantParameterSet(Row, table=True):
    """One version of the value quadrant's parameters; the largest counts. Never changed, only followed."""

    __tablename__ = "quadrant_parameters"

    version: int = Field(primary_key=True)
    numbers: dict[str, Any] = Field(sa_type=JSONB)
    made_by: str = Field(sa_type=Text)
    made_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("now()")))


class FeatureSnapshot(Row, table=True):
    """A published snapshot of the features, the newest of its day."""

    __tablename__ = "feature_snapshot"

    as_of: date = Field(primary_key=True)
    manifest: str = Field(sa_type=Text)
    rows: int = Field(sa_type=BigInteger)
    checksum: str = Field(sa_type=Text)
    quadrant_version: int
    published_at: datetime = Field(sa_type=DateTime(timezone=True))


class SegmentSize(Row, table=True):
    """How many customers of a branch stood in a segment's value on a day. `branch_id` is empty for those of none."""

    __tablename__ = "segment_size"

    as_of: date = Field(primary_key=True)
    segment: str = Field(primary_key=True, sa_type=Text)
    branch_id: str = Field(primary_key=True, sa_type=Text)
    value: str = Field(primary_key=True, sa_type=Text)
    customers: int = Field(sa_type=BigInteger)


class BranchScope(Row, table=True):
    """Every branch under every branch, itself included (X23)."""

    __tablename__ = "branch_scope"

    ancestor: str = Field(primary_key=True, sa_type=Text)
    branch: str = Field(primary_key=True, sa_type=Text)


class FeatureSet(Row, table=True):
    """Which slot answers, of which snapshot, and what its values are called. One row."""

    __tablename__ = "feature_set"

    id: int = Field(primary_key=True, sa_type=SmallInteger)
    slot: int = Field(sa_type=SmallInteger)
    as_of: date
    manifest: str = Field(sa_type=Text)
    rows: int = Field(sa_type=BigInteger)
    whole: list[str] = Field(sa_type=ARRAY(Text))
    shares: list[str] = Field(sa_type=ARRAY(Text))
    flags: list[str] = Field(sa_type=ARRAY(Text))
    codes: list[str] = Field(sa_type=ARRAY(Text))
    loaded_at: datetime = Field(sa_type=DateTime(timezone=True))


# Two slots, one of them read while the other is filled; each is a partition of its own, emptied by TRUNCATE. C2.
FEATURE_ROW = Table(
    "feature_row",
    Row.metadata,
    Column("slot", SmallInteger, primary_key=True),
    Column("customer_id", Uuid, primary_key=True),
    Column("branch_id", Text),
    Column("whole", ARRAY(BigInteger), nullable=False),
    Column("shares", ARRAY(Double), nullable=False),
    Column("flags", ARRAY(Boolean), nullable=False),
    Column("codes", ARRAY(Text), nullable=False),
    postgresql_partition_by="LIST (slot)",
)
SEGMENT_MEMBER = Table(
    "segment_member",
    Row.metadata,
    Column("slot", SmallInteger, nullable=False),
    Column("segment", Text, nullable=False),
    Column("customer_id", Uuid, nullable=False),
    Column("value", Text, nullable=False),
    Column("branch_id", Text),
    PrimaryKeyConstraint("slot", "segment", "customer_id"),
    Index("segment_member_branch", "segment", "branch_id", "customer_id"),
    postgresql_partition_by="LIST (slot)",
)

kit_tables(Row.metadata)
proposal_table(Row.metadata)
METADATA = Row.metadata
