"""Who sees which rows: forced row security, and the two names that everybody may be told.

Revision ID: 0006_row_security
"""

from alembic import op

from attune_service_kit.row_security import (
    Visible,
    beyond_scope,
    of_branch,
    of_customer,
    protect,
    through,
    unprotect,
)

revision = "0006_row_security"
down_revision = "0005_identity"
branch_labels = None
depends_on = None

# Who has one of a merged customer's records in their branch keeps the customer with all that belongs to it.
SAME_PERSON = """
SELECT EXISTS (
    WITH survivor AS (
        SELECT coalesce((SELECT a.customer_id FROM party_alias a WHERE a.alias_id = $1), $1) AS customer_id)
    SELECT FROM survivor s JOIN party_alias a ON a.customer_id = s.customer_id
    JOIN party r ON r.customer_id IN (s.customer_id, a.alias_id)
    WHERE r.customer_id = nullif(current_setting('app.customer', true), '')::uuid
       OR EXISTS (SELECT FROM branch_scope b
                  WHERE b.ancestor = current_setting('app.branch', true) AND b.branch = r.branch_id))"""

PROTECTED = {
    "party": of_branch() | of_customer() | Visible("same_person_seen({table}.customer_id)"),
    "party_alias": through("party"),
    "household": of_branch() | through("party", "household_id"),
    "party_identity": through("party"),
    "account": through("party"),
    "account_party": through("party"),
    "standing_order": through("account", "account_id"),
    "holding": through("party"),
    "loan": through("party"),
    "card": through("party"),
    "consent": through("party"),
    "consent_entry": through("party"),
    "consent_version": through("party"),
    "tag": through("party"),
    "tag_deletion": through("party"),
    "timeline_entry": through("party"),
    "last_contact": through("party"),
    "open_opportunity": through("party"),
    "branch": of_branch(),
    "employee": of_branch(),
}


def upgrade() -> None:
    """Protect every table that tells about a customer, a branch or its staff."""
    beyond_scope(op, "same_person_seen(customer uuid)", "boolean", SAME_PERSON)
    for table, visible in PROTECTED.items():
        protect(op, table, visible)
    # A customer's view names branch and manager, wherever those are.
    beyond_scope(op, "branch_name(branch text)", "text", "SELECT b.name FROM branch b WHERE b.branch_id = $1")
    beyond_scope(op, "employee_name(employee text)", "text", "SELECT e.name FROM employee e WHERE e.employee_id = $1")


def downgrade() -> None:
    """Let everybody see everything again."""
    for table in PROTECTED:
        unprotect(op, table)
    for function in ("branch_name(text)", "employee_name(text)", "same_person_seen(uuid)"):
        op.execute(f"DROP FUNCTION {function}")
