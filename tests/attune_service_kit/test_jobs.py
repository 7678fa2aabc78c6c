"""A job survives its process, is cancelled for good, and says why it failed."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from attune_service_kit import job_starter, migrations
from attune_service_kit.app import create_app
from attune_service_kit.auth import DevelopmentIssuer
from attune_service_kit.embedded import EmbeddedPostgres
from attune_service_kit.job_starter import lock_key, settings_environment
from attune_service_kit.jobs import Job
from attune_service_kit.lifecycle import make_runtime, running
from attune_service_kit.runtime import Runtime
from attune_service_kit.settings import ServiceSettings
from attune_service_kit.testing import eventually

PACKAGES = Path(__file__).parent / "job_service"


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES))
    monkeypatch.syspath_prepend(str(PACKAGES))


@pytest.fixture
async def service_runtime(
    importable: None, empty_database: EmbeddedPostgres, sample_settings: Callable[..., ServiceSettings]
) -> AsyncIterator[Runtime]:
    """The sample service's worker without a broker; jobs start only where a test runs the starter."""
    from sample.app import SERVICE, SampleSettings

    await migrations.run(SERVICE, empty_database.url("sample_owner", "sample"))
    settings = SampleSettings(**sample_settings(trace_file=None).model_dump())
    runtime = make_runtime(SERVICE, settings, "worker")
    runtime.broker = None
    async with running(runtime):
        yield runtime


@pytest.fixture
async def worker(service_runtime: Runtime) -> AsyncIterator[Runtime]:
    """The same, with the job starter running."""
    async with starting(service_runtime):
        yield service_runtime


@contextlib.asynccontextmanager
async def starting(runtime: Runtime) -> AsyncIterator[None]:
    task = asyncio.create_task(runtime.jobs.run(runtime))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def start(runtime: Runtime, kind: str, key: str | None = None, **params: Any) -> UUID:
    async with runtime.database.transaction() as tx:
        return await runtime.jobs.start(tx, kind, params, key=key)


async def look(runtime: Runtime, job_id: UUID) -> Job:
    async with runtime.database.transaction() as tx:
        return await runtime.jobs.view(tx, job_id)


def in_state(runtime: Runtime, job_id: UUID, *states: str) -> Callable[[], Awaitable[Job | None]]:
    async def reached() -> Job | None:
        job = await look(runtime, job_id)
        return job if job.state in states else None

    return reached


async def ended(runtime: Runtime, job_id: UUID) -> Job:
    return await eventually(in_state(runtime, job_id, "done", "failed", "cancelled"), 60, what="the end of the job")


async def held(runtime: Runtime, job_id: UUID) -> bool:
    """Whether some process works on the job."""
    async with runtime.worker_database.pool.acquire() as conn:
        if not await conn.fetchval("SELECT pg_try_advisory_lock($1)", lock_key(job_id)):
            return True
        await conn.execute("SELECT pg_advisory_unlock($1)", lock_key(job_id))
        return False


async def test_a_killed_job_continues_from_its_cursor_and_tells_its_progress_and_result(worker: Runtime) -> None:
    job_id = await start(worker, "count", upto=6, die_at=4)
    job = await ended(worker, job_id)
    assert (job.state, job.progress, job.total, job.error) == ("done", 6, 6, None)
    assert job.result == {"began_at": 3, "done": 6}, "the fourth note was rolled back with its cursor"
    assert await worker.database.pool.fetchval("SELECT array_agg(id ORDER BY id) FROM note") == [1, 2, 3, 4, 5, 6]
    assert await worker.database.pool.fetchval("SELECT attempts FROM job WHERE id = $1", job_id) == 2


async def test_a_job_that_always_dies_is_given_up_with_its_last_words(
    worker: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_starter, "ATTEMPTS", 2)
    job = await ended(worker, await start(worker, "crash"))
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.code == "job_crashed"
    assert "status -9" in job.error.en
    assert "about to die" in job.error.trace


async def test_a_job_interrupted_too_often_is_given_up(worker: Runtime) -> None:
    async with worker.database.transaction() as tx:
        job_id = await worker.jobs.start(tx, "wait", {})
        await tx.conn.execute("UPDATE job SET attempts = 5")
    job = await ended(worker, job_id)
    assert job.error is not None
    assert job.error.code == "job_given_up"


@pytest.mark.parametrize(
    ("kind", "code", "english"),
    [("fail", "job_failed", "the job failed: ZeroDivisionError"), ("refuse", "invalid", "the file is empty")],
)
async def test_a_failing_job_says_why_and_is_not_repeated(worker: Runtime, kind: str, code: str, english: str) -> None:
    job_id = await start(worker, kind)
    job = await ended(worker, job_id)
    assert job.state == "failed"
    assert job.error is not None
    assert (job.error.code, job.error.en) == (code, english)
    assert job.error.zh
    assert bool(job.error.trace) == (kind == "fail")
    assert await worker.database.pool.fetchval("SELECT attempts FROM job WHERE id = $1", job_id) == 1


