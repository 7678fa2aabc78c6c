"""What a suppression gives back, and who lives in a household."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# As its owner: a household's members may belong to other branches than whoever speaks for one of them.
RELEASE = """
CREATE FUNCTION release_contacts_of(p_level text, p_keys text[], p_channel text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    released bigint;
BEGIN
    WITH touched AS (
        SELECT id FROM contact WHERE p_level = 'customer' AND customer_id = ANY (p_keys::uuid[])
        UNION ALL SELECT id FROM contact WHERE p_level = 'household' AND household_id = ANY (p_keys)
        UNION ALL SELECT id FROM contact WHERE p_level = 'account' AND account_ids && p_keys::uuid[]
    )
    UPDATE contact SET state = 'released', hold_until = NULL
    WHERE id IN (SELECT id FROM touched) AND state = 'reserved' AND message_class = 'marketing'
        AND direction = 'outbound' AND (p_channel IS NULL OR channel = p_channel);
    GET DIAGNOSTICS released = ROW_COUNT;
    RETURN released;
END $$
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(RELEASE)
    op.create_index(
        "party_household",
        "proj_party",
        ["household_id"],
        unique=False,
        postgresql_where=sa.text("household_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("party_household", table_name="proj_party")
    op.execute("DROP FUNCTION release_contacts_of(text, text[], text)")
