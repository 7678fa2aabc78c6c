"""`python -m gateway app | probe`: serve until SIGTERM or SIGINT, or say whether every service is ready."""

import argparse
import asyncio
import sys
from types import FrameType

import uvicorn

from attune_service_kit import telemetry
from attune_service_kit.http_protocol import GuardedProtocol
from gateway.app import Gateway, create_app
from gateway.proxy import Upstreams
from gateway.settings import GatewaySettings

GRACEFUL_SECONDS = 20


class _Server(uvicorn.Server):
    """uvicorn that says "not ready" for a while before it stops: the balancer turns away first."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal starts the draining, a second one ends it."""
        pause = self._gateway.settings.drain_seconds
        if self._gateway.stopping or not pause:
            super().handle_exit(sig, frame)
        else:
            asyncio.get_running_loop().call_later(pause, super().handle_exit, sig, frame)
        self._gateway.stopping = True


async def probe(settings: GatewaySettings) -> bool:
    """Ask every service behind the gateway whether it is ready, a line each; True if all are."""
    upstreams = Upstreams(settings)
    await upstreams.open()
    try:
        ready = {service: await upstreams.alive(service, "/readyz") for service in settings.upstreams}
    finally:
        await upstreams.close()
    for service, answered in ready.items():
        sys.stdout.write(f"{service} {'ready' if answered else 'NOT READY'}\n")
    return all(ready.values())


def main() -> None:
    """Read the command line and the settings, then serve."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description="Attune gateway: who is asking?")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("app", help="answer HTTP")
    commands.add_parser("probe", help="ask every service whether it is ready; 1 if one is not")
    command = parser.parse_args().command
    settings = GatewaySettings()
    if command == "probe":
        sys.exit(0 if asyncio.run(probe(settings)) else 1)
    telemetry.configure_logging("gateway", environment=settings.environment)
    gateway = create_app(settings)
    config = uvicorn.Config(
        gateway,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=GuardedProtocol,
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
    _Server(config, gateway).run()


if __name__ == "__main__":
    main()
