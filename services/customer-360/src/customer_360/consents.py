"""Consents: given and withdrawn with the same effort, kept for ever, told at once (X21, R-04, R-12, R-22)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from attune_contracts.consent import ANY
from attune_contracts.customer_360 import ConsentChanged, ConsentState
from attune_service_kit.auth import Caller
from attune_service_kit.database import Scope, Transaction
from attune_service_kit.errors import Conflict, Invalid
from attune_service_kit.paging import by_time
from attune_service_kit.runtime import Runtime
from customer_360 import subjects, timeline
from customer_360.consent_rules import Decision, Place, Standing, indivisible, news, said_twice

OPT_OUT = Decision("marketing_contact", ANY, ANY, granted=False)
NOT_PICKED = Decision("personalised_decision", ANY, ANY, granted=False)

_STANDING = "SELECT purpose, channel, product_kind, granted, basis, notice_version FROM consent WHERE customer_id = $1"
_NOTICES = "SELECT purpose, max(version) FROM consent_notice WHERE purpose = ANY ($1::text[]) GROUP BY purpose"
_VERSION = """
INSERT INTO consent_version AS v (customer_id, version, changed_at) VALUES ($1, 1, $2)
ON CONFLICT (customer_id) DO UPDATE SET version = v.version + 1, changed_at = excluded.changed_at RETURNING version"""
_WRITE = """
WITH said AS (
    SELECT * FROM unnest($3::text[], $4::text[], $5::text[], $6::boolean[], $7::integer[])
        AS d (purpose, channel, product_kind, granted, notice_version)
), entries AS (
    INSERT INTO consent_entry (customer_id, version, purpose, channel, product_kind, granted, basis, source,
                               notice_version, evidence, since, actor, at)
    SELECT $1, $2, purpose, channel, product_kind, granted, 'decision', $8, notice_version, $9, $10, $11, $12 FROM said
)
INSERT INTO consent (customer_id, purpose, channel, product_kind, granted, basis, notice_version, evidence, since)
SELECT $1, purpose, channel, product_kind, granted, 'decision', notice_version, $9, $10 FROM said
ON CONFLICT (customer_id, purpose, channel, product_kind) DO UPDATE SET
    granted = excluded.granted, basis = excluded.basis, notice_version = excluded.notice_version,
    evidence = excluded.evidence, since = excluded.since"""
# Of one customer's several ids the newest word holds, and of the same day a refusal (X22).
_CURRENT = """
SELECT DISTINCT ON (c.purpose, c.channel, c.product_kind) c.purpose, nullif(c.channel, '*') AS channel,
       nullif(c.product_kind, '*') AS product_kind, c.granted, c.basis, c.evidence, c.notice_version, c.since
FROM consent c WHERE c.customer_id = ANY ($1::uuid[])
ORDER BY c.purpose, c.channel, c.product_kind, c.basis = 'default', c.since DESC, c.granted"""
_HISTORIES = by_time("""
SELECT * FROM consent_entry
WHERE customer_id = ANY ($1::uuid[]) AND ($2::text IS NULL OR purpose = $2)
  AND ($3::timestamptz IS NULL OR at {beyond} $3
       OR at = $3 AND (customer_id, version, purpose, channel, product_kind)
           > ($4::uuid, $5::bigint, $6::text, $7::text, $8::text))
