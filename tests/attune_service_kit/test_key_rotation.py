"""Keys are changed while services run: at every moment everything opens, and what is killed goes on where it was."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest

from attune_service_kit import crypto, key_rotation, migrations, service
from attune_service_kit.crypto import KekUnusable, Keyring, new_kek, open_keyring, read_keks
from attune_service_kit.database import Database
from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.job_context import JobCancelled, JobContext
from attune_service_kit.lifecycle import make_runtime, running
from attune_service_kit.runtime import Runtime, Service
from attune_service_kit.settings import ServiceSettings
from attune_service_kit.testing import eventually

ROWS = 1200
ANSWER = ("idempotency_key", "response")


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    """A file with one key-encryption key."""
    file = tmp_path / "kek"
    file.write_text(new_kek())
    return file


@pytest.fixture
async def owner(sample_database: Database, postgres_server: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the owner of the sample service's database."""
    connection = await asyncpg.connect(postgres_server.url("sample_owner", "sample"))
    yield connection
    await connection.close()


@pytest.fixture
async def runtimes(
    empty_database: EmbeddedPostgres,
    sample_service: Service,
    sample_settings: Callable[..., ServiceSettings],
    ring: Path,
) -> AsyncIterator[tuple[Runtime, Runtime]]:
    """Two processes of the sample service: one that does the job, one that runs all the while."""
    settings = sample_settings(kek_file=ring, key_spread_seconds=1.5, trace_file=None)
    await migrations.run(sample_service, empty_database.url("sample_owner", "sample"))
    one, other = (make_runtime(sample_service, settings, "job") for _ in range(2))
    async with running(one), running(other):
        yield one, other


async def fill(runtime: Runtime, rows: int = ROWS) -> None:
    """Answers as the kit keeps them."""
    sealer = runtime.keys.column(*ANSWER)
    keys = [f"key-{number:04}" for number in range(rows)]
    sealed = [sealer.seal(place(key), key.encode()) for key in keys]
    await runtime.database.pool.execute(
        "INSERT INTO idempotency_key (client_id, method, route, key, body_hash, response, state)"
        " SELECT 'c', 'POST', '/v1/notes', key, '', sealed, 'done'"
        " FROM unnest($1::text[], $2::bytea[]) n (key, sealed)",
        keys,
        sealed,
    )


def place(key: str) -> str:
    return "\x00".join(("c", "POST", "/v1/notes", key))


async def sealed_by(runtime: Runtime) -> dict[int, int]:
    """How many answers each key has sealed; all of them open to what they were."""
    rows = await runtime.database.pool.fetch("SELECT key, response FROM idempotency_key")
    sealer = runtime.keys.column(*ANSWER)
    counts: dict[int, int] = {}
    for row in rows:
        assert sealer.open(place(row["key"]), row["response"]) == row["key"].encode()
        number = int.from_bytes(row["response"][:4], "big")
        counts[number] = counts.get(number, 0) + 1
    return counts


async def started(runtime: Runtime, purpose: str = "data") -> JobContext:
    """The job, as its process begins it: with the cursor that was committed last."""
    async with runtime.database.transaction() as tx:
        kind = "reindex" if purpose == "index" else "reseal"
        job_id = await runtime.jobs.start(tx, kind, {}, key=purpose)
        await tx.conn.execute("UPDATE job SET state = 'running' WHERE id = $1", job_id)
    return await again(runtime, job_id)


async def again(runtime: Runtime, job_id: UUID) -> JobContext:
    cursor = await runtime.database.pool.fetchval("SELECT cursor::text FROM job WHERE id = $1", job_id)
    return JobContext(job_id, "reseal", {}, orjson.loads(cursor) if cursor else None, runtime)


# --- the key that wraps ----------------------------------------------------------------------------------------------


async def test_a_newer_kek_wraps_anew_and_at_every_step_a_service_starts(
    sample_database: Database, owner: asyncpg.Connection, ring: Path
) -> None:
    async def opened() -> Keyring:
        return await open_keyring(sample_database.pool, "sample", read_keks(ring))

    before = await opened()
    value, digest = before.column("t", "c").seal("1", b"Ada"), before.digests("p").of(b"Ada")
    old, new = ring.read_text(), new_kek()
    steps = []
    for content in (old, f"{new}\n{old}\n"):
        ring.write_text(content)
        steps.append(await opened())
    assert [await crypto.rewrap(owner, "sample", read_keks(ring)) for _ in range(2)] == [2, 0]
    for content in (f"{new}\n{old}\n", f"{new}\n"):
        ring.write_text(content)
        steps.append(await opened())
    for keys in steps:
        assert (keys.column("t", "c").open("1", value), keys.digests("p").of(b"Ada")) == (b"Ada", digest)
    ring.write_text(old)
    with pytest.raises(KekUnusable):
        await opened()
    told = await owner.fetch("SELECT who, what, entity_id FROM audit")
    assert [tuple(row) for row in told] == [("operator", "keys.rewrapped", "1,2")]


