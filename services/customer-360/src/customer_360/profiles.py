"""Changing a profile: who manages the customer, and whether the customer wants personalised offers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from attune_contracts.customer_360 import OwnedAccount, ProfileChanged
from attune_service_kit.database import Scope, Transaction
from attune_service_kit.errors import Forbidden, Invalid, Refusal
from customer_360 import subjects, timeline, visibility
from customer_360.view import unknown_customer

_PROFILE = "SELECT version, manager_id, personalisation FROM customer WHERE customer_id = $1"
_CHANGE = """
UPDATE party SET manager_id = $2, personalisation = $3, version = version + 1, updated_at = $4
WHERE customer_id = $1 RETURNING version"""
# Whether offers may be personal is the customer's word for all records that answer as the customer (X22).
_FOR_ALL = """
UPDATE party SET personalisation = $2, version = version + 1, updated_at = $3
WHERE customer_id = ANY ($1::uuid[]) AND personalisation <> $2"""
_STATE = """
SELECT p.customer_id, p.version, p.party_kind, p.branch_id, p.manager_id, p.birth_date, p.risk_rating, p.risk_rated_on,
       p.risk_valid_until, p.personalisation, p.household_id
FROM customer p WHERE p.customer_id = ANY ($1::uuid[]) ORDER BY p.customer_id"""
# What belongs to any record belongs to who answers for it (X22).
_OWN = """
(SELECT t.*, coalesce(a.customer_id, t.customer_id) AS answered_by FROM {table} t
 LEFT JOIN party_alias a ON a.alias_id = t.customer_id
 WHERE t.customer_id = ANY (ARRAY(
     SELECT unnest($1::uuid[]) UNION ALL SELECT alias_id FROM party_alias WHERE customer_id = ANY ($1::uuid[])))) t"""
_ACCOUNTS = f"""
SELECT t.answered_by, t.account_id, t.kind, t.opening_balance_minor FROM {_OWN.format(table="account")}
ORDER BY t.account_id
"""  # noqa: S608 - this module's own text
_EMPLOYEE = f"""
SELECT true FROM employee e WHERE e.employee_id = $1 AND {visibility.of_branches("e", 2)}
"""  # noqa: S608 - the condition is this package's own text
_PRODUCTS = f"""
SELECT DISTINCT t.answered_by, t.product_id FROM {_OWN.format(table="holding")} ORDER BY t.product_id
"""  # noqa: S608 - this module's own text


class Stale(Refusal):
    """Somebody else has changed the profile since the caller read it."""

    status, code, title = 412, "version_mismatch", "Precondition failed"


class UnknownEmployee(Invalid):
    """The manager is not one of the bank's employees."""

    code = "unknown_employee"


@dataclass(frozen=True)
class Change:
    """What to set (`manager_id`, `personalisation`), and the version it is meant for, if the caller says so."""

    values: dict[str, Any] = field(default_factory=dict)
    version: int | None = None


@dataclass(frozen=True)
class Profile:
    """What stands after a change."""

    version: int
    manager_id: str | None
    personalisation: bool


async def change(tx: Transaction, scope: Scope, may_move: bool, customer_id: UUID, wanted: Change) -> Profile:
    """Apply a change and say so to everybody; without a difference nothing happens. `may_move`: the manager, too.

    Refuses with NotFound, Forbidden, Stale or UnknownEmployee.
    """
    subject = await subjects.find(tx.conn, scope, customer_id, lock=True)
    customer_id = subject.customer_id
    [row] = await tx.conn.fetch(_PROFILE, customer_id)
    if wanted.version is not None and wanted.version != row["version"]:
        raise Stale("the profile has another version by now", "客户资料已被更新", version=row["version"])
    before = Profile(row["version"], row["manager_id"], row["personalisation"])
    manager = wanted.values.get("manager_id", before.manager_id)
    personalisation = wanted.values.get("personalisation", before.personalisation)
    if manager != before.manager_id:
        await _check_manager(tx, scope, may_move, manager)
    if (manager, personalisation) == (before.manager_id, before.personalisation):
        return before
    version = await tx.conn.fetchval(_CHANGE, customer_id, manager, personalisation, tx.now)
    await tx.conn.execute(_FOR_ALL, subject.ids, personalisation, tx.now)
    tx.emit(await state(tx, customer_id))
    fields = {"fields": sorted(wanted.values)}
    await timeline.add(tx, [timeline.Entry(customer_id, "profile", str(version), tx.now, "changed", fields)])
    await tx.audit("profile.changed", "party", customer_id, version=version, detail=fields)
    return Profile(version, manager, personalisation)


async def state(tx: Transaction, customer_id: UUID) -> ProfileChanged:
    """The customer's whole non-personal state, all records together, as the event carries it (X7)."""
    found = await states(tx, [customer_id])
    if not found:
        raise unknown_customer()
    return found[0]


async def states(tx: Transaction, customer_ids: Sequence[UUID]) -> list[ProfileChanged]:
    """The same of many who answer for themselves, in order of their ids."""
    ids = list(customer_ids)
    accounts: dict[UUID, list[OwnedAccount]] = defaultdict(list)
    for row in await tx.conn.fetch(_ACCOUNTS, ids):
        values = dict(row)
        accounts[values.pop("answered_by")].append(OwnedAccount(**values))
    products: dict[UUID, list[str]] = defaultdict(list)
    for row in await tx.conn.fetch(_PRODUCTS, ids):
        products[row["answered_by"]].append(row["product_id"])
    return [
        ProfileChanged(
            accounts=tuple(accounts[row["customer_id"]]), products=tuple(products[row["customer_id"]]), **dict(row)
        )
        for row in await tx.conn.fetch(_STATE, ids)
    ]


async def _check_manager(tx: Transaction, scope: Scope, may_move: bool, manager_id: str | None) -> None:
    if not may_move:
        raise Forbidden("the token may not move customers between books", "令牌无权调整管户关系", needs="books:write")
    known = manager_id is None or await tx.conn.fetchval(_EMPLOYEE, manager_id, *visibility.arguments(scope))
    if not known:
        raise UnknownEmployee("no such employee", "员工不存在")