ORDER BY at {order}, customer_id, version, purpose, channel, product_kind LIMIT $9""")


class NoticeNeeded(Invalid):
    """A consent is worth nothing without the notice that was shown."""

    code = "notice_needed"


class NoticeOutdated(Conflict):
    """Another version of the notice is the one to show."""

    code = "notice_outdated"


class EvidenceNeeded(Invalid):
    """Staff who record a consent say what proves it."""

    code = "evidence_needed"


class NotDivisible(Invalid):
    """Only marketing contacts have channels and product kinds."""

    code = "consent_not_divisible"


class SaidTwice(Invalid):
    """One purpose, channel and product kind is decided twice."""

    code = "consent_said_twice"


@dataclass(frozen=True)
class Consents:
    """All that holds for a customer, and the version that it has."""

    customer_id: UUID
    version: int
    consents: list[dict[str, Any]]


async def decide(
    tx: Transaction, caller: Caller, customer_id: UUID, said: Sequence[Decision], evidence: str | None, today: date
) -> Consents:
    """Write down what the customer said and tell everybody; without news nothing happens.

    Refuses with NotFound, NotDivisible, SaidTwice, NoticeNeeded, NoticeOutdated or EvidenceNeeded. A withdrawal needs
    neither notice nor evidence.
    """
    subject = await subjects.find(tx.conn, caller.scope, customer_id, lock=True)
    await _check(tx, caller, said, evidence)
    changed: list[Decision] = []
    for id_ in subject.ids:
        if changes := news(said, await _standing(tx, id_)):
            await _write(tx, caller, id_, changes, evidence, today)
            tx.emit(event(await of_record(tx.conn, id_)))
            changed += changes
    stands = await _current(tx.conn, subject.customer_id, subject.ids)
    if changed:
        detail = {"purposes": sorted({d.purpose for d in changed}), "granted": any(d.granted for d in changed)}
        entry = timeline.Entry(stands.customer_id, "consent", str(stands.version), tx.now, "changed", detail)
        await timeline.add(tx, [entry])
        await tx.audit("consent.changed", "customer", stands.customer_id, version=stands.version, detail=detail)
    return stands


async def current(runtime: Runtime, scope: Scope, customer_id: UUID) -> Consents:
    """All that holds for a customer; NotFound outside the scope."""
    reads = runtime.database.reads(scope)
    subject = await subjects.find(reads, scope, customer_id)
    return await _current(reads, subject.customer_id, subject.ids)


async def history(
    runtime: Runtime, scope: Scope, customer_id: UUID, purpose: str | None, sort: str, after: Sequence[Any], limit: int
) -> list[dict[str, Any]]:
    """A customer's ledger, the newest or the oldest first, from behind a moment and a place; NotFound."""
    reads = runtime.database.reads(scope)
    subject = await subjects.find(reads, scope, customer_id)
    rows = await reads.fetch(_HISTORIES[sort], subject.ids, purpose, *(after or [None] * 6), limit)
    return [dict(row) for row in rows]


async def of_record(conn: Any, customer_id: UUID) -> Consents:
    """What holds for one id alone, whoever answers to it."""
    return await _current(conn, customer_id, [customer_id])


def event(consents: Consents) -> ConsentChanged:
    """The whole state, as the event carries it (X7)."""
    states = [ConsentState(**{name: row[name] for name in ConsentState.model_fields}) for row in consents.consents]
    return ConsentChanged(customer_id=consents.customer_id, version=consents.version, consents=tuple(states))


async def _check(tx: Transaction, caller: Caller, said: Sequence[Decision], evidence: str | None) -> None:
    if indivisible(said):
        raise NotDivisible(
            "only marketing contacts have channels and product kinds", "仅营销联系可按渠道和产品类别区分"
        )
    if said_twice(said):
        raise SaidTwice("one purpose, channel and product kind is decided twice", "同一用途、渠道和产品类别被重复决定")
    granted = [decision for decision in said if decision.granted]
    if granted and caller.customer is None and not evidence:
        raise EvidenceNeeded("say what proves the consent", "须说明同意的凭据")
    if any(decision.notice_version is None for decision in granted):
        raise NoticeNeeded("say which version of the notice was shown", "须说明所出示告知书的版本")
    purposes = sorted({decision.purpose for decision in granted})
    newest: dict[str, int] = {row[0]: row[1] for row in await tx.conn.fetch(_NOTICES, purposes)}
    if any(newest.get(decision.purpose) != decision.notice_version for decision in granted):
        raise NoticeOutdated("another version of the notice is shown now", "告知书已有新版本", versions=newest)


async def _standing(tx: Transaction, customer_id: UUID) -> dict[Place, Standing]:
    return {
        (row["purpose"], row["channel"], row["product_kind"]): Standing(
            row["granted"], row["basis"] == "decision", row["notice_version"]
        )
        for row in await tx.conn.fetch(_STANDING, customer_id)
    }


async def _write(
    tx: Transaction, caller: Caller, customer_id: UUID, changes: Sequence[Decision], evidence: str | None, today: date
) -> None:
    own = caller.customer is not None
    version = await tx.conn.fetchval(_VERSION, customer_id, tx.now)
    await tx.conn.execute(
        _WRITE,
        customer_id,
        version,
        [d.purpose for d in changes],
        [d.channel for d in changes],
        [d.product_kind for d in changes],
        [d.granted for d in changes],
        [d.notice_version for d in changes],
        "customer" if own else "staff",
        evidence or ("the customer in person" if own else "recorded by staff"),
        today,
        caller.subject,
        tx.now,
    )


async def _current(conn: Any, customer_id: UUID, ids: Sequence[UUID]) -> Consents:
    version = await conn.fetchval("SELECT version FROM consent_version WHERE customer_id = $1", customer_id)
    rows = await conn.fetch(_CURRENT, list(ids))
    return Consents(customer_id, version or 0, [dict(row) for row in rows])
