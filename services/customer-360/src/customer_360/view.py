"""The customer 360 view: everything about one customer in one statement, already serialised."""

from dataclasses import dataclass
from uuid import UUID

from attune_service_kit.database import Scope
from attune_service_kit.errors import NotFound
from attune_service_kit.runtime import Runtime
from customer_360 import visibility

# One round trip: PostgreSQL builds the document, Python hands its bytes on. `money` writes decimal strings.
_VIEW = f"""
SELECT p.version, json_build_object(
    'customer_id', p.customer_id,
    'source', p.source,
    'source_id', p.source_id,
    'version', p.version,
    'party_kind', p.party_kind,
    'name', i.name,
    'birth_date', p.birth_date,
    'gender', p.gender,
    'opened_on', p.opened_on,
    'risk_rating', p.risk_rating,
    'risk_rated_on', p.risk_rated_on,
    'personalisation', p.personalisation,
    'branch', CASE WHEN p.branch_id IS NOT NULL THEN json_build_object('branch_id', p.branch_id, 'name',
        (SELECT b.name FROM branch b WHERE b.branch_id = p.branch_id)) END,
    'manager', CASE WHEN p.manager_id IS NOT NULL THEN json_build_object('employee_id', p.manager_id, 'name',
        (SELECT e.name FROM employee e WHERE e.employee_id = p.manager_id)) END,
    'accounts', (SELECT coalesce(json_agg(json_build_object(
            'account_id', a.account_id, 'source_id', a.source_id, 'kind', a.kind, 'currency', a.currency,
            'branch_id', a.branch_id, 'opened_on', a.opened_on, 'closed_on', a.closed_on)
            ORDER BY a.opened_on, a.source_id), '[]')
        FROM account a WHERE a.customer_id = p.customer_id),
    'holdings', (SELECT coalesce(json_agg(json_build_object(
            'holding_id', h.holding_id,
            'product', json_build_object('product_id', h.product_id, 'name',
                json_build_object('zh', d.name_zh, 'en', d.name_en), 'kind', d.kind, 'risk_level', d.risk_level),
            'account_id', h.account_id, 'opened_on', h.opened_on, 'matures_on', h.matures_on,
            'value', money(h.amount_minor, coalesce(c.currency, $5::text)))
            ORDER BY h.opened_on, h.holding_id), '[]')
        FROM holding h JOIN product d USING (product_id) LEFT JOIN account c ON c.account_id = h.account_id
        WHERE h.customer_id = p.customer_id),
    'consents', (SELECT coalesce(json_agg(json_build_object(
            'purpose', n.purpose, 'granted', n.granted, 'evidence', n.evidence, 'since', n.since)
            ORDER BY n.purpose), '[]')
        FROM consent n WHERE n.customer_id = p.customer_id)
)::text AS body
FROM party p LEFT JOIN party_identity i USING (customer_id)
WHERE p.customer_id = $1 AND {visibility.of_customers("p", 2)}
"""  # noqa: S608 - the condition is this package's own text


@dataclass(frozen=True, slots=True)
class View:
    """A view as it goes over the wire, and the version of the profile it shows."""

    version: int
    body: bytes


async def customer_view(runtime: Runtime, customer_id: UUID, scope: Scope, currency: str) -> View:
    """Return the view of a customer within the scope; `currency` is the bank's base currency.

    NotFound for an unknown customer and for one out of scope, with the same words.
    """
    row = await runtime.database.pool.fetchrow(_VIEW, customer_id, *visibility.arguments(scope), currency)
    if row is None:
        raise unknown_customer()
    return View(row["version"], row["body"].encode())


def unknown_customer() -> NotFound:
    """The one answer about customers that are not there or not the caller's."""
    return NotFound("no such customer", "客户不存在")
