"""The first tables."""

import sqlalchemy as sa
from alembic import op

from attune_service_kit.migrations import create_kit_tables, drop_kit_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_kit_tables(op)
    op.create_table(
        "import_arrival",
        sa.Column("import_id", sa.Uuid, primary_key=True),
        sa.Column("profiles_at", _MOMENT),
        sa.Column("transactions_at", _MOMENT),
    )
    op.create_table(
        "feature_snapshot",
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("checksum", sa.Text, nullable=False),
        sa.Column("quadrant_version", sa.Integer, nullable=False),
        sa.Column("published_at", _MOMENT, nullable=False),
    )
    op.create_table(
        "segment_size",
        sa.Column("as_of", sa.Date, primary_key=True),
        sa.Column("segment", sa.Text, primary_key=True),
        sa.Column("branch_id", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, primary_key=True),
        sa.Column("customers", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("segment_size")
    op.drop_table("feature_snapshot")
    op.drop_table("import_arrival")
    drop_kit_tables(op)
