"""Finding customers by what they or the bank call themselves: exactly, by keyed digests, within the scope (X26)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args
from uuid import UUID

from attune_service_kit.database import Scope
from attune_service_kit.errors import Invalid
from attune_service_kit.runtime import Runtime
from customer_360 import identity, normalise, pinyin, visibility
from customer_360.identity import identities
from customer_360.masking import Sight
from customer_360.summaries import SUMMARY, Summaries, opened

By = Literal["customer_id", "source_id", "account", "name", "pinyin", "phone", "document"]

MOST = 1000
"""So many customers may match; who gets more must ask more precisely."""

# Records of the bank that match, and who answers for them; seen by a record in scope, or because they are here now.
_SEARCH = f"""
WITH found AS (
    SELECT k.customer_id FROM identity_key k WHERE k.key = ANY ($4::bigint[])
    UNION SELECT r.customer_id FROM party r WHERE r.source_id = $5
    UNION SELECT c.customer_id FROM account c WHERE c.source_id = $6
    UNION SELECT $7::uuid WHERE $7::uuid IS NOT NULL
    UNION SELECT i.customer_id FROM party_identity i WHERE i.document_key = ANY ($8::bytea[])
), answering AS (
    SELECT DISTINCT coalesce(a.customer_id, r.customer_id) AS customer_id
    FROM found f JOIN party r USING (customer_id) LEFT JOIN party_alias a ON a.alias_id = r.customer_id
    WHERE {visibility.of_customers("r", 1)}
       OR EXISTS (SELECT FROM party q WHERE q.customer_id = a.customer_id AND {visibility.of_customers("q", 1)})
       OR EXISTS (SELECT FROM visit v WHERE v.customer_id = coalesce(a.customer_id, r.customer_id)
                  AND v.subject = current_setting('app.subject', true) AND v.until > now())
    LIMIT {MOST + 1}
)
SELECT {SUMMARY} FROM answering JOIN party p USING (customer_id) LEFT JOIN party_identity i USING (customer_id)
"""  # noqa: S608 - the condition is this package's own text

_BANK_ID = re.compile(r"\S{1,64}")


class SearchTooBroad(Invalid):
    """More customers match than anybody can look through."""

    code = "search_too_broad"


@dataclass(frozen=True)
class Place:
    """Where a page ends: by the name as it sorts, then by id."""

    name: str
    customer_id: UUID


async def search(
    runtime: Runtime, scope: Scope, sight: Sight, query: str, by: By | None, after: Place | None, limit: int
) -> tuple[Summaries, list[Place]]:
    """Up to `limit` customers in scope whom the query means, sorted as names are read, and the place of each.

    SearchTooBroad if more than MOST match.
    """
    meant = [by] if by else meanings(query)
    keys = identities(runtime)
    rows = await runtime.database.reads(scope).fetch(
        _SEARCH,
        *visibility.arguments(scope),
        keys.sought(query, [each for each in get_args(identity.By) if each in meant]),
        query.strip() if "source_id" in meant else None,
        query.strip() if "account" in meant else None,
        _uuid(query) if "customer_id" in meant else None,
        keys.document_keys(query) if "document" in meant else [],
    )
    if len(rows) > MOST:
        raise SearchTooBroad(
            f"more than {MOST} customers match: give a phone, a document or the full name",
            f"匹配客户超过 {MOST} 位：请提供手机号、证件号或完整姓名",
            most=MOST,
        )
    placed = sorted(((_place(keys, row), row) for row in rows), key=lambda pair: _order(pair[0]))
    shown = [pair for pair in placed if after is None or _order(pair[0]) > _order(after)][:limit]
    return opened(runtime, sight, [row for _, row in shown]), [place for place, _ in shown]


def meanings(query: str) -> list[By]:
    """What a query may mean, by its form alone."""
    text = query.strip()
    if _uuid(text):
        return ["customer_id"]
    letters, digits = any(map(str.isalpha, text)), sum(map(str.isdigit, text))
    meant: list[By] = []
    if _BANK_ID.fullmatch(text):
        meant += ["source_id", "account"]
    if letters:
        meant.append("name")
        if not any(map(pinyin.is_han, text)) and not digits:
            meant.append("pinyin")
    elif digits >= 5:
        meant.append("phone")
    if digits >= 5:
        meant.append("document")
    return meant


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def _place(keys: identity.Identities, row: Any) -> Place:
    name = keys.open_name(row["customer_id"], row["sealed_name"]) or ""
    return Place(pinyin.sort_key(normalise.name(name)), row["customer_id"])


def _order(place: Place) -> tuple[str, str]:
    return place.name, str(place.customer_id)


def sealed_place(runtime: Runtime, subject: str, place: Place) -> Sequence[Any]:
    """A place as a cursor may carry it: the name cannot be read from it."""
    sealer = runtime.keys.column("cursor", "search")
    return sealer.seal(subject, place.name.encode()).hex(), place.customer_id


def opened_place(runtime: Runtime, subject: str, values: Sequence[Any]) -> Place:
    """The place that a cursor carries."""
    sealed, customer_id = values
    return Place(runtime.keys.column("cursor", "search").open(subject, bytes.fromhex(sealed)).decode(), customer_id)
