"""The development issuer's token endpoint: RFC 8693 and nothing else, for the gateway of the same machine."""

import asyncio
import base64
import contextlib
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from attune_contracts.audiences import AUDIENCES, GATEWAY, PLATFORM, audience_of
from attune_service_kit.development_issuer import DevelopmentIssuer

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a kind
CLIENT = audience_of(GATEWAY)

_KINDS = (ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt")
_TARGETS = frozenset(AUDIENCES) - {PLATFORM, CLIENT}
_LARGEST = 32 << 10


class ExchangeRefused(Exception):
    """An error of RFC 6749, 5.2, by its code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def exchange(issuer: DevelopmentIssuer, form: Mapping[str, str], now: float) -> dict[str, Any]:
    """The answer of RFC 8693, 2.2.1: a token of the same person for one service; raises ExchangeRefused.

    It may what the given one may, or the part that `scope` asks for; it ends with it, and `act` says who uses it.
    """
    kinds = (form.get("subject_token_type"), form.get("requested_token_type", ACCESS_TOKEN))
    if form.get("grant_type") != GRANT or "actor_token" in form or "resource" in form:
        raise ExchangeRefused("unsupported_grant_type" if form.get("grant_type") != GRANT else "invalid_request")
    if not all(kind in _KINDS for kind in kinds):
        raise ExchangeRefused("invalid_request")
    if (audience := form.get("audience")) not in _TARGETS:
        raise ExchangeRefused("invalid_target")
    try:
        claims = issuer.read(form["subject_token"])
    except (ValueError, KeyError):
        raise ExchangeRefused("invalid_grant") from None
    # A token that is bound to its holder is not given away as one that anybody may use, nor to whom it was not for.
    if claims["exp"] <= now or issuer.withdrawn(claims["jti"]) or "cnf" in claims or CLIENT not in claims["aud"]:
        raise ExchangeRefused("invalid_grant")
    scope = form.get("scope", claims["scope"])
    if not set(scope.split()) <= set(claims["scope"].split()):
        raise ExchangeRefused("invalid_scope")
    actor = {"sub": CLIENT} | ({"act": claims["act"]} if "act" in claims else {})
    own = {"aud": audience, "iat": int(now), "jti": secrets.token_hex(16), "scope": scope}
    return {
        "access_token": issuer.sign(claims | own | {"act": actor}),
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": int(claims["exp"] - now),
        "scope": scope,
    }


def endpoint(issuer: DevelopmentIssuer, secret: str) -> Starlette:
    """`POST /token`, for the gateway with its secret (HTTP Basic, RFC 6749, 2.3.1)."""

    async def token(request: Request) -> JSONResponse:
        headers = {"Cache-Control": "no-store"}
        if not _is_client(request.headers.get("authorization", ""), secret):
            headers |= {"WWW-Authenticate": "Basic"}
            return JSONResponse({"error": "invalid_client"}, 401, headers)
        try:
            return JSONResponse(exchange(issuer, await _form(request), time.time()), headers=headers)
        except ExchangeRefused as refused:
            return JSONResponse({"error": refused.code}, 400, headers)

    return Starlette(routes=[Route("/token", token, methods=["POST"])])


def _is_client(authorization: str, secret: str) -> bool:
    scheme, _, encoded = authorization.partition(" ")
    try:
        name, _, given = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return False
    known = secrets.compare_digest(unquote_plus(given).encode(), secret.encode())
    return scheme.lower() == "basic" and unquote_plus(name) == CLIENT and known


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST:
            raise ExchangeRefused("invalid_request")
    try:
        pairs = parse_qsl(body.decode(), strict_parsing=True, max_num_fields=20)
    except ValueError:
        raise ExchangeRefused("invalid_request") from None
    if len({name for name, _ in pairs}) < len(pairs):  # none may come twice (RFC 6749, 3.2)
        raise ExchangeRefused("invalid_request")
    return dict(pairs)


class _Server(uvicorn.Server):
    """It ends with the block that serves it: signals are its process's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


@contextlib.asynccontextmanager
async def served(issuer: DevelopmentIssuer, secret: str, port: int = 0) -> AsyncIterator[str]:
    """Serve the endpoint on the loopback, on a free port unless one is named; gives its address."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        app = endpoint(issuer, secret)
        config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, proxy_headers=False)
        config.timeout_graceful_shutdown = 1
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/token"
        finally:
            server.should_exit = True
            await task
