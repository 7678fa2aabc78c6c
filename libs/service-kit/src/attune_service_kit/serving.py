"""How every process answers HTTP: uvicorn with our protocol, draining before it stops, its heap frozen at its start."""

import asyncio
import gc
from functools import partial
from pathlib import Path
from socket import socket
from types import FrameType
from typing import Any, Protocol

import uvicorn

from attune_service_kit.direct import Direct, DirectProtocol
from attune_service_kit.http_protocol import GuardedProtocol
from attune_service_kit.overload import Admission

GRACEFUL_SECONDS = 20


class ServerSettings(Protocol):
    """What the server reads of a process's settings."""

    host: str
    port: int
    drain_seconds: float
    tls_certificate: Path | None
    tls_key: Path | None


# So many new objects before a round of the young, so many such rounds before one of the older ones.
ROUNDS = (20_000, 20, 20)
# A worker's batches are as many objects at once, all gone with the batch; a long round makes nobody wait there.
WORKER_ROUNDS = (200_000, 10, 10)


class Serving(Protocol):
    """What tells readiness that the process is about to end."""

    stopping: bool


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, process: Serving, drain_seconds: float, rounds: tuple[int, int, int]
    ) -> None:
        super().__init__(config)
        self._rounds = rounds
        self._process = process
        self._drain_seconds = drain_seconds

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Start, and let the collector forget what will live as long as the process: a full round costs 100 ms else.

        What lives for one batch makes no cycles: a round after every 700 objects costs a worker a fifth of its time.
        """
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*self._rounds)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal starts the draining, a second one ends it: the balancer turns away first (P-18)."""
        draining, self._process.stopping = self._process.stopping, True
        if draining or not self._drain_seconds:
            super().handle_exit(sig, frame)
        else:
            asyncio.get_running_loop().call_later(self._drain_seconds, super().handle_exit, sig, frame)


def serve(
    app: Any,
    process: Serving,
    settings: ServerSettings,
    admission: Admission,
    direct: Direct | None = None,
    rounds: tuple[int, int, int] = ROUNDS,
) -> None:
    """Answer with an ASGI application until SIGTERM or SIGINT; `admission` is where its requests have their places.

    `direct`: what is answered at once, before the application. `rounds`: how often the collector looks.
    """
    protocol = partial(DirectProtocol, direct=direct) if direct else GuardedProtocol
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=partial(protocol, admission=admission),  # type: ignore[arg-type]  # called as a class is
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # who asks is who connects; a client's own word on it counts nothing
        lifespan="on",
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    _Server(config, process, settings.drain_seconds, rounds).run()
