"""Who has which customer of another branch before them: row security lets them decide, present and record."""

import sqlalchemy as sa
from alembic import op

from attune_service_kit.row_security import Visible, of_branch, of_customer, of_subject, protect, through, unprotect

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

AT_HAND = Visible(
    "EXISTS (SELECT FROM visit v WHERE v.customer_id = {table}.customer_id"
    " AND v.subject = nullif(current_setting('app.subject', true), '') AND v.until > now())"
)
_OWN = of_branch() | of_customer()
BEFORE = {
    "proj_party": _OWN,
    "opportunity": _OWN | through("task", "task_id", "id"),
    "decision": _OWN | of_subject("caller", "{table}.branch_id IS NULL"),
}


def upgrade() -> None:
    op.create_table(
        "visit",
        sa.Column("visit_id", sa.Uuid(), primary_key=True),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("visit_subject", "visit", ["subject", "customer_id"])
    protect(op, "visit", of_subject("subject"))
    for table, visible in BEFORE.items():
        protect(op, table, visible | AT_HAND)


def downgrade() -> None:
    for table, visible in BEFORE.items():
        protect(op, table, visible)
    unprotect(op, "visit")
    op.drop_table("visit")
