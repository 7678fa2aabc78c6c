"""Ranges of decisions by business time, for auditors."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("decision_as_of", "decision", ["as_of"], postgresql_using="brin")


def downgrade() -> None:
    op.drop_index("decision_as_of", "decision")
