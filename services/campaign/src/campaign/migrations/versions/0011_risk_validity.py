"""Until when a customer's risk rating holds, where that is less than twelve months."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE proj_party ADD COLUMN risk_valid_until date")


def downgrade() -> None:
    op.execute("ALTER TABLE proj_party DROP COLUMN risk_valid_until")
