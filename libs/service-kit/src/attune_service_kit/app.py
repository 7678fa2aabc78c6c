"""The application factory: one FastAPI application per service, with everything a service has in common."""

import contextlib
import re
from collections.abc import AsyncIterator, Iterator, MutableMapping
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from attune_service_kit import approvals, approvals_api, audit, errors, health, jobs, openapi, quarantine
from attune_service_kit.direct import Direct
from attune_service_kit.edge import Edge
from attune_service_kit.hot import HotRoutes
from attune_service_kit.lifecycle import make_runtime, running
from attune_service_kit.methods import Methods
from attune_service_kit.overload import QUIET, Admission
from attune_service_kit.queries import ExactQuery, exact_query
from attune_service_kit.runtime import Runtime, Service
from attune_service_kit.settings import ServiceSettings


async def runtime(request: Request) -> Runtime:
    """Dependency: what the running service holds."""
    return request.app.state.runtime  # type: ignore[no-any-return]


AnyRuntime = Annotated[Runtime, Depends(runtime)]


class _Application(FastAPI):
    """The framework's application, told at once which requests go without a span.

    Asked through its own `exclude`, it has done half of its work by then: a tenth of what a hot answer takes.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or not self.state.untraced(scope):
            await super().__call__(scope, receive, send)
            return
        scope["fastapi.telemetry"] = None  # as if an application around this one had seen to it
        scope["app"] = self
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        # Around the edge stands only what answers for errors, of which the edge lets none out before an answer begins.
        await self.middleware_stack.app(scope, receive, send)  # type: ignore[attr-defined]


def _routers(service: Service) -> Iterator[APIRouter]:
    """What every service has, and its own."""
    name = service.name
    yield from (health.status_router(name), jobs.router(name), quarantine.router(service), audit.router(name))
    if service.approvals is not None:
        yield approvals_api.router(name, service.approvals)
    yield from service.routers


@lru_cache(maxsize=8)
def _routes(service: Service) -> tuple[BaseRoute, ...]:
    """The service's routes, built once a process: applications hold them together, and change none."""
    whole = APIRouter()
    for router in _routers(service):
        whole.include_router(router, dependencies=[Depends(exact_query)])
    return tuple(whole.routes)


def _at_the_edge(app: FastAPI, state: Runtime, **parts: Any) -> None:
    """What every request passes before the framework sees it."""
    app.add_middleware(
        Edge,
        max_body_bytes=state.settings.max_body_bytes,
        tracing=state.tracing,
        streamed=re.compile("|".join(state.service.streamed) or "(?!)"),
        **parts,
    )


def create_app(
    service: Service, settings: ServiceSettings | None = None, *, worker: bool = False, routes: bool = True
) -> FastAPI:
    """The service's application. `worker`: consumers, relay, job starter and tasks run as long as it does.

    Raises RouteWithoutScope if a route does not say which scope it needs, Undeclared if its `approvals` are others
    than its routes'.
    """
    settings = settings or service.settings()
    state = make_runtime(service, settings, "worker" if worker else "app")

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with running(state):
            yield

    admission = Admission(settings.max_in_flight, settings.reserved_in_flight, service.urgent)

    def untraced(scope: MutableMapping[str, Any]) -> bool:
        """Also what will be refused at once: under overload its span would cost more than the refusal."""
        path = scope["path"]
        if path in QUIET or admission.full(path):
            return True
        return state.tracing.skips(scope, hot.find(scope))

    hot: HotRoutes
    app = _Application(
        title=service.title,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry={
            "tracer_provider": state.tracing.provider,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
        },
    )
    app.state.runtime, app.state.verifier, app.state.admission = state, state.verifier, admission
    app.state.untraced = untraced
    app.include_router(health.probes)
    if routes:
        app.router.routes.extend(_routes(service))
    errors.register(app)
    app.state.queries, app.state.methods = ExactQuery(app), Methods(app)
    hot = HotRoutes(app, service.hot)
    _at_the_edge(app, state, hot=hot, admission=admission)
    app.state.direct = Direct(hot, state, state.verifier, admission, state.tracing, settings.max_body_bytes)
    openapi.check_scopes(app)
    if routes:
        approvals.check(service.approvals, openapi.changes(app))
    app.openapi = lambda: openapi.describe(app)  # type: ignore[method-assign]
    return app
