"""The customer 360 view: everything about one customer in one round trip.

PostgreSQL builds the document but for what is sealed; that is opened here, masked for the caller, and put in.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from attune_service_kit.database import Scope
from attune_service_kit.errors import NotFound
from attune_service_kit.runtime import Runtime
from customer_360 import identity, masking, visibility
from customer_360.detail_rules import fresh_since
from customer_360.identity import Identities, identities
from customer_360.masking import Sight
from customer_360.months import months_before
from customer_360.settings import settings_of
from customer_360.view.sections import SECTIONS

_MOST_MEMBERS = 20

# Members of the household whom the caller may see as customers; in arrays, since their names have yet to be opened.
_HOUSEHOLD = f"""
LEFT JOIN LATERAL (
    SELECT array_agg(h.customer_id) AS ids, array_agg(h.household_role) AS roles, array_agg(h.party_kind) AS kinds,
           array_agg(i.name) AS names
    FROM (SELECT h.customer_id, h.household_role, h.party_kind FROM party h
          WHERE h.household_id = p.household_id AND h.customer_id <> ALL (m.ids) AND {visibility.of_customers("h", 2)}
            AND NOT EXISTS (SELECT FROM party_alias a WHERE a.alias_id = h.customer_id)
          ORDER BY h.birth_date, h.customer_id LIMIT {_MOST_MEMBERS}) h
    LEFT JOIN party_identity i USING (customer_id)
) home ON p.household_id IS NOT NULL
"""  # noqa: S608 - the condition is this package's own text
# Arguments: $1 the customer, $2 to $4 the scope, $5 the bank's base currency, $6 and $7 as `relations` says, $8 the
# moment from which on each field is fresh. It is the body of the function `customer_view`, see `function`: with row
# security on each of its tables, planning it costs ten times as much as answering it. The scope is its own condition.
VIEW = f"""
SELECT p.customer_id, p.version, p.party_kind, {identity.TOGETHER},
       p.household_id, p.household_role, home.ids AS member_ids, home.roles AS member_roles,
       home.kinds AS member_kinds, home.names AS member_names,
       json_build_object({", ".join(f"'{name}', {sql}" for name, sql in SECTIONS.items())})::text AS body
FROM {visibility.ANSWERING_WHOLE} {identity.OF_ALL_RECORDS} {_HOUSEHOLD}
WHERE {visibility.of_answering(2)}
"""  # noqa: S608 - the condition is this package's own text

_ASK = "SELECT * FROM customer_view($1, $2, $3, $4, $5, $6, $7, $8, $9)"


@dataclass(frozen=True, slots=True)
class View:
    """A view as it goes over the wire, and the version of the profile it shows."""

    version: int
    body: bytes


async def customer_view(runtime: Runtime, customer_id: UUID, scope: Scope, sight: Sight) -> View:
    """Return the view of a customer within the scope, as the caller may see it.

    NotFound for an unknown customer and for one out of scope, with the same words.
    """
    settings = settings_of(runtime)
    today, since = runtime.clock.business_date(), months_before(runtime.clock.now(), settings.timeline_months)
    fresh = orjson.dumps(fresh_since(runtime.clock.now(), settings.fresh_months)).decode()
    arguments = customer_id, *visibility.arguments(scope), settings.currency, today, since, fresh, scope.subject
    row = await runtime.database.pool.fetchrow(_ASK, *arguments)
    if row is None:
        raise unknown_customer()
    opened = orjson.dumps(_opened(row, identities(runtime), sight))
    return View(row["version"], row["body"].encode()[:-1] + b"," + opened[1:])


def _opened(row: asyncpg.Record, keys: Identities, sight: Sight) -> dict[str, Any]:
    """The fields of the view that were sealed."""
    who = keys.open_first(row, ("name", "phone", "document"))
    return {
        "name": sight.name(who.name, row["party_kind"]),
        "phone": None if who.phone is None else masking.phone(who.phone),
        "document": None if who.document is None else masking.document(who.document),
        "has_address": any(row["addresses"] or ()),
        "household": _household(row, keys, sight) if row["household_id"] is not None else None,
    }


def _household(row: asyncpg.Record, keys: Identities, sight: Sight) -> dict[str, Any]:
    members = zip(*(row[f"member_{part}"] or () for part in ("ids", "roles", "kinds", "names")), strict=True)
    return {
        "household_id": row["household_id"],
        "role": row["household_role"],
        "members": [
            {"customer_id": str(id_), "role": role, "name": sight.name(keys.open_name(id_, name), kind)}
            for id_, role, kind, name in members
        ],
    }


def unknown_customer() -> NotFound:
    """The one answer about customers that are not there or not the caller's."""
    return NotFound("no such customer", "客户不存在")
