"""When a draft was discarded, or a trigger retired: its versions stay."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nothing has ended yet."""
    op.add_column("trigger", sa.Column("ended_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Take it away; what has ended judges again."""
    op.drop_column("trigger", "ended_at")
