"""A second step, to go down from."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add a column."""
    op.execute("ALTER TABLE note ADD COLUMN version integer NOT NULL DEFAULT 1")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE note DROP COLUMN version")
