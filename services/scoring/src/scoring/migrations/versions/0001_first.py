"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from attune_service_kit.migrations import create_kit_tables, drop_kit_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_kit_tables(op)
    _models()
    _features()


def _models() -> None:
    op.create_table(
        "model",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
    )
    op.create_table(
        "model_version",
        sa.Column("model", sa.Text, sa.ForeignKey("model.name"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("onnx", sa.LargeBinary, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("features", ARRAY(sa.Text), nullable=False),
        sa.Column("metrics", JSONB, nullable=False),
        sa.Column("card", JSONB, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("trained_at", _MOMENT, nullable=False),
        sa.CheckConstraint("state IN ('trained', 'champion', 'retired')", "model_version_state"),
    )
    # One champion at most, whatever two promotions at once may do.
    op.create_index(
        "model_champion", "model_version", ["model"], unique=True, postgresql_where=sa.text("state = 'champion'")
    )
    op.create_table(
        "promotion",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("previous", sa.Integer),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
    )


def _features() -> None:
    op.create_table(
        "feature_set",
        sa.Column("id", sa.SmallInteger, primary_key=True),
        sa.Column("slot", sa.SmallInteger, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("features", ARRAY(sa.Text), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("loaded_at", _MOMENT, nullable=False),
        sa.CheckConstraint("id = 1", "feature_set_one_row"),
    )
    op.create_table(
        "feature_row",
        sa.Column("slot", sa.SmallInteger, primary_key=True),
        sa.Column("customer_id", sa.Uuid, primary_key=True),
        sa.Column("values", ARRAY(sa.Double), nullable=False),
        postgresql_partition_by="LIST (slot)",
    )
    op.execute("CREATE TABLE feature_row_0 PARTITION OF feature_row FOR VALUES IN (0)")
    op.execute("CREATE TABLE feature_row_1 PARTITION OF feature_row FOR VALUES IN (1)")


def downgrade() -> None:
    for table in ("feature_row", "feature_set", "promotion", "model_version", "model"):
        op.drop_table(table)
    drop_kit_tables(op)
