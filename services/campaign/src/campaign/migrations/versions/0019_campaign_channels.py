"""A campaign's own channels, priority and script: a trigger's file says them, a marketer may say otherwise."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_QUEUE = "CREATE INDEX task_queue ON task (channel, rank, {}due_at, id) WHERE state IN ('open', 'claimed')"


def upgrade() -> None:
    """Add them; what a trigger brought before follows its next version."""
    op.add_column("campaign", sa.Column("channels", ARRAY(sa.Text), nullable=False, server_default="{}"))
    op.add_column("campaign", sa.Column("priority", sa.SmallInteger, nullable=False, server_default="50"))
    for column in ("script_zh", "script_en"):
        op.add_column("campaign", sa.Column(column, sa.Text))
    op.add_column("campaign", sa.Column("trigger_version", sa.Integer))
    op.execute("UPDATE campaign SET trigger_version = 1 WHERE created_by LIKE 'trigger %'")
    op.add_column("task", sa.Column("campaign_priority", sa.SmallInteger, nullable=False, server_default="50"))
    op.execute("DROP INDEX task_queue")
    op.execute(_QUEUE.format("(-campaign_priority), "))


def downgrade() -> None:
    """Take them away."""
    op.execute("DROP INDEX task_queue")
    op.execute(_QUEUE.format(""))
    op.drop_column("task", "campaign_priority")
    for column in ("trigger_version", "script_en", "script_zh", "priority", "channels"):
        op.drop_column("campaign", column)
