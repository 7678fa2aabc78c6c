"""The life-cycle stage among the features that decisions read.

Revision ID: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Unknown until the next snapshot is loaded."""
    op.add_column("proj_features", sa.Column("lifecycle", sa.Text))


def downgrade() -> None:
    """Forget it again."""
    op.drop_column("proj_features", "lifecycle")
