"""Whose rows a caller may see (X23): the condition that every customer query carries, and its three arguments."""

from uuid import UUID

from attune_service_kit.database import Scope


def of_customers(party: str, first: int) -> str:
    """The condition on a `party` alias; its arguments are `$first` to `$first + 2`, see `arguments`."""
    own = f"${first} = 'customer' AND {party}.customer_id = ${first + 2}::uuid"
    return f"(${first} = 'all' OR {_in_branch(party, first)} OR {own})"


_IDS = """
CROSS JOIN LATERAL (
    SELECT array_append(ARRAY(SELECT a.alias_id FROM party_alias a WHERE a.customer_id = p.customer_id), p.customer_id)
        AS ids
) m"""
# The party that answers to the id `$1` as `p`, and all the ids that answer as it as `m.ids` (X22): the row that is
# written, or what all its records together know.
ANSWERING = f"party p {_IDS}"
ANSWERING_WHOLE = f"customer p {_IDS}"
# A SELECT of its own: row security lets no COALESCE through to the table, which would be read from end to end.
_IS_ANSWERING = "p.customer_id = (SELECT coalesce((SELECT a.customer_id FROM party_alias a WHERE a.alias_id = $1), $1))"
# A customer of another branch whom the caller has before them: the settings of the read say who that is (X23).
AT_HAND = (
    "EXISTS (SELECT FROM visit v WHERE v.customer_id = p.customer_id"
    " AND v.subject = current_setting('app.subject', true) AND v.until > now())"
)


def of_answering(first: int) -> str:
    """The condition on ANSWERING: it is the party of `$1`, and within the scope or at the caller's counter."""
    return f"{_IS_ANSWERING} AND ({of_records(first)} OR {AT_HAND})"


def of_records(first: int) -> str:
    """The condition on ANSWERING that one of the party's records lies within the scope.

    Who has one of a merged customer's records in their branch keeps the customer.
    """
    of_record = f"SELECT FROM party r WHERE r.customer_id = ANY (m.ids) AND {of_customers('r', first)}"
    return f"({of_customers('p', first)} OR cardinality(m.ids) > 1 AND EXISTS ({of_record}))"


def of_branches(row: str, first: int) -> str:
    """The same for branches and employees: a customer's token sees none of them in lists."""
    return f"(${first} = 'all' OR {_in_branch(row, first)} AND ${first + 2}::uuid IS NULL)"


def _in_branch(row: str, first: int) -> str:
    scope = f"SELECT 1 FROM branch_scope s WHERE s.ancestor = ${first + 1}::text AND s.branch = {row}.branch_id"  # noqa: S608
    return f"${first} = 'branch' AND EXISTS ({scope})"


def arguments(scope: Scope) -> tuple[str, str | None, UUID | None]:
    """The values for the condition's three places."""
    return scope.kind, scope.branch, scope.customer
