"""Customers, accounts, holdings, products, branches, employees, consents and imports.

Revision ID: 0001
"""

from alembic import op

from attune_service_kit.migrations import create_kit_tables, drop_kit_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE party (
    customer_id uuid PRIMARY KEY,
    source text NOT NULL,
    source_id text NOT NULL,
    party_kind text NOT NULL,
    birth_date date,
    gender text,
    branch_id text,
    manager_id text,
    risk_rating text,
    risk_rated_on date,
    opened_on date,
    personalisation boolean NOT NULL,
    version bigint NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT party_source_id UNIQUE (source, source_id)
);
CREATE INDEX party_manager ON party (manager_id, customer_id);
CREATE INDEX party_branch ON party (branch_id, customer_id);
CREATE INDEX party_by_source_id ON party (source_id);

CREATE TABLE party_identity (
    customer_id uuid PRIMARY KEY REFERENCES party,
    name text,
    phone text,
    document text,
    address text
);

CREATE TABLE account (
    account_id uuid PRIMARY KEY,
    source text NOT NULL,
    source_id text NOT NULL,
    customer_id uuid NOT NULL REFERENCES party,
    branch_id text,
    kind text NOT NULL,
    currency text NOT NULL,
    opened_on date,
    closed_on date,
    opening_balance_minor bigint NOT NULL
);
CREATE INDEX account_customer ON account (customer_id);

CREATE TABLE product (
    product_id text PRIMARY KEY,
    name_zh text NOT NULL,
    name_en text NOT NULL,
    kind text NOT NULL,
    risk_level text
);

CREATE TABLE holding (
    holding_id text PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES party,
    account_id uuid,
    product_id text NOT NULL REFERENCES product,
    opened_on date,
    matures_on date,
    amount_minor bigint
);
CREATE INDEX holding_customer ON holding (customer_id);

CREATE TABLE consent (
    customer_id uuid NOT NULL REFERENCES party,
    purpose text NOT NULL,
    granted boolean NOT NULL,
    evidence text NOT NULL,
    since date NOT NULL,
    PRIMARY KEY (customer_id, purpose)
);

CREATE TABLE branch (
    branch_id text PRIMARY KEY,
    parent_id text,
    name text NOT NULL
);

CREATE TABLE branch_scope (
    ancestor text NOT NULL,
    branch text NOT NULL,
    PRIMARY KEY (ancestor, branch)
);

CREATE TABLE employee (
    employee_id text PRIMARY KEY,
    branch_id text NOT NULL,
    role text NOT NULL,
    name text,
    daily_capacity integer
);

CREATE TABLE import_run (
    import_id uuid PRIMARY KEY,
    source text NOT NULL,
    datasets text[] NOT NULL,
    counts jsonb NOT NULL,
    completed_at timestamptz NOT NULL
);
"""

# ISO 4217: currencies whose minor unit is not a hundredth. The same sum is always the same text, whoever formats it.
MONEY = """
CREATE FUNCTION money(minor bigint, currency text) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN minor IS NOT NULL THEN json_build_object(
        'amount', CASE
            WHEN currency IN ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV',
                              'XAF', 'XOF', 'XPF')
                THEN minor::text
            WHEN currency IN ('BHD','IQD','JOD','KWD','LYD','OMR','TND') THEN round(minor / 1000::numeric, 3)::text
            ELSE round(minor / 100::numeric, 2)::text
        END,
        'currency', currency) END
$$
"""


def upgrade() -> None:
    """Create everything."""
    create_kit_tables(op)
    for statement in TABLES.strip().removesuffix(";").split(";"):  # the driver takes one at a time
        op.execute(statement)
    op.execute(MONEY)


def downgrade() -> None:
    """Drop everything."""
    op.execute("DROP FUNCTION money(bigint, text)")
    op.execute(
        "DROP TABLE import_run, employee, branch_scope, branch, consent, holding, product, account,"
        " party_identity, party"
    )
    drop_kit_tables(op)
