"""All search keys and digests by the index key that writes now: after a rotation, and before anything is compared.

A row's digest says which index key all its digests are of. Looking up goes by every index key, so everybody is found at
every moment. Rows are compared with each other where all are of one key: an import of parties makes anew what is not,
and nobody else makes digests anew before it has ended.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import structlog

from attune_service_kit import key_rotation
from attune_service_kit.crypto import NotOurs
from attune_service_kit.database import Transaction
from attune_service_kit.failpoints import failpoint
from attune_service_kit.jobs import JobContext
from customer_360.identity import COLUMNS, DIGEST_BYTES, Identities
from customer_360.settings import settings_of

log = structlog.get_logger(__name__)

AT_ONCE = 500
_PAUSE = 0.5

_LOCK = "SELECT pg_try_advisory_lock(hashtext('customer_360.reindexing'))"
# Of another index key than the one with this mark; the first one's digests have none.
_OLDER = f"(substr(i.digest, 1, octet_length(i.digest) - {DIGEST_BYTES}) <> $1)"
_COUNT = f"SELECT count(*) FROM party_identity i WHERE {_OLDER}"  # noqa: S608 - numbers of this package
_BATCH = f"""
SELECT p.party_kind, p.birth_date, i.* FROM party_identity i JOIN party p USING (customer_id)
WHERE {_OLDER} AND i.customer_id > $2 ORDER BY i.customer_id LIMIT {AT_ONCE} FOR UPDATE OF i"""  # noqa: S608
_WRITE = """
UPDATE party_identity t SET digest = n.digest, keys = n.keys::bigint[], document_key = n.document_key
FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::bytea[]) AS n (customer_id, digest, keys, document_key)
WHERE t.customer_id = n.customer_id"""


async def run(job: JobContext) -> tuple[int, int]:
    """Make anew what another index key has made: how many rows, and how many that do not open and stay as they are."""
    async with _alone(job) as own:
        return await _all(job, own)


@asynccontextmanager
async def of_one_key(job: JobContext) -> AsyncIterator[Identities]:
    """All digests are of the index key that these identities write by, until the block ends."""
    async with _alone(job) as own:
        await _all(job, own)
        yield own


@asynccontextmanager
async def _alone(job: JobContext) -> AsyncIterator[Identities]:
    runtime = job.runtime
    connection = await runtime.database.connect()
    try:
        while not await connection.fetchval(_LOCK):
            await job.progress(0, None, "until another job has done with search keys")
            await asyncio.sleep(_PAUSE)
        await key_rotation.refresh(runtime)
        yield Identities(runtime.keys.as_now(), settings_of(runtime).phone_region)
    finally:
        await connection.close()  # and the lock with it


async def _all(job: JobContext, own: Identities) -> tuple[int, int]:
    if own.only_key:
        return 0, 0
    pool = job.runtime.database.pool
    done = unreadable = 0
    # What a process of yesterday's key has written behind us is looked at again.
    while (left := int(await pool.fetchval(_COUNT, own.mark))) > unreadable:
        unreadable, after = 0, UUID(int=0)
        while True:
            async with job.transaction() as tx:
                rows = await tx.conn.fetch(_BATCH, own.mark, after)
                if not rows:
                    break
                opened = await _anew(tx, own, rows)
            after = rows[-1]["customer_id"]
            done, unreadable = done + opened, unreadable + len(rows) - opened
            failpoint("customer_360.reindexing.batch")
            await job.progress(done, max(done, left), "search keys")
    return done, unreadable


async def _anew(tx: Transaction, own: Identities, rows: Sequence[asyncpg.Record]) -> int:
    """Write the rows' digests anew; return of how many."""
    told = []
    for row in rows:
        id_ = row["customer_id"]
        try:
            who = own.open(id_, dict(row))
        except NotOurs:
            log.warning("value_does_not_open", kind="party_identity")
            continue
        traces = own.traces(row["party_kind"], row["birth_date"], who)
        digest = own.digest(str(id_), [getattr(who, name) for name in COLUMNS])
        told.append((id_, digest, "{" + ",".join(map(str, traces.keys)) + "}", traces.document))
    if told:
        await tx.conn.execute(_WRITE, *(list(column) for column in zip(*told, strict=True)))
    return len(told)
