"""pytest fixtures over real servers: `pytest_plugins = ["attune_service_kit.testing"]` in the root conftest."""

import asyncio
import itertools
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from nats.js.errors import NotFoundError

from attune_contracts.envelope import Data, Envelope, envelope, nats_subject, nats_subject_of
from attune_contracts.eventing import ClockAdvanced, TriggerActivated, TriggerRetired
from attune_service_kit import job_starter, migrations
from attune_service_kit.auth import DevelopmentIssuer
from attune_service_kit.crypto import new_kek
from attune_service_kit.database import WORKER_LIMITS, Database
from attune_service_kit.embedded import EmbeddedNats, EmbeddedPostgres
from attune_service_kit.event_recorder import RECORDER, _recording, events_as_documented, hold_outbox
from attune_service_kit.messaging import Broker, Message
from attune_service_kit.nats_client import connect
from attune_service_kit.nats_rights import LEDGER_USER, PROVISION_USER, inbox_prefix
from attune_service_kit.runtime import Runtime, Service
from attune_service_kit.settings import ServiceSettings
from attune_service_kit.streams import STREAMS, provision, stream_of
from attune_service_kit.telemetry import configure_logging
from attune_service_kit.testing_credentials import nats_seed, password

# Fixtures that hold in every test: pytest finds them by their names here.
__all__ = ["_recording", "events_as_documented"]

T = TypeVar("T")

# Free memory from which on the servers' files lie in it: a disk shared with others makes every test wait.
_ROOM = 4 << 30

# The platform's services, and two names for the services that tests define themselves.
SERVICES = ("customer_360", "eventing", "insight", "scoring", "campaign", "sample", "sample_reader")


def pytest_configure() -> None:
    """Log as a service does: structlog's own default draws every local variable of a traceback, for seconds."""
    configure_logging("tests", environment="test")
    job_starter.PRELOADED[:] = [f"{service}.job" for service in SERVICES]


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread with its own loop: for session fixtures, which have none."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def target() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as error:  # handed to the caller
            failure.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


async def eventually(
    predicate: Callable[[], Awaitable[Any]], timeout: float = 60.0, *, every: float = 0.02, what: str = "it"
) -> Any:
    """Return the predicate's first true answer; fail after `timeout` seconds, a bound against hanging only."""
    async with asyncio.timeout(timeout) as bound:
        while not (answer := await predicate()):
            try:
                await asyncio.sleep(every)
            except asyncio.CancelledError:
                if bound.when() is not None and bound.expired():
                    pytest.fail(f"{what} did not come about within {timeout} s")
                raise
        return answer


@pytest.fixture(scope="session")
def server_dir() -> Iterator[Path]:
    """A folder that the unprivileged user of PostgreSQL can reach (pytest's own are closed to others)."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder made there has a random name
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM
    folder = Path(tempfile.mkdtemp(prefix="attune-test-", dir=memory if roomy else None))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(server_dir: Path) -> Iterator[EmbeddedPostgres]:
    """A real PostgreSQL with the roles and empty databases of every service."""
    # Thrown away: the disk is not waited for (a killed server loses nothing), no password hashed 4,096 times.
    hasty = {"fsync": "off", "full_page_writes": "off", "scram_iterations": "1"}
    server = EmbeddedPostgres(server_dir / "postgres", passwords=password, settings=hasty)
    server.start(server_dir / "postgres.log")
    try:
        run_apart(server.wait_ready())
        run_apart(server.provision(SERVICES))
        yield server
    finally:
        server.stop(signal.SIGQUIT)


@pytest.fixture(scope="module")
def nats_server(server_dir: Path) -> Iterator[EmbeddedNats]:
    """A real NATS server with JetStream and the users of every service; no streams yet."""
    folder = Path(tempfile.mkdtemp(prefix="nats-", dir=server_dir))
    server = EmbeddedNats(folder / "store", seeds=nats_seed, services=SERVICES, sync_interval="2m")
    server.start(folder / "nats.log")
    try:
        run_apart(server.wait_ready())
        yield server
    finally:
        server.stop()


@pytest.fixture
def lake_dir(tmp_path: Path) -> Path:
    """An empty lake's folder."""
    folder = tmp_path / "lake"
    folder.mkdir()
    return folder


# --- services --------------------------------------------------------------------------------------------------------


