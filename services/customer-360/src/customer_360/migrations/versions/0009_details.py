"""Particulars of customers with source and age; whether a manager is one of the bank's employees, wherever they work.

Revision ID: 0009_details
"""

from alembic import op

from attune_service_kit.row_security import beyond_scope, protect, through

revision = "0009_details"
down_revision = "0008_visits"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE profile_field (
    customer_id uuid NOT NULL REFERENCES party,
    field text NOT NULL,
    value text,
    sealed bytea,
    source text NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (customer_id, field)
);
CREATE INDEX profile_field_local ON profile_field (customer_id)
    WHERE source <> 'import' AND field IN ('phone', 'address');
CREATE INDEX party_unassigned ON party (branch_id, customer_id) WHERE manager_id IS NULL;

INSERT INTO profile_field (customer_id, field, source, updated_by, updated_at)
SELECT p.customer_id, v.field, 'import', 'service', p.updated_at
FROM party p JOIN party_identity i USING (customer_id)
CROSS JOIN LATERAL (VALUES ('phone', i.phone), ('address', i.address)) AS v (field, sealed)
WHERE v.sealed IS NOT NULL;
"""


def upgrade() -> None:
    """Add them; what the files have said of phone and address is their first entry."""
    for statement in TABLES.strip().removesuffix(";").split(";"):  # the driver takes one at a time
        op.execute(statement)
    protect(op, "profile_field", through("party"))
    known = "SELECT EXISTS (SELECT FROM employee e WHERE e.employee_id = $1)"
    beyond_scope(op, "employee_known(employee text)", "boolean", known)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP FUNCTION employee_known(text)")
    op.execute("DROP INDEX party_unassigned")
    op.execute("DROP TABLE profile_field")
