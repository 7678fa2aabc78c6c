"""What is seen of a version on each snapshot, and what it has newly crossed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """One look a version and snapshot; crossings are append-only."""
    op.create_table(
        "watch",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("content", JSONB, nullable=False),
        sa.Column("watched_at", _MOMENT, nullable=False),
        sa.UniqueConstraint("model", "version", "as_of", name="watch_one_a_snapshot"),
    )
    op.create_table(
        "drift",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("feature", sa.Text),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("psi", sa.Double, nullable=False),
        sa.Column("ks", sa.Double, nullable=False),
        sa.Column("as_of", sa.Date, nullable=False),
        sa.Column("detected_at", _MOMENT, nullable=False),
        sa.CheckConstraint("level IN ('moderate', 'major')", "drift_level"),
    )
    op.create_index("drift_model", "drift", ["model", "id"])


def downgrade() -> None:
    """Take them away."""
    for table in ("drift", "watch"):
        op.drop_table(table)