async def test_a_plain_function_runs_in_a_thread(worker: Runtime) -> None:
    job = await ended(worker, await start(worker, "plain", given="所有"))
    assert job.result == {"thread": True, "given": "所有"}
    assert job.message == "half way"


async def test_the_same_key_is_the_same_job_while_it_is_active(service_runtime: Runtime) -> None:
    first = await start(service_runtime, "count", "import-1", upto=1)
    assert await start(service_runtime, "count", "import-1", upto=1) == first
    assert await start(service_runtime, "count", "import-2", upto=1) != first
    assert await start(service_runtime, "plain", "import-1", given=1) != first
    await service_runtime.database.pool.execute("UPDATE job SET state = 'done' WHERE id = $1", first)
    assert await start(service_runtime, "count", "import-1", upto=1) != first


async def test_two_starts_at_once_with_one_key_are_one_job(service_runtime: Runtime) -> None:
    ids = await asyncio.gather(*(start(service_runtime, "count", "same", upto=1) for _ in range(5)))
    assert len(set(ids)) == 1


async def test_a_job_is_only_started_by_a_commit(service_runtime: Runtime) -> None:
    async def rolled_back() -> None:
        async with service_runtime.database.transaction() as tx:
            await service_runtime.jobs.start(tx, "count", {"upto": 1})
            raise LookupError

    with pytest.raises(LookupError):
        await rolled_back()
    assert await service_runtime.database.pool.fetchval("SELECT count(*) FROM job") == 0


async def test_an_unknown_kind_is_refused_at_the_start(service_runtime: Runtime) -> None:
    with pytest.raises(ValueError, match="no job is called 'cuont'"):
        await start(service_runtime, "cuont")


async def test_a_stopping_worker_ends_its_children_and_its_successor_goes_on(service_runtime: Runtime) -> None:
    async with starting(service_runtime):
        job_id = await start(service_runtime, "wait")
        await eventually(in_state(service_runtime, job_id, "running"), what="the start")
    assert not await held(service_runtime, job_id)
    row = await service_runtime.database.pool.fetchrow("SELECT state, attempts FROM job WHERE id = $1", job_id)
    assert (row["state"], row["attempts"]) == ("queued", 0), "being stopped is no failure of the job"
    async with starting(service_runtime):
        await eventually(in_state(service_runtime, job_id, "running"), what="the second start")


async def test_a_job_left_running_by_a_dead_worker_is_started_again(service_runtime: Runtime) -> None:
    job_id = await start(service_runtime, "count", upto=2)
    await service_runtime.worker_database.pool.execute("UPDATE job SET state = 'running', attempts = 1")
    async with starting(service_runtime):
        job = await ended(service_runtime, job_id)
    assert job.state == "done"
    assert await service_runtime.database.pool.fetchval("SELECT attempts FROM job") == 2


async def test_heavy_jobs_take_turns(worker: Runtime, tmp_path: Path) -> None:
    """Also against another worker of the same home."""
    ids = [await start(worker, "hold", folder=str(tmp_path)) for _ in range(2)]
    async with starting(worker):
        jobs = [await ended(worker, job_id) for job_id in ids]
    assert [job.result for job in jobs] == [{"beside": 0}] * 2


async def test_a_heavy_job_that_waits_for_somebody_else_holds_no_other_up(worker: Runtime, tmp_path: Path) -> None:
    async with starting(worker):
        waiting = await start(worker, "aside", folder=str(tmp_path))
        await eventually(in_state(worker, waiting, "running"), what="the start")
        other = await ended(worker, await start(worker, "hold", folder=str(tmp_path)))
        assert (await look(worker, waiting)).state == "running"
        (tmp_path / "go").touch()
        assert (await ended(worker, waiting)).result == {"went": 1}
    assert other.result == {"beside": 0}


