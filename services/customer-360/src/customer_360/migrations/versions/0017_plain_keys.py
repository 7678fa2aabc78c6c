"""What an undo needs of an added row is its key as it is: the list around it cost more than the key.

Revision ID: 0017_plain_keys
"""

from collections.abc import Mapping, Sequence
from importlib import import_module

from alembic import op

from attune_service_kit.files.changes import keep_keys_listed, keep_keys_plain

revision = "0017_plain_keys"
down_revision = "0016_lighter_still"
branch_labels = None
depends_on = None

TABLES: Mapping[str, Sequence[str]] = import_module("customer_360.migrations.versions.0011_import_history").TABLES


def upgrade() -> None:
    """Keep them so from now on; what was kept before is read as well."""
    keep_keys_plain(op, TABLES)


def downgrade() -> None:
    """Back to lists."""
    keep_keys_listed(op, TABLES)
