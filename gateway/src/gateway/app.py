"""The gateway's application: request id, limits, token, route, access line; the API page beside it. No database."""

import asyncio
import json
import time
from importlib.resources import files
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Message, Receive, Scope, Send

from attune_service_kit import telemetry
from attune_service_kit.auth import TokenVerifier
from attune_service_kit.errors import (
    BadRequest,
    NotFound,
    Refusal,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
    problem,
    unexpected,
)
from attune_service_kit.overload import QUIET, Admission, Place, streams
from gateway import heads, page
from gateway.fairness import Fairness
from gateway.heads import Head
from gateway.proxy import URGENT, ClientGone, Upstreams
from gateway.refusals import HeadersTooLarge, MethodNotAllowed, MisdirectedHost, UriTooLong
from gateway.routing import Routes, Unknown, WrongMethod
from gateway.settings import GatewaySettings
from gateway.token_exchange import TokenExchange

log = structlog.get_logger("access")

LONGEST_URI = 8 << 10
LARGEST_HEADERS = 32 << 10
MOST_HEADERS = 100
_MOST_RANGES = 5

_PASSED_ON = (
    "exchange_url is not set: each caller's own token goes on to the services, has to name in aud every service that"
    " it is for beside the gateway, and is good at all of them; name the issuer's token endpoint to exchange it"
)

_DOCUMENTS = frozenset({"/", "/docs", "/openapi.json"})


