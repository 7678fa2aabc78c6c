"""What a party costs to write, less once more: what an undo needs is kept as it is, documents have one index.

A document was found by its digest's own index and by a search key. Rows of before keep their key until they are written
again; nobody looks for it.

Revision ID: 0016_lighter_still
"""

from collections.abc import Mapping, Sequence
from importlib import import_module

from alembic import op

from attune_service_kit.files.changes import keep_keys_apart, keep_keys_together

revision = "0016_lighter_still"
down_revision = "0015_lighter_parties"
branch_labels = None
depends_on = None

TABLES: Mapping[str, Sequence[str]] = import_module("customer_360.migrations.versions.0011_import_history").TABLES


def upgrade() -> None:
    """Change them."""
    keep_keys_apart(op, TABLES)


def downgrade() -> None:
    """Back to how they were: documents of parties that came since are found once these have been written again."""
    keep_keys_together(op, TABLES)
