"""Who sees which rows: forced row security."""

from alembic import op

from attune_service_kit.row_security import of_branch, of_customer, protect, through, unprotect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OWN = of_branch() | of_customer()
PROTECTED = {
    "detection": _OWN,
    "account_owner": _OWN,
    "posting": through("account_owner", "account_id"),
    "intake_pending": through("account_owner", "account_id"),
    "keyed_state": through("account_owner"),
    "owner_version": through("account_owner"),
}


def upgrade() -> None:
    """Protect every table that tells about a customer."""
    for table, visible in PROTECTED.items():
        protect(op, table, visible)


def downgrade() -> None:
    """Let everybody see everything again."""
    for table in PROTECTED:
        unprotect(op, table)
