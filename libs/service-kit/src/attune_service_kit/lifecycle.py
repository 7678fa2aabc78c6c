"""From settings to a running service and back: what a process holds, in which order it opens and closes."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Literal

import asyncpg
import structlog

from attune_service_kit import auth, clock, consumer, crypto, failpoints, idempotency, key_rotation, relay
from attune_service_kit.cancellation import stop_if_cancelled
from attune_service_kit.database import APP_LIMITS, WORKER_LIMITS, Database
from attune_service_kit.jobs import Jobs
from attune_service_kit.lake import Lake
from attune_service_kit.messaging import Broker
from attune_service_kit.runtime import Runtime, Service
from attune_service_kit.settings import ServiceSettings
from attune_service_kit.telemetry import Tracing

log = structlog.get_logger(__name__)


# Longer than any background task takes to put its things away (jobs get eight seconds).
CANCEL_AGAIN_SECONDS = 12.0
_LONGEST_PAUSE = 30.0  # before a background task that dies again and again is started anew

Background = Callable[[Runtime], Awaitable[None]]
Kind = Literal["app", "worker", "job"]


def make_runtime(service: Service, settings: ServiceSettings, kind: Kind) -> Runtime:
    """What a process holds; nothing is open yet.

    `app` knows the role <service>_app only; `worker` has a broker and the role <service>_worker beside it;
    `job` works as <service>_worker throughout.
    """
    time = clock.BusinessClock(settings)

    def database(role: Literal["app", "worker"]) -> Database:
        return Database(
            settings.database_url if role == "app" else settings.worker_database_url,
            limits=APP_LIMITS if role == "app" else WORKER_LIMITS,
            size=settings.pool_size,
            plain=settings.pool_size if role == "worker" and any(s.plain for s in service.subscriptions) else 0,
            now=time.now,
            application=f"{service.name}-{kind}",
        )

    main = database("worker" if kind == "job" else "app")
    broker = _broker(service, settings) if kind == "worker" or (kind == "app" and service.asks) else None
    return Runtime(
        service=service,
        settings=settings,
        tracing=Tracing(service.name, settings),
        verifier=auth.TokenVerifier(settings),
        clock=time,
        database=main,
        worker_database=database("worker") if kind == "worker" else main,
        jobs=Jobs(service),
        lake=Lake(settings.lake_url, settings.scratch),
        broker=broker if kind == "worker" else None,
        asker=broker,
        serves=kind != "job",
    )


def _broker(service: Service, settings: ServiceSettings) -> Broker:
    seed = settings.nats_seed
    return Broker(
        settings.nats_url,
        user=settings.nats_user,
        seed=seed.get_secret_value() if seed else None,
        name=service.name,
    )


def background(runtime: Runtime) -> Sequence[Background]:
    """What runs beside HTTP: a worker's loops, or the one that tells an app the worker's business time."""
    everywhere = [key_rotation.follow, *(runtime.service.everywhere if runtime.serves else ())]
    if runtime.broker is None:
        return [clock.follow, *everywhere] if runtime.clock.kind == "events" else everywhere
    return [relay.run, consumer.run, runtime.jobs.run, idempotency.prune, *runtime.service.tasks, *everywhere]


@contextlib.asynccontextmanager
async def running(runtime: Runtime) -> AsyncIterator[None]:
    """Open what the runtime holds, set up, start the background, and close everything in reverse."""
    settings = runtime.settings
    keks = crypto.read_keks(settings.kek_file)
    failpoints.arm(settings.environment)
    runtime.tracing.activate()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(runtime.tracing.close)
        for database in {id(each): each for each in (runtime.database, runtime.worker_database)}.values():
            await database.open()
            stack.push_async_callback(database.close)
        if runtime.asker is not None:
            await runtime.asker.start()
            stack.push_async_callback(runtime.asker.stop)
        await _patiently(lambda: runtime.clock.load(runtime.database))
        runtime.keyring = await crypto.open_keyring(
            runtime.database.pool, runtime.service.name, keks, settings.key_spread_seconds
        )
        for prepare in runtime.service.setup:
            await prepare(runtime)
        tasks = [asyncio.create_task(_forever(work, runtime), name=_name(work)) for work in background(runtime)]
        stack.push_async_callback(_cancel, tasks)
        yield


async def _patiently(read: Callable[[], Awaitable[None]]) -> None:
    """Do a first read of the database; one that is starting too is given half a minute."""
    for _ in range(60):
        try:
            return await read()
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
            await asyncio.sleep(0.5)
    return await read()


async def _forever(work: Background, runtime: Runtime) -> None:
    """Run a background task to its end; one that dies of an error is started again, with a growing pause.

    One that had lived for longer than any pause begins with the shortest anew.
    """
    pause = 0.5
    while True:
        began = time.monotonic()
        try:
            await work(runtime)
            return
        except (Exception, asyncio.CancelledError):
            stop_if_cancelled()
            pause = 0.5 if time.monotonic() - began > _LONGEST_PAUSE else pause
            log.exception("background_task_failed", kind=_name(work), seconds=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _name(work: Background) -> str:
    return f"{getattr(work, '__module__', '')}.{getattr(work, '__qualname__', type(work).__name__)}"


async def _cancel(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel, and again until all have ended: one cancellation can be lost (`cancellation`)."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
