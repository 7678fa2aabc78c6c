"""What finds a party, as rows in the order of the keys: five times as fast to fill as an index over arrays.

Revision ID: 0012_search_keys
"""

from alembic import op

from attune_service_kit.row_security import protect, through, unprotect

revision = "0012_search_keys"
down_revision = "0011_import_history"
branch_labels = None
depends_on = None

# The rows follow the arrays, whoever writes those: an import, a change at the counter, an import taken back.
FOLLOW = """
CREATE FUNCTION identity_keys_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM identity_key k USING stale o JOIN fresh n USING (customer_id), unnest(o.keys) AS gone
        WHERE o.keys <> n.keys AND k.key = gone AND k.customer_id = o.customer_id;
        INSERT INTO identity_key (key, customer_id)
        SELECT come, n.customer_id FROM stale o JOIN fresh n USING (customer_id), unnest(n.keys) AS come
        WHERE o.keys <> n.keys ORDER BY 1, 2;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO identity_key (key, customer_id)
        SELECT come, n.customer_id FROM fresh n, unnest(n.keys) AS come ORDER BY 1, 2;
    ELSE
        DELETE FROM identity_key k USING stale o, unnest(o.keys) AS gone
        WHERE k.key = gone AND k.customer_id = o.customer_id;
    END IF;
    RETURN NULL;
END $$"""
TRIGGERS = {
    "INSERT": "NEW TABLE AS fresh",
    "UPDATE": "OLD TABLE AS stale NEW TABLE AS fresh",
    "DELETE": "OLD TABLE AS stale",
}


def upgrade() -> None:
    """Fill the table from the arrays, and let it follow them."""
    op.execute("CREATE TABLE identity_key (key bigint NOT NULL, customer_id uuid NOT NULL)")
    op.execute("INSERT INTO identity_key SELECT k, customer_id FROM party_identity, unnest(keys) AS k ORDER BY 1, 2")
    op.execute("ALTER TABLE identity_key ADD PRIMARY KEY (key, customer_id)")
    op.execute("DROP INDEX party_identity_keys")
    op.get_bind().exec_driver_sql(FOLLOW)
    for event, tables in TRIGGERS.items():
        op.execute(
            f"CREATE TRIGGER identity_keys_{event.lower()} AFTER {event} ON party_identity REFERENCING {tables}"
            " FOR EACH STATEMENT EXECUTE FUNCTION identity_keys_follow()"
        )
    protect(op, "identity_key", through("party"))
    # The bank's own ids are unique by source; one index serves that and the search.
    op.execute("ALTER TABLE party DROP CONSTRAINT party_source_id")
    op.execute("DROP INDEX party_by_source_id")
    op.execute("ALTER TABLE party ADD CONSTRAINT party_source_id UNIQUE (source_id, source)")
    op.execute("DROP INDEX identity_review_state")
    op.execute("CREATE INDEX identity_review_state ON identity_review (state, found_at, review_id)")


def downgrade() -> None:
    """Back to the index over arrays."""
    op.execute("DROP INDEX identity_review_state")
    op.execute("CREATE INDEX identity_review_state ON identity_review (state, review_id)")
    op.execute("ALTER TABLE party DROP CONSTRAINT party_source_id")
    op.execute("ALTER TABLE party ADD CONSTRAINT party_source_id UNIQUE (source, source_id)")
    op.execute("CREATE INDEX party_by_source_id ON party (source_id)")
    for event in TRIGGERS:
        op.execute(f"DROP TRIGGER identity_keys_{event.lower()} ON party_identity")
    op.execute("DROP FUNCTION identity_keys_follow()")
    unprotect(op, "identity_key")
    op.execute("DROP TABLE identity_key")
    op.execute("CREATE INDEX party_identity_keys ON party_identity USING gin (keys)")
