"""Which rows: forced row-level security on every table that belongs to a branch or a customer (X23, P-23).

A migration says for each table what a scope may see; the rest is the same everywhere. The owner and the worker see
all, the app what the settings of its transaction or read say, and without settings nothing. The policies are the net:
queries name the scope in their own WHERE too, or they scan the table. COPY is not for such tables: PostgreSQL refuses
it, so bulk goes through a temporary table or `unnest`.

What must answer beyond the caller's rows (does the contact policy allow it? what is this branch called?) is a function
with SECURITY DEFINER, made by `beyond_scope`; a test lists them.
"""

from alembic.operations import Operations

from attune_service_kit.migrations import roles

_BRANCH = """EXISTS (SELECT FROM branch_scope below
    WHERE below.ancestor = current_setting('app.branch', true) AND below.branch = {table}.{column})"""
_CUSTOMER = "{table}.{column} = nullif(current_setting('app.customer', true), '')::uuid"
_THROUGH = "EXISTS (SELECT FROM {parent} parent WHERE parent.{key} = {table}.{column})"
_SUBJECT = "{table}.{column} = nullif(current_setting('app.subject', true), '')"


class Visible:
    """A condition on the rows of a table, beside `the whole bank sees all`. Join several with `|`."""

    def __init__(self, *templates: str) -> None:
        self._templates = templates

    def __or__(self, other: "Visible") -> "Visible":
        return Visible(*self._templates, *other._templates)

    def on(self, table: str) -> str:
        """The condition as SQL on this table."""
        return " OR ".join(template.replace("{table}", table) for template in self._templates)


def of_branch(column: str = "branch_id") -> Visible:
    """Rows of the caller's branch and those below it."""
    return Visible(_BRANCH.replace("{column}", column))


def of_customer(column: str = "customer_id") -> Visible:
    """Rows of the one customer whom the token is for."""
    return Visible(_CUSTOMER.replace("{column}", column))


def through(parent: str, column: str = "customer_id", key: str | None = None) -> Visible:
    """Rows whose parent the caller sees: the parent's own policy answers."""
    return Visible(_THROUGH.replace("{parent}", parent).replace("{column}", column).replace("{key}", key or column))


def of_subject(column: str, only_if: str = "true") -> Visible:
    """Rows that name the caller, where the SQL condition `only_if` holds."""
    return Visible(f"({only_if} AND {_SUBJECT.replace('{column}', column)})")


NOTHING = Visible()
"""Rows that only tokens of the whole bank see."""


def protect(op: Operations, table: str, visible: Visible) -> None:
    """Put a table under forced row security; again, to change what is visible."""
    app, worker = roles(op.get_bind())
    seen = f"current_setting('app.scope', true) = 'all' OR {visible.on(table) or 'false'}"
    unprotect(op, table)
    for statement in (
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY owner_all ON {table} TO current_user USING (true) WITH CHECK (true)",
        f"CREATE POLICY worker_all ON {table} TO {worker} USING (true) WITH CHECK (true)",
        f"CREATE POLICY app_scope ON {table} TO {app} USING ({seen}) WITH CHECK ({seen})",
    ):
        op.get_bind().exec_driver_sql(statement)


def unprotect(op: Operations, table: str) -> None:
    """Take row security off a table, for a downgrade."""
    for policy in ("owner_all", "worker_all", "app_scope"):
        op.get_bind().exec_driver_sql(f"DROP POLICY IF EXISTS {policy} ON {table}")
    op.get_bind().exec_driver_sql(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.get_bind().exec_driver_sql(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


def not_for_app(op: Operations, *tables: str) -> None:
    """Take every right on these tables from the app: only the worker reads and writes them."""
    app, _ = roles(op.get_bind())
    op.get_bind().exec_driver_sql(f"REVOKE ALL ON {', '.join(tables)} FROM {app}")


def beyond_scope(op: Operations, signature: str, returns: str, body: str, *, language: str = "sql") -> None:
    """Make a function that answers as the owner, whatever the caller's scope: it must give away no more than it says.

    Only the service's own roles may call it, by the migrations' default rights; its search path is fixed.
    """
    op.get_bind().exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION {signature} RETURNS {returns} LANGUAGE {language} STABLE SECURITY DEFINER"
        f" SET search_path = public, pg_temp AS $beyond${body}$beyond$"
    )
