"""What a model earned, and the settings by which it is watched."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Comparisons and settings, both append-only."""
    op.create_table(
        "comparison",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("model", sa.Text, sa.ForeignKey("model.name"), nullable=False),
        sa.Column("content", JSONB, nullable=False),
        sa.Column("computed_at", _MOMENT, nullable=False),
    )
    op.create_index("comparison_model", "comparison", ["model", "id"])
    op.create_table(
        "watch_setting",
        sa.Column("model", sa.Text, sa.ForeignKey("model.name"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("content", JSONB, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("since", _MOMENT, nullable=False),
    )


def downgrade() -> None:
    """Take them away."""
    for table in ("watch_setting", "comparison"):
        op.drop_table(table)
