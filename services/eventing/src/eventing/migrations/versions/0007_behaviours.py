"""What front ends have recorded: kept whole, since states are made anew from it.

`came_in` is the transaction that wrote a row: who has read the table under a snapshot can tell what has come since.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

from attune_service_kit.row_security import protect, through, unprotect

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


WRITER = sa.text("pg_current_xact_id()::text::bigint")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "behaviour",
        sa.Column("customer_id", UUID, primary_key=True),
        sa.Column("behaviour_id", sa.Text, primary_key=True),
        sa.Column("business_date", sa.Date, nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("behaviour", sa.Text, nullable=False),
        sa.Column("product", sa.Text),
        sa.Column("step", sa.Text),
        sa.Column("channel", sa.Text),
        sa.Column("seconds", sa.Integer),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("came_in", sa.BigInteger, nullable=False, server_default=WRITER),
    )
    protect(op, "behaviour", through("account_owner"))


def downgrade() -> None:
    """Take it away."""
    unprotect(op, "behaviour")
    op.drop_table("behaviour")
