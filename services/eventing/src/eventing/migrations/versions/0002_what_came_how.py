"""How a posting came, from which day on keys are remembered, and detections by customer.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Postings that are known because a rebuild has marked them came by the lake."""
    op.add_column("posting", sa.Column("came", sa.Text, nullable=False, server_default="stream"))
    op.create_index("posting_day", "posting", ["business_date"])
    op.add_column("ledger_partition", sa.Column("remembered_from", sa.Date))
    op.create_index("detection_customer_feed", "detection", ["customer_id", "business_date", "detection_id"])


def downgrade() -> None:
    """Forget it again."""
    op.drop_index("detection_customer_feed")
    op.drop_column("ledger_partition", "remembered_from")
    op.drop_index("posting_day")
    op.drop_column("posting", "came")
