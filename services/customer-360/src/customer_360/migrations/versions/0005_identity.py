"""Identity data are sealed and found by keyed digests; households; what organisations and prospects have beside it.

Revision ID: 0005_identity
"""

from alembic import op
from sqlalchemy import text

revision = "0005_identity"
down_revision = "0004_tags_and_timeline"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE party ADD COLUMN household_id text;
ALTER TABLE party ADD COLUMN household_role text;
ALTER TABLE party ADD COLUMN legal_form text;
ALTER TABLE party ADD COLUMN industry text;
ALTER TABLE party ADD COLUMN prospect_source text;
ALTER TABLE party ADD COLUMN legal_basis text;
CREATE INDEX party_household ON party (household_id) WHERE household_id IS NOT NULL;

CREATE TABLE household (
    household_id text PRIMARY KEY,
    branch_id text,
    formed_on date
);

DROP TABLE party_identity;
CREATE TABLE party_identity (
    customer_id uuid PRIMARY KEY REFERENCES party,
    name bytea,
    phone bytea,
    document bytea,
    address bytea,
    digest bytea NOT NULL,
    keys bigint[] NOT NULL,
    document_key bytea
);
CREATE INDEX party_identity_keys ON party_identity USING gin (keys) WITH (gin_pending_list_limit = 1024);
CREATE INDEX party_identity_document ON party_identity (document_key) WHERE document_key IS NOT NULL;

CREATE TABLE party_alias (
    alias_id uuid PRIMARY KEY REFERENCES party,
    customer_id uuid NOT NULL REFERENCES party
);
CREATE INDEX party_alias_survivor ON party_alias (customer_id);
"""
PLAIN = """
CREATE TABLE party_identity (
    customer_id uuid PRIMARY KEY REFERENCES party,
    name text,
    phone text,
    document text,
    address text
)"""


def upgrade() -> None:
    """Replace the table of plain identities; a home that holds any must be made anew: this role has no keys."""
    if op.get_bind().scalar(text("SELECT EXISTS (SELECT FROM party_identity)")):
        raise RuntimeError(
            "this database holds names and phones in plain, from before they were encrypted:"
            " make a fresh home and import the bank's files again"
        )
    for statement in TABLES.strip().removesuffix(";").split(";"):  # the driver takes one at a time
        op.execute(statement)


def downgrade() -> None:
    """Back to a table of plain identities, empty: nothing sealed is ever written out in plain."""
    op.execute("DROP TABLE party_alias, party_identity, household")
    op.execute(PLAIN)
    for column in ("household_id", "household_role", "legal_form", "industry", "prospect_source", "legal_basis"):
        op.execute(f"ALTER TABLE party DROP COLUMN {column}")
