"""The net below every query (X23, P-23): each table of customers or branches is under forced row security."""

from collections.abc import Awaitable, Callable

import pytest

from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.runtime import Service

from .conftest import SERVICES, service_of

MakeDatabase = Callable[[Service], Awaitable[str]]

# What answers as the owner, beyond the caller's rows. A new name here is a decision: say what it can give away.
BEYOND_SCOPE = {
    "customer_360": {
        "branch_name",  # a name for an id that the caller's own customer carries
        "employee_name",
        "employee_known",  # yes or no, for the manager that the caller's own customer has
        "forget_imported_consents",  # when the import that brought them is taken back; the worker only
        "same_person_seen",  # yes or no: the policy itself asks it
        "customer_view",  # one customer's view, within the scope that is its argument: tests/customer_360/test_view
        "presented_by",  # the id behind a whole document, account or card that is shown at the counter; audited
    },
    "eventing": set(),
    "insight": set(),
    "scoring": {"feature_rows_of"},  # rows of the customers named: the route is for model administrators alone
    "campaign": {
        "release_contacts_of",  # gives back reservations of a suppressed household or account
        "decision_facts",
        "decision_inputs",  # what a decision is made from, within the scope that the service gives it
        "contact_history",  # what the contact policy counts: the household's and the accounts' contacts, without names
        "suppressions_of",
        "lock_policy_subjects",
        "reserve_contacts",
        "feed_task",  # what changes is told, by whomever it is changed
        "number_task_feed",  # numbers them, and tells nothing
        "projection_begin",  # the worker's swap of two projections
        "projection_swap",
    },
}

_TABLES = """
SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
       has_table_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, DELETE') AS for_app,
       ARRAY(SELECT p.policyname::text || ' ' || array_to_string(p.roles, ',') FROM pg_policies p
             WHERE p.schemaname = 'public' AND p.tablename = c.relname ORDER BY 1) AS policies,
       pg_get_userbyid(c.relowner) AS owner
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped
              AND a.attname IN ('branch_id', 'customer_id', 'account_id'))"""
_DEFINERS = """
SELECT p.proname AS name, p.proconfig AS config, has_function_privilege('public', p.oid, 'EXECUTE') AS for_all
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef"""
_ROLES = "SELECT rolname, rolsuper OR rolbypassrls AS free FROM pg_roles WHERE rolname LIKE $1"


@pytest.mark.parametrize("name", SERVICES)
async def test_every_table_of_customers_or_branches_is_under_forced_row_security(
    name: str, make_database: MakeDatabase, postgres_server: EmbeddedPostgres
) -> None:
    admin = await postgres_server.connect(await make_database(service_of(name)))
    try:
        tables = await admin.fetch(_TABLES, f"{name}_app")
        definers = await admin.fetch(_DEFINERS)
        roles = await admin.fetch(_ROLES, f"{name}\\_%")
    finally:
        await admin.close()
    wanted = [f"app_scope {name}_app", f"owner_all {name}_owner", f"worker_all {name}_worker"]
    open_tables = [
        f"{t['name']}: protect it in a migration (row_security.protect), or take it from the app (not_for_app)"
        for t in tables
        if t["for_app"] and not (t["enabled"] and t["forced"] and t["policies"] == wanted)
    ]
    assert open_tables == []
    assert {t["owner"] for t in tables} == {f"{name}_owner"}
    assert {d["name"] for d in definers} == BEYOND_SCOPE[name]
    assert [d["name"] for d in definers if d["for_all"] or "search_path=public, pg_temp" not in d["config"]] == []
    assert {r["rolname"]: r["free"] for r in roles} == {f"{name}_{r}": False for r in ("owner", "app", "worker")}
