"""Who sees which rows: customers' feature rows are the worker's alone (they are filled by COPY, so by right)."""

from alembic import op

from attune_service_kit.migrations import roles
from attune_service_kit.row_security import not_for_app

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = ("feature_row", "feature_row_0", "feature_row_1")


def upgrade() -> None:
    not_for_app(op, *_TABLES)


def downgrade() -> None:
    app, _ = roles(op.get_bind())
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(_TABLES)} TO {app}")
