"""Detections: which stand, and what is said when one is raised or withdrawn (X8, X9, X38)."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from attune_contracts.eventing import DetectionEvidence, DetectionRaised, DetectionWithdrawn
from attune_contracts.identifiers import detection_id
from attune_service_kit.consumer import Event
from attune_service_kit.database import Transaction
from eventing.compiled import Compiled
from eventing.verdicts import Raised, Withdrawn

_STANDING = """
SELECT detection_id, state = 'raised' AS stands, business_date FROM detection
WHERE detection_id = any($1::uuid[]) FOR UPDATE"""
_RAISE = """
INSERT INTO detection (detection_id, trigger, trigger_version, customer_id, event_key, account_id, business_date, state,
                       late, amount_minor, compared_with_minor, currency, metric, branch_id, event_time, expires_at,
                       raised_at)
SELECT r.*, now() FROM unnest($1::uuid[], $2::text[], $3::int[], $4::uuid[], $5::text[], $6::uuid[], $7::date[],
    $8::text[], $9::bool[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::timestamptz[],
    $16::timestamptz[]) AS r
ON CONFLICT (detection_id) DO UPDATE
SET state = 'raised', reason = NULL, withdrawn_at = NULL, unconfirmed = false, late = excluded.late,
    trigger_version = excluded.trigger_version, compared_with_minor = excluded.compared_with_minor,
    event_time = CASE WHEN detection.state = 'raised' THEN detection.event_time ELSE excluded.event_time END,
    expires_at = CASE WHEN detection.state = 'raised' THEN detection.expires_at ELSE excluded.expires_at END"""
_WITHDRAW = """
UPDATE detection SET state = 'withdrawn', reason = r.reason, withdrawn_at = now(), unconfirmed = false
FROM unnest($1::uuid[], $2::text[]) AS r(id, reason)
WHERE detection_id = r.id AND state = 'raised'"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One verdict with whom and what it is about, and the business time at which it became known.

    `cause` is the posting that brought it about; a rebuild finds without one.
    """

    trigger: Compiled
    customer_id: UUID
    branch_id: str | None
    currency: str
    time: datetime
    cause: Event | None
    verdict: Raised | Withdrawn
    id: UUID = field(init=False)
    """The detection's id, from its key."""

    def __post_init__(self) -> None:
        found = detection_id(self.trigger.name, str(self.customer_id), self.verdict.key)
        object.__setattr__(self, "id", found)

    @property
    def expires_at(self) -> datetime:
        """The end of the time to act."""
        return self.time + timedelta(hours=self.trigger.expires_hours)


def _cause(finding: Finding) -> AbstractContextManager[None]:
    return nullcontext() if finding.cause is None else finding.cause.as_cause()


async def apply(tx: Transaction, findings: Sequence[Finding]) -> None:
    """Apply verdicts in order: rows and events. Raising what stands says nothing anew."""
    if not findings:
        return
    rows = await tx.conn.fetch(_STANDING, [finding.id for finding in findings])
    standing = {row["detection_id"]: row["business_date"].toordinal() for row in rows if row["stands"]}
    raised: dict[UUID, Finding] = {}
    final: dict[UUID, Finding] = {}
    for finding in findings:
        verdict = finding.verdict
        if isinstance(verdict, Raised):
            if finding.id not in standing:
                _say_raised(tx, finding, verdict)
            standing[finding.id] = verdict.day
            raised[finding.id] = final[finding.id] = finding
        elif standing.get(finding.id, verdict.day + 1) <= verdict.day:
            del standing[finding.id]
            final[finding.id] = finding
            _say_withdrawn(tx, finding, verdict)
    await _write(tx, list(raised.values()), [f for f in final.values() if isinstance(f.verdict, Withdrawn)])


async def _write(tx: Transaction, raised: Sequence[Finding], withdrawn: Sequence[Finding]) -> None:
    """What was raised and withdrawn at once is a row, too: the feed shows it."""
    rows = [_row(finding, finding.verdict) for finding in raised if isinstance(finding.verdict, Raised)]
    if rows:
        await tx.conn.execute(_RAISE, *map(list, zip(*rows, strict=True)))
    if withdrawn:
        reasons = [finding.verdict.reason for finding in withdrawn if isinstance(finding.verdict, Withdrawn)]
        await tx.conn.execute(_WITHDRAW, [finding.id for finding in withdrawn], reasons)


def _row(finding: Finding, verdict: Raised) -> tuple[object, ...]:
    return (
        finding.id,
        finding.trigger.name,
        finding.trigger.version,
        finding.customer_id,
        verdict.key,
        UUID(bytes=verdict.account) if verdict.account else None,
        date.fromordinal(verdict.day),
        "raised",
        verdict.late,
        verdict.amount,
        verdict.compared_with,
        finding.currency,
        finding.trigger.metric,
        finding.branch_id,
        finding.time,
        finding.expires_at,
    )


def _say_withdrawn(tx: Transaction, finding: Finding, verdict: Withdrawn) -> None:
    said = DetectionWithdrawn(
        customer_id=finding.customer_id,
        detection_id=finding.id,
        trigger=finding.trigger.name,
        event_key=verdict.key,
        reason=verdict.reason,
    )
    with _cause(finding):
        tx.emit(said, time=finding.time)


def _say_raised(tx: Transaction, finding: Finding, verdict: Raised) -> None:
    raised = DetectionRaised(
        customer_id=finding.customer_id,
        detection_id=finding.id,
        trigger=finding.trigger.name,
        trigger_version=finding.trigger.version,
        event_key=verdict.key,
        business_date=date.fromordinal(verdict.day),
        late=verdict.late,
        expires_at=finding.expires_at,
    )
    with _cause(finding):
        tx.emit(raised, time=finding.time)
    if verdict.amount is None and verdict.compared_with is None:
        return
    evidence = DetectionEvidence(
        customer_id=finding.customer_id,
        detection_id=finding.id,
        trigger=finding.trigger.name,
        event_key=verdict.key,
        amount_minor=verdict.amount,
        compared_with_minor=verdict.compared_with,
        metric=finding.trigger.metric,
        new_money=finding.trigger.of_new_money,
    )
    with _cause(finding):
        tx.emit(evidence, time=finding.time)
