"""`python -m gateway app | probe`: serve until SIGTERM or SIGINT, or say whether every service is ready."""

import argparse
import asyncio
import sys

from attune_service_kit import telemetry
from attune_service_kit.serving import serve
from gateway.app import create_app
from gateway.proxy import Upstreams
from gateway.settings import GatewaySettings


async def probe(settings: GatewaySettings) -> bool:
    """Ask every service behind the gateway whether it is ready, a line each; True if all are."""
    upstreams = Upstreams(settings)
    try:
        ready = {service: await upstreams.alive(service, "/readyz") for service in settings.upstreams}
    finally:
        upstreams.close()
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
    serve(gateway, gateway, settings, gateway.admission)


if __name__ == "__main__":
    main()
