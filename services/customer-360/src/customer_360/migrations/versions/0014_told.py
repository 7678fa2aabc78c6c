"""What a bank's file says of phone and address is dated with the identity itself; managers' index holds their own only.

Revision ID: 0014_told
"""

from alembic import op

revision = "0014_told"
down_revision = "0013_segments"
branch_labels = None
depends_on = None

# Fields that an earlier import has noted as rows of their own keep them.
TABLES = """
ALTER TABLE party_identity ADD COLUMN told_by text;
ALTER TABLE party_identity ADD COLUMN told_at timestamptz;
DROP INDEX party_manager;
CREATE INDEX party_manager ON party (manager_id, customer_id) WHERE manager_id IS NOT NULL;
"""
NOTED = """
INSERT INTO profile_field (customer_id, field, source, updated_by, updated_at)
SELECT i.customer_id, f.field, 'import', i.told_by, i.told_at
FROM party_identity i CROSS JOIN LATERAL (VALUES ('phone', i.phone), ('address', i.address)) AS f (field, sealed)
WHERE i.told_at IS NOT NULL AND f.sealed IS NOT NULL
ON CONFLICT DO NOTHING"""


def upgrade() -> None:
    """Add the columns."""
    for statement in TABLES.strip().removesuffix(";").split(";"):  # the driver takes one at a time
        op.execute(statement)


def downgrade() -> None:
    """Note the fields as rows again."""
    op.execute(NOTED)
    op.execute("ALTER TABLE party_identity DROP COLUMN told_by, DROP COLUMN told_at")
    op.execute("DROP INDEX party_manager")
    op.execute("CREATE INDEX party_manager ON party (manager_id, customer_id)")
