"""Several records, one customer: merges, doubtful pairs, and the customer as all records together know them (X22).

Revision ID: 0010_resolution
"""

from alembic import op

from attune_service_kit.row_security import NOTHING, protect, through, unprotect

revision = "0010_resolution"
down_revision = "0009_details"
branch_labels = None
depends_on = None

# A merge moves no row: it is an edge between two records. Who answers for whom follows from the edges that hold.
TABLES = """
CREATE TABLE party_merge (
    merge_id uuid PRIMARY KEY,
    first uuid NOT NULL REFERENCES party,
    second uuid NOT NULL REFERENCES party,
    holds boolean NOT NULL,
    how text NOT NULL,
    reason text,
    merged_by text NOT NULL,
    merged_at timestamptz NOT NULL,
    undone_by text,
    undone_at timestamptz,
    undone_reason text,
    CONSTRAINT party_merge_pair UNIQUE (first, second),
    CONSTRAINT party_merge_order CHECK (first < second)
);
CREATE INDEX party_merge_second ON party_merge (second);

CREATE TABLE identity_review (
    review_id uuid PRIMARY KEY,
    first uuid NOT NULL REFERENCES party,
    second uuid NOT NULL REFERENCES party,
    grounds text[] NOT NULL,
    documents text NOT NULL,
    state text NOT NULL,
    found_at timestamptz NOT NULL,
    decided_by text,
    decided_at timestamptz,
    reason text,
    CONSTRAINT identity_review_pair UNIQUE (first, second),
    CONSTRAINT identity_review_order CHECK (first < second)
);
CREATE INDEX identity_review_state ON identity_review (state, review_id);
"""

# The survivor's own word comes first; where it is silent, the others', the oldest first. The newest risk rating holds,
# and one record without personalisation is the customer's word for all. Branch and book are the survivor's.
CUSTOMER = """
CREATE VIEW customer WITH (security_invoker = true) AS
SELECT p.customer_id, p.source, p.source_id, p.party_kind,
       coalesce(p.birth_date, o.birth_date) AS birth_date, coalesce(p.gender, o.gender) AS gender,
       p.branch_id, p.manager_id,
       CASE WHEN o.rated THEN o.risk_rating ELSE p.risk_rating END AS risk_rating,
       CASE WHEN o.rated THEN o.risk_rated_on ELSE p.risk_rated_on END AS risk_rated_on,
       CASE WHEN o.rated THEN o.risk_valid_until ELSE p.risk_valid_until END AS risk_valid_until,
       least(p.opened_on, o.opened_on) AS opened_on,
       p.personalisation AND coalesce(o.personalisation, true) AS personalisation,
       coalesce(p.household_id, o.household_id) AS household_id,
       CASE WHEN p.household_id IS NULL THEN o.household_role ELSE p.household_role END AS household_role,
       coalesce(p.legal_form, o.legal_form) AS legal_form, coalesce(p.industry, o.industry) AS industry,
       p.prospect_source, p.legal_basis, p.version, p.updated_at
FROM party p LEFT JOIN LATERAL (
    SELECT first_of(r.birth_date ORDER BY r.opened_on, r.customer_id) AS birth_date,
           first_of(r.gender ORDER BY r.opened_on, r.customer_id) AS gender,
           first_of(r.household_id ORDER BY r.opened_on, r.customer_id) AS household_id,
           first_of(r.household_role ORDER BY r.household_id IS NULL, r.opened_on, r.customer_id) AS household_role,
           first_of(r.legal_form ORDER BY r.opened_on, r.customer_id) AS legal_form,
           first_of(r.industry ORDER BY r.opened_on, r.customer_id) AS industry,
           first_of(r.risk_rating ORDER BY r.risk_rated_on DESC NULLS LAST) AS risk_rating,
           first_of(r.risk_valid_until ORDER BY r.risk_rated_on DESC NULLS LAST) AS risk_valid_until,
           max(r.risk_rated_on) AS risk_rated_on,
           max(r.risk_rated_on) > coalesce(p.risk_rated_on, '-infinity') AS rated,
           min(r.opened_on) AS opened_on, bool_and(r.personalisation) AS personalisation
    FROM party_alias a JOIN party r ON r.customer_id = a.alias_id WHERE a.customer_id = p.customer_id
    HAVING count(*) > 0
) o ON true
WHERE NOT EXISTS (SELECT FROM party_alias a WHERE a.alias_id = p.customer_id)
"""
# The first value that is there: a strict transition keeps what it has and never sees NULL.
FIRST_OF = """
CREATE FUNCTION first_of_both(anyelement, anyelement) RETURNS anyelement
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT $1'"""


def upgrade() -> None:
    """Create the tables and the view."""
    for statement in TABLES.strip().removesuffix(";").split(";"):  # the driver takes one at a time
        op.execute(statement)
    protect(op, "party_merge", through("party", "first", "customer_id"))
    protect(op, "identity_review", NOTHING)
    op.execute(FIRST_OF)
    op.execute("CREATE AGGREGATE first_of(anyelement) (SFUNC = first_of_both, STYPE = anyelement, PARALLEL = safe)")
    op.execute(CUSTOMER)


def downgrade() -> None:
    """Drop them; the aliases are left as they are."""
    op.execute("DROP VIEW customer")
    op.execute("DROP AGGREGATE first_of(anyelement)")
    op.execute("DROP FUNCTION first_of_both(anyelement, anyelement)")
    for table in ("identity_review", "party_merge"):
        unprotect(op, table)
        op.execute(f"DROP TABLE {table}")
