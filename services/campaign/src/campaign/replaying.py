"""Decisions decided again, a whole range of them: does every answer still follow from what was known? (X16)

The job keeps its place and its counts with every chunk, so it can be cancelled, and goes on where it was after a kill.
"""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from attune_service_kit.jobs import JobContext
from campaign import plans
from campaign.decide import decide
from campaign.decision_facts import DecisionFacts
from campaign.offer_index import Catalogue
from campaign.sql import Conn

log = structlog.get_logger(__name__)

CHUNK = 500
NAMED = 20
"""So many decisions that differ are named; all are counted."""

_COUNT = "SELECT count(*) FROM decision WHERE as_of >= $1 AND as_of < $2"
_CHUNK = """
SELECT id, inputs, result, catalogue_version FROM decision
WHERE as_of >= $1 AND as_of < $2 AND ($3::uuid IS NULL OR id > $3) ORDER BY id LIMIT $4"""


def moments(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    """From the beginning of the first business day to the end of the last."""
    here = ZoneInfo(zone)
    return datetime.combine(first, time(), here), datetime.combine(last + timedelta(days=1), time(), here)


def follows(inputs: bytes, result: bytes, catalogue: Catalogue) -> bool:
    """Whether the answer follows from the inputs, byte for byte; inputs that cannot be read prove nothing."""
    try:
        return decide(DecisionFacts.from_json(inputs), catalogue) == result
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        log.warning("decision_not_readable", error=type(error).__name__)
        return False


async def replay_range(job: JobContext) -> dict[str, Any]:
    """Decide every decision of some business days again; the counts of those equal and different."""
    first, last = date.fromisoformat(job.params["from"]), date.fromisoformat(job.params["to"])
    since, until = moments(first, last, job.runtime.settings.zone)
    found = job.cursor or {"after": None, "equal": 0, "different": 0, "named": []}
    async with job.transaction() as tx:
        total: int = await tx.conn.fetchval(_COUNT, since, until)
    while True:
        async with job.transaction() as tx:
            if not await _chunk(tx.conn, since, until, found):
                break
            job.cursor = found
        await job.progress(found["equal"] + found["different"], total, "decisions decided again")
    checked = found["equal"] + found["different"]
    return {"checked": checked, "equal": found["equal"], "different": found["different"], "named": found["named"]}


async def _chunk(conn: Conn, since: datetime, until: datetime, found: dict[str, Any]) -> bool:
    """Check the next decisions and add to the counts; False at the end."""
    rows = await conn.fetch(_CHUNK, since, until, found["after"], CHUNK)
    catalogues = {v: await plans.catalogue_of(conn, v) for v in {row["catalogue_version"] for row in rows}}
    for row in rows:
        if follows(row["inputs"], row["result"], catalogues[row["catalogue_version"]]):
            found["equal"] += 1
            continue
        found["different"] += 1
        if len(found["named"]) < NAMED:
            found["named"].append(str(row["id"]))
    if rows:
        found["after"] = str(rows[-1]["id"])
    return bool(rows)
