"""What a failing service costs its callers: it is seldom asked again, and left alone when it fails too often (P-21)."""

import asyncio
import random
import ssl
from math import ceil

import structlog

from attune_service_kit.breaker import Breaker, BreakerOpen, State
from attune_service_kit.errors import Unavailable
from gateway.settings import GatewaySettings
from gateway.upstream import Connection, Lost, Pool, Request, Silent, Taken, Unreached

log = structlog.get_logger(__name__)

RETRIES = 2
_PAUSE = 0.05  # seconds, then twice as many; spread, so that callers do not meet


class Upstream:
    """One service as this process knows it: its connections, and a breaker over all that is sent by them.

    Streams have connections of their own: they keep what they take.
    """

    def __init__(self, service: str, origin: str, settings: GatewaySettings, trust: ssl.SSLContext | None) -> None:
        self.service = service
        self.pool, self.streams = (
            Pool(origin, connections, settings.connect_seconds, trust)
            for connections in (settings.connections, settings.streams)
        )
        self.breaker = Breaker(self._changed, least=settings.breaker_calls, pause=settings.breaker_pause_seconds)

    def close(self) -> None:
        """Hang up every connection that rests."""
        self.pool.close()
        self.streams.close()

    def admit(self, *, anyway: bool) -> int:
        """The breaker's ticket for a request; Unavailable at once while it is open."""
        try:
            return self.breaker.admit(anyway=anyway)
        except BreakerOpen as error:
            en, zh = "the service has been failing and is left alone for a moment", "服务近期故障，请稍后重试"
            raise Unavailable(en, zh, retry_after=ceil(error.seconds), upstream=self.service) from None

    async def ask(self, pool: Pool, request: Request, silence: float, ticket: int) -> Connection:
        """The connection with the answer, after at most RETRIES more tries; Lost if there is none."""
        # Only a read that has been silent for too long may be given up: nobody knows what became of a write.
        patience = silence if request.method == b"GET" else None
        try:
            connection = await self._ask(pool, request, patience)
        except Lost as lost:
            # A client that sends slowly, or more than is wanted, says nothing about the service.
            if isinstance(lost, Unreached) or (isinstance(request.body, bytes) and not isinstance(lost, Taken)):
                self.breaker.failed(ticket)
            raise
        self.breaker.worked(ticket)
        return connection

    async def _ask(self, pool: Pool, request: Request, patience: float | None) -> Connection:
        for attempt in range(RETRIES):
            try:
                return await pool.ask(request, patience, fresh=attempt > 0)
            except Lost as lost:
                if not _repeatable(lost, request) or not self.breaker.may_repeat():
                    raise
                if not lost.kept:
                    await asyncio.sleep(_PAUSE * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        return await pool.ask(request, patience, fresh=True)

    def _changed(self, state: State) -> None:
        log.warning("upstream_breaker", kind=self.service, state=state, count=self.breaker.opened)


def _repeatable(lost: Lost, request: Request) -> bool:
    """Whether sending it once more cannot do anything twice."""
    match lost:
        case Unreached():
            return True  # it was never sent
        case Taken():
            return False
        case Silent():
            return True  # only reads are watched
    return request.repeatable and not lost.heard
