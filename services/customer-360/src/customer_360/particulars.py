"""Which particulars are known of some records, as SQL: rows of their own, and phone and address as a file told them."""

_TOLD = """
SELECT t.customer_id, v.field, NULL::text AS value, NULL::bytea AS sealed, 'import' AS source, t.told_by, t.told_at
FROM party_identity t CROSS JOIN LATERAL (VALUES ('phone', t.phone), ('address', t.address)) AS v (field, given)
WHERE v.given IS NOT NULL AND t.told_at IS NOT NULL"""


def unsaid(table: str, field: str) -> str:
    """A condition on rows of party_identity under the name `table`: nobody else has spoken of the field."""
    return (
        f"NOT EXISTS (SELECT FROM profile_field said WHERE said.customer_id = {table}.customer_id"
        f" AND said.field = {field})"
    )


def of(ids: str) -> str:
    """The particulars of the records whose ids the SQL expression `ids` has, as a relation like `profile_field`."""
    return f"""(
SELECT customer_id, field, value, sealed, source, updated_by, updated_at FROM profile_field
WHERE customer_id = ANY ({ids})
UNION ALL {_TOLD} AND t.customer_id = ANY ({ids}) AND {unsaid("t", "v.field")})"""  # noqa: S608 - names of this package
