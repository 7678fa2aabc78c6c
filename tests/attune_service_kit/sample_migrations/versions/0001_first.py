"""The kit's tables and one of the sample service's own."""

from alembic import op

from attune_service_kit.migrations import create_kit_tables, drop_kit_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    create_kit_tables(op)
    op.execute("CREATE TABLE note (id bigint PRIMARY KEY, text text NOT NULL, branch_id text)")


def downgrade() -> None:
    """Drop the tables."""
    op.execute("DROP TABLE note")
    drop_kit_tables(op)
