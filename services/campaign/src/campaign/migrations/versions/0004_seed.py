"""Offers, scripts, campaigns and policies as shipped, from the package's YAML files."""

from alembic import op

from campaign.seed import apply

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    apply(op.get_bind())


def downgrade() -> None:
    for table in ("catalogue", "script", "offer", "campaign", "policy"):
        op.execute(f"DELETE FROM {table}")  # noqa: S608 - names from this list
