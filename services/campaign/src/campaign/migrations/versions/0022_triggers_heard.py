"""Which triggers have been retired: their campaigns open nothing more."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What eventing has told of its triggers from now on."""
    op.create_table(
        "trigger_heard",
        sa.Column("trigger", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
    )


def downgrade() -> None:
    """Forget it."""
    op.drop_table("trigger_heard")
