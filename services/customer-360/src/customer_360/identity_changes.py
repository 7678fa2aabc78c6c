"""Changing what identifies a party, one record at a time: opened, changed, sealed anew with its search keys."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from attune_service_kit.database import Transaction
from customer_360.identity import COLUMNS, Identities, Identity

_LOCK = """
SELECT p.party_kind, p.birth_date, i.* FROM party p LEFT JOIN party_identity i USING (customer_id)
WHERE p.customer_id = $1 FOR UPDATE OF p"""
_WRITE = """
INSERT INTO party_identity (customer_id, name, phone, document, address, digest, keys, document_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (customer_id) DO UPDATE SET name = excluded.name, phone = excluded.phone, document = excluded.document,
    address = excluded.address, digest = excluded.digest, keys = excluded.keys,
    document_key = excluded.document_key"""


async def change(tx: Transaction, keys: Identities, customer_id: UUID, values: Mapping[str, str | None]) -> bool:
    """Set columns of a party's identity; False if they said so already. The caller has found the party in scope."""
    row = await tx.conn.fetchrow(_LOCK, customer_id)
    if row is None:
        raise LookupError("a party that was found is gone")
    before = Identity() if row["digest"] is None else keys.open(customer_id, dict(row))
    after = replace(before, **values)
    if after == before:
        return False
    place = str(customer_id)
    plain = [getattr(after, name) for name in COLUMNS]
    sealed = [keys.columns[n].seal_texts([place], [text])[0] for n, text in zip(COLUMNS, plain, strict=True)]
    traces = keys.traces(row["party_kind"], row["birth_date"], after)
    digest = keys.digest(place, plain)
    await tx.conn.execute(_WRITE, customer_id, *sealed, digest, list(traces.keys), traces.document)
    return True