@dataclass
class RunningService:
    """One service of the test: its app answers `client`, its lifespan runs (with `worker`: consumers, relay, jobs)."""

    app: FastAPI
    client: httpx.AsyncClient
    runtime: Runtime
    settings: ServiceSettings
    _stop: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _task: "asyncio.Task[None] | None" = field(default=None, repr=False)

    @property
    def everything(self) -> Database:
        """The service's database as its worker: what the test itself looks at, beyond any caller's rows."""
        return self.runtime.worker_database

    async def stop(self) -> None:
        """End the service as SIGTERM would; a second call does nothing."""
        self._stop.set()
        if self._task is not None:
            await self._task


class StartService(Protocol):
    """`await start_service(SERVICE, worker=True, clock="events", …)`: settings by keyword."""

    def __call__(
        self, service: Service, *, worker: bool = True, database: str | None = None, **settings: Any
    ) -> Awaitable[RunningService]:
        """Start a service on a fresh database, or on the database of that name (of another service just started)."""


@pytest.fixture(scope="session")
def templates() -> dict[tuple[str, str], str]:
    """The migrated template database of each service, made once a session."""
    return {}


_numbers = itertools.count(1)


@pytest.fixture
async def make_database(
    postgres_server: EmbeddedPostgres, templates: dict[tuple[str, str], str]
) -> AsyncIterator[Callable[[Service], Awaitable[str]]]:
    """Make a freshly migrated database of a service and return its name; dropped at the end of the test."""
    made: dict[str, str] = {}

    async def make(service: Service) -> str:
        key = (service.name, str(migrations.folder(service)))
        if key not in templates:
            template = f"{service.name}_template_{next(_numbers)}"
            await _create_database(postgres_server, service.name, template, None)
            await migrations.run(service, postgres_server.url(f"{service.name}_owner", template))
            templates[key] = template
        name = f"{service.name}_{next(_numbers)}"
        await _create_database(postgres_server, service.name, name, templates[key])
        made[name] = service.name
        return name

    yield make
    for name, service in made.items():
        inside = await postgres_server.connect(name)
        await hold_outbox(RECORDER, inside, service)
        await inside.close()
    connection = await postgres_server.connect()
    for name in made:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await connection.close()


async def _create_database(server: EmbeddedPostgres, service: str, name: str, template: str | None) -> None:
    connection = await server.connect()
    source = f'TEMPLATE "{template}" STRATEGY file_copy' if template else ""
    try:
        await connection.execute(f'CREATE DATABASE "{name}" OWNER "{service}_owner" {source}')
    finally:
        await connection.close()
    if template is None:
        inside = await server.connect(name)
        try:
            await inside.execute(f'ALTER SCHEMA public OWNER TO "{service}_owner"')
        finally:
            await inside.close()


async def provision_streams(server: EmbeddedNats, *, anew: bool = True) -> None:
    """Make the streams as the user `provision`; `anew` deletes what earlier tests have left."""
    client = await connect(server.url, nats_seed(PROVISION_USER), inbox_prefix=inbox_prefix(PROVISION_USER))
    try:
        js = client.jetstream()
        for stream in STREAMS if anew else ():
            try:
                await js.delete_stream(stream)
            except NotFoundError:
                continue
        await provision(js)
    finally:
        await client.close()


@pytest.fixture
async def streams(nats_server: EmbeddedNats) -> EmbeddedNats:
    """The NATS server with fresh, empty streams."""
    await provision_streams(nats_server)
    return nats_server


