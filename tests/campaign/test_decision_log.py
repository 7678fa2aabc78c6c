"""An answer leaves only after its record: group commit, and what happens if it fails (X16)."""

import asyncio
import hashlib
from uuid import UUID

import asyncpg
import pytest

from attune_contracts.identifiers import new_id
from attune_service_kit.database import Database
from campaign.decision_log import DecisionLog, Record

from .conftest import NOW, person


def record(decision_id: UUID | None = None) -> Record:
    body = b"{}"
    return Record(
        id=decision_id or new_id(),
        customer_id=person(1),
        branch_id="B1",
        channel="counter",
        caller="teller-1",
        as_of=NOW,
        catalogue_version=1,
        policy_version=1,
        personalised=True,
        inputs=body,
        result=body,
        sha256=hashlib.sha256(body).hexdigest(),
    )


async def test_everything_told_is_stored(database: Database) -> None:
    log, records = DecisionLog(database), [record() for _ in range(250)]
    await asyncio.gather(*(log.write(r) for r in records))
    stored = await database.pool.fetch("SELECT id, count(*) OVER (PARTITION BY xmin::text) AS together FROM decision")
    assert {row["id"] for row in stored} == {r.id for r in records}
    assert max(row["together"] for row in stored) == 100
    await log.write(last := record())
    assert await database.pool.fetchval("SELECT true FROM decision WHERE id = $1", last.id)


async def test_a_failed_commit_fails_every_answer_of_its_group(database: Database) -> None:
    log, twice = DecisionLog(database), new_id()
    answers = await asyncio.gather(*(log.write(record(twice)) for _ in range(2)), return_exceptions=True)
    assert [type(a) for a in answers] == [asyncpg.UniqueViolationError] * 2
    assert await database.pool.fetchval("SELECT count(*) FROM decision") == 0
    await log.write(record(twice))
    with pytest.raises(asyncpg.UniqueViolationError):
        await log.write(record(twice))


async def test_a_client_that_has_gone_disturbs_nobody(database: Database) -> None:
    log = DecisionLog(database)
    gone = asyncio.create_task(log.write(record()))
    stays = asyncio.create_task(log.write(record()))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert gone.cancelled() or gone.cancelling()
    assert await database.pool.fetchval("SELECT count(*) FROM decision") == 2
