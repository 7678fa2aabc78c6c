"""Who holds an account with its owner."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("proj_account", sa.Column("role", sa.Text(), server_default="owner", nullable=False))


def downgrade() -> None:
    op.execute("DELETE FROM proj_account WHERE role <> 'owner'")
    op.drop_column("proj_account", "role")
