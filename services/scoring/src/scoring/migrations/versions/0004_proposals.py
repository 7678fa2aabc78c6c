"""Changes that wait for another person's approval."""

from alembic import op

from attune_service_kit.migrations import create_proposals, drop_proposals

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    create_proposals(op)


def downgrade() -> None:
    """Drop it."""
    drop_proposals(op)
