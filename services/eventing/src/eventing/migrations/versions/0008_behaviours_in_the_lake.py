"""Behaviours go into the lake as postings do: which of them lie there is marked, and where they are known from."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the marks; a snapshot of the table is no longer asked for."""
    op.add_column("behaviour", sa.Column("in_lake", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.add_column("behaviour", sa.Column("came", sa.Text, nullable=False, server_default="stream"))
    op.create_index("behaviour_unpublished", "behaviour", ["business_date"], postgresql_where=sa.text("NOT in_lake"))
    op.drop_column("behaviour", "came_in")


def downgrade() -> None:
    """Take them away."""
    writer = sa.text("pg_current_xact_id()::text::bigint")
    op.add_column("behaviour", sa.Column("came_in", sa.BigInteger, nullable=False, server_default=writer))
    op.drop_index("behaviour_unpublished", "behaviour")
    op.drop_column("behaviour", "came")
    op.drop_column("behaviour", "in_lake")
