"""Who sees which rows: the branch tree, and forced row security over it."""

import sqlalchemy as sa
from alembic import op

from attune_service_kit.row_security import of_branch, protect, unprotect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "branch_scope",
        sa.Column("ancestor", sa.Text, primary_key=True),
        sa.Column("branch", sa.Text, primary_key=True),
    )
    protect(op, "segment_size", of_branch())


def downgrade() -> None:
    unprotect(op, "segment_size")
    op.drop_table("branch_scope")
