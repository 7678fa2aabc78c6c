"""The opportunities' clock: which share was acted on before escalation, and before it was lost (M-34).

Only those count whose moment has come: who has acted early among the young ones would flatter the share.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from attune_service_kit.auth import Caller
from attune_service_kit.reads import Queryable
from campaign.visibility import parameters, visible

By = Literal["branch", "channel", "trigger"]

_GROUPS: dict[By, str] = {"branch": "t.branch_id", "channel": "t.channel", "trigger": "t.trigger"}
_COUNTS = """
count(*) AS opened,
count(*) FILTER (WHERE t.state IN ('open', 'escalated')) AS running,
count(*) FILTER (WHERE t.escalates_at <= $4) AS first_due,
count(*) FILTER (WHERE t.escalates_at <= $4 AND t.acted_at <= t.escalates_at) AS first_acted,
count(*) FILTER (WHERE t.expires_at <= $4) AS last_due,
count(*) FILTER (WHERE t.expires_at <= $4 AND t.acted_at <= t.expires_at) AS last_acted"""
# Whoever could be acted on: the treated that came as far as the arm, and that neither a repair nor the customer ended.
_FROM = f"""
FROM opportunity t
WHERE {visible("t", 1)} AND t.arm = 'treated' AND t.assigned AND t.withdrawn_at IS NULL AND t.state <> 'suppressed'
  AND ($5::date IS NULL OR t.business_date >= $5) AND ($6::date IS NULL OR t.business_date <= $6)
  AND ($7::text IS NULL OR EXISTS (SELECT FROM branch_scope b WHERE b.ancestor = $7 AND b.branch = t.branch_id))"""


@dataclass(frozen=True)
class Share:
    """Acted on in time, of those whose moment has come."""

    due: int
    acted: int

    @property
    def share(self) -> float | None:
        """None while there is nothing to have a share of."""
        return self.acted / self.due if self.due else None


@dataclass(frozen=True)
class Line:
    """One group. `key` None: the branch or channel is not known."""

    key: str | None
    opened: int
    running: int
    before_escalation: Share
    before_expiry: Share


@dataclass(frozen=True)
class Wanted:
    """Which opportunities, by their business day and branch."""

    first: date | None = None
    last: date | None = None
    branch: str | None = None


async def total(conn: Queryable, caller: Caller, wanted: Wanted, now: datetime) -> Line:
    """All of them together."""
    row = await conn.fetchrow(f"SELECT NULL AS key, {_COUNTS} {_FROM}", *_arguments(caller, wanted, now))
    return _line(row)


async def lines(
    conn: Queryable, caller: Caller, wanted: Wanted, by: By, now: datetime, after: str | None, limit: int
) -> list[Line]:
    """One page of groups in the order of their keys, an unknown one first."""
    group = f"coalesce({_GROUPS[by]}, '')"
    query = (
        f"SELECT {group} AS key, {_COUNTS} {_FROM} AND ($8::text IS NULL OR {group} > $8)"
        f" GROUP BY 1 ORDER BY 1 LIMIT $9"
    )
    return [_line(row) for row in await conn.fetch(query, *_arguments(caller, wanted, now), after, limit)]


def _arguments(caller: Caller, wanted: Wanted, now: datetime) -> tuple[object, ...]:
    return *parameters(caller.scope), now, wanted.first, wanted.last, wanted.branch


def _line(row: Any) -> Line:
    return Line(
        key=row["key"] or None,
        opened=row["opened"],
        running=row["running"],
        before_escalation=Share(row["first_due"], row["first_acted"]),
        before_expiry=Share(row["last_due"], row["last_acted"]),
    )
