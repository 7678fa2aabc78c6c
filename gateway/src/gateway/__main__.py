"""`python -m gateway app`: serve until SIGTERM or SIGINT."""

import argparse
import asyncio
from types import FrameType

import uvicorn

from attune_service_kit import telemetry
from gateway.app import Gateway, create_app
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


def main() -> None:
    """Read the command line and the settings, then serve."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description="Attune gateway: who is asking?")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("app", help="answer HTTP")
    parser.parse_args()
    settings = GatewaySettings()
    telemetry.configure_logging("gateway", environment=settings.environment)
    gateway = create_app(settings)
    config = uvicorn.Config(
        gateway,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # who asks is who connects; a client's own word on it counts nothing
        lifespan="on",
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    _Server(config, gateway).run()


if __name__ == "__main__":
    main()
