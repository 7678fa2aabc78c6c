"""The kit's tables and the effects of what was consumed: nothing is unique, so that a double effect shows."""

from alembic import op

from attune_service_kit.migrations import create_kit_tables, drop_kit_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    create_kit_tables(op)
    op.execute(
        "CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, event_id uuid NOT NULL,"
        " customer uuid NOT NULL, number bigint NOT NULL)"
    )


def downgrade() -> None:
    """Drop the tables."""
    op.execute("DROP TABLE effect")
    drop_kit_tables(op)
