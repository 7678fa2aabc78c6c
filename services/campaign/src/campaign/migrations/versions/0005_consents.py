"""Consents by channel and product kind, with the version of a customer's consents; what they permit, for every sender.

A row that a bank has from before stands for every channel and kind, and any newer state replaces it (version 0).
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = (
    "ALTER TABLE proj_consent ADD COLUMN channel text NOT NULL DEFAULT '*'",
    "ALTER TABLE proj_consent ADD COLUMN product_kind text NOT NULL DEFAULT '*'",
    "ALTER TABLE proj_consent ADD COLUMN version bigint NOT NULL DEFAULT 0",
    "ALTER TABLE proj_consent DROP CONSTRAINT proj_consent_pkey",
    "ALTER TABLE proj_consent ADD PRIMARY KEY (customer_id, purpose, channel, product_kind)",
    "ALTER TABLE campaign ADD COLUMN product_kind text",
)

# The same rule as `attune_contracts.consent.permitted`: NULL = unknown, and that means no.
PERMITTED = """
CREATE FUNCTION contact_permitted(p_customer uuid, p_channel text, p_kind text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT bool_and(granted) FROM (
        SELECT granted, rank() OVER (ORDER BY (channel <> '*')::integer + (product_kind <> '*')::integer DESC) AS place
        FROM proj_consent
        WHERE customer_id = p_customer AND purpose = 'marketing_contact'
          AND channel IN ('*', p_channel) AND product_kind IN ('*', p_kind)
    ) covering WHERE place = 1
$$
"""

# What a contact is about: the kind its campaign sells, else the kinds of the offers shown; {NULL} = no single one.
KINDS = """
CREATE FUNCTION contact_kinds(p_contact uuid, p_campaign text) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(CASE WHEN p_campaign IS NOT NULL THEN
        ARRAY(SELECT product_kind FROM campaign WHERE code = p_campaign ORDER BY version DESC LIMIT 1)
    ELSE
        ARRAY(SELECT DISTINCT (
                  SELECT o.product_kind FROM offer o WHERE o.code = p.offer ORDER BY o.version DESC LIMIT 1)
              FROM decision_presented p WHERE p.contact_id = p_contact)
    END, '{}'), ARRAY[NULL]::text[])
$$
"""


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for function in (PERMITTED, KINDS):
        op.execute(function)


def downgrade() -> None:
    op.execute("DROP FUNCTION contact_kinds(uuid, text)")
    op.execute("DROP FUNCTION contact_permitted(uuid, text, text)")
    op.execute("ALTER TABLE campaign DROP COLUMN product_kind")
    op.execute("DELETE FROM proj_consent WHERE (channel, product_kind) <> ('*', '*')")
    op.execute("ALTER TABLE proj_consent DROP CONSTRAINT proj_consent_pkey")
    op.execute("ALTER TABLE proj_consent ADD PRIMARY KEY (customer_id, purpose)")
    for column in ("channel", "product_kind", "version"):
        op.execute(f"ALTER TABLE proj_consent DROP COLUMN {column}")
