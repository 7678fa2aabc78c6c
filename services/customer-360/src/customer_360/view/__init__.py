"""The customer 360 view: everything about one customer in one round trip, already serialised."""

from dataclasses import dataclass
from uuid import UUID

from attune_service_kit.database import Scope
from attune_service_kit.errors import NotFound
from attune_service_kit.runtime import Runtime
from customer_360 import visibility
from customer_360.months import months_before
from customer_360.settings import settings_of
from customer_360.view.sections import SECTIONS

# PostgreSQL builds the document, Python hands its bytes on. Arguments: $1 the customer, $2 to $4 the scope, $5 the
# bank's base currency.
_VIEW = f"""
SELECT p.version, json_build_object({", ".join(f"'{name}', {sql}" for name, sql in SECTIONS.items())})::text AS body
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
    since, today = (
        months_before(runtime.clock.now(), settings_of(runtime).timeline_months),
        runtime.clock.business_date(),
    )
    arguments = customer_id, *visibility.arguments(scope), currency, today, since
    row = await runtime.database.pool.fetchrow(_VIEW, *arguments)
    if row is None:
        raise unknown_customer()
    return View(row["version"], row["body"].encode())


def unknown_customer() -> NotFound:
    """The one answer about customers that are not there or not the caller's."""
    return NotFound("no such customer", "客户不存在")
