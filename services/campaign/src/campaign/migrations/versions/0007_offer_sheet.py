"""Offers and scripts that can be switched off, and who made each version."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("offer", "script"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN enabled boolean NOT NULL DEFAULT true")
        op.execute(f"ALTER TABLE {table} ADD COLUMN created_by text NOT NULL DEFAULT 'attune'")
        op.execute(f"ALTER TABLE {table} ADD COLUMN created_at timestamptz NOT NULL DEFAULT now()")


def downgrade() -> None:
    for table in ("offer", "script"):
        op.execute(f"ALTER TABLE {table} DROP COLUMN enabled, DROP COLUMN created_by, DROP COLUMN created_at")
