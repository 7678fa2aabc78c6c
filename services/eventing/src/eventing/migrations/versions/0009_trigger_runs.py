"""How far the nightly file's way has judged each trigger."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "trigger_run",
        sa.Column("trigger", sa.Text, primary_key=True),
        sa.Column("first_day", sa.Date, nullable=False),
        sa.Column("through", sa.Date, nullable=False),
        sa.Column("settled", sa.Date, nullable=False),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("trigger_run")
