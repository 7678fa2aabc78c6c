"""What a posting that came in said, so that another one of its id is told apart."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of what came before nothing is known."""
    op.add_column("intake", sa.Column("digest", sa.LargeBinary))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("intake", "digest")
