"""The view as a function of the database: planned once a connection, and not once a table and policy (X23).

It answers as the owner, so its own condition is all that guards it: the scope comes as arguments. Made anew after every
upgrade, so that its text follows the sections.
"""

from alembic.operations import Operations

from attune_service_kit.row_security import beyond_scope
from customer_360.view import VIEW

ARGUMENTS = "uuid, text, text, uuid, text, date, timestamptz, text, text"
_ROW = (
    "TABLE (customer_id uuid, version bigint, party_kind text, record_ids uuid[], names bytea[], phones bytea[],"
    " documents bytea[], addresses bytea[], household_id text, household_role text, member_ids uuid[],"
    " member_roles text[], member_kinds text[], member_names bytea[], body text)"
)
# Who is asking is a setting, as it is for row security: visits are theirs alone.
_BODY = f"""
#variable_conflict use_column
BEGIN
    PERFORM set_config('app.subject', $9, true);
    RETURN QUERY {VIEW};
END"""


def make(op: Operations) -> None:
    """Make the function as the owner of the tables."""
    op.execute(f"DROP FUNCTION IF EXISTS customer_view({ARGUMENTS})")
    beyond_scope(op, f"customer_view({ARGUMENTS})", _ROW, _BODY, language="plpgsql")
