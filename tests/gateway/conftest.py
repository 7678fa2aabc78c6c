"""A real gateway on a real port, in front of real HTTP servers."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Literal

import httpx
import pytest
import uvicorn

from attune_service_kit.auth import DevelopmentIssuer
from gateway.app import Gateway
from gateway.settings import GatewaySettings

TABLE = [
    {"method": "GET", "path": "/v1/customers/{customer_id}", "service": "customer_360"},
    {"method": "PATCH", "path": "/v1/customers/{customer_id}", "service": "customer_360"},
    {"method": "GET", "path": "/v1/customers/{customer_id}/next-best-actions", "service": "campaign"},
    {"method": "POST", "path": "/v1/imports", "service": "customer_360"},
    {"method": "POST", "path": "/v1/decisions/{decision_id}:present", "service": "campaign"},
    {"method": "GET", "path": "/v1/decisions/{decision_id}", "service": "campaign"},
]
DOCUMENT: dict[str, Any] = {"openapi": "3.1.0", "info": {"title": "Attune", "version": "1"}, "paths": {}}


class Quiet(uvicorn.Server):
    """uvicorn without its signal handlers: the test owns the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: Any, port: int = 0, lifespan: Literal["on", "off"] = "on", **tls: Any) -> AsyncIterator[str]:
    """Serve an ASGI application, on a free port by default; gives its address."""
    config = uvicorn.Config(
        app,
        port=port,
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        http="httptools",
        proxy_headers=False,
        **tls,
    )
    config.timeout_graceful_shutdown = 1
    server = Quiet(config)
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(60):
            while not server.started:  # noqa: ASYNC110 - uvicorn offers a flag only
                await asyncio.sleep(0.01)
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


class Echo:
    """An upstream that tells what it got; `paths` changes what it does."""

    def __init__(self, name: str) -> None:
        self.name, self.url = name, ""
        self.requests: list[dict[str, Any]] = []
        self.received = 0
        self.paths: dict[str, Callable[[Any, Any], Any]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            self.received += len(message.get("body", b""))
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append({"path": scope["raw_path"].decode(), "headers": headers, "size": len(body)})
        if special := self.paths.get(scope["path"]):
            await special(receive, send)
            return
        answer = httpx.Response(
            200,
            json={
                "service": self.name,
                "method": scope["method"],
                "path": scope["raw_path"].decode(),
                "query": scope["query_string"].decode(),
                "headers": headers,
                "size": len(body),
            },
        ).content
        own = [(b"content-type", b"application/json"), (b"x-own", b"kept"), (b"connection", b"keep-alive")]
        await send({"type": "http.response.start", "status": 200, "headers": own})
        await send({"type": "http.response.body", "body": answer})


@pytest.fixture
def make_gateway(development_issuer: DevelopmentIssuer) -> Callable[..., Gateway]:
    """A gateway in front of the given addresses; `table` and other settings as keywords."""

    def make(upstreams: dict[str, str], table: Any = TABLE, document: Any = DOCUMENT, **settings: Any) -> Gateway:
        return Gateway(
            GatewaySettings(
                environment="test",
                upstreams=upstreams,
                token_issuer=development_issuer.issuer,
                token_jwks=str(development_issuer.jwks_path),
                **settings,
            ),
            table,
            document,
        )

    return make


@pytest.fixture
def bearer(development_issuer: DevelopmentIssuer) -> dict[str, str]:
    return {"Authorization": f"Bearer {development_issuer.issue('call_centre')[0]}"}


@pytest.fixture
async def echoes() -> AsyncIterator[dict[str, Any]]:
    """Two upstreams, `customer_360` and `campaign`, with their addresses under `urls`."""
    people, actions = Echo("customer_360"), Echo("campaign")
    async with serving(people) as first, serving(actions) as second:
        yield {"customer_360": people, "campaign": actions, "urls": {"customer_360": first, "campaign": second}}


@pytest.fixture
async def client(make_gateway: Any, echoes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway in front of the two upstreams."""
    async with serving(make_gateway(echoes["urls"])) as url, httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield http


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Any]]:
    """`url = await serve(app)`: serve an application until the test ends."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(app: Any, **options: Any) -> str:
            return await stack.enter_async_context(serving(app, **options))

        yield start


class Restartable:
    """An upstream on one port that stops and starts again."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._stack = contextlib.AsyncExitStack()

    async def start(self) -> None:
        await self._stack.enter_async_context(serving(Echo("customer_360"), self._port))

    async def stop(self) -> None:
        await self._stack.aclose()


@pytest.fixture
async def restartable() -> AsyncIterator[Restartable]:
    upstream = Restartable()
    yield upstream
    await upstream.stop()
