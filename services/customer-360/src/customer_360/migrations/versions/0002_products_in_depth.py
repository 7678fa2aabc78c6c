"""Loans, cards, standing orders, who may act on an account, and regions.

Revision ID: 0002_products_in_depth
"""

from alembic import op

revision = "0002_products_in_depth"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE account_party (
    account_id uuid NOT NULL REFERENCES account,
    customer_id uuid NOT NULL REFERENCES party,
    role text NOT NULL,
    PRIMARY KEY (account_id, customer_id)
);
CREATE INDEX account_party_customer ON account_party (customer_id);

CREATE TABLE loan (
    loan_id text PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES party,
    account_id uuid,
    granted_on date NOT NULL,
    matures_on date,
    amount_minor bigint NOT NULL,
    months integer,
    payment_minor bigint,
    status text NOT NULL
);
CREATE INDEX loan_customer ON loan (customer_id);

CREATE TABLE card (
    card_id text PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES party,
    account_id uuid,
    kind text NOT NULL,
    issued_on date,
    expires_on date
);
CREATE INDEX card_customer ON card (customer_id);

CREATE TABLE standing_order (
    standing_order_id text PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES account,
    amount_minor bigint NOT NULL,
    kind text,
    partner_bank text,
    partner_account text,
    frequency text,
    started_on date,
    ended_on date
);
CREATE INDEX standing_order_account ON standing_order (account_id);

CREATE TABLE region (
    region_id text PRIMARY KEY,
    name text NOT NULL,
    part_of text,
    inhabitants integer,
    urban_percent double precision,
    average_salary_minor bigint,
    unemployment_percent double precision,
    unemployment_percent_before double precision,
    entrepreneurs_per_1000 integer,
    crimes integer,
    crimes_before integer
);

ALTER TABLE branch ADD COLUMN region_id text;
"""


def upgrade() -> None:
    """Create the tables."""
    for statement in TABLES.strip().removesuffix(";").split(";"):  # the driver takes one at a time
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    op.execute("ALTER TABLE branch DROP COLUMN region_id")
    op.execute("DROP TABLE region, standing_order, card, loan, account_party")
