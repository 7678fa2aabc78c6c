"""All tables of insight: which imports have arrived, which snapshots stand, how large their segments are."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from attune_service_kit.tables import kit_tables


class Table(SQLModel, registry=registry()):
    """Base of insight's tables: its own registry, so that two services can share a process."""


class ImportArrival(Table, table=True):
    """What has arrived of one import; wall time. Its features are computed when both parts have."""

    __tablename__ = "import_arrival"

    import_id: UUID = Field(primary_key=True)
    profiles_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    transactions_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))


class FeatureSnapshot(Table, table=True):
    """A published snapshot of the features, the newest of its day."""

    __tablename__ = "feature_snapshot"

    as_of: date = Field(primary_key=True)
    manifest: str = Field(sa_type=Text)
    rows: int = Field(sa_type=BigInteger)
    checksum: str = Field(sa_type=Text)
    quadrant_version: int
    published_at: datetime = Field(sa_type=DateTime(timezone=True))


class SegmentSize(Table, table=True):
    """How many customers of a branch stood in a segment's value on a day. `branch_id` is empty for those of none."""

    __tablename__ = "segment_size"

    as_of: date = Field(primary_key=True)
    segment: str = Field(primary_key=True, sa_type=Text)
    branch_id: str = Field(primary_key=True, sa_type=Text)
    value: str = Field(primary_key=True, sa_type=Text)
    customers: int = Field(sa_type=BigInteger)


class BranchScope(Table, table=True):
    """Every branch under every branch, itself included (X23)."""

    __tablename__ = "branch_scope"

    ancestor: str = Field(primary_key=True, sa_type=Text)
    branch: str = Field(primary_key=True, sa_type=Text)


kit_tables(Table.metadata)
METADATA = Table.metadata