@pytest.fixture(scope="session")
def development_issuer(tmp_path_factory: pytest.TempPathFactory) -> DevelopmentIssuer:
    """Who issues the tokens that the services of the tests believe."""
    return DevelopmentIssuer(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def kek_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key-encryption key of every service of the tests."""
    file = tmp_path_factory.mktemp("kek") / "kek"
    file.write_text(new_kek())
    return file


@pytest.fixture
def service_settings(
    postgres_server: EmbeddedPostgres,
    nats_server: EmbeddedNats,
    development_issuer: DevelopmentIssuer,
    kek_file: Path,
    lake_dir: Path,
    tmp_path: Path,
) -> Callable[..., ServiceSettings]:
    """Make a service's settings: `service_settings(SERVICE, database, **changes)`."""

    def make(service: Service, database: str, **changes: Any) -> ServiceSettings:
        def url(role: str) -> str:
            return postgres_server.url(f"{service.name}_{role}", database)

        values: dict[str, Any] = {
            "environment": "test",
            "database_url": url("app"),
            "worker_database_url": url("worker"),
            "owner_database_url": url("owner"),
            "nats_url": nats_server.url,
            "nats_user": service.name,
            "nats_seed": nats_seed(service.name),
            "lake_url": str(lake_dir),
            "scratch": tmp_path / "scratch",
            "token_issuer": development_issuer.issuer,
            "token_jwks": str(development_issuer.jwks_path),
            "cursor_key": "u3Jq0Zx81LrTnVb5Wm7yKc2EoPf9SgHd",
            "kek_file": kek_file,
            "import_roots": (tmp_path,),
            "retry_seconds": (0.05, 0.1),
        }
        if "ledger_nats_user" in service.settings.model_fields:
            values |= {"ledger_nats_user": LEDGER_USER, "ledger_nats_seed": nats_seed(LEDGER_USER)}
        return service.settings(**values | changes)

    return make


@pytest.fixture
async def start_service(
    streams: EmbeddedNats,  # noqa: ARG001 - they must be there
    make_database: Callable[[Service], Awaitable[str]],
    service_settings: Callable[..., ServiceSettings],
) -> AsyncIterator[StartService]:
    """Start services on fresh migrated databases and fresh streams; all are stopped at the end of the test."""
    running: list[RunningService] = []

    async def start(
        service: Service, *, worker: bool = True, database: str | None = None, **settings: Any
    ) -> RunningService:
        # Imported here: the application factory is not needed by those who only want the servers.
        from attune_service_kit.app import create_app

        chosen = service_settings(service, database or await make_database(service), **settings)
        app = create_app(service, chosen, worker=worker)
        runtime = _of(app)
        if not worker:  # an app knows no other role than its own, but its test does
            url = chosen.worker_database_url
            runtime.worker_database = Database(url, limits=WORKER_LIMITS, now=runtime.clock.now, application="test")
        started = RunningService(app, _client(app), runtime, chosen)
        ready = asyncio.Event()
        started._task = asyncio.create_task(_live(started, ready), name=f"service {service.name}")
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({waiting, started._task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not ready.is_set():
            await started._task
        running.append(started)
        return started

    yield start
    for service in reversed(running):
        await service.stop()


async def _live(service: RunningService, ready: asyncio.Event) -> None:
    """Hold the lifespan open in one task from beginning to end, as a server does."""
    async with service.app.router.lifespan_context(service.app), service.client:
        if service.runtime.asker is not None:
            await service.runtime.asker.ready()
        ready.set()
        await service._stop.wait()


def _client(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service.test", timeout=60)


def _of(app: FastAPI) -> Runtime:
    runtime: Runtime = app.state.runtime
    return runtime


@pytest.fixture
def token(development_issuer: DevelopmentIssuer) -> Callable[..., dict[str, str]]:
    """Return request headers with a token: `token("teller", branch="B01")`, `token("mobile", customer=id)`."""

    def headers(
        role: str, branch: str | None = None, *, subject: str | None = None, customer: UUID | None = None
    ) -> dict[str, str]:
        signed, _ = development_issuer.issue(role, branch, subject, customer)
        return {"Authorization": f"Bearer {signed}"}

    return headers


class Publish(Protocol):
    """`await publish(data, …, time=…)`: put events on the stream as their producer would."""

    def __call__(self, *data: Data, time: datetime | None = None) -> Awaitable[list[Envelope]]:
        """Publish in order; `time` is business time, by default the wall clock's. Returns the envelopes."""


@pytest.fixture
async def publish(streams: EmbeddedNats) -> AsyncIterator[Publish]:
    """Publish events as their producers, whose services need not run."""
    brokers: dict[str, Broker] = {}

    async def as_producer(*data: Data, time: datetime | None = None) -> list[Envelope]:
        events = [envelope(item, time=time or datetime.now(UTC)) for item in data]
        for item, event in zip(data, events, strict=True):
            user = event.type.split(".", 1)[0]
            if user not in brokers:
                brokers[user] = Broker(streams.url, user=user, seed=nats_seed(user), name=f"test as {user}")
                await brokers[user].start()
                await brokers[user].ready()
            to = item.partition if isinstance(item, ClockAdvanced | TriggerActivated | TriggerRetired) else None
            subject = nats_subject_of(event) if to is None else nats_subject(item.TYPE, to)
            message = Message(subject, event.model_dump_json().encode(), str(event.id), stream_of(event.type))
            await brokers[user].publish(message)
        return events

    yield as_producer
    for broker in brokers.values():
        await broker.stop()
