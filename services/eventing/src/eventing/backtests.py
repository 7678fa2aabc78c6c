"""Reading backtests: jobs of that kind, within what the caller may see (X23)."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast
from uuid import UUID

from attune_service_kit.paging import by_time
from attune_service_kit.reads import Reads

Row = Mapping[str, Any]

# One of a branch is seen from there and from above: it holds the numbers of the branches under it alone.
_SEEN = """
j.kind = 'backtest' AND (
    $1 = 'all'
    OR ($1 = 'branch' AND j.params->>'branch' = any(ARRAY(SELECT branch FROM branch_scope WHERE ancestor = $2))))"""
_ONE = f"SELECT true FROM job j WHERE {_SEEN} AND j.id = $3"  # noqa: S608 - constants of this module
# Ids are time-ordered: the newest has the largest.
_LISTS = by_time(f"""
SELECT j.id, j.state, coalesce(j.params->>'trigger', j.params->'definition'->>'trigger') AS trigger,
       (j.params->>'version')::int AS version, (j.params->>'from')::date AS first, (j.params->>'to')::date AS last,
       j.params->>'branch' AS branch, (j.result->>'detections')::bigint AS detections,
       (j.result->>'subjects')::bigint AS subjects, j.created_at, j.finished_at
FROM job j WHERE {_SEEN}
  AND ($3::text IS NULL OR coalesce(j.params->>'trigger', j.params->'definition'->>'trigger') = $3)
  AND ($4::text IS NULL OR j.state = $4) AND ($5::uuid IS NULL OR j.id {{beyond}} $5)
ORDER BY j.id {{order}} LIMIT $6""")  # noqa: S608 - constants of this module


async def is_seen(reads: Reads, backtest_id: UUID) -> bool:
    """Whether there is such a backtest, and the caller may see it."""
    return bool(await reads.fetchrow(_ONE, reads.scope.kind, reads.scope.branch, backtest_id))


async def read(
    reads: Reads,
    trigger: str | None,
    state: str | None,
    sort: Literal["newest", "oldest"],
    after: str | None,
    limit: int,
) -> Sequence[Row]:
    """A page of the backtests behind an id."""
    rows: Any = await reads.fetch(_LISTS[sort], reads.scope.kind, reads.scope.branch, trigger, state, after, limit)
    return cast(Sequence[Row], rows)
