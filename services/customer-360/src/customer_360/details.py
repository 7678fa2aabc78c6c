"""Particulars of customers that go stale: updated by managers and customers, each with source and freshness (M-74)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from attune_contracts.identifiers import new_id
from attune_service_kit.auth import Caller
from attune_service_kit.crypto import SealedTable, Sealer
from attune_service_kit.database import Scope, Transaction
from attune_service_kit.errors import Invalid
from attune_service_kit.runtime import Runtime
from customer_360 import detail_rules, identity_changes, masking, normalise, particulars, profiles, subjects, timeline
from customer_360.detail_rules import IDENTITY, Detail, Freshness, freshness, masked_email, source_of
from customer_360.identity import identities
from customer_360.settings import settings_of

SEALED = SealedTable(
    "profile_field", {"customer_id": "uuid", "field": "text"}, {"sealed": "email"}, row=("customer_id",)
)

_PHONE = re.compile(r"\+\d{8,15}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")

_SET = """
INSERT INTO profile_field (customer_id, field, value, sealed, source, updated_by, updated_at)
SELECT $1, field, value, sealed, $5, $6, $7
FROM unnest($2::text[], $3::text[], $4::bytea[]) AS f (field, value, sealed)
ON CONFLICT (customer_id, field) DO UPDATE SET value = excluded.value, sealed = excluded.sealed,
    source = excluded.source, updated_by = excluded.updated_by, updated_at = excluded.updated_at"""
_REMOVE = "DELETE FROM profile_field WHERE customer_id = ANY ($1::uuid[]) AND field = ANY ($2::text[])"
_BUMP = "UPDATE party SET version = version + 1, updated_at = $2 WHERE customer_id = $1"
_FIELDS = f"""
SELECT DISTINCT ON (f.field) f.field, f.value, f.sealed, f.customer_id, f.source, f.updated_by, f.updated_at,
       CASE f.field WHEN 'phone' THEN i.phone WHEN 'address' THEN i.address END AS identity
FROM {particulars.of("$1::uuid[]")} f LEFT JOIN party_identity i USING (customer_id)
WHERE f.customer_id = ANY ($1::uuid[]) ORDER BY f.field, f.updated_at DESC"""  # noqa: S608 - names of this package


class PhoneNotPossible(Invalid):
    """No telephone has such a number."""

    code = "phone_not_possible"


class EmailNotPossible(Invalid):
    """No mail goes to such an address."""

    code = "email_not_possible"


@dataclass(frozen=True)
class Known:
    """One field as it is shown. Contact data are masked; in full they are disclosed for a reason."""

    field: Detail
    value: str | None
    masked: bool
    source: str
    updated_by: str
    updated_at: datetime
    freshness: Freshness


async def known(runtime: Runtime, scope: Scope, customer_id: UUID) -> tuple[UUID, list[Known]]:
    """The id that answers, and all fields that are known, by name; NotFound."""
    reads = runtime.database.reads(scope)
    subject = await subjects.find(reads, scope, customer_id)
    return subject.customer_id, await _known(runtime, reads, subject.ids)


async def change(
    runtime: Runtime, tx: Transaction, caller: Caller, customer_id: UUID, values: Mapping[Detail, str | None]
) -> tuple[UUID, list[Known]]:
    """Set or confirm fields; null removes one. Saying the same again makes it fresh again.

    Refuses with NotFound, PhoneNotPossible or EmailNotPossible.
    """
    _check(values, settings_of(runtime).phone_region)
    subject = await subjects.find(tx.conn, caller.scope, customer_id, lock=True)
    id_ = subject.customer_id
    identity: dict[str, str | None] = {name: values[name] for name in IDENTITY if name in values}
    if identity and await identity_changes.change(tx, identities(runtime), id_, identity):
        await tx.conn.execute(_BUMP, id_, tx.now)
        tx.emit(await profiles.state(tx, id_))
    given = {name: value for name, value in values.items() if value is not None}
    seal = _email(runtime).seal
    await tx.conn.execute(
        _SET,
        id_,
        list(given),
        [None if name in IDENTITY or name == "email" else value for name, value in given.items()],
        [seal(str(id_), value.encode()) if name == "email" else None for name, value in given.items()],
        source_of(caller.roles, caller.customer is not None),
        caller.subject,
        tx.now,
    )
    await tx.conn.execute(_REMOVE, subject.ids, [name for name, value in values.items() if value is None])
    detail = {"fields": sorted(values)}
    await timeline.add(tx, [timeline.Entry(id_, "profile", str(new_id()), tx.now, "details_changed", detail)])
    await tx.audit("details.changed", "customer", id_, detail=detail)
    return id_, await _known(runtime, tx.conn, subject.ids)


def fresh_since(runtime: Runtime) -> dict[Detail, datetime]:
    """From when on a word is fresh, by field, at this moment."""
    return detail_rules.fresh_since(runtime.clock.now(), settings_of(runtime).fresh_months)


def _check(values: Mapping[Detail, str | None], region: str) -> None:
    phone, email = values.get("phone"), values.get("email")
    if phone is not None and not _PHONE.fullmatch(normalise.phone(phone, region)):
        raise PhoneNotPossible("no telephone has such a number", "电话号码不合规")
    if email is not None and not _EMAIL.fullmatch(email):
        raise EmailNotPossible("no mail goes to such an address", "电子邮箱地址不合规")


async def _known(runtime: Runtime, conn: Any, ids: list[UUID]) -> list[Known]:
    since = fresh_since(runtime)
    return [
        Known(
            field=row["field"],
            value=_shown(runtime, row),
            masked=row["field"] in IDENTITY or row["field"] == "email",
            source=row["source"],
            updated_by=row["updated_by"],
            updated_at=row["updated_at"],
            freshness=freshness(row["updated_at"], since[row["field"]]),
        )
        for row in await conn.fetch(_FIELDS, ids)
    ]


def _shown(runtime: Runtime, row: Any) -> str | None:
    place = str(row["customer_id"])
    match row["field"]:
        case "phone":
            number = identities(runtime).columns["phone"].open_text(place, row["identity"])
            return None if number is None else masking.phone(number)
        case "address":
            return None
        case "email":
            address = _email(runtime).open_text(place, row["sealed"])
            return None if address is None else masked_email(address)
        case _:
            value: str | None = row["value"]
            return value


def _email(runtime: Runtime) -> Sealer:
    return runtime.keys.column("profile_field", "email")
