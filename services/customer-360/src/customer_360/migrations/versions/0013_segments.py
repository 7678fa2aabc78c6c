"""Insight's other segments as tags.

Revision ID: 0012_segments
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013_segments"
down_revision = "0012_search_keys"
branch_labels = None
depends_on = None

DEFINITIONS = (
    ("lifecycle", "生命周期阶段", "Life-cycle stage", "choose what is proposed at each stage"),
    ("payroll", "代发工资客户", "Payroll customer", "serve customers whose salary comes here"),
    ("silver_hair", "银发客户", "Silver-haired customer", "serve elderly customers in person"),
    ("digital", "线上客户", "Digital customer", "serve customers where they are"),
)


def upgrade() -> None:
    """Define them: internal and personal, as the others of insight are."""
    texts = [sa.column(name) for name in ("tag", "name_zh", "name_en", "owner", "purpose", "changed_by")]
    flags = [sa.column(name, sa.Boolean) for name in ("personal", "customer_visible")]
    numbers = [sa.column(name, sa.Integer) for name in ("version", "keep_days")]
    others = [sa.column("allowed", postgresql.ARRAY(sa.Text)), sa.column("changed_at", sa.DateTime(timezone=True))]
    same = {"version": 1, "owner": "insight", "personal": True, "customer_visible": False, "keep_days": 60}
    made = same | {"changed_by": "attune", "changed_at": datetime.now(UTC), "allowed": []}
    op.bulk_insert(
        sa.table("tag_definition", *texts, *flags, *numbers, *others),
        [{"tag": tag, "name_zh": zh, "name_en": en, "purpose": why} | made for tag, zh, en, why in DEFINITIONS],
    )


def downgrade() -> None:
    """Take them away, and the tags with them."""
    names = ", ".join(f"'{tag}'" for tag, *_ in DEFINITIONS)
    for table in ("tag", "tag_deletion", "tag_definition"):
        op.execute(f"DELETE FROM {table} WHERE tag IN ({names})")  # noqa: S608 - names of this file