@pytest.fixture
async def api(service_runtime: Runtime, issuer: DevelopmentIssuer) -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    app = create_app(service_runtime.service, service_runtime.settings)
    clients = []

    def client(role: str = "operator") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {issuer.issue(role)[0]}", "Idempotency-Key": "0123456789abcdef-cancel"}
        clients.append(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sample", headers=headers))
        return clients[-1]

    async with app.router.lifespan_context(app):
        yield client
    for made in clients:
        await made.aclose()


async def test_jobs_are_for_operators(api: Callable[..., httpx.AsyncClient], service_runtime: Runtime) -> None:
    job_id = await start(service_runtime, "wait")
    assert (await api("marketer").get(f"/v1/jobs/sample/{job_id}")).status_code == 403
    assert (await api("marketer").post(f"/v1/jobs/sample/{job_id}:cancel")).status_code == 403
    assert (await look(service_runtime, job_id)).state != "cancelled"


async def test_a_running_job_is_cancelled_for_good(
    api: Callable[..., httpx.AsyncClient], service_runtime: Runtime
) -> None:
    async def free() -> bool:
        return not await held(service_runtime, job_id)

    job_id = await start(service_runtime, "wait")
    client = api()
    async with starting(service_runtime):
        await eventually(in_state(service_runtime, job_id, "running"), what="the start")
        seen = (await client.get(f"/v1/jobs/sample/{job_id}")).json()
        assert (seen["id"], seen["state"], seen["error"]) == (str(job_id), "running", None)
        answer = await client.post(f"/v1/jobs/sample/{job_id}:cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        await eventually(free, what="the end of the process")
    assert (await look(service_runtime, job_id)).state == "cancelled"


async def test_an_ended_job_cannot_be_cancelled_and_a_strange_one_is_unknown(
    api: Callable[..., httpx.AsyncClient], service_runtime: Runtime
) -> None:
    job_id = await start(service_runtime, "plain", given=1)
    await service_runtime.database.pool.execute("UPDATE job SET state = 'done'")
    client = api()
    answer = await client.post(f"/v1/jobs/sample/{job_id}:cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_ended")
    strange = "018f0000-0000-7000-8000-000000000000"
    assert (await client.get(f"/v1/jobs/sample/{strange}")).json()["code"] == "unknown_job"


async def test_a_cancelled_job_goes_on_from_its_cursor_when_resumed(
    api: Callable[..., httpx.AsyncClient], service_runtime: Runtime
) -> None:
    job_id = await start(service_runtime, "count", "k", upto=6)
    await service_runtime.database.pool.execute(
        "UPDATE job SET state = 'cancelled', cursor = '{\"done\": 2}', attempts = 5 WHERE id = $1", job_id
    )
    client = api()
    rival = await start(service_runtime, "count", "k", upto=0)
    refused = await client.post(f"/v1/jobs/sample/{job_id}:resume", headers={"Idempotency-Key": "resume-too-early-1"})
    assert (refused.status_code, refused.json()["code"]) == (409, "job_not_resumable")
    await service_runtime.database.pool.execute("UPDATE job SET state = 'done' WHERE id = $1", rival)
    answer = await client.post(f"/v1/jobs/sample/{job_id}:resume")
    assert (answer.status_code, answer.json()["state"], answer.json()["finished_at"]) == (200, "queued", None)
    async with starting(service_runtime):
        job = await ended(service_runtime, job_id)
    assert (job.state, job.result) == ("done", {"began_at": 2, "done": 6})
    again = await client.post(f"/v1/jobs/sample/{job_id}:resume", headers={"Idempotency-Key": "resume-when-done-1"})
    assert (again.status_code, again.json()["code"]) == (409, "job_not_resumable")
    assert (await api("marketer").post(f"/v1/jobs/sample/{job_id}:resume")).status_code == 403
    audit = await service_runtime.database.pool.fetch("SELECT what FROM audit WHERE entity = 'job'")
    assert [row["what"] for row in audit] == ["job.resumed"]


async def test_jobs_are_listed_the_newest_first_by_page_state_and_kind(
    api: Callable[..., httpx.AsyncClient], service_runtime: Runtime
) -> None:
    ids = [str(await start(service_runtime, "count", upto=0)) for _ in range(3)]
    await service_runtime.database.pool.execute("UPDATE job SET state = 'done' WHERE id = $1", UUID(ids[0]))
    client = api()
    first = (await client.get("/v1/jobs/sample", params={"limit": 2})).json()
    assert [job["id"] for job in first["items"]] == ids[:0:-1]
    rest = (await client.get("/v1/jobs/sample", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert ([job["id"] for job in rest["items"]], rest["next_cursor"]) == (ids[:1], None)
    oldest = (await client.get("/v1/jobs/sample", params={"limit": 2, "sort": "oldest"})).json()
    last = {"limit": 2, "sort": "oldest", "cursor": oldest["next_cursor"]}
    assert [job["id"] for job in oldest["items"]] == ids[:2]
    assert [job["id"] for job in (await client.get("/v1/jobs/sample", params=last)).json()["items"]] == ids[2:]
    other = await client.get("/v1/jobs/sample", params=last | {"sort": "newest"})
    assert (other.status_code, other.json()["code"]) == (400, "invalid_cursor"), "a cursor has the order of its list"
    done = (await client.get("/v1/jobs/sample", params={"state": "done", "kind": "count"})).json()
    assert [job["id"] for job in done["items"]] == ids[:1]
    assert (await client.get("/v1/jobs/sample", params={"kind": "wait"})).json()["items"] == []
    assert (await api("marketer").get("/v1/jobs/sample")).status_code == 403


def test_a_child_reads_the_same_settings(
    importable: None, sample_settings: Callable[..., ServiceSettings], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from sample.app import SampleSettings

    settings = SampleSettings(**sample_settings(import_roots=(tmp_path, tmp_path / "b"), clock="events").model_dump())
    for name, value in settings_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert SampleSettings() == settings


def test_the_service_itself_never_imports_the_heavy_libraries() -> None:
    modules = ("jobs", "job_starter", "lifecycle", "lake", "files")
    heavy = ("duckdb", "pyarrow", "yaml")
    code = f"import sys, {', '.join(f'attune_service_kit.{name}' for name in modules)}"
    code += f"; print([name for name in {heavy} if name in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert output.stdout.strip() == "[]"
