"""Risk ratings C1 to C5: assessments as dated rows, the newest one in the profile and told to everybody (R-14)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from attune_contracts.identifiers import new_id
from attune_service_kit.auth import Caller
from attune_service_kit.database import Transaction
from attune_service_kit.errors import Conflict
from attune_service_kit.paging import by_time
from attune_service_kit.runtime import Runtime
from customer_360 import profiles, subjects, timeline
from customer_360.months import months_after
from customer_360.risk_rules import Exhausted, may_assess

_DAYS = "SELECT rated_on FROM risk_assessment WHERE customer_id = ANY ($1::uuid[])"
_INSERT = """
INSERT INTO risk_assessment (assessment_id, customer_id, rating, score, source, rated_on, valid_until, assessed_by, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING *"""
_PROFILE = """
UPDATE party SET risk_rating = $2, risk_rated_on = $3, risk_valid_until = $4, version = version + 1, updated_at = $5
WHERE customer_id = $1 RETURNING version"""
_PAGES = by_time("""
SELECT * FROM risk_assessment
WHERE customer_id = ANY ($1::uuid[]) AND ($2::date IS NULL OR (rated_on, assessment_id) {beyond} ($2, $3::uuid))
ORDER BY rated_on {order}, assessment_id {order} LIMIT $4""")


class AssessmentsExhausted(Conflict):
    """The customer has been assessed as often as the rules allow."""

    code = "risk_assessments_exhausted"


@dataclass(frozen=True)
class Assessed:
    """What an assessment has found, and by what: a questionnaire's name and version."""

    rating: str
    source: str
    score: int | None
    months: int


async def assess(tx: Transaction, caller: Caller, customer_id: UUID, found: Assessed, today: date) -> dict[str, Any]:
    """Keep an assessment of today; it is the customer's rating from now on. NotFound, AssessmentsExhausted."""
    subject = await subjects.find(tx.conn, caller.scope, customer_id, lock=True)
    days = [row[0] for row in await tx.conn.fetch(_DAYS, subject.ids)]
    verdict = may_assess(days, today)
    if isinstance(verdict, Exhausted):
        raise AssessmentsExhausted(
            "a customer is assessed at most twice a day and eight times in twelve months",
            "客户风险评估每日不超过两次、十二个月内不超过八次",
            today=verdict.today,
            twelve_months=verdict.twelve_months,
            next_on=verdict.next_on,
        )
    place = new_id(), subject.customer_id
    until = months_after(today, found.months)
    what = found.rating, found.score, found.source, today, until, caller.subject, tx.now
    [row] = await tx.conn.fetch(_INSERT, *place, *what)
    version = await tx.conn.fetchval(_PROFILE, subject.customer_id, found.rating, today, until, tx.now)
    tx.emit(await profiles.state(tx, subject.customer_id))
    detail = {"rating": found.rating, "valid_until": until}
    entry = timeline.Entry(subject.customer_id, "risk", str(place[0]), tx.now, "assessed", detail)
    await timeline.add(tx, [entry])
    await tx.audit("risk.assessed", "customer", subject.customer_id, version=version)
    return dict(row)


async def page(
    runtime: Runtime, caller: Caller, customer_id: UUID, sort: str, after: Sequence[Any], limit: int
) -> list[dict[str, Any]]:
    """Assessments, the newest or the oldest first; NotFound."""
    reads = runtime.database.reads(caller.scope)
    subject = await subjects.find(reads, caller.scope, customer_id)
    rows = await reads.fetch(_PAGES[sort], subject.ids, *(after or (None, None)), limit)
    return [dict(row) for row in rows]
