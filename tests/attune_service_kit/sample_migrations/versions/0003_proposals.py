"""Changes of notes may need two persons."""

from alembic import op

from attune_service_kit.migrations import create_proposals, drop_proposals

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table."""
    create_proposals(op)


def downgrade() -> None:
    """Drop it."""
    drop_proposals(op)
