"""One line of a list of customers: what is selected for it, and how it is opened for the caller."""

from collections.abc import Iterable
from typing import Any

import asyncpg

from attune_service_kit.runtime import Runtime
from customer_360 import masking
from customer_360.identity import Identities, identities
from customer_360.masking import Sight

# From a party `p` and its identity `i`.
SUMMARY = (
    "p.customer_id, p.source, p.source_id, p.party_kind, i.name AS sealed_name, i.phone AS sealed_phone,"
    " p.branch_id, p.manager_id"
)
# Parties that answer for themselves: lists show nobody twice (X22).
NOT_MERGED = "NOT EXISTS (SELECT FROM party_alias a WHERE a.alias_id = p.customer_id)"

Summaries = list[dict[str, Any]]


def opened(runtime: Runtime, sight: Sight, rows: Iterable[asyncpg.Record]) -> Summaries:
    """The lines as this caller sees them."""
    keys = identities(runtime)
    return [_opened(keys, sight, dict(row)) for row in rows]


def _opened(keys: Identities, sight: Sight, row: dict[str, Any]) -> dict[str, Any]:
    name, sealed_phone = keys.open_name(row["customer_id"], row.pop("sealed_name")), row.pop("sealed_phone")
    phone = keys.columns["phone"].open_text(str(row["customer_id"]), sealed_phone)
    return row | {
        "name": sight.name(name, row["party_kind"]),
        "phone": None if phone is None else masking.phone(phone),
    }
