"""The application factory: one FastAPI application per service, with everything a service has in common."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, Request

from attune_service_kit import auth, errors, health, openapi
from attune_service_kit.database import APP_LIMITS, WORKER_LIMITS, Database
from attune_service_kit.edge import Edge
from attune_service_kit.lake import Lake
from attune_service_kit.runtime import Runtime, Service
from attune_service_kit.settings import ServiceSettings
from attune_service_kit.telemetry import Tracing

log = structlog.get_logger(__name__)


def runtime(request: Request) -> Runtime:
    """Dependency: what the running service holds."""
    return request.app.state.runtime  # type: ignore[no-any-return]


AnyRuntime = Annotated[Runtime, Depends(runtime)]


def _landed(module: str, name: str, *args: Any) -> Any:
    if find_spec(f"attune_service_kit.{module}") is None:
        return SimpleNamespace(now=lambda: datetime.now(UTC), business_date=lambda: datetime.now(UTC).date())
    return getattr(import_module(f"attune_service_kit.{module}"), name)(*args)


def make_runtime(service: Service, settings: ServiceSettings, *, worker: bool) -> Runtime:
    """What a process of the service holds; nothing is opened yet. `worker` gives it the role <service>_worker too."""
    clock: Any = _landed("clock", "BusinessClock", settings)
    database = Database(
        settings.database_url,
        limits=APP_LIMITS,
        size=settings.pool_size,
        now=clock.now,
        application=f"{service.name}-app",
    )
    worker_database = Database(
        settings.worker_database_url,
        limits=WORKER_LIMITS,
        size=settings.pool_size,
        now=clock.now,
        application=f"{service.name}-worker",
    )
    return Runtime(
        service=service,
        settings=settings,
        tracing=Tracing(service.name, settings),
        verifier=auth.verifier(settings),
        clock=clock,
        database=database,
        worker_database=worker_database if worker else database,
        jobs=_landed("jobs", "Jobs", service),
        lake=Lake(settings.lake_url, settings.scratch),
    )


Background = Callable[[Runtime], Awaitable[None]]


@contextlib.asynccontextmanager
async def running(state: Runtime, background: Sequence[Background] = ()) -> AsyncIterator[None]:
    """Open what the runtime holds, run set-up and background work, and close everything in reverse."""
    state.tracing.activate()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(state.tracing.close)
        for database in {id(d): d for d in (state.database, state.worker_database)}.values():
            await database.open()
            stack.push_async_callback(database.close)
        for prepare in state.service.setup:
            await prepare(state)
        tasks = [asyncio.create_task(_forever(work, state), name=_name(work)) for work in background]
        stack.push_async_callback(_cancel, tasks)
        yield


async def _forever(work: Background, state: Runtime) -> None:
    """Run a background task to its end; one that dies of an error is started again, with a growing pause."""
    pause = 0.5
    while True:
        try:
            await work(state)
            return
        except Exception:
            log.exception("background_task_failed", kind=_name(work), seconds=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, 30)


def _name(work: Background) -> str:
    return getattr(work, "__qualname__", type(work).__name__)


async def _cancel(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _lifespan(state: Runtime, *, worker: bool) -> Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]]:
    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with running(state, state.service.tasks if worker else ()):
            yield

    return lifespan


def create_app(
    service: Service, settings: ServiceSettings | None = None, *, worker: bool = False, routes: bool = True
) -> FastAPI:
    """The service's application. `worker`: consumers, relay, job starter and tasks run as long as it does.

    Raises RouteWithoutScope if a route does not say which scope it needs.
    """
    settings = settings or service.settings()
    state = make_runtime(service, settings, worker=worker)
    app = FastAPI(
        title=service.title,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan(state, worker=worker),
        telemetry={
            "tracer_provider": state.tracing.provider,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "exclude": lambda scope: scope["path"] in ("/livez", "/readyz"),
        },
    )
    app.state.runtime, app.state.verifier = state, state.verifier
    app.include_router(health.probes)
    if routes:
        app.include_router(health.status_router(service.name))
        for router in service.routers:
            app.include_router(router)
    errors.register(app)
    app.add_middleware(Edge, max_body_bytes=settings.max_body_bytes, tracing=state.tracing)
    openapi.check_scopes(app)
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    return app
