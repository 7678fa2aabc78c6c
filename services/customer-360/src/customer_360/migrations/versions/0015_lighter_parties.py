"""What a party costs to write, less: an index that no query could use is gone, and its keys are listed without a join.

Parties without a manager are asked for together with those whose manager has left, which an index of the first alone
does not answer.

Revision ID: 0015_lighter_parties
"""

from alembic import op

revision = "0015_lighter_parties"
down_revision = "0014_told"
branch_labels = None
depends_on = None

FOLLOW = """
CREATE OR REPLACE FUNCTION identity_keys_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM identity_key k USING stale o JOIN fresh n USING (customer_id), unnest(o.keys) AS gone
        WHERE o.keys <> n.keys AND k.key = gone AND k.customer_id = o.customer_id;
        INSERT INTO identity_key (key, customer_id)
        SELECT come, n.customer_id FROM stale o JOIN fresh n USING (customer_id), unnest(n.keys) AS come
        WHERE o.keys <> n.keys ORDER BY 1, 2;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO identity_key (key, customer_id) SELECT {come}, n.customer_id FROM fresh n{joined} ORDER BY 1, 2;
    ELSE
        DELETE FROM identity_key k USING stale o, unnest(o.keys) AS gone
        WHERE k.key = gone AND k.customer_id = o.customer_id;
    END IF;
    RETURN NULL;
END $$"""


def upgrade() -> None:
    """Change them."""
    op.execute("DROP INDEX party_unassigned")
    op.get_bind().exec_driver_sql(FOLLOW.format(come="unnest(n.keys)", joined=""))


def downgrade() -> None:
    """Back to how they were."""
    op.get_bind().exec_driver_sql(FOLLOW.format(come="come", joined=", unnest(n.keys) AS come"))
    op.execute("CREATE INDEX party_unassigned ON party (branch_id, customer_id) WHERE manager_id IS NULL")
