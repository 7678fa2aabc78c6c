"""Who has signed a version that was uploaded, and the signature."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Versions from before have none."""
    op.add_column("model_version", sa.Column("signer", sa.Text))
    op.add_column("model_version", sa.Column("signature", sa.LargeBinary))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("model_version", "signature")
    op.drop_column("model_version", "signer")
