"""Every step that changes who answers is on record with its kind, and in one order."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What stands there was promoted."""
    op.add_column("promotion", sa.Column("step", sa.Text, nullable=False, server_default="promote"))
    op.create_check_constraint(
        "promotion_step", "promotion", "step IN ('shadow', 'challenge', 'promote', 'retire', 'rollback')"
    )


def downgrade() -> None:
    """Keep what was promoted."""
    op.execute("DELETE FROM promotion WHERE step NOT IN ('promote', 'rollback')")
    op.drop_column("promotion", "step")