async def test_keys_are_wrapped_anew_all_or_none(
    sample_database: Database, owner: asyncpg.Connection, ring: Path
) -> None:
    await open_keyring(sample_database.pool, "sample", read_keks(ring))
    damage = "UPDATE encryption_key SET wrapped = wrapped || '\\x00' WHERE id = 2 RETURNING wrapped"
    foreign = await owner.fetchval(damage)
    first = await owner.fetchval("SELECT wrapped FROM encryption_key WHERE id = 1")
    ring.write_text(f"{new_kek()}\n{ring.read_text()}")
    with pytest.raises(KekUnusable):
        await crypto.rewrap(owner, "sample", read_keks(ring))
    stored = await owner.fetch("SELECT wrapped FROM encryption_key ORDER BY id")
    assert [row["wrapped"] for row in stored] == [first, foreign]


async def test_migrating_wraps_anew_where_a_newer_key_stands_above(
    sample_database: Database, sample_service: Service, sample_settings: Callable[..., ServiceSettings], ring: Path
) -> None:
    await open_keyring(sample_database.pool, "sample", read_keks(ring))
    new = new_kek()
    ring.write_text(f"{new}\n{ring.read_text()}")
    await asyncio.to_thread(service.rewrap, sample_service, sample_settings(kek_file=ring))
    ring.write_text(new)
    await open_keyring(sample_database.pool, "sample", read_keks(ring))
    ring.write_text(new_kek())
    with pytest.raises(SystemExit, match="another key-encryption key"):
        await asyncio.to_thread(service.rewrap, sample_service, sample_settings(kek_file=ring))


# --- the data key ----------------------------------------------------------------------------------------------------


async def test_everything_opens_in_every_process_while_the_data_key_changes(runtimes: tuple[Runtime, Runtime]) -> None:
    one, other = runtimes
    await fill(one)
    job = asyncio.create_task(key_rotation.run(await started(one)))
    numbers = set()
    while not job.done():
        for sealing, opening in (runtimes, runtimes[::-1]):
            value = sealing.keys.column("t", "c").seal("1", b"Ada")
            numbers.add(int.from_bytes(value[:4], "big"))
            assert opening.keys.column("t", "c").open("1", value) == b"Ada"
        assert sum((await sealed_by(other)).values()) == ROWS
    assert await job == {"key": 3, "resealed": ROWS, "unreadable": 0}
    assert numbers == {1, 3}
    assert await sealed_by(other) == {3: ROWS}
    assert (one.keys.sealing, other.keys.sealing) == (3, 3)
    audited = await one.database.pool.fetch("SELECT what FROM audit ORDER BY id")
    assert [row["what"] for row in audited] == ["keys.data_key_made", "keys.data_key_rotated"]


async def test_a_process_that_starts_meanwhile_opens_the_new_key_and_seals_with_the_old(
    sample_database: Database, ring: Path
) -> None:
    keks = read_keks(ring)
    first = await open_keyring(sample_database.pool, "sample", keks)
    async with sample_database.transaction() as tx:
        assert await crypto.add_key(tx.conn, "sample", keks[0], "data") == 3
    meanwhile = await open_keyring(sample_database.pool, "sample", keks, spread=60)
    assert (meanwhile.sealing, meanwhile.holds(3), first.holds(3)) == (1, True, False)
    later = await open_keyring(sample_database.pool, "sample", keks, spread=0)
    assert later.sealing == 3
    value = later.column("t", "c").seal("1", b"Ada")
    assert meanwhile.column("t", "c").open("1", value) == b"Ada"
    await crypto.refresh(first, sample_database.pool, "sample", ring, 60)
    assert (first.sealing, first.column("t", "c").open("1", value)) == (1, b"Ada")


