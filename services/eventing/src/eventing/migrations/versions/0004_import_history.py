"""The history of imports."""

from alembic import op

from attune_service_kit.files.runs import create_import_tables

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    create_import_tables(op)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE import_run")