class Gateway:
    """The ASGI application. `table` and `document` are the route table and the merged OpenAPI document."""

    def __init__(self, settings: GatewaySettings, table: list[dict[str, str]], document: dict[str, Any]) -> None:
        self.settings = settings
        self.stopping = False
        self.routes = Routes(table)
        missing = [service for service in self.routes.services if service not in settings.upstreams]
        if missing:
            raise ValueError(f"upstreams names no address for {', '.join(missing)}")
        self._upstreams = Upstreams(settings)
        self._verifier = TokenVerifier(settings)
        self.token_exchange = TokenExchange(settings, self._verifier) if settings.exchange_url else None
        self._pages = _pages(self, document)
        self.admission = Admission(settings.max_in_flight, settings.reserved_in_flight, URGENT)
        self._fairness = Fairness(settings.client_requests, settings.client_misses)
        self._hosts = frozenset(host.lower().encode() for host in settings.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or open and close with the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await _Exchange(self, scope, send).run(receive)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        if self.token_exchange is None and self.settings.environment == "production":
            log.warning("tokens_passed_on", reason=_PASSED_ON)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._upstreams.close()
        if self.token_exchange is not None:
            await self.token_exchange.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def answer(self, exchange: "_Exchange", receive: Receive) -> None:
        """Answer from the own pages, or find the service, check the token and hand the request on."""
        scope = exchange.scope
        path = scope["path"]
        with self.admission.place(path) as exchange.place:
            await self._answer(exchange, path, receive)

    async def _answer(self, exchange: "_Exchange", path: str, receive: Receive) -> None:
        scope, head = exchange.scope, exchange.head
        _check_limits(scope, head)
        if path not in QUIET:
            _check_host(head, self._hosts)
        if path in QUIET or (self.settings.documents and (path in _DOCUMENTS or path.startswith("/docs/"))):
            exchange.route = path if "/static/" not in path else "/docs/static"
            await self._pages(scope, receive, exchange.sending)
            return
        match self.routes.match(scope["method"], bytes(scope["raw_path"]).decode("latin-1")):
            case Unknown():
                raise NotFound("no such resource", "资源不存在")
            case WrongMethod(allowed):
                raise MethodNotAllowed(allowed)
            case found:
                exchange.route = found.template
                token = _token(head)
                caller = await self._verifier.verify(token)
                exchange.client_id, who = caller.client_id, (caller.client_id, caller.subject)
                self._fairness.admit(who, found.template)
                if self.token_exchange is not None:
                    own = await self.token_exchange.authorization(token, caller, found.service)
                    head = heads.bearing(head, own)
                somebody = await self._upstreams.forward(found, scope, head, receive, exchange.sending, exchange.ids)
                missed = exchange.status == 404 or not somebody
                if missed and self._fairness.missed(who, found.template):
                    staff = caller.subject if caller.customer is None else None
                    log.warning("customers_probed", client_id=caller.client_id, staff_id=staff, route=found.template)

    async def readiness(self) -> dict[str, bool]:
        """Which services answer."""
        names = self.routes.services
        return dict(zip(names, await asyncio.gather(*map(self._upstreams.alive, names)), strict=True))

    def breakers(self) -> dict[str, dict[str, str | int]]:
        """How each service's breaker stands, and how often requests to it were repeated."""
        return self._upstreams.breakers()


class _Exchange:
    """One request and its answer."""

    def __init__(self, gateway: Gateway, scope: Scope, send: Send) -> None:
        self.scope, self.head = scope, heads.read(scope["headers"])
        self.ids = telemetry.begin(self.head.text(b"x-request-id"), self.head.text(b"x-correlation-id"))
        self.route = "unknown"
        self.client_id: str | None = None
        self._gateway, self._send = gateway, send
        self.place: Place | None = None
        self.status = 0
        self._bytes = 0

    async def run(self, receive: Receive) -> None:
        started = time.perf_counter()
        try:
            await self._gateway.answer(self, receive)
        except ClientGone:
            pass
        except Exception as error:
            await self._fail(error, receive)
        finally:
            self._access_line(time.perf_counter() - started)

    async def sending(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.place and streams(message.get("headers", ())):
                self.place.leave()
            # Neither comes from a service: `proxy` takes them out.
            request, correlation = (name.encode() for name in self.ids)
            own = (b"x-request-id", request), (b"x-correlation-id", correlation)
            message = {**message, "headers": [*message.get("headers", ()), *own]}
        elif message["type"] == "http.response.body":
            self._bytes += len(message.get("body", b""))
        await self._send(message)

    async def _fail(self, error: Exception, receive: Receive) -> None:
        if not isinstance(error, Refusal):
            log.error("request_failed", exc_info=error, error=type(error).__name__)
        if self.status:  # the answer has begun: cutting the connection is all that is left
            raise error
        response = problem(error) if isinstance(error, Refusal) else unexpected()
        await response(self.scope, receive, self.sending)

    def _access_line(self, seconds: float) -> None:
        if self.scope["path"] in QUIET:
            return
        telemetry.ACCESS.line(self.scope["method"], self.route, self.status, seconds, self._bytes, self.client_id)


def create_app(settings: GatewaySettings | None = None) -> Gateway:
    """The gateway over the committed route table and API document."""
    package = files("gateway")
    table = json.loads((package / "routes.json").read_text())
    document = json.loads((package / "openapi.json").read_text())
    return Gateway(settings or GatewaySettings(), table, document)


def _check_limits(scope: Scope, head: Head) -> None:
    if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_URI:
        raise UriTooLong("path and query are too long", "请求地址过长", max_bytes=LONGEST_URI)
    if head.size > LARGEST_HEADERS or head.count > MOST_HEADERS:
        raise HeadersTooLarge("the headers are too large", "请求头过大", max_bytes=LARGEST_HEADERS)


def _check_host(head: Head, hosts: frozenset[bytes]) -> None:
    host = head.own.get(b"host", b"").lower()
    if hosts and host not in hosts and host.partition(b":")[0] not in hosts:
        raise MisdirectedHost("this host is not served here", "此处不提供该主机名的服务")
    if head.own.get(b"content-encoding", b"").strip().lower() not in (b"", b"identity"):
        raise UnsupportedMedia("send the body as it is, not compressed", "请求体不得压缩")
    if head.own.get(b"range", b"").count(b",") >= _MOST_RANGES:
        raise BadRequest("too many ranges", "Range 分段过多")


def _token(head: Head) -> str:
    scheme, _, token = head.own.get(b"authorization", b"").decode("latin-1").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or "," in token:  # a comma: the header came twice
        raise Unauthenticated("a valid access token is needed", "需要有效的访问令牌")
    return token


def _pages(gateway: Gateway, document: dict[str, Any]) -> Starlette:
    merged = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    for_page = page.for_page(document)

    async def root(_request: Request) -> Response:
        return RedirectResponse("/docs", 307)

    async def livez(_request: Request) -> Response:
        return Response("ok", media_type="text/plain")

    async def readyz(_request: Request) -> Response:
        upstreams = await gateway.readiness()
        told = {"upstreams": upstreams, "breakers": gateway.breakers()}
        if gateway.stopping or not all(upstreams.values()):
            raise Unavailable("not every service answers", "部分服务不可用", retry_after=5, **told)
        return JSONResponse(told)

    async def openapi(_request: Request) -> Response:
        return Response(merged, media_type="application/json", headers={"Cache-Control": "no-cache"})

    async def openapi_of_page(_request: Request) -> Response:
        return Response(for_page, media_type="application/json", headers=page.HEADERS)

    async def refuse(_request: Request, error: Exception) -> Response:
        if isinstance(error, Refusal):
            return problem(error)
        status = getattr(error, "status_code", 404)
        refusal = MethodNotAllowed(("GET", "HEAD")) if status == 405 else NotFound("no such resource", "资源不存在")
        return problem(refusal)

    return Starlette(
        routes=[
            Route("/", root),
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/openapi.json", openapi),
            Route("/docs", page.page),
            Route("/docs/start.js", page.start),
            Route("/docs/openapi.json", openapi_of_page),
            Mount("/docs/static", page.static()),
        ],
        exception_handlers={Refusal: refuse, 404: refuse, 405: refuse},
    )
