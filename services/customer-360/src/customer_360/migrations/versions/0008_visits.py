"""Visits: one foreign customer opened to one member of staff for a while, for row security as well.

Revision ID: 0008_visits
"""

from alembic import op

from attune_service_kit.row_security import (
    Visible,
    beyond_scope,
    of_branch,
    of_customer,
    of_subject,
    protect,
    unprotect,
)

revision = "0008_visits"
down_revision = "0007_risk"
branch_labels = None
depends_on = None

OPEN = "v.subject = nullif(current_setting('app.subject', true), '') AND v.until > now()"
AT_HAND = Visible(f"EXISTS (SELECT FROM visit v WHERE v.customer_id = {{table}}.customer_id AND {OPEN})")
_SEEN = of_branch() | of_customer() | Visible("same_person_seen({table}.customer_id)")

# As in 0006, and whoever has the customer before them has all that belongs to the customer.
SAME_PERSON = """
SELECT EXISTS (
    WITH survivor AS (
        SELECT coalesce((SELECT a.customer_id FROM party_alias a WHERE a.alias_id = $1), $1) AS customer_id)
    SELECT FROM survivor s JOIN party_alias a ON a.customer_id = s.customer_id
    JOIN party r ON r.customer_id IN (s.customer_id, a.alias_id)
    WHERE r.customer_id = nullif(current_setting('app.customer', true), '')::uuid
       OR EXISTS (SELECT FROM branch_scope b
                  WHERE b.ancestor = current_setting('app.branch', true) AND b.branch = r.branch_id)
       {visit})"""
VISIT = f"OR EXISTS (SELECT FROM visit v WHERE v.customer_id = s.customer_id AND {OPEN})"

# Who of all customers shows this: nobody, one, or two where it is nobody in particular. It tells an id, no more.
PRESENTED = """
SELECT DISTINCT coalesce(a.customer_id, f.customer_id) FROM (
    SELECT i.customer_id FROM party_identity i WHERE $1 = 'document' AND i.document_key = $3
    UNION ALL SELECT c.customer_id FROM account c WHERE $1 = 'account' AND c.source_id = $2
    UNION ALL SELECT c.customer_id FROM card c WHERE $1 = 'card' AND c.card_id = $2
) f LEFT JOIN party_alias a ON a.alias_id = f.customer_id LIMIT 2"""


def upgrade() -> None:
    """Create the table, let it widen what its member of staff sees, and let what is presented be looked up."""
    op.execute(
        "CREATE TABLE visit ("
        " visit_id uuid PRIMARY KEY, customer_id uuid NOT NULL REFERENCES party, subject text NOT NULL,"
        " branch_id text NOT NULL, reason text NOT NULL, opened_at timestamptz NOT NULL, until timestamptz NOT NULL)"
    )
    op.execute("CREATE INDEX visit_subject ON visit (subject, customer_id)")
    op.execute("CREATE INDEX account_by_source_id ON account (source_id)")
    protect(op, "visit", of_subject("subject"))
    beyond_scope(op, "same_person_seen(customer uuid)", "boolean", SAME_PERSON.replace("{visit}", VISIT))
    protect(op, "party", _SEEN | AT_HAND)
    beyond_scope(op, "presented_by(kind text, number text, document bytea)", "TABLE (customer_id uuid)", PRESENTED)


def downgrade() -> None:
    """Back to the scopes alone."""
    op.execute("DROP FUNCTION presented_by(text, text, bytea)")
    protect(op, "party", _SEEN)
    beyond_scope(op, "same_person_seen(customer uuid)", "boolean", SAME_PERSON.replace("{visit}", ""))
    unprotect(op, "visit")
    op.execute("DROP INDEX account_by_source_id")
    op.execute("DROP TABLE visit")
