"""Stored feature rows of named customers, for the scores that a model administrator asks for over HTTP."""

from alembic import op

from attune_service_kit.row_security import beyond_scope

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROWS_OF = """
SELECT r.customer_id, r.values, s.features, s.as_of
FROM feature_set AS s JOIN feature_row AS r ON r.slot = s.slot WHERE r.customer_id = ANY ($1)"""
COLUMNS = 'TABLE (customer_id uuid, "values" double precision[], features text[], as_of date)'


def upgrade() -> None:
    beyond_scope(op, "feature_rows_of(customers uuid[])", COLUMNS, ROWS_OF)


def downgrade() -> None:
    op.execute("DROP FUNCTION feature_rows_of(uuid[])")