@pytest.mark.parametrize("where", ["keys.made", "keys.batch"])
async def test_a_job_that_ends_anywhere_goes_on_with_the_same_key(
    runtimes: tuple[Runtime, Runtime], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    runtime, _ = runtimes
    await fill(runtime)
    job = await started(runtime)

    def ends(name: str) -> None:
        if name == where:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(key_rotation, "failpoint", ends)
        with pytest.raises(KeyboardInterrupt):
            await key_rotation.run(job)
    rest = ROWS - (key_rotation.AT_ONCE if where == "keys.batch" else 0)
    assert (await sealed_by(runtime))[1] == rest
    assert await key_rotation.run(await again(runtime, job.id)) == {"key": 3, "resealed": ROWS, "unreadable": 0}
    assert await sealed_by(runtime) == {3: ROWS}
    assert await runtime.database.pool.fetchval("SELECT count(*) FROM encryption_key") == 3


async def test_a_cancelled_job_changes_nothing_more_and_goes_on_when_it_is_resumed(
    runtimes: tuple[Runtime, Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, _ = runtimes
    await fill(runtime)
    job = await started(runtime)

    async def cancelled() -> None:
        async with runtime.database.transaction() as tx:
            await runtime.jobs.cancel(tx, job.id)

    waiting = asyncio.create_task(cancelled())
    with pytest.raises(JobCancelled):
        await key_rotation.run(job)
    await waiting
    assert await sealed_by(runtime) == {1: ROWS}
    async with runtime.database.transaction() as tx:
        assert (await runtime.jobs.resume(tx, job.id)).state == "queued"
        await tx.conn.execute("UPDATE job SET state = 'running'")
    assert (await key_rotation.run(await again(runtime, job.id)))["resealed"] == ROWS


async def test_it_stands_in_nobodys_way_and_leaves_nobody_out(runtimes: tuple[Runtime, Runtime]) -> None:
    runtime, other = runtimes
    await fill(runtime, 20)

    async def all_but_one() -> Any:
        return await sealed_by(other) == {1: 1, 3: 19}

    async with other.database.transaction() as tx:
        await tx.conn.execute("UPDATE idempotency_key SET status = 201 WHERE key = 'key-0007'")
        job = asyncio.create_task(key_rotation.run(await started(runtime)))
        await eventually(all_but_one, what="every other row by the new key")
    assert (await job)["resealed"] == 20
    assert await sealed_by(other) == {3: 20}


async def test_a_value_that_does_not_open_is_left_as_it_is_and_told(runtimes: tuple[Runtime, Runtime]) -> None:
    runtime, _ = runtimes
    await fill(runtime, 3)
    damaged = "UPDATE idempotency_key SET response = response || '\\x00' WHERE key = 'key-0001' RETURNING response"
    value = await runtime.database.pool.fetchval(damaged)
    assert await key_rotation.run(await started(runtime)) == {"key": 3, "resealed": 2, "unreadable": 1}
    assert await runtime.database.pool.fetchval("SELECT response FROM idempotency_key WHERE key = 'key-0001'") == value


async def test_the_command_starts_one_job_and_says_who(runtimes: tuple[Runtime, Runtime]) -> None:
    runtime, _ = runtimes
    starting = [make_runtime(runtime.service, runtime.settings, "job") for _ in range(2)]
    first, second = [await key_rotation.start(each) for each in starting]
    assert first == second
    row = await runtime.database.pool.fetchrow("SELECT who, what, entity_id FROM audit ORDER BY id LIMIT 1")
    assert tuple(row) == ("operator", "keys.rotation_started", str(first))


# --- the index key ---------------------------------------------------------------------------------------------------


async def test_what_any_process_has_digested_is_found_in_every_process_while_the_index_key_changes(
    runtimes: tuple[Runtime, Runtime],
) -> None:
    one, other = runtimes
    job = asyncio.create_task(key_rotation.run_index(await started(one, "index")))
    written = set()
    while not job.done():
        for writing, looking in (runtimes, runtimes[::-1]):
            digest = writing.keys.digests("p").of(b"Ada")
            written.add(digest)
            assert digest in looking.keys.digests("p").by_each(b"Ada")
        await asyncio.sleep(0.01)
    assert await job == {"key": 3, "reindexed": 0, "unreadable": 0}
    assert len(written) == 2
    assert (one.keys.indexing, other.keys.indexing, one.keys.sealing) == (3, 3, 1)
    audited = await one.database.pool.fetch("SELECT what FROM audit ORDER BY id")
    assert [row["what"] for row in audited] == ["keys.index_key_made", "keys.index_key_rotated"]


async def test_a_piece_of_work_writes_by_one_index_key_whatever_the_process_learns(
    sample_database: Database, ring: Path
) -> None:
    keks = read_keks(ring)
    keys = await open_keyring(sample_database.pool, "sample", keks)
    still, digests = keys.as_now(), keys.digests("p")
    before = digests.of(b"Ada")
    async with sample_database.transaction() as tx:
        assert await crypto.add_key(tx.conn, "sample", keks[0], "index") == 3
    await crypto.refresh(keys, sample_database.pool, "sample", ring, 60)
    assert (keys.indexing, digests.of(b"Ada"), len(digests.by_each(b"Ada"))) == (2, before, 2)
    await crypto.refresh(keys, sample_database.pool, "sample", ring, 0)
    assert (keys.indexing, still.indexing, still.digests("p").of(b"Ada")) == (3, 2, before)
    assert digests.of(b"Ada") != before
    assert before in digests.by_each(b"Ada")
